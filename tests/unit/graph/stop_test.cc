// Walks that end where what is left is too far (StopRule): what they promise is that everything
// within the limit was expanded, on every target and for every kind of code that has such a rule.
#include <gtest/gtest.h>

#include <set>

#include "unit/graph/graph_fixture.h"

namespace nearlite {
namespace {

constexpr std::uint32_t kStopDim = 48;
constexpr StopRule kRule{10, 100};

/// A graph of `count` vectors, coded as an index codes them.
struct Fixture {
  Fixture(Metric metric, Quantize quantize, std::uint64_t seed, std::size_t count, float spread)
      : quantizer({metric, ElementType::kFloat32, kStopDim, quantize, 7}),
        source(seed, kStopDim, 12, spread) {
    GraphOptions options = graph_options(kStopDim, 8, 60);
    options.format = quantizer.format();
    graph = make_graph(options);
    EncodeScratch scratch;
    check_ok(scratch.reserve(options.format));
    check_ok(graph->reserve(static_cast<NodeId>(count)));
    GraphChange change(*graph);
    for (NodeId id = 1; id <= count; ++id) {
      CodeInfo info;
      quantizer.encode(source.next(), graph->mutable_code(id), graph->mutable_residual(id), info,
                       scratch);
      graph->set_node(id, id, info);
      check_ok(change.add_node(id));
    }
    check_ok(change.link({}));
    change.publish(1);
  }

  SearchQuery next_query() {
    SearchQuery query;
    check_ok(quantizer.prepare_search(source.next(), query));
    return query;
  }
  std::vector<Candidate> search(const SearchQuery& query, std::uint32_t ef, const StopRule& stop) {
    const auto found = nearlite::search(*graph, nullptr, query.code(), ef, context, stop);
    check_ok(found.status());
    return found.ok() ? std::vector<Candidate>(found->begin(), found->end())
                      : std::vector<Candidate>();
  }

