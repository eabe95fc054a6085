#include "graph/replay.h"

#include <algorithm>
#include <string>

#include "base/try.h"

namespace nearlite {

Status damaged(NodeId id, const char* what) {
  return {Code::kCorruption, "links of node " + std::to_string(id) + ": " + what};
}

namespace {

// Strictly ascending, without the node itself, all in [1, last], all on this level.
bool is_list(const Graph& graph, const std::vector<NodeId>& list, NodeId id, unsigned level,
             NodeId last) {
  NodeId before = kNodeNone;
  for (const NodeId entry : list) {
    if (entry <= before || entry > last || entry == id) return false;
    if (level > 0 && graph.level_of(entry) < level) return false;
    before = entry;
  }
  return true;
}

}  // namespace

Status check_row(const Graph& graph, const NodeRecord& row) {
  const std::uint32_t m = graph.options().m;
  if (row.id == kNodeNone || row.id > kNodeIdMax) return damaged(row.id, "impossible id");
  const unsigned level_count = graph.level_of(row.id) + 1;
  if (row.own.size() != level_count) return damaged(row.id, "wrong number of levels");
  if (!row.links.empty() && row.links.size() != level_count)
    return damaged(row.id, "wrong number of current levels");
  if (row.as_of < row.id || row.as_of > kNodeIdMax) return damaged(row.id, "as_of out of range");
  if (row.parent > row.as_of) return damaged(row.id, "parent out of range");
  for (unsigned level = 0; level < level_count; ++level) {
    // m by choice, and the parent on level 0.
    if (row.own[level].size() > m + (level == 0 ? 1U : 0U))
      return damaged(row.id, "too many own links");
    if (!is_list(graph, row.own[level], row.id, level, row.id - 1))
      return damaged(row.id, "impossible own link");
    if (row.links.empty()) continue;
    if (row.links[level].size() > (level == 0 ? 2 * m : m))
      return damaged(row.id, "too many links");
    if (!is_list(graph, row.links[level], row.id, level, row.as_of))
      return damaged(row.id, "impossible link");
  }
  if (row.parent != kNodeNone && row.parent != row.id) {
    const std::vector<NodeId>& list = base_of(row)[0];
    if (!std::binary_search(list.begin(), list.end(), row.parent))
      return damaged(row.id, "no link to the parent");
  }
  return {};
}

void group_by_target(std::vector<BackLink>& back_links) {
  if (back_links.empty()) return;
  NodeId last = 0;
  for (const BackLink& link : back_links) last = std::max(last, link.target);
  // Counting sort: stable, so the order of `added` survives.
  std::vector<std::size_t> starts(std::size_t{last} + 2, 0);
  for (const BackLink& link : back_links) ++starts[link.target + 1];
  for (std::size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
  std::vector<BackLink> grouped(back_links.size());
  for (const BackLink& link : back_links) grouped[starts[link.target]++] = link;
  back_links.swap(grouped);
}

std::uint32_t count_children(const TreeView& tree, const Link* list0, NodeId id) noexcept {
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < tree.graph->capacity0; ++i) {
    const NodeId entry = list0[i].load(std::memory_order_relaxed);
    if (entry == kNodeNone) break;
    if (tree.parent(entry) == id) ++count;
  }
  return count;
}

}  // namespace nearlite
