// Levels: P(level >= l) = m^-l (Malkov & Yashunin 2018, section 4.1, with mL = 1 / ln m).
#include "graph/level.h"

#include <limits>

namespace nearlite {

namespace {

// The finalizer of SplitMix64 (Steele, Lea & Flood 2014): every input bit changes every output bit
// with p = 1/2.
std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xBF58'476D'1CE4'E5B9U;
  x = (x ^ (x >> 27)) * 0x94D0'49BB'1331'11EBU;
  return x ^ (x >> 31);
}

}  // namespace

LevelThresholds make_level_thresholds(std::uint32_t m) noexcept {
  LevelThresholds thresholds{};
  std::uint64_t threshold = std::numeric_limits<std::uint64_t>::max();
  for (std::uint64_t& entry : thresholds) {
    threshold /= m;
    entry = threshold;
  }
  return thresholds;
}

unsigned level_of(const LevelThresholds& thresholds, std::uint64_t seed, NodeId id) noexcept {
  const std::uint64_t hash =
      mix(mix(seed + 0x9E37'79B9'7F4A'7C15U) ^ (std::uint64_t{id} * 0x9E37'79B9'7F4A'7C15U));
  unsigned level = 0;
  while (level < kLevelMax && hash < thresholds[level]) ++level;
  return level;
}

}  // namespace nearlite
