// How far a search is to go (walk_plan.h), and what it does where that was not far enough.
#include "index/walk_plan.h"

#include <algorithm>
#include <set>

#include "connection.h"

namespace nearlite::test {
namespace {

TEST(WalkPlan, GoesFartherForAWiderSearch) {
  std::uint32_t before = 0;
  for (const std::uint32_t ef : {10U, 11U, 15U, 16U, 20U, 31U, 64U, 65U, 100U, 1'000U, 20'000U}) {
    const WalkPlan plan = plan_walk(10, ef, 1'000'000, 0);
    EXPECT_EQ(plan.ef, std::max(28U, 2 * ef) + 400);
    EXPECT_EQ(plan.stop.rank, 10U);
    EXPECT_GT(plan.stop.slack, before) << "ef_search " << ef;
    before = plan.stop.slack;
  }
  EXPECT_EQ(plan_walk(10, 10, 1'000'000, 0).stop.slack, 26U);
  EXPECT_EQ(plan_walk(10, 80, 1'000'000, 0).stop.slack, 26U + 3 * 63);
}

TEST(WalkPlan, DependsOnTheWidthForEachRow) {
  EXPECT_EQ(plan_walk(100, 640, 1'000'000, 0).stop.slack,
            plan_walk(10, 64, 1'000'000, 0).stop.slack);
  EXPECT_EQ(plan_walk(100, 640, 1'000'000, 0).stop.rank, 100U);
  // Few rows are searched for as ten are.
  EXPECT_EQ(plan_walk(1, 64, 1'000'000, 0).stop.slack, plan_walk(10, 64, 1'000'000, 0).stop.slack);
  EXPECT_EQ(plan_walk(1, 64, 1'000'000, 0).stop.rank, 10U);
  // A width below k counts as k.
  EXPECT_EQ(plan_walk(100, 1, 1'000'000, 0).stop.slack, 26U);
  EXPECT_EQ(plan_walk(100, 1, 1'000'000, 0).ef, 608U);
}

TEST(WalkPlan, LeavesPlaceForHiddenNodes) {
  const WalkPlan plan = plan_walk(10, 50, 10'000, 10'000);
  EXPECT_EQ(plan.ef, 1'000U);
  EXPECT_EQ(plan.stop.rank, 20U);
  EXPECT_EQ(plan_walk(10, 50, 1'000'000, 1).stop.rank, 11U);
}

TEST(WalkPlan, HasNoRuleWhereAllAreLookedAt) {
  for (const std::uint64_t k : {std::uint64_t{10}, std::uint64_t{600}, UINT64_MAX}) {
    const WalkPlan plan = plan_walk(k, 500, 1'000, 7);
    EXPECT_EQ(plan.stop.rank, 0U);
    EXPECT_GE(plan.ef, 1'007U);
  }
  EXPECT_EQ(plan_walk(UINT64_MAX, 10, 1'000'000, 3).stop.rank, 0U);
  EXPECT_EQ(plan_walk(10, 64, 0, 0).stop.rank, 0U);
  EXPECT_EQ(plan_walk(10, kEfMax, UINT64_MAX / (8 * kEfMax), 0).ef, kEfMax);
}

class NearTest : public testing::Test {
 protected:
  NearTest()
      : options_(options()),
        vectors_(options_, run_seed(2)),
        file_(new_file(options_)),
        connection_(file_, options_) {}

  static IndexOptions options() {
    IndexOptions options = small_index(Metric::kCosine, 32);
    options.m = 8;
    options.ef_construction = 64;
    options.ef_search = 20;
    options.tombstone_rebuild_pct = 0;
    return options;
  }
  // How many of the right rows `k` searches find.
  std::size_t found(std::span<const Vector> queries, std::size_t k) {
    std::size_t count = 0;
    for (const Vector& query : queries) {
      const auto right = connection_.nearest(query, k);
      const auto hits = connection_.search(query, k);
      EXPECT_OK(hits.status());
      if (!hits.ok()) continue;
      EXPECT_EQ(hits->size(), right.size());
      for (const Hit& hit : *hits) count += hit.distance <= right.back().distance ? 1 : 0;
    }
    return count;
  }

  IndexOptions options_;
  VectorSource vectors_;
  FileState file_;
  Connection connection_;
};

// Dead nodes all round the query say how near the nearest are, but are not to be returned.
TEST_F(NearTest, DeletedNodesTogetherAmongTheNearest) {
  constexpr RowId kRows = 2'000;
  for (RowId rowid = 0; rowid < kRows; ++rowid)
    ASSERT_OK(connection_.insert(rowid, vectors_.next()));
  ASSERT_OK(connection_.commit());
  std::vector<Vector> queries;
  for (int i = 0; i < 20; ++i) {
    const Vector query = vectors_.next();
    for (const Hit& hit : connection_.nearest(query, 8)) ASSERT_OK(connection_.erase(hit.rowid));
    queries.push_back(query);
  }
  ASSERT_OK(connection_.commit());
  EXPECT_GE(found(queries, 10), 180U) << "of 200";
  EXPECT_EQ(connection_.last_path(), SearchPath::kGraph);
  EXPECT_EQ(connection_.problems(), "");
}

TEST_F(NearTest, AnyNumberOfRows) {
  for (RowId rowid = 0; rowid < 1'500; ++rowid)
    ASSERT_OK(connection_.insert(rowid, vectors_.next()));
  ASSERT_OK(connection_.commit());
  std::vector<Vector> queries;
  for (int i = 0; i < 20; ++i) queries.push_back(vectors_.next());
  for (const std::size_t k : {1, 3, 10, 40, 200, 700, 1'500}) {
    EXPECT_GE(found(queries, k), 20 * k * 8 / 10) << "k " << k;
  }
}

// Sixty rows at one distance: the first of them by rowid are to be returned, so all must be met.
// They come last, so that a pool which is too narrow has others: as one has without a rule, by ip.
class TiesTest : public testing::TestWithParam<Metric> {};

TEST_P(TiesTest, FirstByRowidAreReturned) {
  IndexOptions options = small_index(GetParam(), 32);
  options.m = 8;
  options.ef_construction = 64;
  options.ef_search = 20;
  VectorSource vectors(options, run_seed(2));
  FileState file = new_file(options);
  Connection connection(file, options);
  Vector same(options.dim, 8.0F);  // longer than the others
  same[3] = -16.0F;
  for (RowId rowid = 0; rowid < 1'500; ++rowid)
    ASSERT_OK(connection.insert(3'000 - rowid, rowid % 25 == 0 ? same : vectors.next()));
  ASSERT_OK(connection.commit());
  Vector query = same;
  query[0] += 6.4F;
  const auto right = connection.nearest(query, 10);
  const auto hits = connection.search(query, 10);
  ASSERT_OK(hits.status());
  ASSERT_EQ(hits->size(), right.size());
  std::set<RowId> rows;
  for (const Hit& hit : *hits) rows.insert(hit.rowid);
  std::size_t count = 0;
  for (const Hit& hit : right) count += rows.count(hit.rowid);
  EXPECT_GE(count, 8U) << "of 10; no walk promises to meet every node";
}

INSTANTIATE_TEST_SUITE_P(Metrics, TiesTest, testing::Values(Metric::kCosine, Metric::kIp),
                         [](const auto& metric) { return std::string(name_of(metric.param)); });

}  // namespace
}  // namespace nearlite::test
