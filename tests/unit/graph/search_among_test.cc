// The walk among the nodes of a set, against comparison with all of them.
#include <gtest/gtest.h>

#include <set>

#include "unit/graph/graph_fixture.h"

namespace nearlite {
namespace {

class SearchAmong : public testing::Test {
 protected:
  static constexpr std::uint32_t kDim = 64;
  static constexpr std::size_t kCount = 6'000;

  SearchAmong()
      : source_(test_seed(5), kDim, 12, 0.6f),
        codes_(encode_many(source_, kCount)),
        graph_(make_graph(graph_options(kDim, 12, 100))) {
    insert_all(*graph_, codes_);
  }

  void choose(std::vector<NodeId> ids) {
    members_ = std::move(ids);
    bits_.assign(kCount / 64 + 1, 0);
    for (const NodeId id : members_) bits_[id >> 6] |= std::uint64_t{1} << (id & 63);
    seeds_.clear();
    for (std::size_t i = 0; i < members_.size(); i += 1 + members_.size() / 100)
      seeds_.push_back(members_[i]);
  }

  std::optional<std::vector<NodeId>> ask(const TestCode& code, std::uint32_t ef,
                                         std::uint64_t cost_max = UINT64_MAX) {
    const TestQuery query(graph_->options().format, code);
    SubsetView subset{bits_, seeds_, cost_max};
    const auto found = search_among(*graph_, subset, query.get(), ef, context_);
    check_ok(found.status());
    if (!found.ok() || !*found) return std::nullopt;
    std::vector<NodeId> ids;
    for (const Candidate& candidate : **found) ids.push_back(candidate.id);
    return ids;
  }

  double recall(int count) {
    std::size_t right = 0;
    for (int i = 0; i < count; ++i) {
      const TestCode query = encode(source_.next());
      const auto found = ask(query, 64);
      const std::vector<NodeId> truth = exact_ids(codes_, members_, query, 10);
      const std::set<NodeId> nearest(truth.begin(), truth.end());
      for (std::size_t j = 0; j < found->size(); ++j) {
        EXPECT_TRUE(std::binary_search(members_.begin(), members_.end(), (*found)[j]));
        if (j < 10) right += nearest.count((*found)[j]);
      }
      EXPECT_EQ(std::set<NodeId>(found->begin(), found->end()).size(), found->size());
    }
    return static_cast<double>(right) / (10.0 * count);
  }

  ClusteredVectors source_;
  std::vector<TestCode> codes_;
  std::unique_ptr<Graph> graph_;
  std::vector<NodeId> members_;
  std::vector<std::uint64_t> bits_;
  std::vector<NodeId> seeds_;
  SearchContext context_;
};

// Two links lead from one of sixty to one or two others: there src/index/search_filtered.cc does
// not walk but compares all (tests/recall/filter_test.cc), so that little is promised here.
TEST_F(SearchAmong, FindsMembersOnlyAndTheNearest) {
  for (const unsigned step : {1U, 2U, 5U, 20U, 60U}) {
    std::vector<NodeId> ids;
    for (NodeId id = step; id <= kCount; id += step) ids.push_back(id);
    choose(ids);
    EXPECT_GE(recall(30), step > 30 ? 0.9 : 0.95) << "one of " << step;
  }
}

// Everything near the query is outside the set: only the seeds lead into it.
TEST_F(SearchAmong, FindsMembersThatAreFarAway) {
  const TestCode query = encode(source_.in_cluster(0));
  std::vector<NodeId> all(kCount);
  for (NodeId id = 1; id <= kCount; ++id) all[id - 1] = id;
  std::vector<NodeId> far = exact_ids(codes_, all, query, kCount);
  far.erase(far.begin(), far.begin() + kCount / 2);
  std::sort(far.begin(), far.end());
  choose(far);
  const auto found = ask(query, 64);
  ASSERT_EQ(found->size(), 64U);
  const std::vector<NodeId> truth = exact_ids(codes_, members_, query, 10);
  std::size_t right = 0;
  for (const NodeId id : truth)
    right += static_cast<std::size_t>(std::count(found->begin(), found->end(), id));
  EXPECT_GE(right, 9U);
}

TEST_F(SearchAmong, GivesUpWhenItCostsTooMuchAndLeavesNothingBehind) {
  std::vector<NodeId> ids;
  for (NodeId id = 3; id <= kCount; id += 3) ids.push_back(id);
  choose(ids);
  const TestCode query = encode(source_.next());
  const auto before = ask(query, 64);
  const std::vector<NodeId> usual = search_ids(*graph_, query, 64, context_);
  EXPECT_EQ(ask(query, 64, 50), std::nullopt);
  EXPECT_EQ(ask(query, 64), before);
  EXPECT_EQ(search_ids(*graph_, query, 64, context_), usual);
}

TEST_F(SearchAmong, OfFewOrNone) {
  choose({17});
  EXPECT_EQ(ask(codes_[0], 10), std::vector<NodeId>{17});
  choose({});
  EXPECT_EQ(ask(codes_[0], 10), std::vector<NodeId>{});
  bits_.clear();
  EXPECT_EQ(ask(codes_[0], 10), std::vector<NodeId>{});
  auto empty = make_graph(graph_options(kDim));
  const TestQuery query(empty->options().format, codes_[0]);
  EXPECT_TRUE((*search_among(*empty, {}, query.get(), 10, context_))->empty());
}

TEST_F(SearchAmong, CodesAreComparedAsTheyAre) {
  std::vector<NodeId> ids;
  for (NodeId id = 1; id <= kCount; id += 11) ids.push_back(id);
  std::vector<std::uint32_t> keys(ids.size());
  const TestQuery query(graph_->options().format, codes_[7]);
  compare_codes(*graph_, query.get(), ids, keys);
  for (std::size_t i = 0; i < ids.size(); ++i)
    EXPECT_EQ(keys[i], key_between(codes_[ids[i] - 1], codes_[7]));
  EXPECT_FALSE(graph_->has_place(kNodeNone));
  EXPECT_TRUE(graph_->has_place(kCount));
  EXPECT_FALSE(graph_->has_place(kCount + 1));
  EXPECT_FALSE(graph_->has_place(kNodeIdMax));
}

}  // namespace
}  // namespace nearlite
