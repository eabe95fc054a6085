#include "graph/level.h"

#include <limits>

namespace nearlite {

LevelThresholds make_level_thresholds(std::uint32_t m) noexcept {
  LevelThresholds thresholds{};
  std::uint64_t threshold = std::numeric_limits<std::uint64_t>::max();
  for (std::uint64_t& entry : thresholds) {
    threshold /= m;
    entry = threshold;
  }
  return thresholds;
}

}  // namespace nearlite
