// The spanning tree of level 0 that keeps every node reachable: finding and changing parents.
//
// Every node but the root has a parent that was there before it; both link to each other and
// neither link is ever pruned. A node has at most m children, so its tree links fit in three
// quarters of its list. A node whose parent is itself was cut off when its dead parent was purged:
// it is dead too and waits for its own purge.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/change_impl.h"
#include "graph/neighbors.h"

namespace nearlite {

/// Which nodes count as dead: those deleted at or before a commit, or all that are deleted so far.
struct DeadTest {
  const GraphChange::Impl* change = nullptr;
  bool any = true;          ///< deletions of this change count too
  std::uint64_t as_of = 0;  ///< when not `any`
  [[nodiscard]] bool operator()(NodeId id) const noexcept {
    if (any) return change->is_dead(id);
    const std::uint64_t seq = change->graph.state(id).delete_seq.load(std::memory_order_relaxed);
    return seq != 0 && seq <= as_of;
  }
};

/// Parent for a new node: the nearest of its candidates with room, else the nearest with room below
/// the nearest one. REQUIRES: candidates (packed, ascending) is not empty.
[[nodiscard]] NodeId choose_parent(const GraphChange::Impl& change, NodeId node,
                                   std::span<const std::uint64_t> candidates);

/// Gives a node whose parent is dead a parent that is not, or makes it the root. Touches all nodes
/// concerned. False: the node was cut off with its parent, nothing is changed.
bool replace_dead_parent(GraphChange::Impl& change, NodeId node, const DeadTest& is_dead,
                         PruneScratch& scratch);

/// Gives a node a parent outside the subtree of the one it has, if possible one that lives. `root`
/// leads down to it.
void move_out(GraphChange::Impl& change, NodeId node, NodeId root, PruneScratch& scratch);

/// The highest node on the way up from `id` that still leads down to it.
[[nodiscard]] NodeId top_of(const GraphChange::Impl& change, NodeId id);

/// Whether the root leads down to it.
[[nodiscard]] inline bool is_attached(const GraphChange::Impl& change, NodeId id) {
  return change.parent(top_of(change, id)) == kNodeNone;
}

/// Turns the tree so that `node` is its root: all links stay, the parents on its way up are turned
/// round.
void make_root(GraphChange::Impl& change, NodeId node);

}  // namespace nearlite
