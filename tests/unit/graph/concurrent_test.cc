// Readers search while one thread changes the graph. Meant for the thread sanitizer; elsewhere it
// checks that what readers get makes sense: ordered, and with the node whose vector was asked for.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "unit/graph/churn.h"

namespace nearlite {
namespace {

constexpr std::uint32_t kDim = 64;

// Searches for vectors of nodes that were published before, until told to stop.
class Readers {
 public:
  Readers(const Graph& graph, const std::vector<TestCode>& codes) : graph_(graph), codes_(codes) {
    for (unsigned i = 0; i < 3; ++i) threads_.emplace_back([this, i] { run(i); });
  }
  // Returns the share of searches that found what they must have found.
  double stop() {
    stop_.store(true);
    for (std::thread& thread : threads_) thread.join();
    EXPECT_GT(search_count_.load(), 100U);
    return static_cast<double>(hit_count_.load()) / static_cast<double>(search_count_.load());
  }

 private:
  void run(unsigned number) {
    std::mt19937_64 random(number);
    SearchContext context;
    while (!stop_.load()) {
      const NodeId last = graph_.max_id();
      if (last == kNodeNone) continue;
      const auto id = static_cast<NodeId>(1 + random() % last);
      if (!graph_.is_present(id) || graph_.delete_seq(id) != 0) continue;
      const TestQuery query(graph_.options().format, codes_[id - 1]);
      const auto found = search(graph_, nullptr, query.get(), 40, context);
      ASSERT_TRUE(found.ok());
      bool hit = graph_.delete_seq(id) != 0;  // deleted meanwhile
      for (std::size_t i = 0; i < found->size(); ++i) {
        const Candidate& one = (*found)[i];
        hit = hit || one.id == id;
        ASSERT_LE(one.id, graph_.max_id());
        ASSERT_EQ(graph_.rowid(one.id), static_cast<RowId>(one.id) * 10);
        if (i > 0) {
          ASSERT_LE((*found)[i - 1].key, one.key);
        }
      }
      search_count_.fetch_add(1);
      hit_count_.fetch_add(hit ? 1 : 0);
      static_cast<void>(graph_.entry());
      static_cast<void>(graph_.parent(id));
      static_cast<void>(graph_.list(id, 0));
      static_cast<void>(graph_.memory_bytes());
    }
  }

  const Graph& graph_;
  const std::vector<TestCode>& codes_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> search_count_{0};
  std::atomic<std::uint64_t> hit_count_{0};
};

// A writer's history with its rows, for the test below to follow.
struct Commit {
  std::vector<NodeRecord> changed;
  std::vector<NodeId> purged;
  std::map<NodeId, std::uint64_t> deleted;
  NodeId max_id = kNodeNone;
  NodeId entry = kNodeNone;
};

class Writer {
 public:
  Writer(Graph& graph, const std::vector<TestCode>& codes) : graph_(graph), codes_(codes) {}

  Commit commit(std::size_t count, const std::vector<NodeId>& deleted, bool repairs, bool purges) {
    Commit commit;
    GraphChange change(graph_);
    NodeId id = graph_.max_id();
    for (std::size_t i = 0; i < count && id < codes_.size(); ++i) {
      ++id;
      write_node(graph_, id, codes_[id - 1]);
      check_ok(change.add_node(id));
    }
    for (const NodeId dead : deleted) {
      if (change.is_dead(dead) || !graph_.is_present(dead)) continue;
      check_ok(change.mark_dead(dead));
      commit.deleted[dead] = seq_ + 1;
    }
    LinkOptions options;
    options.thread_count = 2;
    options.parallel_threshold = 8;
    check_ok(change.link(options));
    for (NodeId at = 1; repairs && at <= graph_.max_id(); ++at) {
      if (graph_.is_present(at) && graph_.delete_seq(at) == 0)
        check_ok(change.repair(at, seq_).status());
    }
    for (NodeId at = 1; purges && at <= graph_.max_id(); ++at) {
      if (!graph_.is_present(at) || graph_.delete_seq(at) == 0 || graph_.delete_seq(at) >= seq_)
        continue;
      check_ok(change.purge(at));
      commit.purged.push_back(at);
    }
    for (const NodeId touched : change.touched()) {
      NodeRecord record = *change.record(touched);
      record.own = own_[touched];
      check_ok(change.mark_folded(touched, record.as_of));
      commit.changed.push_back(record);
    }
    for (const NodeId fresh : change.new_nodes()) {
      const NodeRecord record = *change.record(fresh);
      own_[fresh] = record.own;
      check_ok(change.mark_folded(fresh, record.as_of));
      commit.changed.push_back(record);
    }
    commit.max_id = change.max_id();
    commit.entry = change.entry();
    change.publish(++seq_);
    return commit;
  }

