#include "graph/neighbors.h"

#include <algorithm>

namespace nearlite {

void Selection::prepare(const Graph::Impl& graph, std::uint32_t kept_limit) {
  if (kept.size() < kept_limit) {
    kept.resize(kept_limit);
    kept_codes.resize(kept_limit);
    kept_infos.resize(kept_limit);
    discarded.resize(kept_limit);
  }
  query.ensure(graph.options.format.code_bytes);
}

void PruneScratch::prepare(const Graph::Impl& graph) {
  const std::uint32_t entries = graph.capacity0 + 1;
  selection.prepare(graph, entries);
  if (ids.size() < entries) {
    ids.resize(entries);
    keys.resize(entries + 4);
    candidates.resize(entries);
    is_protected.resize(entries);
  }
}

namespace {

// `count` ids of a full list and the added one → what stays, ascending in scratch.selection.kept.
std::uint32_t prune(const TreeView& tree, NodeId node, unsigned level, std::uint32_t count,
                    PruneScratch& scratch) noexcept {
  const Graph::Impl& graph = *tree.graph;
  Selection& selection = scratch.selection;
  const QueryCode query = graph.kernels->prepare(graph, node, selection.query.data());
  graph.kernels->keys(graph, query, scratch.ids.data(), count, scratch.keys.data());
  for (std::uint32_t i = 0; i < count; ++i)
    scratch.candidates[i] = pack(scratch.keys[i], scratch.ids[i]);
  const auto end = scratch.candidates.begin() + count;
  std::sort(scratch.candidates.begin(), end);

  const NodeId parent = tree.parent(node);
  for (std::uint32_t i = 0; i < count; ++i) {
    const NodeId id = id_of(scratch.candidates[i]);
    scratch.is_protected[i] = level == 0 && (id == parent || tree.parent(id) == node) ? 1 : 0;
  }
  selection.center = node;
  selection.candidates = scratch.candidates.data();
  selection.is_protected = scratch.is_protected.data();
  selection.candidate_count = count;
  selection.kept_max = pruned_size(graph.capacity(level));
  selection.fill_to = 0;
  graph.kernels->select(graph, selection);
  // More tree links than places exist in damaged files only, whose load fails later.
  const std::uint32_t kept = std::min(selection.kept_count, graph.capacity(level));
  std::sort(selection.kept.begin(), selection.kept.begin() + kept);
  return kept;
}

}  // namespace

void append_link(const TreeView& tree, NodeId node, unsigned level, NodeId added, Link* list,
                 PruneScratch& scratch) noexcept {
  const std::uint32_t capacity = tree.graph->capacity(level);
  const std::uint32_t size = list_size(list, capacity);
  std::uint32_t place = size;  // back-links come in ascending order: nearly always the end
  while (place > 0 && list[place - 1].load(std::memory_order_relaxed) > added) --place;
  if (place > 0 && list[place - 1].load(std::memory_order_relaxed) == added) return;
  if (size < capacity) {
    for (std::uint32_t i = size; i > place; --i) {
      list[i].store(list[i - 1].load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
    list[place].store(added, std::memory_order_relaxed);
    return;
  }
  for (std::uint32_t i = 0; i < size; ++i) scratch.ids[i] = list[i].load(std::memory_order_relaxed);
  scratch.ids[size] = added;
  const std::uint32_t kept = prune(tree, node, level, size + 1, scratch);
  write_list(list, scratch.selection.kept.data(), kept, capacity);
}

}  // namespace nearlite