  Quantizer quantizer;
  ClusteredVectors source;
  std::unique_ptr<Graph> graph;
  SearchContext context;
};

/// The largest key that a rule takes in, told by the distance of the rank-th nearest; without what
/// rounding may add.
std::uint64_t limit_of(const Fixture& f, const StopRule& stop, const Candidate& kth) {
  const CodeFormat& format = f.graph->options().format;
  const double slack = stop.slack / 1024.0;
  const double error = format.code_bytes / 3.0;
  if (format.kind == CodeKind::kInt8Global) {
    const double key = kth.key;
    return static_cast<std::uint64_t>(key * (1 + slack) + 3.3 * std::sqrt(key) + error - 2);
  }
  const double step = format.kind == CodeKind::kFloatL2
                          ? 0
                          : static_cast<double>(std::bit_cast<float>(f.graph->info(kth.id).a));
  const auto squared = static_cast<double>(std::bit_cast<float>(kth.key ^ 0x8000'0000u));
  const double limit =
      squared * (1 + slack) + (3.3 * std::sqrt(squared) * step + error * step * step);
  return sortable_key(static_cast<float>(limit * (1 - 1e-6)));
}

// Neighbours within the limit, of nodes within it, that a walk did not meet.
std::size_t count_missed(Fixture& f, const SearchQuery& query, const std::vector<Candidate>& found,
                         const StopRule& stop) {
  const std::uint64_t limit = limit_of(f, stop, found[stop.rank - 1]);
  std::set<NodeId> met;
  for (const Candidate& one : found) met.insert(one.id);
  std::size_t missed = 0;
  for (const Candidate& one : found) {
    if (one.key > limit) break;
    const std::vector<NodeId> list = f.graph->list(one.id, 0);
    std::vector<std::uint32_t> keys(list.size() + 3);
    compare_codes(*f.graph, query.code(), list, keys);
    for (std::size_t i = 0; i < list.size(); ++i)
      missed += keys[i] <= limit && !met.contains(list[i]) ? 1 : 0;
  }
  return missed;
}

struct Kind {
  Metric metric;
  Quantize quantize;
};

class StopOfKind : public ::testing::TestWithParam<Kind> {};

TEST_P(StopOfKind, ExpandsAllWithinTheLimit) {
  NEARLITE_SEEDED(seed, 21);
  Fixture f(GetParam().metric, GetParam().quantize, seed, 3'000, 0.6f);
  for (const StopRule stop : {StopRule{1, 0}, kRule, StopRule{10, 400}, StopRule{100, 50}}) {
    std::size_t fewer = 0;
    for (int i = 0; i < 40; ++i) {
      const SearchQuery query = f.next_query();
      const std::vector<Candidate> found = f.search(query, 3'000, stop);
      ASSERT_GE(found.size(), stop.rank);
      EXPECT_EQ(count_missed(f, query, found, stop), 0U);
      EXPECT_TRUE(f.context.had_limit());
      fewer += f.context.compared_count() < 1'500 ? 1 : 0;
    }
    EXPECT_GT(fewer, 20U) << "rank " << stop.rank << ": the rule ends nothing";
  }
}

TEST_P(StopOfKind, IsTheSameOnEveryTarget) {
  NEARLITE_SEEDED(seed, 22);
  const SimdTarget supported = supported_simd_target();
  std::vector<std::pair<std::uint32_t, NodeId>> first;
  for (const SimdTarget target : supported_simd_targets()) {
    force_simd_target(target);
    Fixture f(GetParam().metric, GetParam().quantize, seed, 1'000, 0.6f);
    std::vector<std::pair<std::uint32_t, NodeId>> all;
    for (int i = 0; i < 20; ++i) {
      for (const Candidate& one : f.search(f.next_query(), 64, kRule))
        all.emplace_back(one.key, one.id);
    }
    if (first.empty()) first = all;
    EXPECT_EQ(all, first);
  }
  force_simd_target(supported);
}

INSTANTIATE_TEST_SUITE_P(AllKinds, StopOfKind,
                         ::testing::Values(Kind{Metric::kCosine, Quantize::kInt8},
                                           Kind{Metric::kL2, Quantize::kInt8},
                                           Kind{Metric::kL2, Quantize::kNone},
                                           Kind{Metric::kCosine, Quantize::kNone}));

// Where neighbours are nearer to each other than the codes can tell.
TEST_P(StopOfKind, TakesInWhatCodesMayErr) {
  NEARLITE_SEEDED(seed, 23);
  Fixture f(GetParam().metric, GetParam().quantize, seed, 2'000, 0.003f);
  const StopRule stop{10, 0};
  for (int i = 0; i < 40; ++i) {
    const SearchQuery query = f.next_query();
    const std::vector<Candidate> found = f.search(query, 2'000, stop);
    EXPECT_EQ(count_missed(f, query, found, stop), 0U);
  }
}

// For the heuristic of inserts: the same is expanded, but what was met beyond the limit stays.
TEST(Stop, CanKeepWhatItDoesNotExpand) {
  NEARLITE_SEEDED(seed, 28);
  Fixture f(Metric::kCosine, Quantize::kInt8, seed, 3'000, 0.6f);
  std::uint64_t all = 0;
  std::uint64_t compared = 0;
  std::size_t kept = 0;
  std::size_t left = 0;
  for (int i = 0; i < 40; ++i) {
    const SearchQuery query = f.next_query();
    f.search(query, 150, {});
    all += f.context.compared_count();
    const StopRule stop{10, 50, true};
    const std::vector<Candidate> found = f.search(query, 150, stop);
    compared += f.context.compared_count();
    kept += found.size();
    EXPECT_GT(found.back().key, limit_of(f, stop, found[9]));
    EXPECT_EQ(count_missed(f, query, found, stop), 0U);
    left += f.search(query, 150, {10, 50}).size();
  }
  EXPECT_GT(kept, left + 40 * 10);
  EXPECT_LT(compared * 10, all * 8);
}

TEST(Stop, ComparesFewerForTheSameNearest) {
  NEARLITE_SEEDED(seed, 24);
  Fixture f(Metric::kCosine, Quantize::kInt8, seed, 4'000, 0.6f);
  std::uint64_t with = 0;
  std::uint64_t without = 0;
  std::size_t same = 0;
  for (int i = 0; i < 50; ++i) {
    const SearchQuery query = f.next_query();
    const std::vector<Candidate> right = f.search(query, 200, {});
    EXPECT_FALSE(f.context.had_limit());
    without += f.context.compared_count();
    const std::vector<Candidate> found = f.search(query, 200, {10, 300});
    with += f.context.compared_count();
    for (std::size_t j = 0; j < 10; ++j) same += found[j].id == right[j].id ? 1 : 0;
  }
  EXPECT_LT(with * 10, without * 8);
  EXPECT_GE(same, 495U) << "of 500";
}

TEST(Stop, KeepsNoMoreThanTheWidth) {
  NEARLITE_SEEDED(seed, 25);
  Fixture f(Metric::kCosine, Quantize::kInt8, seed, 1'000, 0.6f);
  for (const std::uint32_t ef : {1U, 5U, 10U, 40U}) {
    const std::vector<Candidate> found = f.search(f.next_query(), ef, {10, 4'000'000'000});
    EXPECT_EQ(found.size(), ef);
  }
}

// No limit before so many nodes were met as the rule asks for.
TEST(Stop, NeedsAsManyAsItsRank) {
  NEARLITE_SEEDED(seed, 26);
  Fixture f(Metric::kCosine, Quantize::kInt8, seed, 30, 0.6f);
  EXPECT_EQ(f.search(f.next_query(), 100, {31, 0}).size(), 30U);
  EXPECT_FALSE(f.context.had_limit());
}

TEST(Stop, InnerProductsHaveNoRule) {
  NEARLITE_SEEDED(seed, 27);
  Fixture f(Metric::kIp, Quantize::kInt8, seed, 1'000, 0.6f);
  EXPECT_FALSE(has_stop_rule(f.graph->options().format.kind));
  EXPECT_EQ(f.search(f.next_query(), 100, {10, 0}).size(), 100U);
  EXPECT_FALSE(f.context.had_limit());
}

}  // namespace
}  // namespace nearlite
