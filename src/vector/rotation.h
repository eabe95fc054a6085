// A fixed random rotation. It spreads the content of a vector over all components, so that one
// scale suits every component when they are quantised to bytes: without it, a few large components
// of real embeddings cost most of the precision.
//
// Three rounds of: flip the sign of seeded components; Walsh-Hadamard transform of blocks; and,
// between the rounds, deal the quads (groups of four) of each block out to all blocks. A block is
// the largest power of two that divides the width, at least 64, so that after three rounds each
// component depends on each: 16 quads a block reach 16, then 256 > 16,384 / 64 blocks.
//
// Determinism: a result is a tree of single additions and subtractions in a fixed order and one
// final multiplication, so its bits are the same on every CPU. FORMAT: so are codes made from it;
// the seed is stored with the index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nearlite {

class Rotation {
 public:
  /// REQUIRES: width is a multiple of 64, at most kDimMax.
  Rotation(std::uint32_t width, std::uint64_t seed);

  /// Rotates `values` in place; lengths stay the same up to rounding. Both arrays have width()
  /// floats, are 64-byte aligned and do not overlap. REQUIRES: components below 2^100, so that no
  /// sum overflows.
  void apply(float* values, float* scratch) const noexcept;

  [[nodiscard]] std::uint32_t width() const noexcept { return width_; }

  static constexpr std::size_t kRounds = 3;

 private:
  std::uint32_t width_;
  std::uint32_t block_;       // floats in a block
  float scale_;               // makes three unscaled transforms orthonormal
  std::vector<float> signs_;  // kRounds * width_ times 1 or -1
};

}  // namespace nearlite
