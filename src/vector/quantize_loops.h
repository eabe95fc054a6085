// The passes over a vector that make its code, and the comparison of a float query with a code and
// its residual. Plain loops over blocks of sixteen, always inlined: quantizer.cc compiles them once
// per target. They are elementwise, or sum in fixed lanes, so the results have the same bits on
// every target.
//
// A component of an int8 code and its residual are together one 16-bit number: value = round(256 *
// component / step), stored as value + 32,896, whose upper byte is the code (component / step,
// rounded, + 128) and whose lower byte is the residual in 256ths of a step (+ 128).
#pragma once

#include <cstddef>
#include <cstdint>

#include "vector/simd_target.h"

namespace nearlite::loops {

inline constexpr std::size_t kBlock = 16;

/// Stored 16-bit number of value 0: 128 in both bytes.
inline constexpr std::int32_t kPairOffset = 128 * 256 + 128;
/// The range in which the code lies in [-127, 127].
inline constexpr float kValueMin = -127.0f * 256.0f - 128.0f;
inline constexpr float kValueMax = 127.0f * 256.0f + 127.0f;

/// Sums of squares in double; lane i sums the components i mod 8.
NEARLITE_ALWAYS_INLINE double sum_of_squares(const float* values, std::size_t width) {
  double lanes[8] = {};
  for (std::size_t base = 0; base < width; base += 8) {
    for (std::size_t i = 0; i < 8; ++i) {
      const double value = values[base + i];
      lanes[i] += value * value;
    }
  }
  for (std::size_t half = 4; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

NEARLITE_ALWAYS_INLINE void multiply(float* values, std::size_t width, double factor) {
  for (std::size_t base = 0; base < width; base += kBlock) {
    for (std::size_t i = 0; i < kBlock; ++i) {
      values[base + i] = static_cast<float>(static_cast<double>(values[base + i]) * factor);
    }
  }
}

/// Subtracts the centre. The difference of large floats may be infinite: limit() comes after.
NEARLITE_ALWAYS_INLINE void subtract(float* values, const float* centre, std::size_t width) {
  for (std::size_t base = 0; base < width; base += kBlock) {
    for (std::size_t i = 0; i < kBlock; ++i) values[base + i] -= centre[base + i];
  }
}

NEARLITE_ALWAYS_INLINE void limit(float* values, std::size_t width, float magnitude_max) {
  for (std::size_t base = 0; base < width; base += kBlock) {
    for (std::size_t i = 0; i < kBlock; ++i) {
      const float low = values[base + i] < -magnitude_max ? -magnitude_max : values[base + i];
      values[base + i] = low > magnitude_max ? magnitude_max : low;
    }
  }
}

/// The largest magnitude.
NEARLITE_ALWAYS_INLINE float largest(const float* values, std::size_t width) {
  float lanes[kBlock] = {};
  for (std::size_t base = 0; base < width; base += kBlock) {
    for (std::size_t i = 0; i < kBlock; ++i) {
      const float value = values[base + i];
      const float magnitude = value < 0.0f ? -value : value;
      lanes[i] = magnitude > lanes[i] ? magnitude : lanes[i];
    }
  }
  float result = lanes[0];
  for (std::size_t i = 1; i < kBlock; ++i) result = lanes[i] > result ? lanes[i] : result;
  return result;
}

/// Writes code and residual of `values`; `per_step` is 256 / step. Returns the sum of squares of
/// the code, at most 127^2 * 16,384 < 2^28.
NEARLITE_ALWAYS_INLINE std::int32_t split(const float* values, std::size_t width, float per_step,
                                          std::byte* code, std::byte* residual) {
  std::int32_t lanes[kBlock] = {};
  for (std::size_t base = 0; base < width; base += kBlock) {
    std::int32_t pairs[kBlock];
    for (std::size_t i = 0; i < kBlock; ++i) {
      const float scaled = values[base + i] * per_step;
      const float low = scaled < kValueMin ? kValueMin : scaled;
      const float bounded = low > kValueMax ? kValueMax : low;
      // Rounds half away from zero by truncation, whatever the rounding mode of the thread.
      const float half = bounded < 0.0f ? -0.5f : 0.5f;
      pairs[i] = static_cast<std::int32_t>(bounded + half) + kPairOffset;
    }
    for (std::size_t i = 0; i < kBlock; ++i) {
      const std::int32_t component = (pairs[i] >> 8) - 128;
      lanes[i] += component * component;
    }
    for (std::size_t i = 0; i < kBlock; ++i) code[base + i] = static_cast<std::byte>(pairs[i] >> 8);
    for (std::size_t i = 0; i < kBlock; ++i) residual[base + i] = static_cast<std::byte>(pairs[i]);
  }
  std::int32_t sum = 0;
  for (const std::int32_t lane : lanes) sum += lane;
  return sum;
}

/// Sum over the components of (query - unit * value)^2, or of query * value.
template <bool squares>
NEARLITE_ALWAYS_INLINE float compare(const float* query, const std::byte* code,
                                     const std::byte* residual, std::size_t width, float unit) {
  float lanes[kBlock] = {};
  for (std::size_t base = 0; base < width; base += kBlock) {
    for (std::size_t i = 0; i < kBlock; ++i) {
      const std::int32_t pair = (static_cast<std::int32_t>(code[base + i]) << 8) |
                                static_cast<std::int32_t>(residual[base + i]);
      const auto value = static_cast<float>(pair - kPairOffset);
      if constexpr (squares) {
        const float difference = query[base + i] - unit * value;
        lanes[i] += difference * difference;
      } else {
        lanes[i] += query[base + i] * value;
      }
    }
  }
  for (std::size_t half = kBlock / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

}  // namespace nearlite::loops
