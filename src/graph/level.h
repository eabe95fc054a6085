// Levels of nodes: a hash of (seed, id) against integer thresholds, so that every process and CPU
// agrees.
#pragma once

#include <array>
#include <cstdint>

#include "graph/types.h"

namespace nearlite {

/// P(level >= l) = m^-l (Malkov & Yashunin 2018, section 4.1, with mL = 1 / ln m):
/// thresholds[l] = floor((2^64 - 1) / m^(l + 1)): a node is above level l when its hash is smaller.
using LevelThresholds = std::array<std::uint64_t, kLevelMax>;

[[nodiscard]] LevelThresholds make_level_thresholds(std::uint32_t m) noexcept;
/// Inline: an index that is opened asks for millions.
[[nodiscard]] inline unsigned level_of(const LevelThresholds& thresholds, std::uint64_t seed,
                                       NodeId id) noexcept {
  // The finalizer of SplitMix64 (Steele, Lea & Flood 2014): every input bit changes every output
  // bit with p = 1/2.
  const auto mix = [](std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58'476D'1CE4'E5B9U;
    x = (x ^ (x >> 27)) * 0x94D0'49BB'1331'11EBU;
    return x ^ (x >> 31);
  };
  const std::uint64_t hash =
      mix(mix(seed + 0x9E37'79B9'7F4A'7C15U) ^ (std::uint64_t{id} * 0x9E37'79B9'7F4A'7C15U));
  unsigned level = 0;
  while (level < kLevelMax && hash < thresholds[level]) ++level;
  return level;
}

}  // namespace nearlite
