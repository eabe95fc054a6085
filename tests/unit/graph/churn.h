// Plays the index layer over time: inserts, deletes, repair passes and purges, one commit at a
// time.
#pragma once

#include <map>
#include <set>

#include "unit/graph/graph_fixture.h"

namespace nearlite {

class Churn {
 public:
  explicit Churn(const GraphOptions& options) : graph_(make_graph(options)) {
    codes_.emplace_back();
  }

  Graph& graph() { return *graph_; }
  [[nodiscard]] const std::set<NodeId>& live() const { return live_; }
  [[nodiscard]] const TestCode& code(NodeId id) const { return codes_[id]; }

  void commit(const std::vector<TestCode>& inserted, const std::vector<NodeId>& deleted) {
    GraphChange change(*graph_);
    for (const TestCode& code : inserted) {
      const auto id = static_cast<NodeId>(codes_.size());
      codes_.push_back(code);
      live_.insert(id);
      write_node(*graph_, id, code);
      check_ok(change.add_node(id));
    }
    for (const NodeId id : deleted) {
      check_ok(change.mark_dead(id));
      live_.erase(id);
      dead_[id] = seq_ + 1;
    }
    LinkOptions options;
    options.thread_count = 2;
    check_ok(change.link(options));
    change.publish(++seq_);
  }

  /// A whole pass and the purge after it, in `commits` commits.
  void repair_and_purge(unsigned commits = 1) {
    const std::uint64_t dead_as_of = seq_;
    const NodeId last = graph_->max_id();
    for (unsigned i = 0; i < commits; ++i) {
      GraphChange change(*graph_);
      for (NodeId id = 1 + last / commits * i;
           id <= (i + 1 == commits ? last : last / commits * (i + 1)); ++id) {
        if (!graph_->is_present(id)) continue;
        const std::uint64_t seq = graph_->delete_seq(id);
        if (seq != 0 && seq <= dead_as_of) continue;
        const Result<bool> repaired = change.repair(id, dead_as_of);
        check_ok(repaired.status());
        if (repaired.ok() && *repaired) ++repaired_count_;
      }
      change.publish(++seq_);
    }
    GraphChange change(*graph_);
    for (auto at = dead_.begin(); at != dead_.end();) {
      if (at->second > dead_as_of) {
        ++at;
        continue;
      }
      check_ok(change.purge(at->first));
      at = dead_.erase(at);
    }
    change.publish(++seq_);
  }

  [[nodiscard]] std::vector<NodeId> some_live(std::mt19937_64& random, std::size_t count) const {
    std::vector<NodeId> ids(live_.begin(), live_.end());
    std::shuffle(ids.begin(), ids.end(), random);
    ids.resize(std::min(count, ids.size()));
    return ids;
  }

  /// Share of the true nearest k live nodes among the first k live ones that a search of width ef
  /// returns.
  double recall(const std::vector<TestCode>& queries, std::uint32_t ef, std::size_t k = 10) {
    const std::vector<NodeId> ids(live_.begin(), live_.end());
    const std::vector<TestCode> codes(codes_.begin() + 1, codes_.end());
    SearchContext context;
    std::size_t hit_count = 0;
    std::size_t wanted_count = 0;
    for (const TestCode& query : queries) {
      std::vector<NodeId> expected = exact_ids(codes, ids, query, k);
      std::sort(expected.begin(), expected.end());
      std::size_t taken = 0;
      for (const NodeId id : search_ids(*graph_, query, ef, context)) {
        if (graph_->delete_seq(id) != 0 || ++taken > k) continue;
        hit_count += std::binary_search(expected.begin(), expected.end(), id) ? 1 : 0;
      }
      wanted_count += expected.size();
    }
    return static_cast<double>(hit_count) / static_cast<double>(wanted_count);
  }

  /// Live nodes that no list leads to.
  [[nodiscard]] std::size_t count_without_links_in() const {
    std::vector<bool> seen(codes_.size());
    for (NodeId id = 1; id < codes_.size(); ++id) {
      if (!graph_->is_present(id)) continue;
      for (const NodeId entry : graph_->list(id, 0)) seen[entry] = true;
    }
    std::size_t count = 0;
    for (const NodeId id : live_) count += seen[id] ? 0 : 1;
    return count;
  }

  [[nodiscard]] std::string first_problem() const {
    const std::vector<std::string> problems = check_graph(*graph_, 1);
    return problems.empty() ? "" : problems.front();
  }
  [[nodiscard]] std::size_t repaired_count() const { return repaired_count_; }

 private:
  std::unique_ptr<Graph> graph_;
  std::vector<TestCode> codes_;  // by id
  std::set<NodeId> live_;
  std::map<NodeId, std::uint64_t> dead_;
  std::uint64_t seq_ = 0;
  std::size_t repaired_count_ = 0;
};

}  // namespace nearlite
