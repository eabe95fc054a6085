// What a search returns: for every metric and element type, for any k, for allowed lists, and
// against the exact scan.
#include <cmath>
#include <set>

#include "connection.h"

namespace nearlite::test {
namespace {

struct Kind {
  Metric metric;
  ElementType element;
  Quantize quantize;
  std::uint32_t dim;
};

std::string name_of_kind(const testing::TestParamInfo<Kind>& kind) {
  return std::string(name_of(kind.param.metric)) + "_" + std::string(name_of(kind.param.element)) +
         "_" + std::string(name_of(kind.param.quantize)) + "_" + std::to_string(kind.param.dim);
}

class EveryKindTest : public testing::TestWithParam<Kind> {};

TEST_P(EveryKindTest, RowsAreFoundAgainAndByAnotherProcess) {
  const Kind& kind = GetParam();
  IndexOptions options = small_index(kind.metric, kind.dim);
  options.element = kind.element;
  options.quantize = kind.quantize;
  options.m = 8;
  options.ef_construction = 64;
  options.ef_search = 100;
  FileState file = new_file(options);
  Connection writer(file, options);
  VectorSource vectors(options, run_seed(3));
  for (RowId rowid = 0; rowid < 500; ++rowid) {
    ASSERT_OK(writer.insert(rowid * 7 - 100, vectors.next()));
    if (rowid % 125 == 124) ASSERT_OK(writer.commit());
  }
  Connection other(file, options);
  int found = 0;
  for (int i = 0; i < 40; ++i) {
    const Vector query = vectors.next();
    const auto right = writer.nearest(query, 10);
    const auto exact = writer.search(query, 10, true);
    ASSERT_TRUE(exact.ok()) << exact.status().message();
    expect_same_distances(*exact, right);
    const auto hits = writer.search(query, 10);
    ASSERT_TRUE(hits.ok()) << hits.status().message();
    ASSERT_EQ(hits->size(), 10U);
    for (const Hit& hit : *hits) {
      const Row& row = file.rows.at(hit.rowid);
      EXPECT_EQ(hit.id, row.id);
      EXPECT_EQ(hit.distance, distance(kind.metric, query.data(), row.values.data(), kind.dim));
      if (hit.distance <= right.back().distance) ++found;
    }
    const auto again = other.search(query, 10);
    ASSERT_TRUE(again.ok()) << again.status().message();
    expect_same_distances(*again, *hits);
  }
  EXPECT_GE(found, 380) << "of 400";
  EXPECT_EQ(writer.last_path(), SearchPath::kGraph);
  EXPECT_EQ(writer.problems(), "");
  EXPECT_EQ(other.problems(), "");
}

INSTANTIATE_TEST_SUITE_P(
    , EveryKindTest,
    testing::Values(Kind{Metric::kCosine, ElementType::kFloat32, Quantize::kInt8, 40},
                    Kind{Metric::kCosine, ElementType::kFloat16, Quantize::kInt8, 40},
                    Kind{Metric::kCosine, ElementType::kBFloat16, Quantize::kNone, 40},
                    Kind{Metric::kCosine, ElementType::kInt8, Quantize::kInt8, 40},
                    Kind{Metric::kCosine, ElementType::kFloat32, Quantize::kBit, 200},
                    Kind{Metric::kCosine, ElementType::kInt8, Quantize::kBit, 700},
                    Kind{Metric::kCosine, ElementType::kFloat32, Quantize::kInt8, 3},
                    Kind{Metric::kL2, ElementType::kFloat32, Quantize::kInt8, 40},
                    Kind{Metric::kL2, ElementType::kFloat32, Quantize::kNone, 40},
                    Kind{Metric::kL2, ElementType::kFloat16, Quantize::kInt8, 40},
                    Kind{Metric::kL2, ElementType::kInt8, Quantize::kInt8, 40},
                    Kind{Metric::kL2, ElementType::kFloat32, Quantize::kInt8, 2},
                    Kind{Metric::kIp, ElementType::kFloat32, Quantize::kInt8, 40},
                    Kind{Metric::kIp, ElementType::kBFloat16, Quantize::kInt8, 40},
                    Kind{Metric::kIp, ElementType::kFloat32, Quantize::kNone, 5},
                    Kind{Metric::kL1, ElementType::kFloat32, Quantize::kInt8, 20},
                    Kind{Metric::kL1, ElementType::kInt8, Quantize::kNone, 20},
                    Kind{Metric::kHamming, ElementType::kBit, Quantize::kInt8, 130}),
    name_of_kind);

class SearchTest : public testing::Test {
 protected:
  explicit SearchTest(int row_count = 300)
      : options_(small_index()),
        vectors_(options_, run_seed(5)),
        file_(new_file(options_)),
        connection_(file_, options_) {
    for (RowId rowid = 0; rowid < row_count; ++rowid) {
      EXPECT_OK(connection_.insert(rowid, vectors_.next()));
    }
    EXPECT_OK(connection_.commit());
    for (RowId rowid = 0; rowid < row_count; rowid += 6) EXPECT_OK(connection_.erase(rowid));
    EXPECT_OK(connection_.commit());
  }

