#include "index/walk_plan.h"

#include <algorithm>
#include <bit>

namespace nearlite {

namespace {

/// For fewer rows than that a walk goes as far as for that many: one near neighbour says little
/// about where the others are.
constexpr std::uint64_t kRankMin = 10;
constexpr std::uint64_t kEfFactor = 2;
// In 1/1024.
constexpr std::uint64_t kOne = std::uint64_t{1} << kStopSlackShift;
constexpr std::uint64_t kRatioMin = kOne * 14 / 10;
constexpr std::uint64_t kSlackBase = 26;
constexpr std::uint64_t kSlackPerDoubling = 63;

// log2(ratio) between whole powers by a straight line: in integers, so that a search goes as far on
// every machine.
std::uint64_t log2_of(std::uint64_t ratio) {
  const unsigned whole = static_cast<unsigned>(std::bit_width(ratio)) - 1;
  const std::uint64_t rest = (ratio << kStopSlackShift >> whole) - kOne;
  return (whole - kStopSlackShift) * kOne + rest;
}

}  // namespace

WalkPlan plan_walk(std::uint64_t k, std::uint64_t ef_search, std::uint64_t live_count,
                   std::uint64_t hidden_count) noexcept {
  // Hidden nodes take places in proportion; where they lie close together, the search sees it by
  // the result (Index::collect_candidates).
  const auto with_hidden = [&](std::uint64_t count) {
    return count + count * hidden_count / (live_count + 1);
  };
  WalkPlan plan;
  const std::uint64_t ef = with_hidden(kEfFactor * ef_search);
  plan.ef = static_cast<std::uint32_t>(
      std::min({ef, live_count + hidden_count + 1, std::uint64_t{kEfMax}}));
  if (ef >= live_count) return plan;
  const std::uint64_t rank = std::max(k, kRankMin);
  const std::uint64_t ratio = std::max(kRatioMin, (ef_search << kStopSlackShift) / rank);
  plan.stop.rank =
      static_cast<std::uint32_t>(std::min(with_hidden(rank) + (hidden_count > 0 ? 1 : 0), ef));
  plan.stop.slack = static_cast<std::uint32_t>(
      kSlackBase + (log2_of(ratio) * kSlackPerDoubling >> kStopSlackShift));
  return plan;
}

}  // namespace nearlite
