#include "index/walk_plan.h"

#include <algorithm>

namespace nearlite {

namespace {

/// One near neighbour says little about how far the others are.
constexpr std::uint64_t kRankMin = 10;
// Candidates a walk keeps. Its rule ends it, not their number, but where many rows lie at nearly
// the same distance: there the number bounds the time.
constexpr std::uint64_t kEfFactor = 2;
constexpr std::uint64_t kEfMore = 400;
// In 1/1024. What codes may err, which StopRule adds, is about .01 more.
constexpr std::uint64_t kSlackBase = 26;
constexpr std::uint64_t kSlackPerDoubling = 63;

constexpr std::uint64_t kCoarseFactor = 4;
constexpr std::uint32_t kMeasuredShare = 2;

}  // namespace

std::uint64_t coarse_width(std::uint64_t k, std::uint32_t ef_search) noexcept {
  return std::max<std::uint64_t>(ef_search, kCoarseFactor * std::min<std::uint64_t>(k, kNodeIdMax));
}

std::uint64_t coarse_measured(std::uint64_t k, std::uint32_t ef_search) noexcept {
  k = std::min<std::uint64_t>(k, kNodeIdMax);
  return k + std::max<std::uint64_t>(ef_search / kMeasuredShare, k);
}

WalkPlan plan_walk(std::uint64_t k, std::uint32_t ef_search, std::uint64_t live_count,
                   std::uint64_t hidden_count) noexcept {
  const std::uint64_t node_count = live_count + hidden_count;
  k = std::min(k, live_count);
  // Hidden nodes take places in proportion; where they lie close together, the search sees it by
  // what it gets (Index::collect_near).
  const auto with_hidden = [&](std::uint64_t count) {
    return count + (count * hidden_count + live_count) / (live_count + 1);
  };
  WalkPlan plan;
  const std::uint64_t ef =
      with_hidden(kEfFactor * std::max<std::uint64_t>(ef_search, k + kExactSlack) + kEfMore);
  plan.ef = static_cast<std::uint32_t>(std::min({ef, node_count + 1, std::uint64_t{kEfMax}}));
  if (ef >= live_count) return plan;
  const std::uint64_t rank = std::max(k, kRankMin);
  plan.stop.rank = static_cast<std::uint32_t>(std::min<std::uint64_t>(with_hidden(rank), plan.ef));
  plan.stop.slack = static_cast<std::uint32_t>(
      kSlackBase + (doublings(ef_search, rank) * kSlackPerDoubling >> kStopSlackShift));
  return plan;
}

}  // namespace nearlite
