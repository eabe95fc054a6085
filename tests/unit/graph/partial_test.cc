// A graph whose nodes are read when a search meets them: it finds what a whole one finds, reads
// only what it needs, and takes nothing that cannot be a node of it (INVARIANT G7).
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "graph_fixture.h"

namespace nearlite {
namespace {

constexpr NodeId kNodes = 3000;

/// Hands out the nodes of a whole graph, as they are or changed, or fails.
class GraphSource : public NodeSource {
 public:
  explicit GraphSource(const Graph& graph) : graph_(graph), ids_((graph.max_id() >> 6) + 1) {
    for (NodeId id = 1; id <= graph.max_id(); ++id) {
      if (graph.is_present(id)) ids_[id >> 6] |= std::uint64_t{1} << (id & 63);
    }
  }
  [[nodiscard]] std::span<const std::uint64_t> ids() const noexcept override { return ids_; }
  Status read(std::span<const NodeId> wanted,
              const std::function<Status(const NodeImage&)>& take) override {
    for (const NodeId id : wanted) {
      EXPECT_TRUE(graph_.is_present(id));
      if (read_count_.fetch_add(1) >= fails_from) return failure;
      std::vector<NodeId> links;
      for (unsigned level = 0; level <= graph_.level_of(id); ++level) {
        std::vector<NodeId> list = graph_.list(id, level);
        list.resize(level == 0 ? 2 * graph_.options().m : graph_.options().m);
        links.insert(links.end(), list.begin(), list.end());
      }
      NodeImage node{.id = id,
                     .parent = graph_.parent(id),
                     .as_of = graph_.as_of(id),
                     .is_dirty = graph_.is_dirty(id),
                     .rowid = graph_.rowid(id),
                     .delete_seq = graph_.delete_seq(id),
                     .info = graph_.info(id),
                     .code = graph_.code(id),
                     .residual = graph_.residual(id),
                     .links = links.data()};
      if (change) change(node, links);
      if (Status status = take(node); !status.ok()) return status;
    }
    return {};
  }
  [[nodiscard]] std::uint64_t read_count() const { return read_count_.load(); }

  std::uint64_t fails_from = UINT64_MAX;
  Status failure{Code::kIo, "cannot be read"};
  std::function<void(NodeImage&, std::vector<NodeId>&)> change;

 private:
  const Graph& graph_;
  std::vector<std::uint64_t> ids_;
  std::atomic<std::uint64_t> read_count_{0};
};

class PartialTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kDim = 32;
  PartialTest() : source_(test_seed(61), kDim, 20, 0.4f), whole_(make_graph(options())) {
    insert_all(*whole_, encode_many(source_, kNodes));
    nodes_ = std::make_shared<GraphSource>(*whole_);
  }
  static GraphOptions options() { return graph_options(kDim, 6, 60); }
  std::unique_ptr<Graph> begin(bool knows_deletions = true) {
    auto graph = make_graph(options());
    check_ok(graph->reserve(kNodes, Pages::kSmall));
    check_ok(graph->begin(nodes_, kNodes, whole_->entry(), knows_deletions));
    return graph;
  }
  void expect_same_answers(const Graph& graph, int count) {
    for (int i = 0; i < count; ++i) {
      const TestCode code = encode(source_.next());
      ASSERT_EQ(search_ids(graph, code, 30, context_), search_ids(*whole_, code, 30, context_));
    }
  }
  void expect_same_nodes(const Graph& graph) {
    for (NodeId id = 1; id <= kNodes; ++id) {
      ASSERT_EQ(graph.parent(id), whole_->parent(id));
      ASSERT_EQ(graph.as_of(id), whole_->as_of(id));
      ASSERT_EQ(graph.is_dirty(id), whole_->is_dirty(id));
      ASSERT_EQ(graph.delete_seq(id), whole_->delete_seq(id));
      for (unsigned level = 0; level <= graph.level_of(id); ++level)
        ASSERT_EQ(graph.list(id, level), whole_->list(id, level));
    }
    EXPECT_EQ(check_graph(graph, 5), std::vector<std::string>());
  }

