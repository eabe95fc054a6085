// Exact distances: what users see, and what approximate results are checked against.
//
// Definition (reference.cc): components are converted to double, where the product of two floats is
// exact; lane i of eight sums the components i mod 8, in order; then the lanes are added in halves
// (i and i + 4, i and i + 2, i and i + 1). Every target follows it, so a distance has the same bits
// on every CPU. Nothing overflows: a square of a float is below 2^256.
#pragma once

#include <cstddef>

#include "vector/types.h"

namespace nearlite {

/// The distance of two vectors of `dim` finite components, as Metric says. kHamming counts the
/// components of which one is positive and the other not, as if both were stored as bits.
[[nodiscard]] double distance(Metric metric, const float* a, const float* b,
                              std::size_t dim) noexcept;

/// distance() of one vector to many, with the same bits; what depends on that one alone is computed
/// once. Keeps the pointer.
class DistanceFrom {
 public:
  DistanceFrom(Metric metric, const float* a, std::size_t dim) noexcept;
  /// Not finite if a component of `b` is not.
  [[nodiscard]] double to(const float* b) const noexcept;

 private:
  Metric metric_;
  const float* a_;
  std::size_t dim_;
  double squares_ = 0.0;  // kCosine: of `a`, added
};

/// The number of differing bits of two packed bit vectors.
[[nodiscard]] double hamming_distance(const std::byte* a, const std::byte* b,
                                      std::size_t bytes) noexcept;

/// The cosine of the angle, in [-1, 1]; 1 exactly for equal vectors, 0 when either vector is zero.
[[nodiscard]] double cosine_similarity(const float* a, const float* b, std::size_t dim) noexcept;

/// The Euclidean length.
[[nodiscard]] double norm(const float* vector, std::size_t dim) noexcept;

/// The definition, slow and obvious: distance() and hamming_distance() equal it bit for bit.
namespace reference {
[[nodiscard]] double distance(Metric metric, const float* a, const float* b,
                              std::size_t dim) noexcept;
[[nodiscard]] double hamming_distance(const std::byte* a, const std::byte* b,
                                      std::size_t bytes) noexcept;
}  // namespace reference

}  // namespace nearlite
