// Linking: levels, determinism, interruption, roll-back, equal vectors.
#include <gtest/gtest.h>

#include <set>

#include "unit/graph/graph_fixture.h"

namespace nearlite {
namespace {

// Everything a transaction would write, as text.
std::string records_of(const GraphChange& change) {
  std::string text;
  for (const NodeId id : change.new_nodes()) {
    const Result<NodeRecord> record = change.record(id);
    check_ok(record.status());
    if (!record.ok()) return text;
    text += std::to_string(id) + " p" + std::to_string(record->parent) + " a" +
            std::to_string(record->as_of);
    for (const LevelLists* lists : {&record->own, &record->links}) {
      for (const auto& list : *lists) {
        text += " |";
        for (const NodeId entry : list) text += " " + std::to_string(entry);
      }
    }
    text += "\n";
  }
  return text;
}

TEST(Level, IsAHashOfTheIdWithTheRightFrequencies) {
  auto graph = make_graph(graph_options(64, 16));
  std::vector<std::size_t> at_least(kLevelMax + 1);
  constexpr NodeId kCount = 1'000'000;
  for (NodeId id = 1; id <= kCount; ++id) {
    for (unsigned level = 0; level <= graph->level_of(id); ++level) ++at_least[level];
  }
  EXPECT_NEAR(static_cast<double>(at_least[1]), kCount / 16.0, 1000);  // sigma 242
  EXPECT_NEAR(static_cast<double>(at_least[2]), kCount / 256.0, 250);  // sigma 62
  EXPECT_NEAR(static_cast<double>(at_least[3]), kCount / 4096.0, 65);  // sigma 16
  // Files depend on these numbers: they may never change.
  std::string levels;
  for (NodeId id = 1; id <= 300; ++id) {
    if (graph->level_of(id) > 0)
      levels += std::to_string(id) + ":" + std::to_string(graph->level_of(id)) + " ";
  }
  EXPECT_EQ(levels,
            "2:1 9:1 15:1 27:1 58:1 121:2 129:1 143:1 145:1 154:1 156:1 176:1 209:1 224:1 238:1 "
            "264:1 268:1 274:1 "
            "283:1 299:1 ");
}

// 96 bytes, and so many that heads are compared first.
class LinkOfDim : public ::testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Dims, LinkOfDim, ::testing::Values(96U, 768U));

TEST_P(LinkOfDim, GivesTheSameRecordsForAnyNumberOfThreadsAndEveryTarget) {
  NEARLITE_SEEDED(seed, 21);
  ClusteredVectors source(seed, GetParam(), 12, 0.4f);
  std::vector<TestCode> codes = encode_many(source, GetParam() > 96 ? 600 : 1200);
  for (std::size_t i = 100; i < codes.size(); i += 11) codes[i] = codes[i - 60];
  const SimdTarget supported = supported_simd_target();
  std::string expected;
  for (const SimdTarget target : supported_simd_targets()) {
    force_simd_target(target);
    for (const unsigned thread_count : {1U, 2U, 4U}) {
      auto graph = make_graph(graph_options(GetParam(), 8, 60));
      GraphChange change(*graph);
      for (NodeId id = 1; id <= codes.size(); ++id) {
        write_node(*graph, id, codes[id - 1]);
        check_ok(change.add_node(id));
      }
      LinkOptions options;
      options.thread_count = thread_count;
      options.parallel_threshold = 2;
      check_ok(change.link(options));
      const std::string records = records_of(change);
      if (expected.empty()) expected = records;
      EXPECT_TRUE(records == expected) << name_of(target) << ", " << thread_count << " threads";
    }
  }
  force_simd_target(supported);
}

TEST(Link, StopsWhenAskedAndGoesOnLater) {
  ClusteredVectors source(22, 64, 12, 0.4f);
  const std::vector<TestCode> codes = encode_many(source, 1500);
  std::string expected;
  for (const int stop_after : {1'000'000, 3, 25, 120}) {
    auto graph = make_graph(graph_options(64, 8, 60));
    GraphChange change(*graph);
    for (NodeId id = 1; id <= codes.size(); ++id) {
      write_node(*graph, id, codes[id - 1]);
      check_ok(change.add_node(id));
    }
    int polls = 0;
    LinkOptions options;
    options.should_stop = [&] { return ++polls == stop_after; };
    const Status stopped = change.link(options);
    if (stop_after < 1'000'000) {
      EXPECT_EQ(stopped.code(), Code::kInterrupted);
      EXPECT_FALSE(change.record(1500).ok());
    } else {
      EXPECT_GT(polls, 10);
    }
    check_ok(change.link({}));
    const std::string records = records_of(change);
    if (expected.empty()) expected = records;
    EXPECT_TRUE(records == expected) << "stopped after " << stop_after;
  }
}

TEST(Link, DroppedChangeLeavesNoTraceAndItsIdsAreUsedAgain) {
  ClusteredVectors source(23, 64, 12, 0.4f);
  const std::vector<TestCode> codes = encode_many(source, 600);
  auto graph = make_graph(graph_options(64, 8, 60));
  insert_all(*graph, {codes.begin(), codes.begin() + 300});
  auto reference = make_graph(graph_options(64, 8, 60));
  insert_all(*reference, {codes.begin(), codes.begin() + 300});
  {
    GraphChange dropped(*graph);
    for (NodeId id = 301; id <= 500; ++id) {
      write_node(*graph, id, codes[id]);  // other vectors under the same ids
      check_ok(dropped.add_node(id));
    }
    check_ok(dropped.mark_dead(5));
    check_ok(dropped.link({}));
    check_ok(dropped.repair(6, 100).status());
  }
  EXPECT_EQ(graph->max_id(), 300U);
  EXPECT_EQ(graph->delete_seq(5), 0U);
  const std::vector<TestCode> rest(codes.begin() + 300, codes.end());
  insert_all(*graph, rest);
  insert_all(*reference, rest);
  for (NodeId id = 1; id <= 600; ++id) {
    for (unsigned level = 0; level <= graph->level_of(id); ++level) {
      ASSERT_EQ(graph->list(id, level), reference->list(id, level));
    }
  }
}

TEST(Link, RemovedNodesAreNeverLinked) {
  ClusteredVectors source(24, 64, 12, 0.4f);
  const std::vector<TestCode> codes = encode_many(source, 100);
  auto graph = make_graph(graph_options(64, 8, 60));
  GraphChange change(*graph);
  for (NodeId id = 1; id <= 100; ++id) {
    write_node(*graph, id, codes[id - 1]);
    check_ok(change.add_node(id));
  }
  for (NodeId id = 1; id <= 100; id += 3) change.remove_node(id);
  check_ok(change.link({}));
  EXPECT_EQ(change.new_nodes().size(), 66U);
  EXPECT_EQ(change.max_id(), 99U);
  change.publish(1);
  EXPECT_FALSE(graph->is_present(100));
  EXPECT_FALSE(graph->is_present(4));
  EXPECT_TRUE(graph->is_present(5));
  // Attacks INVARIANT G1, INVARIANT G2 and INVARIANT G3: check_graph() looks at every list.
  EXPECT_TRUE(check_graph(*graph, 1).empty());
  SearchContext context;
  for (const NodeId id : search_ids(*graph, codes[3], 100, context)) EXPECT_NE(id % 3, 1U);
}

TEST(Link, EntryIsTheHighestNodeAndTheOldestOfThem) {
  ClusteredVectors source(25, 64, 12, 0.4f);
  const std::vector<TestCode> codes = encode_many(source, 500);
  auto graph = make_graph(graph_options(64, 4, 30));
  NodeId expected = kNodeNone;
  for (NodeId id = 1; id <= codes.size(); ++id) {
    insert_all(*graph, {codes[id - 1]});
    if (expected == kNodeNone || graph->level_of(id) > graph->level_of(expected)) expected = id;
    ASSERT_EQ(graph->entry(), expected);
  }
  EXPECT_GT(graph->level_of(expected), 1U);
}

TEST(Link, RejectsIdsThatDoNotAscend) {
  ClusteredVectors source(26, 64, 2, 0.4f);
  auto graph = make_graph(graph_options(64));
  insert_all(*graph, encode_many(source, 10));
  GraphChange change(*graph);
  EXPECT_FALSE(change.add_node(10).ok());
  write_node(*graph, 12, encode(source.next()));
  check_ok(change.add_node(12));
  EXPECT_FALSE(change.add_node(12).ok());
  EXPECT_FALSE(change.add_node(11).ok());
  EXPECT_FALSE(change.mark_dead(13).ok());
  EXPECT_FALSE(change.mark_dead(0).ok());
  EXPECT_FALSE(change.purge(3).ok());  // lives
  EXPECT_FALSE(change.record(77).ok());
  EXPECT_EQ(graph->reserve(kNodeIdMax + 1).code(), Code::kFull);
}

TEST(Graph, RejectsParametersOutOfRange) {
  for (const std::uint32_t m : {0U, 1U, kMMax + 1, 0xFFFF'FFFFU})
    EXPECT_FALSE(Graph::make(graph_options(64, m)).ok());
  for (const std::uint32_t m : {kMMin, kMMax}) EXPECT_TRUE(Graph::make(graph_options(64, m)).ok());
  for (const std::uint32_t ef : {0U, kEfMax + 1, 0xFFFF'FFFFU}) {
    EXPECT_FALSE(Graph::make(graph_options(64, 16, ef)).ok());
  }
  GraphOptions options = graph_options(64);
  for (const std::uint32_t bytes : {0U, 63U, 65U, kDimMax * 4 + 64}) {
    options.format.code_bytes = bytes;
    EXPECT_FALSE(Graph::make(options).ok());
  }
}

// At the largest m lists, prunes and buffers have their largest sizes.
TEST(Link, WorksWithTheLargestAndSmallestM) {
  NEARLITE_SEEDED(seed, 27);
  for (const std::uint32_t m : {kMMin, kMMax}) {
    ClusteredVectors source(seed, 16, 3, 0.2f);
    std::vector<TestCode> codes = encode_many(source, 1200);
    for (std::size_t i = 300; i < 700; ++i) codes[i] = codes[299];
    auto graph = make_graph(graph_options(16, m, 300));
    insert_all(*graph, codes);
    EXPECT_TRUE(check_graph(*graph, 1).empty());
  }
}

// 5,000 equal vectors and 5,000 others: all can be reached, and the others are found as well as
// without them.
TEST(Link, EqualVectorsIsolateNobody) {
  NEARLITE_SEEDED(seed, 28);
  for (const int order : {0, 1, 2}) {
    ClusteredVectors source(seed, 64, 40, 0.5f);
    const std::vector<TestCode> others = encode_many(source, 5000);
    const TestCode same = encode(source.next());
    std::vector<TestCode> codes;
    for (std::size_t i = 0; i < 10'000; ++i) {
      const bool is_other = order == 0 ? i >= 5000 : order == 1 ? i < 5000 : i % 2 == 1;
      codes.push_back(is_other ? others[order == 2 ? i / 2 : i % 5000] : same);
    }
    auto graph = make_graph(graph_options(64, 16, 100));
    insert_all(*graph, codes);
    const std::vector<std::string> problems = check_graph(*graph, 1);
    ASSERT_TRUE(problems.empty()) << problems.front();
    SearchContext context;
    std::size_t found_count = 0;
    std::size_t other_count = 0;
    for (NodeId id = 1; id <= codes.size(); id += 9) {
      if (codes[id - 1] == same) continue;
      ++other_count;
      const std::vector<NodeId> found = search_ids(*graph, codes[id - 1], 64, context);
      found_count += std::find(found.begin(), found.end(), id) != found.end() ? 1 : 0;
    }
    EXPECT_GE(static_cast<double>(found_count), 0.995 * static_cast<double>(other_count))
        << "order " << order;
    const std::vector<NodeId> of_same = search_ids(*graph, same, 10'000, context);
    EXPECT_EQ(of_same.size(), codes.size());
  }
}

}  // namespace
}  // namespace nearlite