  ClusteredVectors source_;
  std::unique_ptr<Graph> whole_;
  std::shared_ptr<GraphSource> nodes_;
  SearchContext context_;
};

TEST_F(PartialTest, FindsTheSameAndReadsWhatItMeets) {
  const auto graph = begin();
  EXPECT_EQ(nodes_->read_count(), 0U);
  expect_same_answers(*graph, 1);
  EXPECT_GT(nodes_->read_count(), 50U);
  EXPECT_LT(nodes_->read_count(), kNodes / 3);
  std::uint64_t present_count = 0;
  for (NodeId id = 1; id <= kNodes; ++id) present_count += graph->is_present(id) ? 1 : 0;
  EXPECT_EQ(nodes_->read_count(), present_count) << "each once";
  expect_same_answers(*graph, 50);
  EXPECT_TRUE(graph->is_partial());
  ASSERT_OK(graph->complete(2));
  EXPECT_FALSE(graph->is_partial());
  EXPECT_EQ(nodes_->read_count(), kNodes) << "each once";
  expect_same_answers(*graph, 20);
  expect_same_nodes(*graph);
}

TEST_F(PartialTest, ReadsAheadUntilNothingIsMissing) {
  const auto graph = begin();
  std::weak_ptr<GraphSource> source = nodes_;
  graph->read_ahead(2);
  EXPECT_EQ(nodes_->read_count(), 0U) << "nobody has searched";
  for (int i = 0; i < 100 && nodes_->read_count() < kNodes; ++i) {
    const std::uint64_t before = nodes_->read_count();
    expect_same_answers(*graph, 1);
    const std::uint64_t fetched = nodes_->read_count() - before;
    graph->read_ahead(2);
    const std::uint64_t ahead = nodes_->read_count() - before - fetched;
    EXPECT_LE(ahead, 4 * fetched + 512);
  }
  EXPECT_EQ(nodes_->read_count(), kNodes) << "each once";
  nodes_.reset();
  EXPECT_TRUE(source.expired()) << "what has been read is closed";
  expect_same_answers(*graph, 20);
  EXPECT_TRUE(graph->is_partial()) << "what only writers need is not there";
  ASSERT_OK(graph->complete(1));
  expect_same_nodes(*graph);
}

TEST_F(PartialTest, ChangesLikeAWholeOne) {
  const auto graph = begin();
  expect_same_answers(*graph, 3);
  ASSERT_OK(graph->complete(1));
  const std::vector<TestCode> codes = encode_many(source_, 200);
  for (Graph* one : {graph.get(), whole_.get()}) {
    insert_all(*one, codes);
    GraphChange change(*one);
    for (NodeId id = 100; id < 200; ++id) ASSERT_OK(change.mark_dead(id));
    change.publish(2);
    GraphChange repair(*one);
    for (NodeId id = 1; id <= kNodes; ++id) ASSERT_TRUE(repair.repair(id, 2).ok());
    for (NodeId id = 100; id < 200; ++id) ASSERT_OK(repair.purge(id));
    repair.publish(3);
  }
  for (NodeId id = 1; id <= graph->max_id(); ++id) {
    ASSERT_EQ(graph->is_present(id), whole_->is_present(id));
    if (graph->is_present(id)) {
      ASSERT_EQ(graph->list(id, 0), whole_->list(id, 0)) << id;
    }
  }
  EXPECT_EQ(check_graph(*graph, 5), std::vector<std::string>());
}

TEST_F(PartialTest, ReadFailuresStopASearchAndDamageTheGraph) {
  const TestQuery query(options().format, encode(source_.next()));
  for (const std::uint64_t from : {0U, 1U, 5U, 30U, 60U}) {
    nodes_ = std::make_shared<GraphSource>(*whole_);
    nodes_->fails_from = from;
    const auto graph = begin();
    const auto found = search(*graph, nullptr, query.get(), 30, context_);
    EXPECT_EQ(found.status().code(), Code::kIo) << from;
    EXPECT_TRUE(graph->is_damaged());
    nodes_->fails_from = UINT64_MAX;
    EXPECT_FALSE(search(*graph, nullptr, query.get(), 30, context_).ok()) << "for good";
    EXPECT_EQ(graph->complete(1).code(), Code::kCorruption);
    // The scratch is as it was: another graph is searched as before.
    expect_same_answers(*whole_, 1);
  }
}

TEST_F(PartialTest, MissingMemoryIsNoDamage) {
  nodes_->failure = Status(Code::kNoMemory, "");
  nodes_->fails_from = 40;
  const auto graph = begin();
  const TestCode code = encode(source_.next());
  const TestQuery query(options().format, code);
  EXPECT_EQ(search(*graph, nullptr, query.get(), 30, context_).status().code(), Code::kNoMemory);
  EXPECT_EQ(graph->complete(2).code(), Code::kNoMemory);
  EXPECT_FALSE(graph->is_damaged());
  nodes_->fails_from = UINT64_MAX;
  expect_same_answers(*graph, 5);
  ASSERT_OK(graph->complete(2));
  expect_same_nodes(*graph);
}

TEST_F(PartialTest, DeletionsAreThoseOfTheRowsOrOfTheImage) {
  whole_->set_delete_seq(77, 5);
  const auto trusting = begin(false);
  ASSERT_OK(trusting->complete(1));
  EXPECT_EQ(trusting->delete_seq(77), 5U);
  const auto told = begin();
  told->set_delete_seq(77, 5);
  ASSERT_OK(told->complete(1));
  const auto disagreeing = begin();
  EXPECT_EQ(disagreeing->complete(1).code(), Code::kCorruption);
  EXPECT_TRUE(disagreeing->is_damaged());
}

TEST_F(PartialTest, NodesThatCannotBeAreNotTaken) {
  const NodeId victim = 1500;
  const unsigned m = options().m;
  const std::function<void(NodeImage&, std::vector<NodeId>&)> changes[] = {
      [](NodeImage& node, auto&) { node.as_of = node.id - 1; },
      [](NodeImage& node, auto&) { node.as_of = kNodes + 1; },
      [](NodeImage& node, auto& links) {
        node.parent = 1;
        while (std::find(links.begin(), links.end(), node.parent) != links.end()) ++node.parent;
      },
      [](NodeImage&, auto& links) { links[1] = links[0]; },
      [](NodeImage&, auto& links) { std::swap(links[0], links[1]); },
      [](NodeImage& node, auto& links) { links = {node.id}; links.resize(500); },
      [](NodeImage&, auto& links) { links[0] = 0; },
      [m](NodeImage&, auto& links) { links[2 * m - 1] = kNodes + 1; },
      [m](NodeImage&, auto& links) { links[2 * m - 1] = kNodeIdMax; },
      [m](NodeImage&, auto& links) { links[2 * m - 1] = UINT32_MAX; },
  };
  int number = 0;
  for (const auto& change : changes) {
    SCOPED_TRACE(number++);
    nodes_->change = [&](NodeImage& node, std::vector<NodeId>& links) {
      if (node.id != victim) return;
      change(node, links);
      node.links = links.data();
    };
    const auto graph = begin();
    EXPECT_EQ(graph->complete(2).code(), Code::kCorruption);
    EXPECT_TRUE(graph->is_damaged());
  }
}

TEST_F(PartialTest, AnUpperListLeadsToUpperNodesOnly) {
  NodeId lower = 1;
  while (whole_->level_of(lower) != 0) ++lower;
  nodes_->change = [&](NodeImage& node, std::vector<NodeId>& links) {
    if (whole_->level_of(node.id) == 0 || node.id <= lower) return;
    const std::size_t first = 2 * options().m;
    std::fill(links.begin() + static_cast<std::ptrdiff_t>(first), links.end(), kNodeNone);
    links[first] = lower;
  };
  const auto graph = begin();
  EXPECT_EQ(graph->complete(1).code(), Code::kCorruption);
}

// What no node tells by itself is found when all are there.
TEST_F(PartialTest, TwoRootsAreNotTaken) {
  nodes_->change = [&](NodeImage& node, auto&) {
    if (node.id == 900) node.parent = kNodeNone;
  };
  const auto graph = begin();
  expect_same_answers(*graph, 5);
  EXPECT_EQ(graph->complete(1).code(), Code::kCorruption);
  EXPECT_TRUE(graph->is_damaged());
}

TEST_F(PartialTest, ImpossibleBeginningsAreRefused) {
  const auto empty = make_graph(options());
  ASSERT_OK(empty->reserve(kNodes));
  EXPECT_FALSE(empty->begin(nodes_, kNodes, kNodeNone, true).ok()) << "nodes without an entry";
  EXPECT_FALSE(empty->begin(nodes_, kNodes, kNodes + 1, true).ok());
  EXPECT_FALSE(empty->begin(nodes_, kNodes - 1, 1, true).ok()) << "ids above the highest";
  EXPECT_FALSE(empty->begin(nodes_, kNodes * 9, 1, true).ok()) << "not reserved";
  EXPECT_EQ(empty->max_id(), kNodeNone);
  EXPECT_FALSE(whole_->begin(nodes_, kNodes, 1, true).ok()) << "not empty";
}

// Most of its worth is under the thread sanitizer.
TEST_F(PartialTest, ManySearchWhileOthersReadAheadAndComplete) {
  std::vector<TestCode> codes = encode_many(source_, 60);
  std::vector<std::vector<NodeId>> right;
  for (const TestCode& code : codes) right.push_back(search_ids(*whole_, code, 30, context_));
  for (int round = 0; round < 3; ++round) {
    const auto graph = begin();
    std::vector<std::thread> threads;
    for (unsigned worker = 0; worker < 4; ++worker) {
      threads.emplace_back([&, worker] {
        SearchContext context;
        for (std::size_t i = 0; i < codes.size(); ++i) {
          const std::size_t at = (i * 7 + worker * 13) % codes.size();
          ASSERT_EQ(search_ids(*graph, codes[at], 30, context), right[at]);
          graph->read_ahead(2);
          if (worker == 3 && i == 20) ASSERT_OK(graph->complete(2));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    expect_same_nodes(*graph);
  }
}

}  // namespace
}  // namespace nearlite
