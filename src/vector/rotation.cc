#include "vector/rotation.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "vector/simd_target.h"

#if NEARLITE_X86
#include <immintrin.h>
#endif

namespace nearlite {
namespace {

constexpr std::size_t kQuad = 4;

/// What one application needs; pointers into the Rotation.
struct Round {
  const float* signs;
  std::size_t width;
  std::size_t block;
};

// Butterflies of distance `half` and 2 * `half` in one pass over memory: the same additions in the
// same order as two passes. Plain loops over at least eight neighbours, which compilers vectorise.
NEARLITE_ALWAYS_INLINE void two_stages(float* values, std::size_t width, std::size_t half) {
  for (std::size_t base = 0; base < width; base += 4 * half) {
    for (std::size_t start = 0; start < half; start += 8) {
      float* const a = values + base + start;
      float* const b = a + half;
      float* const c = b + half;
      float* const d = c + half;
      float sums[4][8];
      for (std::size_t i = 0; i < 8; ++i) {
        sums[0][i] = a[i] + b[i];
        sums[1][i] = a[i] - b[i];
        sums[2][i] = c[i] + d[i];
        sums[3][i] = c[i] - d[i];
      }
      for (std::size_t i = 0; i < 8; ++i) a[i] = sums[0][i] + sums[2][i];
      for (std::size_t i = 0; i < 8; ++i) b[i] = sums[1][i] + sums[3][i];
      for (std::size_t i = 0; i < 8; ++i) c[i] = sums[0][i] - sums[2][i];
      for (std::size_t i = 0; i < 8; ++i) d[i] = sums[1][i] - sums[3][i];
    }
  }
}

NEARLITE_ALWAYS_INLINE void one_stage(float* values, std::size_t width, std::size_t half) {
  for (std::size_t base = 0; base < width; base += 2 * half) {
    for (std::size_t start = 0; start < half; start += 8) {
      float* const a = values + base + start;
      float* const b = a + half;
      for (std::size_t i = 0; i < 8; ++i) {
        const float sum = a[i] + b[i];
        b[i] = a[i] - b[i];
        a[i] = sum;
      }
    }
  }
}

/// The stages of distance 8 and more.
NEARLITE_ALWAYS_INLINE void wide_stages(float* values, std::size_t width, std::size_t block) {
  std::size_t half = 8;
  for (; 4 * half <= block; half *= 4) two_stages(values, width, half);
  if (2 * half <= block) one_stage(values, width, half);
}

void deal_quads(const float* from, float* to, std::size_t width, std::size_t block) noexcept {
  const std::size_t blocks = width / block;
  const std::size_t quads = block / kQuad;
  for (std::size_t b = 0; b < blocks; ++b) {
    for (std::size_t q = 0; q < quads; ++q) {
      std::memcpy(to + (q * blocks + b) * kQuad, from + (b * quads + q) * kQuad,
                  kQuad * sizeof(float));
    }
  }
}

void run_round_scalar(const Round& round, float* values) noexcept {
  for (std::size_t base = 0; base < round.width; base += 8) {
    float* const v = values + base;
    for (std::size_t i = 0; i < 8; ++i) v[i] *= round.signs[base + i];
    for (std::size_t half = 1; half < 8; half *= 2) {
      for (std::size_t i = 0; i < 8; ++i) {
        if ((i & half) != 0) continue;
        const float sum = v[i] + v[i + half];
        v[i + half] = v[i] - v[i + half];
        v[i] = sum;
      }
    }
  }
  wide_stages(values, round.width, round.block);
}

}  // namespace

#if NEARLITE_X86
NEARLITE_AVX2_BEGIN
namespace avx2 {
namespace {

// a + b in the even place of a pair and a - b in the odd one: the partner, plus or minus the value.
NEARLITE_ALWAYS_INLINE __m256 butterfly(__m256 v, __m256 partner, __m256 minus_where_odd) {
  return _mm256_add_ps(partner, _mm256_xor_ps(v, minus_where_odd));
}

void run_round(const Round& round, float* values) noexcept {
  const __m256 odd1 = _mm256_setr_ps(0.0f, -0.0f, 0.0f, -0.0f, 0.0f, -0.0f, 0.0f, -0.0f);
  const __m256 odd2 = _mm256_setr_ps(0.0f, 0.0f, -0.0f, -0.0f, 0.0f, 0.0f, -0.0f, -0.0f);
  const __m256 odd4 = _mm256_setr_ps(0.0f, 0.0f, 0.0f, 0.0f, -0.0f, -0.0f, -0.0f, -0.0f);
  for (std::size_t base = 0; base < round.width; base += 8) {
    __m256 v = _mm256_mul_ps(_mm256_loadu_ps(values + base), _mm256_loadu_ps(round.signs + base));
    v = butterfly(v, _mm256_permute_ps(v, 0xB1), odd1);
    v = butterfly(v, _mm256_permute_ps(v, 0x4E), odd2);
    v = butterfly(v, _mm256_permute2f128_ps(v, v, 0x01), odd4);
    _mm256_storeu_ps(values + base, v);
  }
  wide_stages(values, round.width, round.block);
}

}  // namespace
}  // namespace avx2
NEARLITE_AVX2_END
#endif

Rotation::Rotation(std::uint32_t width, std::uint64_t seed)
    : width_(width), block_(width & (~width + 1)), signs_(kRounds * width) {
  const double block = block_;
  scale_ = static_cast<float>(1.0 / (block * std::sqrt(block)));  // (1 / sqrt(block)) ^ kRounds
  for (std::size_t i = 0; i < signs_.size(); ++i) {
    const std::uint64_t bits = mix64(seed ^ mix64(i / 64));
    signs_[i] = ((bits >> (i % 64)) & 1) != 0 ? -1.0f : 1.0f;
  }
}

void Rotation::apply(float* values, float* scratch) const noexcept {
  float* from = values;
  float* to = scratch;
  for (std::size_t index = 0; index < kRounds; ++index) {
    const Round round{signs_.data() + index * width_, width_, block_};
#if NEARLITE_X86
    if (active_simd_target() >= SimdTarget::kAvx2) {
      avx2::run_round(round, from);
    } else {
      run_round_scalar(round, from);
    }
#else
    run_round_scalar(round, from);
#endif
    // Dealt after the first two rounds: the values are back in their own array for the third.
    if (index + 1 < kRounds && block_ != width_) {
      deal_quads(from, to, width_, block_);
      std::swap(from, to);
    }
  }
  for (std::size_t base = 0; base < width_; base += 8) {
    for (std::size_t i = 0; i < 8; ++i) values[base + i] *= scale_;
  }
}

}  // namespace nearlite