  IndexOptions options_;
  VectorSource vectors_;
  FileState file_;
  Connection connection_;
};

TEST_F(SearchTest, AnyK) {
  EXPECT_TRUE(connection_.search(vectors_.next(), 0)->empty());
  EXPECT_TRUE(connection_.search(vectors_.next(), 0, true)->empty());
  for (const std::size_t k : {1, 2, 10, 249, 250, 251, 5000}) {
    const Vector query = vectors_.next();
    const auto hits = connection_.search(query, k);
    ASSERT_TRUE(hits.ok()) << hits.status().message();
    EXPECT_EQ(hits->size(), std::min<std::size_t>(k, 250));
    std::set<RowId> rows;
    for (const Hit& hit : *hits) rows.insert(hit.rowid);
    EXPECT_EQ(rows.size(), hits->size());
  }
}

TEST_F(SearchTest, WideSearchEqualsTheScan) {
  for (int i = 0; i < 50; ++i) {
    const Vector query = vectors_.next();
    const auto hits = connection_.search(query, 10, false, nullptr, 300);
    ASSERT_TRUE(hits.ok());
    EXPECT_EQ(connection_.last_path(), SearchPath::kGraph);
    expect_same_distances(*hits, connection_.nearest(query, 10));
  }
}

TEST_F(SearchTest, AllowedListsOfAnySizeInAndOutsideOfATransaction) {
  Random random(run_seed(6));
  for (const bool is_writing : {false, true}) {
    if (is_writing) {
      for (RowId rowid = 1000; rowid < 1020; ++rowid) {
        ASSERT_OK(connection_.insert(rowid, vectors_.next()));
      }
      for (RowId rowid = 1; rowid < 20; rowid += 6) ASSERT_OK(connection_.erase(rowid));
    }
    for (const unsigned percent : {0, 1, 10, 50, 100}) {
      std::vector<NodeId> allowed;
      for (const auto& [id, rowid] : connection_.live()) {
        if (random.chance(percent)) allowed.push_back(id);
      }
      for (const std::size_t k : {1, 8, 400}) {
        const Vector query = vectors_.next();
        const auto right = connection_.nearest(query, k, &allowed);
        const auto hits = connection_.search(query, k, false, &allowed);
        ASSERT_TRUE(hits.ok()) << hits.status().message();
        expect_same_distances(*hits, right);
        const auto exact = connection_.search(query, k, true, &allowed);
        ASSERT_TRUE(exact.ok());
        expect_same_distances(*exact, right);
      }
    }
  }
}

// A damaged table may name any node.
TEST_F(SearchTest, AllowedNodesThatAreDeadOrDoNotExistAreNotReturned) {
  ASSERT_OK(connection_.insert(2000, vectors_.next()));
  ASSERT_OK(connection_.insert(2001, vectors_.next()));
  ASSERT_OK(connection_.erase(2000));
  ASSERT_OK(connection_.erase(1));
  std::vector<NodeId> allowed;
  for (NodeId id = 1; id < 20; ++id) allowed.push_back(id);  // 1, 7, … are dead
  for (const NodeId id : {301U, 302U, 303U, 10'000U, 1'000'000U, kNodeIdMax}) {
    allowed.push_back(id);
  }
  const Vector query = vectors_.next();
  const auto right = connection_.nearest(query, 100, &allowed);
  const auto hits = connection_.search(query, 100, false, &allowed);
  ASSERT_TRUE(hits.ok()) << hits.status().message();
  expect_same_distances(*hits, right);
  connection_.rollback();
  const auto after = connection_.search(query, 100, false, &allowed);
  ASSERT_TRUE(after.ok()) << after.status().message();
  expect_same_distances(*after, connection_.nearest(query, 100, &allowed));
}

class LargeFilterTest : public SearchTest {
 protected:
  LargeFilterTest() : SearchTest(3000) {}
};

// More allowed nodes than are compared one by one: the graph is walked and filtered.
TEST_F(LargeFilterTest, AllowedListIsWalked) {
  std::vector<NodeId> allowed;
  for (const auto& [id, rowid] : connection_.live()) {
    if (rowid % 8 != 0) allowed.push_back(id);
  }
  ASSERT_GT(allowed.size(), 2000U);
  int found = 0;
  for (int i = 0; i < 20; ++i) {
    const Vector query = vectors_.next();
    const auto right = connection_.nearest(query, 10, &allowed);
    const auto hits = connection_.search(query, 10, false, &allowed, 200);
    ASSERT_TRUE(hits.ok()) << hits.status().message();
    ASSERT_EQ(hits->size(), right.size());
    for (const Hit& hit : *hits) {
      EXPECT_TRUE(std::binary_search(allowed.begin(), allowed.end(), hit.id));
      if (hit.distance <= right.back().distance) ++found;
    }
  }
  EXPECT_GE(found, 180) << "of 200";
  // Nodes that do not exist, in place of most: there are not k, which only the scan can tell.
  allowed.resize(5);
  for (NodeId id = 100'000; id < 103'000; ++id) allowed.push_back(id);
  const Vector query = vectors_.next();
  const auto hits = connection_.search(query, 10, false, &allowed);
  ASSERT_TRUE(hits.ok()) << hits.status().message();
  expect_same_distances(*hits, connection_.nearest(query, 10, &allowed));
}

TEST(DuplicatesTest, EqualRowsAreAllFound) {
  const IndexOptions options = small_index();
  FileState file = new_file(options);
  Connection connection(file, options);
  const Vector same(options.dim, 0.25F);
  for (RowId rowid = 0; rowid < 300; ++rowid) ASSERT_OK(connection.insert(rowid, same));
  ASSERT_OK(connection.commit());
  VectorSource vectors(options, 1);
  for (RowId rowid = 300; rowid < 400; ++rowid) {
    ASSERT_OK(connection.insert(rowid, vectors.next()));
    ASSERT_OK(connection.commit());
  }
  EXPECT_EQ(connection.problems(), "");
  const auto hits = connection.search(same, 300);
  ASSERT_TRUE(hits.ok());
  ASSERT_EQ(hits->size(), 300U);
  EXPECT_EQ(hits->back().distance, 0);
}

class SettleTest : public testing::TestWithParam<Metric> {};

// Rows whose distances to the query differ by less than a code or its residual can tell: a search
// that leaves distances for later still has the right rows in the right order, and measure() gives
// the exact distances.
TEST_P(SettleTest, OrderIsExactThoughDistancesComeLater) {
  const IndexOptions options = small_index(GetParam(), 40);
  FileState file = new_file(options);
  Connection connection(file, options);
  VectorSource vectors(options, run_seed(8));
  std::vector<Vector> bases;
  RowId rowid = 1'000;
  for (int group = 0; group < 20; ++group) {
    const Vector base = bases.emplace_back(vectors.next());
    const Vector direction = vectors.next();
    for (int i = 0; i < 30; ++i) {
      Vector near = base;
      const float step = 1e-6F * static_cast<float>((i * 17 % 30) * (1 + group * group * group));
      for (std::size_t d = 0; d < near.size(); ++d) near[d] += step * direction[d];
      ASSERT_OK(connection.insert(rowid--, near));  // ids ascend as rowids descend
    }
  }
  ASSERT_OK(connection.commit());
  std::size_t late_count = 0;
  for (const Vector& base : bases) {
    Vector query = base;
    query[3] += 0.1F;
    SearchRequest request;
    request.query = query;
    request.k = 12;
    request.ef_search = 600;
    request.lazy_distances = true;
    auto hits = connection.index().search(request);
    ASSERT_TRUE(hits.ok()) << hits.status().message();
    const auto right = connection.nearest(query, request.k);
    ASSERT_EQ(hits->size(), right.size());
    for (std::size_t i = 0; i < right.size(); ++i) {
      EXPECT_EQ((*hits)[i].rowid, right[i].rowid) << i;
      EXPECT_NEAR((*hits)[i].distance, right[i].distance, 1e-4 * (1 + std::abs(right[i].distance)));
      if (!(*hits)[i].is_exact) ++late_count;
    }
    ASSERT_OK(connection.index().measure(query, *hits));
    for (std::size_t i = 0; i < right.size(); ++i) {
      EXPECT_TRUE((*hits)[i].is_exact);
      EXPECT_EQ((*hits)[i].distance, right[i].distance);
    }
  }
  EXPECT_GT(late_count, 0U) << "rows are read although nothing asks for them";
}

INSTANTIATE_TEST_SUITE_P(, SettleTest, testing::Values(Metric::kCosine, Metric::kL2, Metric::kIp),
                         [](const auto& metric) { return std::string(name_of(metric.param)); });

TEST(ZeroVectorTest, HasDistanceOneUnderCosine) {
  const IndexOptions options = small_index();
  FileState file = new_file(options);
  Connection connection(file, options);
  VectorSource vectors(options, 1);
  ASSERT_OK(connection.insert(1, Vector(options.dim, 0)));
  for (RowId rowid = 2; rowid < 30; ++rowid) ASSERT_OK(connection.insert(rowid, vectors.next()));
  ASSERT_OK(connection.commit());
  const auto all = connection.search(vectors.next(), 30);
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 29U);
  for (const Hit& hit : *all) {
    EXPECT_TRUE(hit.rowid != 1 || hit.distance == 1) << hit.distance;
  }
  EXPECT_EQ(connection.search(Vector(options.dim, 0), 3)->front().distance, 1);
}

TEST(StatsTest, CountsAreThoseOfTheTable) {
  const IndexOptions options = small_index();
  FileState file = new_file(options);
  Connection connection(file, options);
  VectorSource vectors(options, 1);
  for (RowId rowid = 0; rowid < 30; ++rowid) ASSERT_OK(connection.insert(rowid, vectors.next()));
  ASSERT_OK(connection.commit());
  for (RowId rowid = 0; rowid < 5; ++rowid) ASSERT_OK(connection.erase(rowid));
  ASSERT_OK(connection.insert(50, vectors.next()));
  auto stats = connection.index().stats();
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->live_count, 26U);
  EXPECT_EQ(stats->dead_count, 5U);
  ASSERT_OK(connection.commit());
  stats = connection.index().stats();
  EXPECT_EQ(stats->live_count, 26U);
  EXPECT_EQ(stats->dead_count, 5U);
  EXPECT_EQ(stats->seq, 2U);
  EXPECT_EQ(stats->max_node_id, 31U);
  EXPECT_TRUE(stats->cached);
  EXPECT_GT(stats->memory_bytes, 0U);
}

}  // namespace
}  // namespace nearlite::test
