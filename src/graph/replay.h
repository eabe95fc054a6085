// From rows to lists: what a full load (load.cc) and catching up (apply.cc) have in common.
//
// A row carries a base (its `links`, or `own` when it was never folded) with all back-links up to
// `as_of` in it. The list is that base plus every later node that chose this one, in ascending
// order, pruned as at insert. Rows come from a file that may be damaged or hostile: nothing in them
// is used before it was checked here.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/change_impl.h"
#include "graph/neighbors.h"

namespace nearlite {

/// "node 7: …" as Code::kCorruption.
[[nodiscard]] Status damaged(NodeId id, const char* what);

/// Checks all that a row says by itself: sizes, order, ranges. Whether the nodes named exist is
/// checked later.
[[nodiscard]] Status check_row(const Graph& graph, const NodeRecord& row);

/// The lists a replay starts with.
[[nodiscard]] inline const LevelLists& base_of(const NodeRecord& row) noexcept {
  return row.links.empty() ? row.own : row.links;
}

/// Back-links to be appended, collected by ascending `added`.
struct BackLink {
  NodeId target = kNodeNone;
  NodeId added = kNodeNone;
  std::uint32_t level = 0;
};

/// Orders back-links by (target, added, level); they must be ascending by `added` already. Linear
/// time.
void group_by_target(std::vector<BackLink>& back_links);

/// Number of entries of list 0 whose parent is `id`.
[[nodiscard]] std::uint32_t count_children(const TreeView& tree, const Link* list0,
                                           NodeId id) noexcept;

}  // namespace nearlite
