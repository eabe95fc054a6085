// When a walk may end before it has expanded all it keeps (Al-Jazzazi et al. 2025, "Distance
// Adaptive Beam Search for Provably Accurate Graph-Based Nearest Neighbor Search").
#pragma once

#include <bit>
#include <cstdint>

#include "vector/types.h"

namespace nearlite {

/// A walk ends as soon as what is left to expand is farther than the `rank`-th nearest met, by more
/// than `slack` / 1024 of its squared distance and what codes may err. A query amid its neighbours
/// ends soon; one that has many at nearly the same distance goes on.
struct StopRule {
  std::uint32_t rank = 0;   ///< 0, or more than ef: no rule
  std::uint32_t slack = 0;  ///< in 1/1024
  /// What is farther is kept as far as there is place, though it is not expanded; else it is left
  /// out.
  bool keeps_rest = false;
};
inline constexpr unsigned kStopSlackShift = 10;

/// Only squared distances have such a rule: codes of inner products, L1 and Hamming distances are
/// walked without.
[[nodiscard]] constexpr bool has_stop_rule(CodeKind kind) noexcept {
  return kind == CodeKind::kInt8Global || kind == CodeKind::kInt8ScaledL2 ||
         kind == CodeKind::kFloatL2;
}

/// log2(ef / rank) in 1/1024, at least 0; between whole powers by a straight line. In integers: a
/// walk goes as far on every machine. REQUIRES: rank > 0.
[[nodiscard]] constexpr std::uint64_t doublings(std::uint64_t ef, std::uint64_t rank) noexcept {
  if (ef <= rank) return 0;
  const std::uint64_t ratio = (ef << kStopSlackShift) / rank;
  const unsigned whole = static_cast<unsigned>(std::bit_width(ratio)) - 1;
  const std::uint64_t one = std::uint64_t{1} << kStopSlackShift;
  return (whole - kStopSlackShift) * one + ((ratio << kStopSlackShift >> whole) - one);
}

}  // namespace nearlite
