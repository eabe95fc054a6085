// Purge: a dead node is forgotten. Its row goes too, so no row that stays may name it or need it
// for a replay.
//
// After a repair pass only other dead nodes and its parent in the tree still link to it. They are
// found by one scan of all lists in the first purge of a change (about 30 ms for a million nodes),
// which also finds whoever else does: what purge() promises does not depend on how well its caller
// counted. Purge many nodes in one change, not one a commit.
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
  Purge(GraphChange::Impl& change, NodeId node)
      : change_(change), graph_(change.graph), node_(node) {}
  void run();

 private:
  void find_holders();
  [[nodiscard]] bool leads_to_life(NodeId id) const;
  [[nodiscard]] NodeId find_root() const;
  NodeId leave_tree();
  void unlink(NodeId holder);
  void fold_rows_that_need_it();
  [[nodiscard]] NodeId choose_entry(NodeId root) const;
  [[nodiscard]] NodeId lowest_present();
  template <class Action>
  void for_each_holder(Action&& action);

  GraphChange::Impl& change_;
  Graph::Impl& graph_;
  NodeId node_;
};

void Purge::find_holders() {
  const NodeId last = change_.linked_max;
  std::vector<std::uint64_t> dead((std::size_t{last} >> 6) +
                                  1);  // a bitmap stays in the cache, the states do not
  std::vector<NodeId> present;
  change_.live_count = 0;
  for (NodeId id = 1; id <= last; ++id) {
    if (graph_.states[id >> Graph::kChunkShift] == nullptr) {
      id |= Graph::Impl::kSlotMask;
      continue;
    }
    if (!change_.is_present(id)) continue;
    present.push_back(id);
    change_.live_count += change_.is_dead(id) ? 0 : 1;
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
        if ((dead[entry >> 6] >> (entry & 63) & 1) != 0)
          change_.holders.push_back(std::uint64_t{entry} << 32 | id);
      }
    }
    if (state.dirty != 0) change_.dirty_rows.push_back(std::uint64_t{state.as_of} << 32 | id);
  }
  std::sort(change_.holders.begin(), change_.holders.end());
  change_.holders.erase(std::unique(change_.holders.begin(), change_.holders.end()),
                        change_.holders.end());
  std::sort(change_.dirty_rows.begin(), change_.dirty_rows.end(),
            std::greater<>());  // lowest as_of at the back
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

// Below a dead node somebody may live who was inserted after the pass, when all others were dead.
bool Purge::leads_to_life(NodeId id) const {
  if (change_.live_count == 0) return false;
  std::vector<NodeId> stack{id};
  while (!stack.empty()) {
    const NodeId at = stack.back();
    stack.pop_back();
    if (!change_.is_dead(at)) return true;
    for (const NodeId entry : change_.list_ids(at, 0)) {
      if (entry != at && change_.parent(entry) == at) stack.push_back(entry);
    }
  }
  return false;
}

// The root of the tree, when a node that was cut off from it does not know.
NodeId Purge::find_root() const {
  for (NodeId id = 1; id <= change_.linked_max; ++id) {
    if (graph_.states[id >> Graph::kChunkShift] == nullptr) {
      id |= Graph::Impl::kSlotMask;
    } else if (id != node_ && change_.is_present(id) && change_.parent(id) == kNodeNone) {
      return id;
    }
  }
  return kNodeNone;
}

