// Which instruction set the hot loops use, and the attributes that compile a function for one.
//
// The library is compiled for the baseline CPU. Code for a newer one lives between
// NEARLITE_AVX2_BEGIN and NEARLITE_AVX2_END (or the AVX512 pair) in a namespace of its own, and is
// reached only through a choice made with active_simd_target(). Two rules keep such instructions
// away from older CPUs:
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
#include <string_view>

#if defined(__x86_64__)
#define NEARLITE_X86 1
#else
#define NEARLITE_X86 0
#endif

#define NEARLITE_ALWAYS_INLINE inline __attribute__((always_inline))

// clang-format off
#define NEARLITE_PRAGMA(...) _Pragma(#__VA_ARGS__)
#if NEARLITE_X86 && defined(__clang__)
#define NEARLITE_AVX2_BEGIN                                            \
  NEARLITE_PRAGMA(clang attribute push(                                \
      __attribute__((target("avx2,popcnt,bmi,bmi2"))), apply_to = function))
#define NEARLITE_AVX512_BEGIN                                          \
  NEARLITE_PRAGMA(clang attribute push(                                \
      __attribute__((target("avx2,popcnt,bmi,bmi2,"                    \
                            "avx512f,avx512bw,avx512vl,avx512dq,"      \
                            "avx512vnni,avx512vpopcntdq"))), apply_to = function))
#define NEARLITE_AVX2_END NEARLITE_PRAGMA(clang attribute pop)
#define NEARLITE_AVX512_END NEARLITE_PRAGMA(clang attribute pop)
#elif NEARLITE_X86
#define NEARLITE_AVX2_BEGIN                                            \
  NEARLITE_PRAGMA(GCC push_options)                                    \
  NEARLITE_PRAGMA(GCC target("avx2,popcnt,bmi,bmi2"))
#define NEARLITE_AVX512_BEGIN                                          \
  NEARLITE_PRAGMA(GCC push_options)                                    \
  NEARLITE_PRAGMA(GCC target("avx2,popcnt,bmi,bmi2",                   \
                             "avx512f,avx512bw,avx512vl,avx512dq",     \
                             "avx512vnni,avx512vpopcntdq"))
#define NEARLITE_AVX2_END NEARLITE_PRAGMA(GCC pop_options)
#define NEARLITE_AVX512_END NEARLITE_PRAGMA(GCC pop_options)
#endif
// clang-format on

namespace nearlite {

/// Ordered: a CPU that supports one supports those before it.
enum class SimdTarget : std::uint8_t {
  kScalar = 0,  ///< the baseline of the build: any CPU
  kAvx2 = 1,    ///< AVX2, POPCNT, BMI1, BMI2
  kAvx512 = 2,  ///< AVX-512 F, BW, VL, DQ, VNNI, VPOPCNTDQ, and all of kAvx2
};

/// scalar, avx2, avx512.
[[nodiscard]] std::string_view name_of(SimdTarget target) noexcept;

/// The best target of this CPU and operating system.
[[nodiscard]] SimdTarget supported_simd_target() noexcept;

/// The target to use now: the supported one, unless the environment variable NEARLITE_SIMD (scalar,
/// avx2 or avx512; read at first use) or force_simd_target() says a lesser one. Cheap: one relaxed
/// load.
[[nodiscard]] SimdTarget active_simd_target() noexcept;

/// For tests and benchmarks: makes active_simd_target() return `target`, or the supported target if
/// that is less. Returns what is active from now on. Threads: safe, but others see the change at
/// some time.
SimdTarget force_simd_target(SimdTarget target) noexcept;

}  // namespace nearlite
