// Levels of nodes: a hash of (seed, id) against integer thresholds, so that every process and CPU
// agrees.
#pragma once

#include <array>
#include <cstdint>

#include "graph/types.h"

namespace nearlite {

/// thresholds[l] = floor((2^64 - 1) / m^(l + 1)): a node is above level l when its hash is smaller.
using LevelThresholds = std::array<std::uint64_t, kLevelMax>;

[[nodiscard]] LevelThresholds make_level_thresholds(std::uint32_t m) noexcept;
[[nodiscard]] unsigned level_of(const LevelThresholds& thresholds, std::uint64_t seed,
                                NodeId id) noexcept;

}  // namespace nearlite
