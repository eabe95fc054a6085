// Catching up with other connections: the rows they wrote since, in place of a full load.
//
// Rows of new nodes are written in place, changed rows of older ones become patches, back-links are
// appended as in load.cc, and all of it is published like a change of our own. Everything is
// checked before the first list changes.
#include <algorithm>
#include <new>
#include <string>
#include <vector>

#include "base/try.h"
#include "graph/replay.h"

namespace nearlite {

namespace {

class CatchUp {
 public:
  CatchUp(Graph& owner, std::span<const NodeRecord> rows, NodeId new_max, NodeId entry)
      : owner_(owner),
        graph_(owner.impl()),
        change_(owner),
        rows_(rows),
        new_max_(new_max),
        entry_(entry) {}
  Status run();

 private:
  Status check_rows();
  Status check_links() const;
  void take_over();
  Status check_tree() const;
  void append_back_links();
  Status count_all_children();

  Graph& owner_;
  Graph::Impl& graph_;
  GraphChange::Impl change_;
  std::span<const NodeRecord> rows_;
  NodeId new_max_;
  NodeId entry_;
};

Status CatchUp::check_rows() {
  const NodeId old_max = change_.base_max;
  if (new_max_ < old_max || new_max_ > graph_.reserved_last)
    return damaged(new_max_, "impossible highest id");
  NodeId before = kNodeNone;
  for (const NodeRecord& row : rows_) {
    NEARLITE_TRY(check_row(owner_, row));
    if (row.id <= before) return damaged(row.id, "rows are not ascending");
    before = row.id;
    if (row.id > new_max_ || row.as_of > new_max_)
      return damaged(row.id, "as_of or id above the highest id");
    if (row.id > old_max) {
      change_.new_ids.push_back(row.id);
    } else if (!graph_.is_present(row.id)) {
      return damaged(row.id, "changed, but not known");
    } else if (row.as_of < old_max) {
      // Written after the commit we stand at, so all ids of that commit are in it.
      return damaged(row.id, "changed, but older than what is known");
    }
  }
  change_.linked_count = change_.new_ids.size();
  change_.linked_max = new_max_;
  change_.highest = new_max_;
  change_.present_count += change_.new_ids.size();
  if (entry_ == kNodeNone ? change_.present_count != 0 : !change_.is_present(entry_)) {
    return damaged(entry_, "not a possible entry point");
  }
  change_.entry = entry_;
  return {};
}

Status CatchUp::check_links() const {
  for (const NodeRecord& row : rows_) {
    if (row.parent != kNodeNone && !change_.is_present(row.parent))
      return damaged(row.id, "parent does not exist");
    for (const std::vector<NodeId>& list : base_of(row)) {
      for (const NodeId entry : list) {
        if (!change_.is_present(entry))
          return damaged(row.id, "link to a node that does not exist");
      }
    }
  }
  return {};
}

void CatchUp::take_over() {
  for (const NodeRecord& row : rows_) {
    NodeState& state = change_.writable_state(row.id);
    if (change_.is_new(row.id)) state.rowid = row.rowid;
    state.parent.store(row.parent, std::memory_order_relaxed);
    state.as_of = row.as_of;
    state.dirty = 0;
    for (unsigned level = 0; level <= state.level; ++level) {
      const std::vector<NodeId>& base = base_of(row)[level];
      write_list(change_.writable_list(row.id, level), base.data(), base.size(),
                 graph_.capacity(level));
    }
  }
}

// The ways up from all changed nodes end, and at one root.
Status CatchUp::check_tree() const {
  IdMap known;
  NodeId root = kNodeNone;
  for (const NodeRecord& row : rows_) {
    std::vector<NodeId> way;
    IdMap on_way;
    for (NodeId at = row.id; !known.has(at);) {
      if (on_way.has(at)) return damaged(row.id, "parents form a circle");
      on_way.insert(at, 0);
      way.push_back(at);
      const NodeId parent = change_.parent(at);
      if (parent == kNodeNone) {
        if (root != kNodeNone && root != at) return damaged(at, "second root");
        root = at;
      }
      if (parent == kNodeNone || parent == at) break;
      at = parent;
    }
    for (const NodeId at : way) known.insert(at, 0);
  }
  return {};
}

void CatchUp::append_back_links() {
  PruneScratch scratch;
  scratch.prepare(graph_);
  const TreeView tree{&graph_, &change_};
  for (const NodeRecord& row : rows_) {
    if (!change_.is_new(row.id)) continue;
    for (unsigned level = 0; level < row.own.size(); ++level) {
      for (const NodeId target : row.own[level]) {
        if (!change_.is_present(target) || change_.state(target).as_of >= row.id) continue;
        append_link(tree, target, level, row.id, change_.writable_list(target, level), scratch);
        change_.writable_state(target).dirty = 1;
      }
    }
  }
}

Status CatchUp::count_all_children() {
  const TreeView tree{&graph_, &change_};
  const auto count = [&](NodeId id, NodeState& state) -> Status {
    const std::uint32_t children = count_children(tree, change_.list(id, 0), id);
    if (children > graph_.options.m + 1) return damaged(id, "too many children");
    state.child_count = static_cast<std::uint8_t>(children);
    return {};
  };
  for (const NodeId id : change_.new_ids) NEARLITE_TRY(count(id, graph_.state(id)));
  for (Patch& patch : change_.patches) NEARLITE_TRY(count(patch.id, patch.state));
  return {};
}

Status CatchUp::run() {
  NEARLITE_TRY(check_rows());
  NEARLITE_TRY(check_links());
  take_over();
  NEARLITE_TRY(check_tree());
  append_back_links();
  NEARLITE_TRY(count_all_children());
  graph_.upper_nodes.reserve(graph_.upper_nodes.size() + change_.new_ids.size());
  change_.publish(0);
  return {};
}

}  // namespace

Status Graph::apply(std::span<const NodeRecord> changed, NodeId new_max, NodeId entry) {
  try {
    return CatchUp(*this, changed, new_max, entry).run();
  } catch (const std::bad_alloc&) {
    return {Code::kNoMemory, "no memory to catch up"};
  }
}

void Graph::forget(NodeId id) noexcept {
  if (!is_present(id)) return;
  impl_->state(id).present.store(0, std::memory_order_release);
  --impl_->present_count;
}

}  // namespace nearlite