// Children that lead to life get another parent, others are cut off. The root hands its place to a
// child first, or, as the last of its tree, to any node that is left. Returns the root, kNodeNone
// when this node was cut off from it.
NodeId Purge::leave_tree() {
  std::vector<NodeId> children;
  for_each_holder([&](NodeId id) {
    if (change_.parent(id) == node_ && id != node_) children.push_back(id);
  });
  // Those that lead to life first, each part in ascending order. Nobody lives in a part that was
  // cut off (in a damaged file somebody may: then he stays there).
  NodeId root = top_of(change_, node_);
  const bool is_cut_off = change_.parent(root) != kNodeNone;
  const auto rest = std::stable_partition(children.begin(), children.end(), [&](NodeId id) {
    return !is_cut_off && leads_to_life(id);
  });
  if (change_.parent(node_) == kNodeNone) {
    root = kNodeNone;
    const auto heir_place = std::find_if(children.begin(), children.end(), [&](NodeId id) {
      return list_has(change_.list(node_, 0), graph_.capacity0, id);
    });
    if (heir_place != children.end()) {
      root = *heir_place;
      make_root(change_, root);
    } else if (const NodeId heir = lowest_present(); heir != kNodeNone) {
      root = top_of(change_, heir);  // all that is left was cut off
      change_.writable_state(root).parent.store(kNodeNone, std::memory_order_relaxed);
      change_.touch(root);
    }
  }
  PruneScratch scratch;
  scratch.prepare(graph_);
  for (auto at = children.begin(); at != children.end(); ++at) {
    if (*at == root) continue;
    if (at < rest) {
      move_out(change_, *at, root, scratch);
      // It and its new parent link to each other: one that is dead has a new holder.
      if (change_.is_dead(*at) || change_.is_dead(change_.parent(*at)))
        change_.holders_known = false;
    } else {
      change_.writable_state(*at).parent.store(*at, std::memory_order_relaxed);
      change_.touch(*at);
    }
  }
  return is_cut_off ? kNodeNone : root;
}

void Purge::unlink(NodeId holder) {
  for (unsigned level = 0;
       level <= graph_.state(holder).level && level <= graph_.state(node_).level; ++level) {
    std::vector<NodeId> ids = change_.list_ids(holder, level);
    if (std::erase(ids, node_) == 0) continue;
    write_list(change_.writable_list(holder, level), ids.data(), ids.size(),
               graph_.capacity(level));
    if (level == 0 && change_.parent(node_) == holder) --change_.writable_state(holder).child_count;
    change_.touch(holder);
  }
}

// A row older than this node may miss a back-link from it. Even if that was pruned again, it took
// part in pruning.
void Purge::fold_rows_that_need_it() {
  std::vector<std::uint64_t>& rows = change_.dirty_rows;
  while (!rows.empty() && (rows.back() >> 32) < node_) {
    const auto id = static_cast<NodeId>(rows.back() & 0xFFFF'FFFF);
    rows.pop_back();
    if (change_.is_present(id) && change_.state(id).dirty != 0) change_.touch(id);
  }
}

// Purged nodes do not come back: the scan goes on where the last one of this change ended.
NodeId Purge::lowest_present() {
  NodeId& id = change_.lowest_present;
  for (; id <= change_.linked_max; ++id) {
    if (graph_.states[id >> Graph::kChunkShift] == nullptr) {
      id |= Graph::Impl::kSlotMask;
    } else if (id != node_ && change_.is_present(id)) {
      return id;
    }
  }
  return kNodeNone;
}

// The highest of the living, then the oldest. Where nobody lives, the root: it is never cut off,
// and whoever is inserted next hangs on the tree.
NodeId Purge::choose_entry(NodeId root) const {
  if (change_.live_count == 0) return root;
  NodeId best = kNodeNone;
  const auto offer = [&](NodeId id) {
    if (!change_.is_present(id) || change_.is_dead(id)) return;
    if (best == kNodeNone || graph_.state(id).level > graph_.state(best).level) best = id;
  };
  for (const NodeId id : graph_.upper_nodes) offer(id);
  for (std::size_t i = 0; i < change_.linked_count; ++i) offer(change_.new_ids[i]);
  for (NodeId id = 1; best == kNodeNone && id <= change_.linked_max; ++id) {
    if (graph_.states[id >> Graph::kChunkShift] == nullptr) {
      id |= Graph::Impl::kSlotMask;
    } else {
      offer(id);
    }
  }
  return best != kNodeNone ? best : root;
}

void Purge::run() {
  const bool is_first = !change_.holders_known;
  if (is_first) find_holders();
  const NodeId root = leave_tree();
  for_each_holder([&](NodeId id) { unlink(id); });
  fold_rows_that_need_it();
  const NodeId entry = change_.entry;
  // A dead entry point may have been cut off with this node, so the first purge of a change looks
  // for a better one.
  const bool is_lost =
      entry == node_ || !is_attached(change_, entry) || (is_first && change_.is_dead(entry));
  const NodeId next_entry = is_lost ? choose_entry(root != kNodeNone ? root : find_root()) : entry;
  change_.purged.insert(node_, 0);
  change_.entry = next_entry;
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
