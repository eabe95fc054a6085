// A full load: rows in ascending order, then all back-links that are not in them yet.
//
// add() writes the base lists into their places; nothing is visible before finish(). That checks
// what needs all rows (links lead somewhere, parents form one tree), appends the back-links target
// by target, and publishes.
#include <algorithm>
#include <atomic>
#include <new>
#include <string>
#include <vector>

#include "base/try.h"
#include "graph/parallel.h"
#include "graph/replay.h"

namespace nearlite {

namespace {

Status no_memory() { return {Code::kNoMemory, "no memory to load the graph"}; }

// present of a node whose row is here, but which is not published yet; becomes 1 at the end.
constexpr std::uint8_t kLoaded = 2;

struct Group {
  std::size_t first = 0;
  std::size_t last = 0;
};

}  // namespace

struct GraphLoader::Impl {
  Graph& owner;
  Graph::Impl& graph;
  std::vector<NodeId> ids;
  std::vector<BackLink> back_links;
  std::vector<NodeId> upper_nodes;
  NodeId as_of_max = kNodeNone;
  Status failure;

  [[nodiscard]] bool is_loaded(NodeId id) const noexcept {
    if (id == kNodeNone || ids.empty() || id > ids.back()) return false;
    return graph.state(id).present.load(std::memory_order_relaxed) != 0;
  }
  template <class Step>
  Status attempt(const Step& step);
  Status add(const NodeRecord& row);
  Status place(const NodeRecord& row);
  Status check_links(unsigned thread_count) const;
  Status check_tree() const;
  Status replay(unsigned thread_count);
  Status count_all_children(unsigned thread_count);
  void take_over();
  Status adopt(std::vector<NodeId> placed, unsigned thread_count);
  Status finish(NodeId max_id, NodeId entry, unsigned thread_count);
};

GraphLoader::GraphLoader(Graph& graph)
    : impl_(new Impl{graph, graph.impl(), {}, {}, {}, kNodeNone, {}}) {}

GraphLoader::~GraphLoader() {
  // An abandoned load leaves nothing that a later one would take for its own.
  for (const NodeId id : impl_->ids) {
    std::uint8_t loaded = kLoaded;
    impl_->graph.state(id).present.compare_exchange_strong(loaded, 0, std::memory_order_relaxed);
  }
}

// Takes a step, unless one before it failed.
template <class Step>
Status GraphLoader::Impl::attempt(const Step& step) {
  if (!failure.ok()) return failure;
  try {
    failure = step();
  } catch (const std::bad_alloc&) {
    failure = no_memory();
  }
  return failure;
}

Status GraphLoader::add(const NodeRecord& row) {
  return impl_->attempt([&] { return impl_->add(row); });
}

Status GraphLoader::Impl::add(const NodeRecord& row) {
  NEARLITE_TRY(place(row));
  for (unsigned level = 0; level <= graph.state(row.id).level; ++level) {
    // Own links lead to lower ids, whose rows were here before: a target without a row was purged.
    for (const NodeId target : row.own[level]) {
      if (is_loaded(target) && graph.state(target).as_of < row.id)
        back_links.push_back({target, row.id, level});
    }
  }
  return {};
}

Status GraphLoader::Impl::place(const NodeRecord& row) {
  if (owner.max_id() != kNodeNone) return {Code::kInternal, "a graph is loaded once"};
  NEARLITE_TRY(check_row(owner, row));
  if (row.id > graph.reserved_last) return damaged(row.id, "id above the highest one");
  if (!ids.empty() && row.id <= ids.back()) return damaged(row.id, "rows are not ascending");
  NodeState& state = graph.state(row.id);
  state.rowid = row.rowid;
  state.parent.store(row.parent, std::memory_order_relaxed);
  state.as_of = row.as_of;
  state.dirty = 0;
  for (unsigned level = 0; level <= state.level; ++level) {
    const std::vector<NodeId>& base = base_of(row)[level];
    write_list(graph.list(row.id, level), base.data(), base.size(), graph.capacity(level));
  }
  if (state.level > 0) upper_nodes.push_back(row.id);
  ids.push_back(row.id);
  state.present.store(kLoaded, std::memory_order_relaxed);
  as_of_max = std::max(as_of_max, state.as_of);
  return {};
}

namespace {

// Calls is_well(id) for all of them on several threads. Returns the first that is not, or none.
template <class Test>
Result<NodeId> find_ill(const std::vector<NodeId>& ids, unsigned thread_count,
                        const Test& is_well) {
  std::atomic<NodeId> ill{UINT32_MAX};
  constexpr std::size_t kGrain = 1024;
  NEARLITE_TRY(parallel_for(
      ids.size() < 2 * kGrain ? 1 : thread_count, ids.size(), kGrain,
      [&](std::size_t index, unsigned /*worker*/) {
        if (is_well(ids[index])) return;
        NodeId before = ill.load(std::memory_order_relaxed);
        while (ids[index] < before && !ill.compare_exchange_weak(before, ids[index])) {
        }
      },
      [] { return false; }));
  return ill == UINT32_MAX ? kNodeNone : ill.load();
}

}  // namespace

Status GraphLoader::Impl::check_links(unsigned thread_count) const {
  const auto leads_to_nodes = [&](NodeId id) {
    for (unsigned level = 0; level <= graph.state(id).level; ++level) {
      const Link* list = graph.list(id, level);
      for (std::uint32_t i = 0; i < graph.capacity(level); ++i) {
        const NodeId entry = list[i].load(std::memory_order_relaxed);
        if (entry == kNodeNone) break;
        if (!is_loaded(entry)) return false;
      }
    }
    return true;
  };
  NEARLITE_ASSIGN(const NodeId ill, find_ill(ids, thread_count, leads_to_nodes));
  return ill == kNodeNone ? Status() : damaged(ill, "link to a node that does not exist");
}

// One root, and every way up ends there or at a node that was cut off (its own parent).
Status GraphLoader::Impl::check_tree() const {
  std::vector<std::uint64_t> ends(ids.empty() ? 0 : (std::size_t{ids.back()} >> 6) + 1);
  const auto is_known = [&](NodeId id) { return (ends[id >> 6] >> (id & 63) & 1) != 0; };
  NodeId root = kNodeNone;
  std::vector<NodeId> way;
  for (const NodeId id : ids) {
    const NodeId parent = graph.state(id).parent.load(std::memory_order_relaxed);
    if (parent == kNodeNone) {
      if (root != kNodeNone) return damaged(id, "second root");
      root = id;
    } else if (!is_loaded(parent)) {
      return damaged(id, "parent does not exist");
    }
  }
  if (root == kNodeNone && !ids.empty()) return damaged(ids.front(), "no root");
  for (const NodeId id : ids) {
    way.clear();
    for (NodeId at = id; !is_known(at);) {
      if (way.size() > ids.size()) return damaged(id, "parents form a circle");
      way.push_back(at);
      const NodeId parent = graph.state(at).parent.load(std::memory_order_relaxed);
      if (parent == kNodeNone || parent == at) break;
      at = parent;
    }
    for (const NodeId at : way) ends[at >> 6] |= std::uint64_t{1} << (at & 63);
  }
  return {};
}

Status GraphLoader::Impl::replay(unsigned thread_count) {
  group_by_target(back_links);
  std::vector<Group> groups;
  for (std::size_t first = 0, last = 0; first < back_links.size(); first = last) {
    while (last < back_links.size() && back_links[last].target == back_links[first].target) ++last;
    groups.push_back({first, last});
  }
  thread_count = std::max(1U, thread_count);
  std::vector<PruneScratch> scratch(thread_count);
  for (PruneScratch& one : scratch) one.prepare(graph);
  const TreeView tree{&graph, nullptr};
  constexpr std::size_t kGrain = 64;
  return parallel_for(
      thread_count, groups.size(), kGrain,
      [&](std::size_t index, unsigned worker) {
        for (std::size_t i = groups[index].first; i < groups[index].last; ++i) {
          const BackLink& link = back_links[i];
          append_link(tree, link.target, link.level, link.added,
                      graph.list(link.target, link.level), scratch[worker]);
          graph.state(link.target).dirty = 1;
        }
      },
      [] { return false; });
}

Status GraphLoader::Impl::count_all_children(unsigned thread_count) {
  const TreeView tree{&graph, nullptr};
  const auto has_few = [&](NodeId id) {
    const std::uint32_t count = count_children(tree, graph.list0(id), id);
    graph.state(id).child_count = static_cast<std::uint8_t>(count);
    // The root may have had a parent, so it may have one child more than a node is given.
    return count <= graph.options.m + 1;
  };
  NEARLITE_ASSIGN(const NodeId ill, find_ill(ids, thread_count, has_few));
  return ill == kNodeNone ? Status() : damaged(ill, "too many children");
}

// What only writers need to know.
void GraphLoader::Impl::take_over() {
  graph.upper_nodes.swap(upper_nodes);
  graph.present_count = ids.size();
}

Status GraphLoader::Impl::adopt(std::vector<NodeId> placed, unsigned thread_count) {
  ids.swap(placed);
  for (const NodeId id : ids) {
    if (graph.state(id).level > 0) upper_nodes.push_back(id);
  }
  NEARLITE_TRY(check_tree());
  NEARLITE_TRY(count_all_children(thread_count));
  take_over();
  return {};
}

Status GraphLoader::adopt(std::vector<NodeId> ids, unsigned thread_count) {
  return impl_->attempt([&] { return impl_->adopt(std::move(ids), thread_count); });
}

Status GraphLoader::Impl::finish(NodeId max_id, NodeId entry, unsigned thread_count) {
  if (owner.max_id() != kNodeNone) return {Code::kInternal, "a graph is loaded once"};
  if (max_id > graph.reserved_last) return damaged(max_id, "id above the highest one");
  if (!ids.empty() && ids.back() > max_id) return damaged(ids.back(), "id above the highest one");
  if (as_of_max > max_id) return damaged(max_id, "as_of above the highest id");
  if (entry == kNodeNone ? !ids.empty() : !is_loaded(entry))
    return damaged(entry, "not a possible entry point");
  NEARLITE_TRY(check_links(thread_count));
  NEARLITE_TRY(check_tree());
  NEARLITE_TRY(replay(thread_count));
  NEARLITE_TRY(count_all_children(thread_count));
  for (const NodeId id : ids) graph.state(id).present.store(1, std::memory_order_release);
  take_over();
  graph.max_id.store(max_id, std::memory_order_release);
  graph.entry.store(entry, std::memory_order_release);
  return {};
}

Status GraphLoader::finish(NodeId max_id, NodeId entry, unsigned thread_count) {
  return impl_->attempt([&] { return impl_->finish(max_id, entry, thread_count); });
}

}  // namespace nearlite
