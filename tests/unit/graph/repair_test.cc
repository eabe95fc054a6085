// Deletion, repair and purge in the cases that broke others: the entry point goes, all go, a region
// goes.
#include <gtest/gtest.h>

#include <chrono>

#include "unit/graph/churn.h"

namespace nearlite {
namespace {

GraphOptions small_options() { return graph_options(64, 8, 60); }

TEST(Repair, DeadNodesRouteUntilTheyArePurged) {
  ClusteredVectors source(41, 64, 10, 0.5f);
  std::mt19937_64 random(41);
  Churn churn(small_options());
  churn.commit(encode_many(source, 500), {});
  churn.commit({}, churn.some_live(random, 200));
  EXPECT_EQ(churn.first_problem(), "");
  SearchContext context;
  EXPECT_EQ(search_ids(churn.graph(), churn.code(1), 500, context).size(), 500U);
  churn.repair_and_purge(3);
  EXPECT_EQ(churn.first_problem(), "");
  EXPECT_EQ(search_ids(churn.graph(), churn.code(1), 500, context).size(), 300U);
}

TEST(Repair, LeavesNoLinkToTheDeadButThoseOfTheTree) {
  ClusteredVectors source(42, 64, 10, 0.5f);
  std::mt19937_64 random(42);
  Churn churn(small_options());
  churn.commit(encode_many(source, 800), {});
  const std::vector<NodeId> dead = churn.some_live(random, 300);
  churn.commit({}, dead);
  Graph& graph = churn.graph();
  GraphChange change(graph);
  // The first pass does nearly all; later ones let go of dead children that lost their own.
  std::vector<std::size_t> changed;
  do {
    changed.push_back(0);
    for (const NodeId id : churn.live()) {
      const Result<bool> repaired = change.repair(id, 2);
      check_ok(repaired.status());
      changed.back() += repaired.ok() && *repaired ? 1 : 0;
    }
  } while (changed.back() != 0 && changed.size() < 50);
  EXPECT_GT(changed[0], 450U);
  EXPECT_LT(changed[1], 150U);
  EXPECT_LT(changed.size(), 20U);
  change.publish(3);
  for (const NodeId id : churn.live()) {
    for (unsigned level = 0; level <= graph.level_of(id); ++level) {
      for (const NodeId entry : graph.list(id, level)) {
        if (graph.delete_seq(entry) == 0) continue;
        EXPECT_EQ(level, 0U);
        EXPECT_EQ(graph.parent(entry), id);
      }
    }
  }
  EXPECT_EQ(churn.first_problem(), "");
}

TEST(Repair, NodesDeletedLaterCountAsLiving) {
  ClusteredVectors source(43, 64, 10, 0.5f);
  Churn churn(small_options());
  churn.commit(encode_many(source, 100), {});
  churn.commit({}, {5});
  GraphChange change(churn.graph());
  for (NodeId id = 1; id <= 100; ++id) {
    const Result<bool> repaired = change.repair(id, 1);  // before the deletion
    check_ok(repaired.status());
  }
  EXPECT_TRUE(change.touched().empty() || !change.is_dead(change.touched().front()));
  change.publish(3);
  SearchContext context;
  EXPECT_EQ(search_ids(churn.graph(), churn.code(1), 100, context).size(), 100U);
}

TEST(Repair, EntryPointIsDeletedAgainAndAgain) {
  NEARLITE_SEEDED(seed, 44);
  ClusteredVectors source(seed, 64, 10, 0.5f);
  Churn churn(small_options());
  churn.commit(encode_many(source, 400), {});
  for (int round = 0; round < 150; ++round) {
    const NodeId entry = churn.graph().entry();
    churn.commit({}, {entry});
    EXPECT_EQ(churn.graph().entry(), entry);  // it routes
    if (round % 3 == 0) churn.commit({encode(source.next())}, {});
    churn.repair_and_purge();
    ASSERT_NE(churn.graph().entry(), entry);
    ASSERT_EQ(churn.first_problem(), "") << "round " << round;
    ASSERT_EQ(churn.graph().delete_seq(churn.graph().entry()), 0U);
  }
  SearchContext context;
  EXPECT_EQ(search_ids(churn.graph(), churn.code(1), 500, context).size(), churn.live().size());
}

TEST(Repair, AllAreDeletedThenSomeInserted) {
  ClusteredVectors source(45, 64, 10, 0.5f);
  Churn churn(small_options());
  churn.commit(encode_many(source, 200), {});
  churn.commit({}, {churn.live().begin(), churn.live().end()});
  EXPECT_EQ(churn.first_problem(), "");
  churn.commit({encode(source.next())}, {});  // all candidates are dead
  EXPECT_EQ(churn.first_problem(), "");
  churn.commit(encode_many(source, 50), {});
  EXPECT_EQ(churn.first_problem(), "");
  churn.repair_and_purge();
  EXPECT_EQ(churn.first_problem(), "");
  SearchContext context;
  EXPECT_EQ(search_ids(churn.graph(), churn.code(201), 500, context).size(), 51U);

  churn.commit({}, {churn.live().begin(), churn.live().end()});
  churn.repair_and_purge();
  EXPECT_EQ(churn.graph().entry(), kNodeNone);
  EXPECT_EQ(churn.first_problem(), "");
  churn.commit({encode(source.next())}, {});
  EXPECT_EQ(churn.graph().entry(), 252U);
  EXPECT_EQ(churn.graph().parent(252), kNodeNone);
  churn.commit(encode_many(source, 50), {});
  EXPECT_EQ(churn.first_problem(), "");
}

TEST(Repair, TheOnlyNodeIsDeleted) {
  ClusteredVectors source(46, 64, 10, 0.5f);
  Churn churn(small_options());
  for (NodeId id = 1; id <= 30; ++id) {
    churn.commit({encode(source.next())}, {});
    churn.commit({}, {id});
    if (id % 4 == 0) churn.repair_and_purge();
    ASSERT_EQ(churn.first_problem(), "") << id;
  }
}

TEST(Repair, ARegionDiesAndItsSurvivorsAreFound) {
  NEARLITE_SEEDED(seed, 47);
  ClusteredVectors source(seed, 64, 20, 0.3f);
  Churn churn(small_options());
  std::vector<TestCode> codes;
  for (std::size_t i = 0; i < 4000; ++i) codes.push_back(encode(source.in_cluster(i % 20)));
  churn.commit(codes, {});
  std::vector<NodeId> dead;  // three clusters, but for one node in fifty
  for (NodeId id = 1; id <= 4000; ++id) {
    if ((id - 1) % 20 < 3 && id % 50 != 0) dead.push_back(id);
  }
  churn.commit({}, dead);
  churn.repair_and_purge(4);
  ASSERT_EQ(churn.first_problem(), "");
  SearchContext context;
  for (const NodeId id : churn.live()) {
    if ((id - 1) % 20 >= 3) continue;
    const std::vector<NodeId> found = search_ids(churn.graph(), churn.code(id), 64, context);
    EXPECT_TRUE(std::find(found.begin(), found.end(), id) != found.end()) << id;
  }
}

// What repair() leaves is a matter of the row alone, so a purge may not cost more than its scan.
TEST(Purge, OfEverythingAtOnceIsFast) {
  ClusteredVectors source(48, 64, 10, 0.5f);
  Churn churn(graph_options(64, 8, 30));
  churn.commit(encode_many(source, 20'000), {});
  churn.commit({}, {churn.live().begin(), churn.live().end()});
  const auto start = std::chrono::steady_clock::now();
  churn.repair_and_purge();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_EQ(churn.graph().entry(), kNodeNone);
  EXPECT_EQ(churn.first_problem(), "");
}

}  // namespace
}  // namespace nearlite
