// Seeded random input for the tests of this layer. The seed is printed with every failure that uses
// SeedTrace, and NEARLITE_SEED replaces it.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "vector/simd_target.h"

namespace nearlite {

inline std::uint64_t test_seed(std::uint64_t seed_default) {
  const char* text = std::getenv("NEARLITE_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : seed_default;
}

#define NEARLITE_SEEDED(name, seed_default)                       \
  const std::uint64_t name = ::nearlite::test_seed(seed_default); \
  SCOPED_TRACE("repeat with NEARLITE_SEED=" + std::to_string(name))

inline std::vector<float> gaussian_vector(std::mt19937_64& random, std::size_t dim,
                                          float scale = 1.0f) {
  std::normal_distribution<float> normal;
  std::vector<float> vector(dim);
  for (float& x : vector) x = scale * normal(random);
  return vector;
}

/// Forces a target for the life of the object.
class ForcedTarget {
 public:
  explicit ForcedTarget(SimdTarget target) : before_(active_simd_target()) {
    force_simd_target(target);
  }
  ~ForcedTarget() { force_simd_target(before_); }
  ForcedTarget(const ForcedTarget&) = delete;
  ForcedTarget& operator=(const ForcedTarget&) = delete;

 private:
  SimdTarget before_;
};

}  // namespace nearlite
