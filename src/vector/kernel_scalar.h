// Comparison of codes, written plainly: the definition that the kernels of the other targets must
// equal bit for bit, and the code for CPUs without AVX2.
//
// A kernel is a set of always-inlined functions, so that the search loop that contains them is
// compiled as a whole for one target and one kind of code. All kernels have the interface of
// scalar::Kernel.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "vector/kernel_finish.h"
#include "vector/simd_target.h"
#include "vector/types.h"

namespace nearlite::scalar {

inline constexpr std::size_t kBlockBytes = 64;
inline constexpr std::size_t kFloatLanes = 16;

/// Inner product of stored bytes (value + 128) and signed query bytes, the offset not yet
/// subtracted. At most 255 * 128 * 16,384 < 2^30.
NEARLITE_ALWAYS_INLINE std::int32_t raw_dot(const std::byte* query, const std::byte* code,
                                            std::size_t bytes) {
  std::int32_t sum = 0;
  for (std::size_t block = 0; block < bytes; block += kBlockBytes) {
    for (std::size_t i = 0; i < kBlockBytes; ++i) {
      const auto stored = static_cast<std::uint8_t>(code[block + i]);
      const auto value = static_cast<std::int8_t>(query[block + i]);
      sum += static_cast<std::int32_t>(stored) * static_cast<std::int32_t>(value);
    }
  }
  return sum;
}

/// Adds 16 partial sums in the order that halving vector registers gives.
NEARLITE_ALWAYS_INLINE float reduce(float (&lanes)[kFloatLanes]) {
  for (std::size_t width = kFloatLanes / 2; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

/// Squared distance, inner product or l1 distance of float codes: lane i sums the components i
/// mod 16.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE float float_sum(const std::byte* query, const std::byte* code,
                                       std::size_t bytes) {
  float lanes[kFloatLanes] = {};
  for (std::size_t block = 0; block < bytes; block += kBlockBytes) {
    float q[kFloatLanes];
    float c[kFloatLanes];
    std::memcpy(q, query + block, kBlockBytes);
    std::memcpy(c, code + block, kBlockBytes);
    for (std::size_t i = 0; i < kFloatLanes; ++i) {
      if constexpr (kind == CodeKind::kFloatDot) {
        lanes[i] += q[i] * c[i];
      } else if constexpr (kind == CodeKind::kFloatL2) {
        const float difference = q[i] - c[i];
        lanes[i] += difference * difference;
      } else {
        const float difference = q[i] - c[i];
        lanes[i] += difference < 0.0f ? -difference : difference;
      }
    }
  }
  return reduce(lanes);
}

/// Stored bytes (value + 128) to those of a query (value); `bytes` is a multiple of 64. Result: the
/// sum of the stored ones.
NEARLITE_ALWAYS_INLINE std::uint32_t to_query(const std::byte* code, std::byte* out,
                                              std::size_t bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    const auto stored = static_cast<std::uint8_t>(code[i]);
    out[i] = static_cast<std::byte>(stored ^ 0x80U);
    sum += stored;
  }
  return sum;
}

/// QueryCode::is_narrow of these bytes, where it makes a comparison faster.
NEARLITE_ALWAYS_INLINE bool is_narrow(const std::byte* /*query*/, std::size_t /*bytes*/) {
  return false;
}

NEARLITE_ALWAYS_INLINE std::uint32_t differing_bits(const std::byte* query, const std::byte* code,
                                                    std::size_t bytes) {
  std::uint32_t count = 0;
  for (std::size_t offset = 0; offset < bytes; offset += 8) {
    std::uint64_t q = 0;
    std::uint64_t c = 0;
    std::memcpy(&q, query + offset, 8);
    std::memcpy(&c, code + offset, 8);
    count += static_cast<std::uint32_t>(std::popcount(q ^ c));
  }
  return count;
}

template <CodeKind kind>
struct OnePlane {
  /// The key of one stored code against the prepared query.
  static NEARLITE_ALWAYS_INLINE std::uint32_t key(const QueryCode& query, const std::byte* code,
                                                  CodeInfo info, const CodeFormat& format) {
    if constexpr (is_int8(kind)) {
      const std::int32_t dot = raw_dot(query.data, code, format.code_bytes) - query.offset;
      return finish_key<kind>(dot, query.info, info);
    } else if constexpr (kind == CodeKind::kBits) {
      return differing_bits(query.data, code, format.code_bytes);
    } else {
      const float sum = float_sum<kind>(query.data, code, format.code_bytes);
      return sortable_key(kind == CodeKind::kFloatDot ? -sum : sum);
    }
  }

  /// Four at once: out[i] = key(query, codes[i], *infos[i], format). `ahead` is fetched meanwhile.
  template <class Ahead = NothingAhead>
  static NEARLITE_ALWAYS_INLINE void key4(const QueryCode& query, const std::byte* const codes[4],
                                          const CodeInfo* const infos[4], const CodeFormat& format,
                                          std::uint32_t out[4], const Ahead& ahead = {}) {
    for (std::size_t at = 0; at < format.code_bytes; at += 64) ahead.fetch(at);
    for (std::size_t i = 0; i < 4; ++i) out[i] = key(query, codes[i], *infos[i], format);
  }
};

#include "vector/kernel_planes.inl"

}  // namespace nearlite::scalar
