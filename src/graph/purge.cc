// Purge: a dead node is forgotten. Its row goes too, so no row that stays may name it or need it for a replay.
//
// After a repair pass only other dead nodes and its parent in the tree still link to it. They are found by one scan of
// all lists in the first purge of a change (about 30 ms for a million nodes), which also finds whoever else does: what
// purge() promises does not depend on how well its caller counted. Purge many nodes in one change, not one a commit.
//
// The memory of a purged node stays: a reader that still walks into it meets a valid list.
#include <algorithm>
#include <functional>
#include <new>
#include <string>

#include "base/try.h"
#include "graph/change_impl.h"
#include "graph/tree.h"

namespace nearlite {

namespace {

class Purge {
 public:
  Purge(GraphChange::Impl& change, NodeId node) : change_(change), graph_(change.graph), node_(node) {}
  void run();

 private:
  void find_holders();
  void leave_tree();
  void unlink(NodeId holder);
  void fold_rows_that_need_it();
  [[nodiscard]] NodeId choose_entry() const;
  [[nodiscard]] NodeId first_present(bool alive) const;
  template <class Action>
  void for_each_holder(Action&& action);

  GraphChange::Impl& change_;
  Graph::Impl& graph_;
  NodeId node_;
};

void Purge::find_holders() {
  const NodeId last = change_.linked_max;
  std::vector<std::uint64_t> dead((std::size_t{last} >> 6) + 1);  // a bitmap stays in the cache, the states do not
  std::vector<NodeId> present;
  for (NodeId id = 1; id <= last; ++id) {
    if (graph_.states[id >> Graph::kChunkShift] == nullptr) {
      id |= Graph::Impl::kSlotMask;
      continue;
    }
    if (!change_.is_present(id)) continue;
    present.push_back(id);
    if (change_.is_dead(id)) dead[id >> 6] |= std::uint64_t{1} << (id & 63);
  }
  change_.holders.clear();
  change_.dirty_rows.clear();
  for (const NodeId id : present) {
    const NodeState& state = change_.state(id);
    for (unsigned level = 0; level <= state.level; ++level) {
      const Link* list = change_.list(id, level);
      for (std::uint32_t i = 0; i < graph_.capacity(level); ++i) {
        const NodeId entry = list[i].load(std::memory_order_relaxed);
        if (entry == kNodeNone) break;
        if ((dead[entry >> 6] >> (entry & 63) & 1) != 0) change_.holders.push_back(std::uint64_t{entry} << 32 | id);
      }
    }
    if (state.dirty != 0) change_.dirty_rows.push_back(std::uint64_t{state.as_of} << 32 | id);
  }
  std::sort(change_.holders.begin(), change_.holders.end());
  change_.holders.erase(std::unique(change_.holders.begin(), change_.holders.end()), change_.holders.end());
  std::sort(change_.dirty_rows.begin(), change_.dirty_rows.end(), std::greater<>());  // lowest as_of at the back
  change_.holders_known = true;
}

// Those in the index may have let go since; unlink() looks.
template <class Action>
void Purge::for_each_holder(Action&& action) {
  const auto first =
      std::lower_bound(change_.holders.begin(), change_.holders.end(), std::uint64_t{node_} << 32);
  std::vector<NodeId> ids;
  for (auto at = first; at != change_.holders.end() && (*at >> 32) == node_; ++at) {
    ids.push_back(static_cast<NodeId>(*at & 0xFFFF'FFFF));
  }
  for (const NodeId id : ids) {
    if (change_.is_present(id)) action(id);
  }
}

// Children that live get another parent, dead ones are cut off. The root hands its place to a child first, or, as the
// last of its tree, to any node that is left.
void Purge::leave_tree() {
  PruneScratch scratch;
  scratch.prepare(graph_);
  const DeadTest is_dead{&change_, true, 0};
  for_each_holder([&](NodeId id) {
    if (change_.parent(id) == node_ && id != node_ && !is_dead(id)) {
      replace_dead_parent(change_, id, is_dead, scratch);
    }
  });
  if (change_.parent(node_) == kNodeNone) {
    NodeId heir = kNodeNone;
    for (const NodeId id : change_.list_ids(node_, 0)) {
      if (heir == kNodeNone && change_.parent(id) == node_) heir = id;
    }
    if (heir != kNodeNone) {
      make_root(change_, heir);
    } else {
      heir = first_present(true);
      if (heir == kNodeNone) heir = first_present(false);
      // All that is left was cut off.
      if (heir != kNodeNone) heir = top_of(change_, heir);
      if (heir != kNodeNone) {
        change_.writable_state(heir).parent.store(kNodeNone, std::memory_order_relaxed);
        change_.touch(heir);
      }
    }
  }
  for_each_holder([&](NodeId id) {
    if (change_.parent(id) != node_ || id == node_) return;
    change_.writable_state(id).parent.store(id, std::memory_order_relaxed);
    change_.touch(id);
  });
}

void Purge::unlink(NodeId holder) {
  for (unsigned level = 0; level <= graph_.state(holder).level && level <= graph_.state(node_).level; ++level) {
    std::vector<NodeId> ids = change_.list_ids(holder, level);
    if (std::erase(ids, node_) == 0) continue;
    write_list(change_.writable_list(holder, level), ids.data(), ids.size(), graph_.capacity(level));
    if (level == 0 && change_.parent(node_) == holder) --change_.writable_state(holder).child_count;
    change_.touch(holder);
  }
}

// A row older than this node may miss a back-link from it. Even if that was pruned again, it took part in pruning.
void Purge::fold_rows_that_need_it() {
  std::vector<std::uint64_t>& rows = change_.dirty_rows;
  while (!rows.empty() && (rows.back() >> 32) < node_) {
    const auto id = static_cast<NodeId>(rows.back() & 0xFFFF'FFFF);
    rows.pop_back();
    if (change_.is_present(id) && change_.state(id).dirty != 0) change_.touch(id);
  }
}

NodeId Purge::first_present(bool alive) const {
  for (NodeId id = 1; id <= change_.linked_max; ++id) {
    if (graph_.states[id >> Graph::kChunkShift] == nullptr) {
      id |= Graph::Impl::kSlotMask;
    } else if (id != node_ && change_.is_present(id) && !(alive && change_.is_dead(id))) {
      return id;
    }
  }
  return kNodeNone;
}

// The living before the dead, then the highest level, then the lowest id.
NodeId Purge::choose_entry() const {
  NodeId best = kNodeNone;
  NodeId best_dead = kNodeNone;
  const auto offer = [&](NodeId id) {
    if (id == node_ || !change_.is_present(id)) return;
    NodeId& place = change_.is_dead(id) ? best_dead : best;
    if (place == kNodeNone || graph_.state(id).level > graph_.state(place).level) place = id;
  };
  for (const NodeId id : graph_.upper_nodes) offer(id);
  for (std::size_t i = 0; i < change_.linked_count; ++i) offer(change_.new_ids[i]);
  if (best == kNodeNone) best = first_present(true);
  if (best == kNodeNone) best = best_dead;
  return best != kNodeNone ? best : first_present(false);
}

void Purge::run() {
  if (!change_.holders_known) find_holders();
  leave_tree();
  for_each_holder([&](NodeId id) { unlink(id); });
  fold_rows_that_need_it();
  const NodeId entry = change_.entry == node_ ? choose_entry() : change_.entry;
  change_.purged.insert(node_, 0);
  change_.entry = entry;
  --change_.present_count;
}

}  // namespace

Status GraphChange::purge(NodeId id) {
  if (impl_->is_broken) return broken_change();
  if (impl_->is_new(id) || !impl_->is_present(id) || !impl_->is_dead(id)) {
    return {Code::kInternal, "node " + std::to_string(id) + " is not a dead node of the graph"};
  }
  impl_->is_broken = true;
  try {
    Purge(*impl_, id).run();
  } catch (const std::bad_alloc&) {
    return broken_change();
  }
  impl_->is_broken = false;
  return {};
}

}  // namespace nearlite
