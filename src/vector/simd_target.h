// Which instruction set the hot loops use, and the attributes that compile a function for one.
//
// The library is compiled for the baseline CPU. Code for a newer one lives between
// NEARLITE_AVX2_BEGIN and NEARLITE_AVX2_END (or the pair of another target) in a namespace of its
// own, and is reached only through a choice made with active_simd_target(). Two rules keep such
// instructions away from older CPUs:
//  1. Include every standard header before the BEGIN line. A library function declared inside the
//  region would
//     be compiled with the newer instructions, and the linker may keep that copy for everybody.
//  2. What is defined inside the region is in a namespace per target (nearlite::avx2,
//  nearlite::avx512), so
//     that no two targets define the same inline function or template.
// The region also covers templates and lambdas defined in it, wherever they are instantiated; it
// does not cover templates defined outside and instantiated from inside.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#if defined(__x86_64__)
#define NEARLITE_X86 1
#else
#define NEARLITE_X86 0
#endif
#if defined(__aarch64__)
#define NEARLITE_ARM64 1
#else
#define NEARLITE_ARM64 0
#endif

#define NEARLITE_ALWAYS_INLINE inline __attribute__((always_inline))

// clang-format off
#define NEARLITE_PRAGMA(...) _Pragma(#__VA_ARGS__)
#if defined(__clang__)  // wants the features in one string, g++ in a list of them
#define NEARLITE_REGION(...)                                           \
  NEARLITE_PRAGMA(clang attribute push(__attribute__((target(__VA_ARGS__))), apply_to = function))
#define NEARLITE_REGION_END NEARLITE_PRAGMA(clang attribute pop)
#define NEARLITE_AND(feature) "," feature
#define NEARLITE_DOTPROD "dotprod"
#else
#define NEARLITE_REGION(...)                                           \
  NEARLITE_PRAGMA(GCC push_options)                                    \
  NEARLITE_PRAGMA(GCC target(__VA_ARGS__))
#define NEARLITE_REGION_END NEARLITE_PRAGMA(GCC pop_options)
#define NEARLITE_AND(feature) , feature
#define NEARLITE_DOTPROD "arch=armv8.2-a+dotprod"
#endif
#if NEARLITE_X86
#define NEARLITE_AVX2 "avx2,popcnt,bmi,bmi2"
#define NEARLITE_AVX512 NEARLITE_AVX2 NEARLITE_AND("avx512f,avx512bw,avx512vl,avx512dq")
#define NEARLITE_AVX2_BEGIN NEARLITE_REGION(NEARLITE_AVX2)
#define NEARLITE_AVX2_END NEARLITE_REGION_END
#define NEARLITE_AVX512_BEGIN NEARLITE_REGION(NEARLITE_AVX512)
#define NEARLITE_AVX512_END NEARLITE_REGION_END
#define NEARLITE_AVX512VNNI_BEGIN NEARLITE_REGION(NEARLITE_AVX512 NEARLITE_AND("avx512vnni"))
#define NEARLITE_AVX512VNNI_END NEARLITE_REGION_END
#define NEARLITE_AVX512POPCNT_BEGIN NEARLITE_REGION(NEARLITE_AVX512 NEARLITE_AND("avx512vpopcntdq"))
#define NEARLITE_AVX512POPCNT_END NEARLITE_REGION_END
#elif NEARLITE_ARM64
#define NEARLITE_DOTPROD_BEGIN NEARLITE_REGION(NEARLITE_DOTPROD)
#define NEARLITE_DOTPROD_END NEARLITE_REGION_END
#endif
// clang-format on

namespace nearlite {

/// Those of one architecture are ordered: a CPU that supports one supports those before it. Where a
/// target has nothing of its own for a kind of code, that of the one before it is taken.
enum class SimdTarget : std::uint8_t {
  kScalar = 0,        ///< the baseline of the build: any CPU
  kAvx2 = 1,          ///< x86-64: AVX2, POPCNT, BMI1, BMI2
  kAvx512 = 2,        ///< AVX-512 F, BW, VL, DQ (from Skylake-SP on)
  kAvx512Vnni = 3,    ///< and VNNI, for int8 codes (Cascade Lake)
  kAvx512Popcnt = 4,  ///< and VPOPCNTDQ, for bits (Ice Lake, Zen 4)
  kNeon = 5,          ///< 64-bit ARM: any
  kDotProd = 6,       ///< and the dot product of Armv8.2, for int8 codes (most since 2018)
};

/// scalar, avx2, avx512, avx512vnni, avx512vpopcntdq, neon, dotprod.
[[nodiscard]] std::string_view name_of(SimdTarget target) noexcept;

/// The targets of this CPU and operating system, ascending; kScalar is the first.
[[nodiscard]] std::span<const SimdTarget> supported_simd_targets() noexcept;

/// The best of them.
[[nodiscard]] SimdTarget supported_simd_target() noexcept;

/// The target to use now: the supported one, unless the environment variable NEARLITE_SIMD (a name;
/// read at first use) or force_simd_target() says a lesser one. Cheap: one relaxed load.
[[nodiscard]] SimdTarget active_simd_target() noexcept;

/// For tests and benchmarks: makes active_simd_target() return `target`, or the best supported one
/// before it. Returns what is active from now on. Threads: safe, but others see the change at some
/// time.
SimdTarget force_simd_target(SimdTarget target) noexcept;

}  // namespace nearlite
