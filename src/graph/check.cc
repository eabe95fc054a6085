// check_graph(): does the graph in memory keep its invariants?
#include <algorithm>
#include <string>
#include <vector>

#include "graph/graph_impl.h"

namespace nearlite {

namespace {

class Checker {
 public:
  Checker(const Graph& graph, std::size_t limit)
      : graph_(graph), impl_(graph.impl()), limit_(limit) {}
  std::vector<std::string> run();

 private:
  void report(NodeId id, unsigned level, const std::string& what) {
    if (problems_.size() < limit_) {
      problems_.push_back("node " + std::to_string(id) + ", level " + std::to_string(level) + ": " +
                          what);
    }
  }
  [[nodiscard]] bool is_present(NodeId id) const { return impl_.is_present(id); }
  void check_lists(NodeId id);
  void check_parent(NodeId id);
  void check_entry();
  void check_reachability();

  const Graph& graph_;
  const Graph::Impl& impl_;
  std::size_t limit_;
  std::vector<NodeId> ids_;
  std::size_t root_count_ = 0;
  std::vector<std::string> problems_;
};

// INVARIANT G1 and G2; the second holds by construction, a list has no more places.
void Checker::check_lists(NodeId id) {
  for (unsigned level = 0; level <= impl_.state(id).level; ++level) {
    NodeId before = kNodeNone;
    for (const NodeId entry : graph_.list(id, level)) {
      if (entry == id) report(id, level, "link to itself");
      if (entry <= before) report(id, level, "link " + std::to_string(entry) + " out of order");
      before = entry;
      if (!is_present(entry)) {
        report(id, level, "link to node " + std::to_string(entry) + ", which does not exist");
      } else if (impl_.state(entry).level < level) {
        report(id, level, "link to node " + std::to_string(entry) + ", which is not on this level");
      }
    }
  }
}

// INVARIANT G3. Dead nodes may have been let go by their parent.
void Checker::check_parent(NodeId id) {
  const std::vector<NodeId> list = graph_.list(id, 0);
  std::size_t children = 0;
  for (const NodeId entry : list)
    children += is_present(entry) && graph_.parent(entry) == id && entry != id ? 1 : 0;
  if (children != impl_.state(id).child_count) {
    report(id, 0,
           "child count is " + std::to_string(impl_.state(id).child_count) + ", there are " +
               std::to_string(children));
  }
  const bool is_dead = graph_.delete_seq(id) != 0;
  const NodeId parent = graph_.parent(id);
  if (parent == kNodeNone) {
    ++root_count_;
  } else if (parent == id) {
    if (!is_dead) report(id, 0, "lives, but was cut off");
  } else if (!is_present(parent)) {
    report(id, 0, "parent " + std::to_string(parent) + " does not exist");
  } else {
    const std::string name = std::to_string(parent);
    if (!std::binary_search(list.begin(), list.end(), parent))
      report(id, 0, "no link to parent " + name);
    const std::vector<NodeId> back = graph_.list(parent, 0);
    if (!is_dead && !std::binary_search(back.begin(), back.end(), id))
      report(id, 0, "no link from parent " + name);
    std::size_t steps = 0;
    for (NodeId at = id; at != kNodeNone && at != graph_.parent(at) && is_present(at);
         at = graph_.parent(at)) {
      if (++steps > ids_.size()) return report(id, 0, "parents form a circle");
    }
  }
}

void Checker::check_entry() {
  const NodeId entry = graph_.entry();
  if (ids_.empty()) {
    if (entry != kNodeNone) report(entry, 0, "entry point of an empty graph");
    return;
  }
  if (!is_present(entry)) return report(entry, 0, "entry point does not exist");
  if (root_count_ != 1) report(entry, 0, std::to_string(root_count_) + " roots");
  for (const NodeId id : ids_) {
    if (impl_.state(id).level > impl_.state(entry).level && graph_.delete_seq(id) == 0) {
      report(id, impl_.state(id).level, "above entry point " + std::to_string(entry));
    }
  }
}

// Whatever lives is reached from the entry point on level 0.
void Checker::check_reachability() {
  if (!is_present(graph_.entry())) return;
  std::vector<bool> seen(std::size_t{graph_.max_id()} + 1);
  std::vector<NodeId> queue{graph_.entry()};
  seen[graph_.entry()] = true;
  while (!queue.empty()) {
    const NodeId id = queue.back();
    queue.pop_back();
    for (const NodeId entry : graph_.list(id, 0)) {
      if (!is_present(entry) || seen[entry]) continue;
      seen[entry] = true;
      queue.push_back(entry);
    }
  }
  for (const NodeId id : ids_) {
    if (!seen[id] && graph_.delete_seq(id) == 0)
      report(id, 0, "cannot be reached from the entry point");
  }
}

std::vector<std::string> Checker::run() {
  for (NodeId id = 1; id <= graph_.max_id(); ++id) {
    if (is_present(id)) ids_.push_back(id);
  }
  for (const NodeId id : ids_) {
    check_lists(id);
    check_parent(id);
  }
  if (ids_.size() != impl_.present_count) {
    report(graph_.max_id(), 0,
           "node count is " + std::to_string(impl_.present_count) + ", there are " +
               std::to_string(ids_.size()));
  }
  check_entry();
  check_reachability();
  return problems_;
}

}  // namespace

std::vector<std::string> check_graph(const Graph& graph, std::size_t limit) {
  return Checker(graph, limit).run();
}

}  // namespace nearlite
