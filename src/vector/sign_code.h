// Codes of one bit a component: the signs of a rotated vector.
//
// The share of bits in which two codes differ is the angle between the vectors over pi, give or
// take 1.6 / sqrt(bits) (Charikar, "Similarity estimation techniques from rounding algorithms",
// 2002). Where one side is known better, as a query is, it tells more: the product of the query's
// rotated components and a code's signs, scaled, is an estimate of the cosine with about two thirds
// of that error (Gao & Long, "RaBitQ", 2024).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/aligned.h"
#include "nearlite/status.h"
#include "vector/types.h"

namespace nearlite {

/// Writes a bit for each of `values`, lowest first: 1 where it is positive. REQUIRES: values.size()
/// is a multiple of 8.
void encode_signs(std::span<const float> values, std::byte* code) noexcept;

/// The standard deviation of SignQuery::cosine() where it says `cosine`, of so many bits.
[[nodiscard]] float sign_deviation(float cosine, std::size_t width) noexcept;

/// A query whose components are known to four bits each. Threads: cosine() any, while no one
/// prepares.
class SignQuery {
 public:
  /// `values`: rotated, of length 1; their number is a multiple of 512. Errors: kNoMemory.
  Status prepare(std::span<const float> values);

  /// For the kernels of bits: their keys order codes as the estimates do.
  [[nodiscard]] QueryCode code() const noexcept;

  /// Estimates the cosine of the query and the vector whose signs are `code` (64-byte aligned, a
  /// bit for each value). Same bits on every CPU. Costs about as much as four comparisons of codes.
  [[nodiscard]] float cosine(const std::byte* code) const noexcept;

 private:
  static constexpr unsigned kPlanes = 4;

  AlignedBuffer planes_;  // bit i of each component's number, for each i a plane like a code
  CodeFormat format_;
  float all_ = 0.0f;   // the estimate where no plane differs
  float unit_ = 0.0f;  // what a differing bit of the lowest plane takes off
};

}  // namespace nearlite
