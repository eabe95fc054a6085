// Sets of nodes, and which are remembered. What happens to them when rows change is tested through
// SQL (tests/sql/filter_test.py): INVARIANT F1 and INVARIANT F2.
#include "index/predicate.h"

#include <gtest/gtest.h>

#include <set>

#include "unit/index/connection.h"

namespace nearlite::test {
namespace {

std::vector<NodeId> members(const NodeSet& set, NodeId last = kNodeIdMax) {
  std::vector<NodeId> ids;
  set.append_to(ids, last);
  return ids;
}

TEST(NodeSet, IsAListOrBitsAndSaysTheSame) {
  Random random(run_seed(3));
  for (const std::size_t count : {0U, 1U, 63U, 4'096U, 4'097U, 9'000U}) {
    std::set<NodeId> right;
    while (right.size() < count) right.insert(1 + static_cast<NodeId>(random.below(20'000)));
    std::vector<NodeId> ids(right.begin(), right.end());
    std::reverse(ids.begin(), ids.end());
    NodeSet set(ids);
    EXPECT_EQ(set.bits().empty(), count <= NodeSet::kListMax);
    for (int round = 0; round < 4; ++round) {
      EXPECT_EQ(set.size(), right.size());
      EXPECT_EQ(members(set), std::vector<NodeId>(right.begin(), right.end()));
      EXPECT_EQ(members(set, 10'000),
                std::vector<NodeId>(right.begin(), right.upper_bound(10'000)));
      for (NodeId id = 0; id < 21'000; id += 7) EXPECT_EQ(set.contains(id), right.contains(id));
      EXPECT_FALSE(set.contains(kNodeIdMax));
      for (const NodeId id : set.sample(50)) EXPECT_TRUE(right.contains(id));
      std::set<NodeId> dropped, added;
      for (int i = 0; i < 30; ++i) {
        const auto id = static_cast<NodeId>(1 + random.below(22'000));
        dropped.insert(id);
        if (random.chance(50)) added.insert(id);
      }
      for (const NodeId id : dropped) right.erase(id);
      right.insert(added.begin(), added.end());
      set = set.changed(std::vector<NodeId>(dropped.begin(), dropped.end()),
                        std::vector<NodeId>(added.begin(), added.end()));
    }
  }
}

PredicateCache::Entry entry(std::uint64_t seq, std::vector<NodeId> ids = {1}) {
  return {seq, seq + 100, 5, std::make_shared<const NodeSet>(std::move(ids))};
}

TEST(PredicateCache, DropsTheLeastRecentlyUsed) {
  PredicateCache cache(3, 1 << 20);
  for (const char* key : {"a", "b", "c"}) cache.put(key, entry(1));
  EXPECT_TRUE(cache.find("a").set);
  cache.put("d", entry(1));
  EXPECT_FALSE(cache.find("b").set);
  EXPECT_TRUE(cache.find("a").set);
  EXPECT_EQ(cache.stats().count, 3U);
  cache.drop("a");
  cache.drop("unknown");
  EXPECT_EQ(cache.stats().count, 2U);
}

TEST(PredicateCache, KeepsWithinItsBytes) {
  PredicateCache cache(100, 10'000);
  for (int i = 0; i < 50; ++i)
    cache.put("key " + std::to_string(i), entry(1, std::vector<NodeId>(500, 1)));
  EXPECT_LE(cache.stats().memory_bytes, 10'000U);
  EXPECT_GT(cache.stats().count, 0U);
  cache.put("too large", entry(1, std::vector<NodeId>(4'000, 1)));
  EXPECT_FALSE(cache.find("too large").set);
  EXPECT_GT(cache.stats().count, 0U) << "the others stay";
}

TEST(PredicateCache, AnOlderCommitDoesNotReplaceANewerOne) {
  PredicateCache cache;
  cache.put("a", entry(5));
  cache.put("a", entry(4));
  EXPECT_EQ(cache.find("a").seq, 5U);
  cache.put("a", entry(6));
  EXPECT_EQ(cache.find("a").seq, 6U);
  EXPECT_EQ(cache.stats().count, 1U);
}

}  // namespace
}  // namespace nearlite::test
