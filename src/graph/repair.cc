// Repair: a node lets go of its dead neighbours and gets others in their place.
//
// One call looks at one node. A pass over all nodes that live leaves the dead linked from nowhere
// but the dead and their parents in the tree; purge.cc then forgets them. The pass is what makes
// deletion cheap: DELETE itself only writes a mark.
//
// Replacements are the living neighbours of the dead neighbours, as those are what the dead node
// led to. When a whole region died there are too few, and a search finds what is near now (an
// absolute floor: ratios per pass erode a graph round by round).
#include <algorithm>
#include <new>
#include <string>

#include "base/try.h"
#include "graph/change_impl.h"
#include "graph/neighbors.h"
#include "graph/search_context.h"
#include "graph/tree.h"

namespace nearlite {

namespace {

// Repaired lists are filled with nearest ones up to this: where lists of an index that only grew
// stand on average (they go up and down between pruning). Without, 200 rounds of churn halve the
// degree and cost .02 of recall at ef 16; filled to three quarters, recall is better than fresh,
// but every step costs a fifth more.
constexpr std::uint32_t filled_size(std::uint32_t capacity) { return capacity * 5 / 8; }

class Repair {
 public:
  Repair(GraphChange::Impl& change, NodeId node, std::uint64_t dead_as_of)
      : change_(change), graph_(change.graph), node_(node), is_dead_{&change, false, dead_as_of} {}
  bool run();

 private:
  [[nodiscard]] bool is_tree_link(NodeId id, unsigned level) const {
    return level == 0 && (change_.parent(node_) == id || change_.parent(id) == node_);
  }
  // Dead, and not a tree link that is still needed: a parent that could not be replaced, a child
  // with children.
  [[nodiscard]] bool must_go(NodeId id, unsigned level) const {
    if (!is_dead_(id)) return false;
    if (level > 0) return true;
    return id != change_.parent(node_) &&
           !(change_.parent(id) == node_ && change_.state(id).child_count > 0);
  }
  void gather(const std::vector<NodeId>& list, unsigned level);
  void gather_by_search(unsigned level);
  void rewrite(unsigned level);

  GraphChange::Impl& change_;
  const Graph::Impl& graph_;
  NodeId node_;
  DeadTest is_dead_;
  PruneScratch scratch_;
  CodeBuffer query_buffer_;
  std::vector<NodeId> candidates_;
};

// The list without what must go, and the living neighbours of its dead entries.
void Repair::gather(const std::vector<NodeId>& list, unsigned level) {
  candidates_.clear();
  for (const NodeId id : list) {
    if (!must_go(id, level)) candidates_.push_back(id);
    if (!is_dead_(id)) continue;
    for (const NodeId next : change_.list_ids(id, level)) {
      if (next != node_ && change_.is_present(next) && !is_dead_(next)) candidates_.push_back(next);
    }
  }
}

void Repair::gather_by_search(unsigned level) {
  const WalkView view = change_.view();
  if (view.entry == kNodeNone || graph_.state(view.entry).level < level) return;
  query_buffer_.ensure(graph_.options.format.code_bytes);
  const QueryCode query = graph_.kernels->prepare(graph_, node_, query_buffer_.data());
  WalkScratch walk;
  walk.prepare(graph_, view.limit, graph_.options.ef_construction);
  graph_.kernels->walk(view, query, level, nearest_entry(view, query, level), walk);
  for (std::uint32_t i = 0; i < walk.pool_size; ++i) {
    const NodeId id = id_of(walk.pool[i]);
    if (id != node_ && change_.is_present(id) && !is_dead_(id)) candidates_.push_back(id);
  }
}

void Repair::rewrite(unsigned level) {
  const std::vector<NodeId> list = change_.list_ids(node_, level);
  gather(list, level);
  if (candidates_.size() < graph_.options.m) gather_by_search(level);
  std::sort(candidates_.begin(), candidates_.end());
  candidates_.erase(std::unique(candidates_.begin(), candidates_.end()), candidates_.end());

  const std::size_t count = candidates_.size();
  std::vector<std::uint32_t> keys(count + 4);
  std::vector<std::uint64_t> packed(count);
  std::vector<std::uint8_t> is_protected(count);
  query_buffer_.ensure(graph_.options.format.code_bytes);
  const QueryCode query = graph_.kernels->prepare(graph_, node_, query_buffer_.data());
  graph_.kernels->keys(graph_, query, candidates_.data(), count, keys.data());
  for (std::size_t i = 0; i < count; ++i) packed[i] = pack(keys[i], candidates_[i]);
  std::sort(packed.begin(), packed.end());
  for (std::size_t i = 0; i < count; ++i)
    is_protected[i] = is_tree_link(id_of(packed[i]), level) ||
                              (std::find(list.begin(), list.end(), id_of(packed[i])) != list.end())
                          ? 1
                          : 0;

  Selection& selection = scratch_.selection;
  const std::uint32_t capacity = graph_.capacity(level);
  selection.prepare(graph_, graph_.capacity0 + 1);
  selection.center = node_;
  selection.candidates = packed.data();
  selection.candidate_count = static_cast<std::uint32_t>(count);
  selection.is_protected = is_protected.data();
  selection.kept_max = pruned_size(capacity);
  selection.fill_to = filled_size(capacity);
  graph_.kernels->select(graph_, selection);
  const std::uint32_t kept = std::min(selection.kept_count, capacity);
  std::sort(selection.kept.begin(), selection.kept.begin() + kept);
  write_list(change_.writable_list(node_, level), selection.kept.data(), kept, capacity);
}

bool Repair::run() {
  scratch_.prepare(graph_);
  bool changed = false;
  const NodeId parent = change_.parent(node_);
  if (parent != kNodeNone && parent != node_ && is_dead_(parent)) {
    changed = replace_dead_parent(change_, node_, is_dead_, scratch_);
  }
  for (unsigned level = 0; level <= graph_.state(node_).level; ++level) {
    const std::vector<NodeId> list = change_.list_ids(node_, level);
    if (std::none_of(list.begin(), list.end(), [&](NodeId id) { return must_go(id, level); }))
      continue;
    rewrite(level);
    changed = true;
  }
  if (changed) {
    std::uint32_t children = 0;
    for (const NodeId id : change_.list_ids(node_, 0))
      children += change_.parent(id) == node_ ? 1 : 0;
    change_.writable_state(node_).child_count = static_cast<std::uint8_t>(children);
  }
  // A row that misses back-links of a dead node could not be replayed once that node's row is gone.
  if (change_.state(node_).dirty != 0) changed = true;
  if (changed) change_.touch(node_);
  return changed;
}

}  // namespace

Result<bool> GraphChange::repair(NodeId v, std::uint64_t dead_as_of) {
  if (impl_->is_broken) return broken_change();
  if (!impl_->is_present(v)) {
    return Status(Code::kInternal, "node " + std::to_string(v) + " is not in the graph");
  }
  // New nodes chose among the living. Should they have had no choice, a later commit repairs them.
  if (impl_->is_new(v) || DeadTest{impl_.get(), false, dead_as_of}(v)) return false;
  impl_->is_broken = true;
  try {
    const bool changed = Repair(*impl_, v, dead_as_of).run();
    if (changed) impl_->holders_known = false;
    impl_->is_broken = false;
    return changed;
  } catch (const std::bad_alloc&) {
    return broken_change();
  }
}

}  // namespace nearlite
