// What the tests of the library share: vectors that a number names, and stores of them.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "nearlite/nearlite.h"
#include "support/scratch.h"

namespace nearlite::test {

using Floats = std::vector<float>;
using Ids = std::vector<std::int64_t>;

template <class T>
T take(Result<T> result) {
  return std::move(result.value());
}

/// Vector number `seed`; no two are near each other.
inline Floats vector_of(std::int64_t seed) {
  Floats vector(8);
  auto state = static_cast<std::uint64_t>(seed) * 0x9E3779B97F4A7C15U + 1;
  for (float& value : vector) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    value = static_cast<float>(static_cast<std::int64_t>(state >> 40U)) / (1 << 23) - 1;
  }
  return vector;
}

/// Vectors `first` to `last`, one after the other.
inline Floats vectors_of(std::int64_t first, std::int64_t last) {
  Floats all;
  for (std::int64_t seed = first; seed <= last; ++seed) {
    const Floats one = vector_of(seed);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

inline Ids range(std::int64_t first, std::int64_t last) {
  Ids ids(static_cast<std::size_t>(last - first + 1));
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

/// Rows `first` to `last`.
inline RowSource source_of(std::int64_t first, std::int64_t last) {
  return [next = first, last](std::int64_t& id, std::span<float> out) mutable -> Result<bool> {
    if (next > last) return false;
    const Floats vector = vector_of(next);
    std::copy(vector.begin(), vector.end(), out.begin());
    id = next++;
    return true;
  };
}

inline StoreOptions store_options(int dim) {
  StoreOptions options;
  options.index = IndexOptions::of(dim);
  options.index.metric = Metric::kL2;
  return options;
}

}  // namespace nearlite::test
