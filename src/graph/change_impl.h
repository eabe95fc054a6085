// What a GraphChange holds, for the files of this layer only.
//
// A published node that changes gets a patch: a copy of its NodeState, and of all its lists as soon
// as one of them changes. New nodes need none: nobody can see them, so they are written in place.
// Everything in this layer that writes (link, repair, purge, apply) goes through writable_state()
// and writable_list(), which choose between the two.
//
// A node is TOUCHED when its list, its parent or the protection of one of its links changes
// otherwise than by a back-link of a new node. From then on its row carries the list as of now, so
// that nobody has to replay what cannot be replayed (INVARIANT G4).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "graph/graph_impl.h"
#include "graph/id_map.h"
#include "graph/walk.h"

namespace nearlite {

struct Patch {
  NodeId id = kNodeNone;
  NodeState state;        ///< rowid, delete_seq and present are not used
  Link* lists = nullptr;  ///< level 0, 1, …; null = as published
  bool touched = false;
};

/// A child that its parent's list does not have yet, chained per parent.
struct PlacedChild {
  NodeId id = kNodeNone;
  std::uint32_t next = kIdMissing;  ///< index of another one of the same parent
};

struct GraphChange::Impl {
  explicit Impl(Graph& owner);

  Graph& owner;
  Graph::Impl& graph;
  NodeId base_max = kNodeNone;    ///< published ids end here
  NodeId linked_max = kNodeNone;  ///< linked ids end here
  NodeId highest =
      kNodeNone;  ///< catch-up only: highest id handed out, where its node is gone already
  NodeId entry = kNodeNone;
  std::uint64_t present_count = 0;  ///< linked, not purged

  std::vector<NodeId> new_ids;
  std::size_t linked_count = 0;  ///< the first so many of new_ids are linked
  /// Per linked new node: where its own lists begin in own_ids, as (size, ids …) for each level.
  std::vector<std::size_t> own_offsets;
  std::vector<NodeId> own_ids;

  /// While a batch is placed: children whose back-links come at its end, and the latest one of each
  /// parent.
  std::vector<PlacedChild> placed;
  IdMap placed_latest;

  IdMap patch_index;
  std::deque<Patch> patches;
  std::vector<const Link*> patch_lists;  ///< patches[i].lists, for WalkView
  IdMap dead;                            ///< deleted by this change
  IdMap purged;
  /// Links to dead nodes, as (target << 32 | holder), ascending; made by the first purge, see
  /// purge.cc.
  std::vector<std::uint64_t> holders;
  std::vector<std::uint64_t>
      dirty_rows;  ///< (as_of << 32 | id) of dirty nodes, descending; made with holders
  std::uint64_t live_count = 0;  ///< made with holders
  NodeId lowest_present = 1;     ///< no present node is below it, for purge.cc
  bool holders_known = false;
  /// An allocation failed half way through a step: only destruction is left.
  bool is_broken = false;

  [[nodiscard]] NodeId max_id() const noexcept {
    const NodeId last = new_ids.empty() ? base_max : new_ids.back();
    return last > highest ? last : highest;
  }
  [[nodiscard]] WalkView view() const noexcept;
  [[nodiscard]] bool is_new(NodeId id) const noexcept { return id > base_max; }
  /// Part of the graph after this change. Any id is allowed.
  [[nodiscard]] bool is_present(NodeId id) const noexcept;
  [[nodiscard]] bool is_dead(NodeId id) const noexcept {
    return graph.state(id).delete_seq.load(std::memory_order_relaxed) != 0 ||
           (dead.size() != 0 && dead.has(id));
  }
  [[nodiscard]] const Patch* find_patch(NodeId id) const noexcept {
    const std::uint32_t index = patch_index.find(id);
    return index == kIdMissing ? nullptr : &patches[index];
  }
  [[nodiscard]] const NodeState& state(NodeId id) const noexcept {
    const Patch* patch = find_patch(id);
    return patch != nullptr ? patch->state : graph.state(id);
  }
  [[nodiscard]] NodeId parent(NodeId id) const noexcept {
    return state(id).parent.load(std::memory_order_relaxed);
  }
  [[nodiscard]] const Link* list(NodeId id, unsigned level) const noexcept;
  [[nodiscard]] std::vector<NodeId> list_ids(NodeId id, unsigned level) const;
  [[nodiscard]] LevelLists lists(NodeId id) const;
  [[nodiscard]] LevelLists own(NodeId id) const;

  // The following may throw bad_alloc, before anything is changed.
  Patch& make_patch(NodeId id);
  NodeState& writable_state(NodeId id) {
    return is_new(id) ? graph.state(id) : make_patch(id).state;
  }
  Link* writable_list(NodeId id, unsigned level);
  void touch(NodeId id);

  void publish(std::uint64_t seq) noexcept;

 private:
  Link* allocate_lists(std::size_t entries);

  static constexpr std::size_t kArenaEntries = 16'384;
  std::vector<std::unique_ptr<Link[]>> arena_;
  std::size_t arena_left_ = 0;
};

[[nodiscard]] Status broken_change();

}  // namespace nearlite
