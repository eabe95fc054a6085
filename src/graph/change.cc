// GraphChange: bookkeeping, what to write, and publication. The verbs are in link.cc, repair.cc and
// purge.cc.
#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/try.h"
#include "graph/change_impl.h"

namespace nearlite {

Status broken_change() {
  return {Code::kNoMemory, "the change of the graph ran out of memory before"};
}

namespace {

Status no_memory() { return {Code::kNoMemory, "no memory for a change of the graph"}; }

Status not_in_graph(NodeId id) {
  return {Code::kInternal, "node " + std::to_string(id) + " is not in the graph"};
}

}  // namespace

GraphChange::Impl::Impl(Graph& owner_graph)
    : owner(owner_graph),
      graph(owner_graph.impl()),
      base_max(graph.max_id.load(std::memory_order_relaxed)),
      linked_max(base_max),
      entry(graph.entry.load(std::memory_order_relaxed)),
      present_count(graph.present_count) {}

WalkView GraphChange::Impl::view() const noexcept {
  WalkView view;
  view.graph = &graph;
  view.entry = entry;
  view.limit = linked_max;
  view.slots = patch_index.slots();
  view.slot_mask = patch_index.mask();
  view.patches = patch_lists.data();
  return view;
}

bool GraphChange::Impl::is_present(NodeId id) const noexcept {
  if (!is_new(id)) return graph.is_present(id) && (purged.size() == 0 || !purged.has(id));
  const auto end = new_ids.begin() + static_cast<std::ptrdiff_t>(linked_count);
  return std::binary_search(new_ids.begin(), end, id);
}

const Link* GraphChange::Impl::list(NodeId id, unsigned level) const noexcept {
  const Patch* patch = find_patch(id);
  if (patch == nullptr || patch->lists == nullptr) return graph.list(id, level);
  return patch->lists + (level == 0 ? 0 : graph.list_entries(level - 1));
}

std::vector<NodeId> GraphChange::Impl::list_ids(NodeId id, unsigned level) const {
  const Link* links = list(id, level);
  std::vector<NodeId> ids(list_size(links, graph.capacity(level)));
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = links[i].load(std::memory_order_relaxed);
  return ids;
}

LevelLists GraphChange::Impl::lists(NodeId id) const {
  LevelLists all;
  for (unsigned level = 0; level <= graph.state(id).level; ++level)
    all.push_back(list_ids(id, level));
  return all;
}

LevelLists GraphChange::Impl::own(NodeId id) const {
  const auto place = std::lower_bound(new_ids.begin(), new_ids.end(), id) - new_ids.begin();
  const NodeId* next = own_ids.data() + own_offsets[static_cast<std::size_t>(place)];
  LevelLists all;
  for (unsigned level = 0; level <= graph.state(id).level; ++level) {
    const NodeId size = *next++;
    all.emplace_back(next, next + size);
    next += size;
  }
  return all;
}

Patch& GraphChange::Impl::make_patch(NodeId id) {
  const std::uint32_t index = patch_index.find(id);
  if (index != kIdMissing) return patches[index];
  patch_lists.push_back(nullptr);
  if (patches.size() == patch_lists.size()) patches.pop_back();  // left over from a failure below
  Patch& patch = patches.emplace_back();
  const NodeState& state = graph.state(id);
  patch.id = id;
  patch.state.parent.store(state.parent.load(std::memory_order_relaxed), std::memory_order_relaxed);
  patch.state.as_of = state.as_of;
  patch.state.level = state.level;
  patch.state.child_count = state.child_count;
  patch.state.dirty = state.dirty;
  patch_index.insert(id, static_cast<std::uint32_t>(patches.size() - 1));
  return patch;
}

Link* GraphChange::Impl::allocate_lists(std::size_t entries) {
  if (entries > kArenaEntries / 4) {
    arena_.insert(arena_.begin(),
                  std::make_unique<Link[]>(entries));  // its own block; the last one stays in use
    return arena_.front().get();
  }
  if (arena_left_ < entries) {
    arena_.push_back(std::make_unique<Link[]>(kArenaEntries));
    arena_left_ = kArenaEntries;
  }
  Link* lists = arena_.back().get() + (kArenaEntries - arena_left_);
  arena_left_ -= entries;
  return lists;
}

Link* GraphChange::Impl::writable_list(NodeId id, unsigned level) {
  if (is_new(id)) return graph.list(id, level);
  Patch& patch = make_patch(id);
  if (patch.lists == nullptr) {
    Link* lists = allocate_lists(graph.list_entries(patch.state.level));
    for (unsigned l = 0; l <= patch.state.level; ++l) {
      store_list(lists + (l == 0 ? 0 : graph.list_entries(l - 1)), graph.list(id, l),
                 graph.capacity(l));
    }
    patch.lists = lists;
    patch_lists[patch_index.find(id)] = lists;
  }
  return patch.lists + (level == 0 ? 0 : graph.list_entries(level - 1));
}

void GraphChange::Impl::touch(NodeId id) {
  NodeState& state = writable_state(id);
  state.as_of = linked_max;
  state.dirty = 0;
  if (!is_new(id)) make_patch(id).touched = true;
}

GraphChange::GraphChange(Graph& graph) : impl_(std::make_unique<Impl>(graph)) {}
GraphChange::~GraphChange() = default;

Status GraphChange::add_node(NodeId id) {
  if (impl_->is_broken) return broken_change();
  if (id <= impl_->max_id() || id > impl_->graph.reserved_last) {
    return {Code::kInternal, "node " + std::to_string(id) + " cannot be added after node " +
                                 std::to_string(impl_->max_id())};
  }
  try {
    impl_->new_ids.push_back(id);
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
  return {};
}

void GraphChange::remove_node(NodeId id) {
  const auto first = impl_->new_ids.begin() + static_cast<std::ptrdiff_t>(impl_->linked_count);
  const auto place = std::lower_bound(first, impl_->new_ids.end(), id);
  if (place != impl_->new_ids.end() && *place == id) impl_->new_ids.erase(place);
}

Status GraphChange::mark_dead(NodeId id) {
  if (impl_->is_broken) return broken_change();
  if (!impl_->is_present(id)) return not_in_graph(id);
  if (impl_->is_dead(id)) return {};
  try {
    impl_->dead.insert(id, 0);
    impl_->holders_known = false;
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
  return {};
}

bool GraphChange::is_dead(NodeId id) const noexcept { return impl_->is_dead(id); }

bool GraphChange::is_dirty(NodeId id) const noexcept { return impl_->state(id).dirty != 0; }

Result<NodeRecord> GraphChange::record(NodeId id) const {
  if (impl_->is_broken) return broken_change();
  if (!impl_->is_present(id)) return not_in_graph(id);
  try {
    NodeRecord record;
    record.id = id;
    record.rowid = impl_->graph.state(id).rowid;
    record.parent = impl_->parent(id);
    record.as_of = max_id();
    record.links = impl_->lists(id);
    if (impl_->is_new(id)) {
      record.own = impl_->own(id);
      // Nothing was folded into it yet: whoever loads it starts with `own` and appends what came
      // later.
      if (record.links == record.own && impl_->state(id).as_of == id) record.as_of = id;
    }
    return record;
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

Status GraphChange::mark_folded(NodeId id, NodeId as_of) {
  if (impl_->is_broken) return broken_change();
  if (!impl_->is_present(id)) return not_in_graph(id);
  try {
    NodeState& state = impl_->writable_state(id);
    state.as_of = as_of;
    if (as_of >= impl_->linked_max) state.dirty = 0;
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
  return {};
}

std::span<const NodeId> GraphChange::new_nodes() const noexcept { return impl_->new_ids; }

std::vector<NodeId> GraphChange::touched() const {
  std::vector<NodeId> ids;
  for (const Patch& patch : impl_->patches) {
    if (patch.touched && !impl_->purged.has(patch.id)) ids.push_back(patch.id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

NodeId GraphChange::entry() const noexcept { return impl_->entry; }
NodeId GraphChange::max_id() const noexcept { return impl_->max_id(); }

void GraphChange::publish(std::uint64_t seq) noexcept { impl_->publish(seq); }

// The order matters to readers: nodes before the lists that lead to them, ids before the entry
// point.
void GraphChange::Impl::publish(std::uint64_t seq) noexcept {
  NEARLITE_ASSERT(!is_broken);
  for (std::size_t i = 0; i < linked_count; ++i) {
    NodeState& state = graph.state(new_ids[i]);
    state.present.store(1, std::memory_order_release);
    if (state.level > 0) graph.upper_nodes.push_back(new_ids[i]);  // link() made room
  }
  graph.max_id.store(max_id(), std::memory_order_release);
  for (const Patch& patch : patches) {
    NodeState& state = graph.state(patch.id);
    state.parent.store(patch.state.parent.load(std::memory_order_relaxed),
                       std::memory_order_release);
    state.as_of = patch.state.as_of;
    state.child_count = patch.state.child_count;
    state.dirty = patch.state.dirty;
    if (patch.lists == nullptr) continue;
    for (unsigned level = 0; level <= state.level; ++level) {
      const Link* lists = patch.lists + (level == 0 ? 0 : graph.list_entries(level - 1));
      store_list(graph.list(patch.id, level), lists, graph.capacity(level));
    }
  }
  graph.entry.store(entry, std::memory_order_release);
  const auto for_each = [](const IdMap& ids, auto&& action) {
    for (std::size_t i = 0; i <= ids.mask(); ++i) {
      if (ids.slots()[i].id != kNodeNone) action(ids.slots()[i].id);
    }
  };
  for_each(dead, [&](NodeId id) { owner.set_delete_seq(id, seq); });
  for_each(purged, [&](NodeId id) { graph.state(id).present.store(0, std::memory_order_release); });
  graph.present_count = present_count;

  base_max = linked_max = max_id();
  highest = kNodeNone;
  new_ids.clear();
  linked_count = 0;
  own_offsets.clear();
  own_ids.clear();
  patch_index.clear();
  patches.clear();
  patch_lists.clear();
  dead.clear();
  purged.clear();
  holders.clear();
  dirty_rows.clear();
  lowest_present = 1;
  holders_known = false;
  arena_.clear();
  arena_left_ = 0;
}

}  // namespace nearlite
