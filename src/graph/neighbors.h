// Choosing and maintaining neighbour lists: the parts that are not hot. The heuristic is in
// neighbors_loop.inl.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/change_impl.h"
#include "graph/walk.h"

namespace nearlite {

/// Scratch of append_link(), one per thread; prepare() is the only call that allocates.
struct PruneScratch {
  void prepare(const Graph::Impl& graph);

  Selection selection;
  std::vector<NodeId> ids;
  std::vector<std::uint32_t> keys;
  std::vector<std::uint64_t> candidates;
  std::vector<std::uint8_t> is_protected;
};

/// Links that pruning may not drop: those of the spanning tree, on level 0.
struct TreeView {
  const Graph::Impl* graph = nullptr;
  const GraphChange::Impl* change = nullptr;  ///< null = published state only
  [[nodiscard]] NodeId parent(NodeId id) const noexcept {
    return change != nullptr ? change->parent(id)
                             : graph->state(id).parent.load(std::memory_order_relaxed);
  }
};

/// Most entries a list keeps when it is pruned: room for a quarter of new ones, so that pruning is
/// rare.
[[nodiscard]] constexpr std::uint32_t pruned_size(std::uint32_t capacity) noexcept {
  return capacity * 3 / 4 > 0 ? capacity * 3 / 4 : 1;
}

/// Adds `added` to the list of `node`, pruning when it is full. A pure function of the list, the
/// codes and the tree links among its entries. `list` must not be visible to readers.
void append_link(const TreeView& tree, NodeId node, unsigned level, NodeId added, Link* list,
                 PruneScratch& scratch) noexcept;

}  // namespace nearlite
