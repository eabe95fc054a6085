// What a SearchContext holds, and the start of every walk.
#pragma once

#include <vector>

#include "graph/walk.h"

namespace nearlite {

struct SearchContext::Impl {
  WalkScratch walk;
  std::vector<Candidate> results;
};

/// What a reader sees now.
[[nodiscard]] WalkView published_view(const Graph::Impl& graph) noexcept;

/// Where a walk on `to_level` starts: the entry point, or what the greedy descent above that level
/// finds. REQUIRES: view.entry != kNodeNone.
[[nodiscard]] std::uint64_t nearest_entry(const WalkView& view, const QueryCode& query,
                                          unsigned to_level) noexcept;

}  // namespace nearlite
