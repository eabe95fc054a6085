// How wide the walk of a search without conditions is, and when it may end.
#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace nearlite {

struct WalkPlan {
  std::uint32_t ef = 0;  ///< candidates the walk keeps
  StopRule stop;
};

/// What a search for `k` rows with `ef_search` asks of a graph of `live_count` nodes that may be
/// returned and `hidden_count` that may not, which take places among the nearest.
///
/// The walk keeps twice ef_search candidates, for a query that needs them, and ends before where
/// the rest is too far: at 1.06 times the squared distance of the k-th nearest for an ef_search of
/// 1.4 k, and .07 farther with every doubling. So chosen that recall at an ef_search is no lower
/// than that of a walk which keeps ef_search candidates and expands them all (docs/decisions.md,
/// 2026-11-29). No rule where the walk is as wide as the graph.
[[nodiscard]] WalkPlan plan_walk(std::uint64_t k, std::uint64_t ef_search, std::uint64_t live_count,
                                 std::uint64_t hidden_count) noexcept;

}  // namespace nearlite
