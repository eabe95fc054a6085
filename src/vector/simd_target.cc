#include "vector/simd_target.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>

#if NEARLITE_ARM64 && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace nearlite {
namespace {

constexpr std::array kTargets{
    SimdTarget::kScalar,       SimdTarget::kAvx2, SimdTarget::kAvx512, SimdTarget::kAvx512Vnni,
    SimdTarget::kAvx512Popcnt, SimdTarget::kNeon, SimdTarget::kDotProd};

struct Supported {
  std::array<SimdTarget, kTargets.size()> targets{SimdTarget::kScalar};
  std::size_t count = 1;

  /// False, and nothing added, unless the CPU has it: as a chain of &&, for targets are ordered.
  bool add(SimdTarget target, bool has_it) noexcept {
    if (has_it) targets[count++] = target;
    return has_it;
  }
};

Supported detect() noexcept {
  Supported supported;
#if NEARLITE_X86
  // The compiler's table also asks the operating system whether it saves the wide registers.
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  const bool vnni = __builtin_cpu_supports("avx512vnni");
  const bool popcnt = __builtin_cpu_supports("avx512vpopcntdq");
  static_cast<void>(supported.add(SimdTarget::kAvx2, avx2) &&
                    supported.add(SimdTarget::kAvx512, avx512) &&
                    supported.add(SimdTarget::kAvx512Vnni, vnni) &&
                    supported.add(SimdTarget::kAvx512Popcnt, popcnt));
#elif NEARLITE_ARM64
#if defined(__linux__)
  const bool dotprod = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#elif defined(__ARM_FEATURE_DOTPROD)
  const bool dotprod = true;  // the build's baseline has it, as on Apple's own
#else
  const bool dotprod = false;
#endif
  supported.add(SimdTarget::kNeon, true);
  supported.add(SimdTarget::kDotProd, dotprod);
#endif
  return supported;
}

const Supported& supported() noexcept {
  static const Supported detected = detect();
  return detected;
}

/// The best supported target that is not after `wish`.
SimdTarget at_most(SimdTarget wish) noexcept {
  SimdTarget best = SimdTarget::kScalar;
  for (const SimdTarget target : supported_simd_targets()) best = target <= wish ? target : best;
  return best;
}

SimdTarget initial_target() noexcept {
  if (const char* wish = std::getenv("NEARLITE_SIMD")) {
    for (const SimdTarget target : kTargets) {
      if (name_of(target) == wish) return at_most(target);
    }
  }
  // An unknown word, too: the variable is a testing aid, not an interface that reports errors.
  return supported_simd_target();
}

std::atomic<SimdTarget>& active() noexcept {
  static std::atomic<SimdTarget> target{initial_target()};
  return target;
}

}  // namespace

std::string_view name_of(SimdTarget target) noexcept {
  switch (target) {
    case SimdTarget::kScalar: return "scalar";
    case SimdTarget::kAvx2: return "avx2";
    case SimdTarget::kAvx512: return "avx512";
    case SimdTarget::kAvx512Vnni: return "avx512vnni";
    case SimdTarget::kAvx512Popcnt: return "avx512vpopcntdq";
    case SimdTarget::kNeon: return "neon";
    case SimdTarget::kDotProd: return "dotprod";
  }
  return "unknown";
}

std::span<const SimdTarget> supported_simd_targets() noexcept {
  return {supported().targets.data(), supported().count};
}

SimdTarget supported_simd_target() noexcept { return supported_simd_targets().back(); }

// Relaxed: every target computes the same results, so it does not matter which one a racing thread
// sees.
SimdTarget active_simd_target() noexcept { return active().load(std::memory_order_relaxed); }

SimdTarget force_simd_target(SimdTarget target) noexcept {
  const SimdTarget chosen = at_most(target);
  active().store(chosen, std::memory_order_relaxed);
  return chosen;
}

}  // namespace nearlite
