#include "vector/simd_target.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

namespace nearlite {
namespace {

SimdTarget detect() noexcept {
#if NEARLITE_X86
  // The compiler's table also asks the operating system whether it saves the wide registers.
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  if (!avx2) return SimdTarget::kScalar;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vnni") &&
                      __builtin_cpu_supports("avx512vpopcntdq");
  return avx512 ? SimdTarget::kAvx512 : SimdTarget::kAvx2;
#else
  return SimdTarget::kScalar;
#endif
}

SimdTarget initial_target() noexcept {
  const SimdTarget best = supported_simd_target();
  const char* wish = std::getenv("NEARLITE_SIMD");
  if (wish == nullptr) return best;
  for (const SimdTarget target : {SimdTarget::kScalar, SimdTarget::kAvx2, SimdTarget::kAvx512}) {
    if (name_of(target) == wish) return std::min(target, best);
  }
  return best;  // an unknown word: the variable is a testing aid, not an interface that reports
                // errors
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
  }
  return "unknown";
}

SimdTarget supported_simd_target() noexcept {
  static const SimdTarget target = detect();
  return target;
}

// Relaxed: every target computes the same results, so it does not matter which one a racing thread
// sees.
SimdTarget active_simd_target() noexcept { return active().load(std::memory_order_relaxed); }

SimdTarget force_simd_target(SimdTarget target) noexcept {
  const SimdTarget chosen = std::min(target, supported_simd_target());
  active().store(chosen, std::memory_order_relaxed);
  return chosen;
}

}  // namespace nearlite