 private:
  Graph& graph_;
  const std::vector<TestCode>& codes_;
  std::map<NodeId, LevelLists> own_;
  std::uint64_t seq_ = 0;
};

// Commits of all kinds; `each` gets every one of them.
template <class Each>
void write_history(Graph& graph, const std::vector<TestCode>& codes, std::uint64_t seed,
                   Each&& each) {
  std::mt19937_64 random(seed);
  Writer writer(graph, codes);
  for (int round = 0; round < 120; ++round) {
    std::vector<NodeId> deleted;
    for (std::size_t i = random() % 20; i > 0 && graph.max_id() > 0; --i) {
      deleted.push_back(static_cast<NodeId>(1 + random() % graph.max_id()));
    }
    if (round % 10 == 9) deleted.push_back(graph.entry());
    const std::size_t count = round % 4 == 0 ? random() % 60 : random() % 3;
    each(writer.commit(round == 0 ? 300 : count, deleted, round % 8 == 3, round % 8 == 4));
  }
}

TEST(Concurrent, ReadersSearchWhileAWriterPublishes) {
  NEARLITE_SEEDED(seed, 51);
  ClusteredVectors source(seed, kDim, 10, 0.5f);
  const std::vector<TestCode> codes = encode_many(source, 4000);
  auto graph = make_graph(graph_options(kDim, 6, 40));
  Readers readers(*graph, codes);
  write_history(*graph, codes, seed, [](const Commit&) { std::this_thread::yield(); });
  EXPECT_GT(readers.stop(), 0.97);
  EXPECT_TRUE(check_graph(*graph, 1).empty());
}

TEST(Concurrent, ReadersSearchWhileTheGraphFollowsAnother) {
  NEARLITE_SEEDED(seed, 52);
  ClusteredVectors source(seed, kDim, 10, 0.5f);
  const std::vector<TestCode> codes = encode_many(source, 4000);
  auto leader = make_graph(graph_options(kDim, 6, 40));
  auto graph = make_graph(graph_options(kDim, 6, 40));
  Readers readers(*graph, codes);
  write_history(*leader, codes, seed, [&](Commit commit) {
    std::sort(commit.changed.begin(), commit.changed.end(),
              [](const NodeRecord& a, const NodeRecord& b) { return a.id < b.id; });
    for (NodeId id = graph->max_id() + 1; id <= commit.max_id; ++id)
      write_node(*graph, id, codes[id - 1]);
    for (const NodeId id : commit.purged) graph->forget(id);
    check_ok(graph->apply(commit.changed, commit.max_id, commit.entry));
    for (const auto& [id, seq] : commit.deleted) graph->set_delete_seq(id, seq);
  });
  EXPECT_GT(readers.stop(), 0.97);
  EXPECT_TRUE(check_graph(*graph, 1).empty());
  for (NodeId id = 1; id <= graph->max_id(); ++id) {
    ASSERT_EQ(graph->is_present(id), leader->is_present(id));
    if (!graph->is_present(id)) continue;
    ASSERT_EQ(graph->list(id, 0), leader->list(id, 0));
  }
}

}  // namespace
}  // namespace nearlite
