// How wide the walk of a search is, and when it may end.
#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace nearlite {

/// A walk keeps at least so many candidates beyond k: code and residual together are accurate to
/// about 1e-5 only, so the final exact pass picks from more than k.
inline constexpr std::uint64_t kExactSlack = 4;

struct WalkPlan {
  std::uint32_t ef = 0;  ///< candidates the walk keeps
  StopRule stop;
};

/// What a search for `k` rows with `ef_search` asks of a graph of `live_count` nodes that may be
/// returned and `hidden_count` that may not, but take places among the nearest.
///
/// The walk keeps up to 2 ef_search + 400 candidates, for the queries that need them, and ends
/// where the rest is too far: .035 beyond the squared distance of the k-th nearest (a k of less
/// than 10 counts as 10) for an ef_search of k, and .06 farther for each doubling of it. So recall
/// at an ef_search of 2 k and more is at least about that of a walk which keeps ef_search
/// candidates and expands them all, for fewer comparisons (docs/decisions.md, 2026-11-29). No rule
/// where the walk would be as wide as the graph. Integers only: a search goes as far on every
/// machine.
[[nodiscard]] WalkPlan plan_walk(std::uint64_t k, std::uint32_t ef_search, std::uint64_t live_count,
                                 std::uint64_t hidden_count) noexcept;

/// Coarse codes (is_coarse()): so many candidates a walk keeps for `k` rows, whose distances are
/// then estimated better, at least.
[[nodiscard]] std::uint64_t coarse_width(std::uint64_t k, std::uint32_t ef_search) noexcept;
/// And so many of them, those that seem nearest, are read of external content.
[[nodiscard]] std::uint64_t coarse_measured(std::uint64_t k, std::uint32_t ef_search) noexcept;

}  // namespace nearlite
