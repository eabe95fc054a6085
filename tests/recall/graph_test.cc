// Recall of the graph layer, measured on its own terms: the truth is comparison of codes with all
// codes. What quantisation loses is measured elsewhere.
//
// The floors are far below what is measured (each test says it), so that a failure means a fault,
// not bad luck.
#include <gtest/gtest.h>

#include <cstdio>

#include "unit/graph/churn.h"

namespace nearlite {
namespace {

std::vector<TestCode> draw(ClusteredVectors& source, std::size_t count) {
  return encode_many(source, count);
}

// Every live node is found by its own vector.
std::size_t count_lost(Churn& churn, std::uint32_t ef) {
  SearchContext context;
  std::size_t lost = 0;
  for (const NodeId id : churn.live()) {
    const std::vector<NodeId> found = search_ids(churn.graph(), churn.code(id), ef, context);
    lost += std::find(found.begin(), found.end(), id) == found.end() ? 1 : 0;
  }
  return lost;
}

class RecallOfDim : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(RecallOfDim, IsHighAtModerateWidth) {
  NEARLITE_SEEDED(seed, 61);
  ClusteredVectors source(seed, GetParam(), 200, 0.5f);
  Churn churn(graph_options(GetParam()));
  churn.commit(draw(source, 20'000), {});
  const std::vector<TestCode> queries = draw(source, 300);
  const double at_16 = churn.recall(queries, 16);
  const double at_64 = churn.recall(queries, 64);
  std::printf("dim %u: recall@10 %.4f at ef 16, %.4f at ef 64\n", GetParam(), at_16, at_64);
  EXPECT_GE(at_64, 0.97);
  EXPECT_EQ(churn.count_without_links_in(), 0U);
  EXPECT_EQ(churn.first_problem(), "");
}

INSTANTIATE_TEST_SUITE_P(Dims, RecallOfDim, ::testing::Values(64U, 128U, 384U));

// One by one instead of in one batch: the graph is another one, its recall the same.
TEST(Recall, OfSingleInsertsEqualsThatOfABatch) {
  NEARLITE_SEEDED(seed, 62);
  ClusteredVectors source(seed, 64, 100, 0.8f);
  const std::vector<TestCode> codes = draw(source, 8000);
  const std::vector<TestCode> queries = draw(source, 300);
  Churn batch(graph_options(64));
  batch.commit(codes, {});
  Churn single(graph_options(64));
  for (const TestCode& code : codes) single.commit({code}, {});
  const double of_batch = batch.recall(queries, 32);
  const double of_single = single.recall(queries, 32);
  std::printf("batch %.4f, single %.4f at ef 32\n", of_batch, of_single);
  EXPECT_NEAR(of_batch, of_single, 0.015);
}

TEST(Recall, InTightClustersEveryNodeFindsItself) {
  NEARLITE_SEEDED(seed, 63);
  for (const float spread : {0.2f, 0.05f, 0.01f}) {
    ClusteredVectors source(seed, 384, 20, spread);
    std::vector<TestCode> codes;
    for (std::size_t i = 0; i < 2000; ++i) codes.push_back(encode(source.in_cluster(i % 20)));
    for (const bool in_order : {false, true}) {
      if (in_order) {
        for (std::size_t i = 0; i < 2000; ++i) codes[i] = encode(source.in_cluster(i / 100));
      }
      Churn churn(graph_options(384));
      churn.commit(codes, {});
      EXPECT_EQ(count_lost(churn, 64), 0U)
          << "spread " << spread << (in_order ? ", cluster by cluster" : ", mixed");
      EXPECT_EQ(churn.count_without_links_in(), 0U);
    }
  }
}

// 200 rounds of one percent deleted and inserted, a repair pass every 20 rounds: two full
// turnovers.
TEST(Recall, SurvivesChurn) {
  NEARLITE_SEEDED(seed, 64);
  std::mt19937_64 random(seed);
  ClusteredVectors source(seed, 64, 50, 0.8f, 16);
  Churn churn(graph_options(64));
  churn.commit(draw(source, 5000), {});
  const std::vector<TestCode> queries = draw(source, 300);
  for (int round = 1; round <= 200; ++round) {
    churn.commit(draw(source, 50), churn.some_live(random, 50));
    if (round % 20 == 0) churn.repair_and_purge(5);
  }
  ASSERT_EQ(churn.live().size(), 5000U);
  EXPECT_EQ(churn.first_problem(), "");
  EXPECT_EQ(churn.count_without_links_in(), 0U);
  std::vector<TestCode> left;
  for (const NodeId id : churn.live()) left.push_back(churn.code(id));
  Churn fresh(graph_options(64));
  fresh.commit(left, {});
  for (const std::uint32_t ef : {16U, 32U, 64U}) {
    const double after = churn.recall(queries, ef);
    const double before = fresh.recall(queries, ef);
    std::printf("ef %u: after churn %.4f, fresh %.4f\n", ef, after, before);
    EXPECT_GE(after, before - 0.01) << "ef " << ef;
  }
  EXPECT_EQ(count_lost(churn, 64), 0U);
}

TEST(Recall, WithThreeQuartersDeleted) {
  NEARLITE_SEEDED(seed, 65);
  std::mt19937_64 random(seed);
  ClusteredVectors source(seed, 64, 100, 0.8f);
  Churn churn(graph_options(64));
  churn.commit(draw(source, 10'000), {});
  const std::vector<TestCode> queries = draw(source, 300);
  churn.commit({}, churn.some_live(random, 7500));
  // A quarter of what a search returns lives: four times the width for the same number of
  // candidates.
  const double before = churn.recall(queries, 256);
  churn.repair_and_purge(10);
  const double after = churn.recall(queries, 64);
  std::printf("before repair %.4f at ef 256, after %.4f at ef 64\n", before, after);
  EXPECT_GE(before, 0.95);
  EXPECT_GE(after, 0.95);
  EXPECT_EQ(churn.count_without_links_in(), 0U);
  EXPECT_EQ(churn.first_problem(), "");
  EXPECT_EQ(count_lost(churn, 64), 0U);
}

// The oldest go: what a log or a cache does. Nothing that the first nodes built may be missed.
TEST(Recall, OfASlidingWindow) {
  NEARLITE_SEEDED(seed, 66);
  ClusteredVectors source(seed, 64, 100, 0.8f);
  Churn churn(graph_options(64));
  churn.commit(draw(source, 3000), {});
  for (int round = 1; round <= 60; ++round) {
    std::vector<NodeId> oldest(churn.live().begin(), std::next(churn.live().begin(), 150));
    churn.commit(draw(source, 150), oldest);
    if (round % 5 == 0) churn.repair_and_purge(3);
  }
  const std::vector<TestCode> queries = draw(source, 300);
  std::vector<TestCode> left;
  for (const NodeId id : churn.live()) left.push_back(churn.code(id));
  Churn fresh(graph_options(64));
  fresh.commit(left, {});
  const double after = churn.recall(queries, 32);
  const double before = fresh.recall(queries, 32);
  std::printf("window %.4f, fresh %.4f at ef 32\n", after, before);
  EXPECT_GE(after, before - 0.01);
  EXPECT_EQ(churn.first_problem(), "");
  EXPECT_EQ(count_lost(churn, 64), 0U);
}

}  // namespace
}  // namespace nearlite
