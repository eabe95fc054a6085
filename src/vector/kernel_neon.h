// Comparison of codes for 64-bit ARM: with what every such CPU has, and for int8 codes with the dot
// product of Armv8.2. The same numbers as kernel_scalar.h, which says what they mean. Stored bytes
// are compared as the signed values they stand for, so there is no offset to subtract.
#pragma once

#include "vector/kernel_scalar.h"

#if NEARLITE_ARM64
#include <arm_neon.h>

namespace nearlite::neon {

using scalar::is_narrow;
using scalar::to_query;

NEARLITE_ALWAYS_INLINE uint8x16_t load(const std::byte* bytes) {
  return vld1q_u8(reinterpret_cast<const std::uint8_t*>(bytes));
}
NEARLITE_ALWAYS_INLINE int8x16_t load_query(const std::byte* query) {
  return vreinterpretq_s8_u8(load(query));
}
/// Stored bytes (value + 128) as values.
NEARLITE_ALWAYS_INLINE int8x16_t load_values(const std::byte* code) {
  return vreinterpretq_s8_u8(veorq_u8(load(code), vdupq_n_u8(0x80)));
}
NEARLITE_ALWAYS_INLINE float32x4_t load_floats(const std::byte* bytes) {
  return vreinterpretq_f32_u8(load(bytes));
}

/// Sixteen products added to four sums. Each is at most 2^14: two of them fill 16 bits, so they are
/// added in 32.
NEARLITE_ALWAYS_INLINE int32x4_t add_products(int32x4_t sums, int8x16_t query, int8x16_t values) {
  sums = vpadalq_s16(sums, vmull_s8(vget_low_s8(query), vget_low_s8(values)));
  return vpadalq_s16(sums, vmull_high_s8(query, values));
}

NEARLITE_ALWAYS_INLINE std::uint32_t count_differing(const std::byte* query, const std::byte* code,
                                                     std::size_t bytes) {
  uint32x4_t sums = vdupq_n_u32(0);
  for (std::size_t at = 0; at < bytes; at += 16) {
    const uint8x16_t counts = vcntq_u8(veorq_u8(load(query + at), load(code + at)));
    sums = vpadalq_u16(sums, vpaddlq_u8(counts));
  }
  return vaddvq_u32(sums);
}

/// Four components of a float comparison.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE float32x4_t add_floats(float32x4_t lanes, const std::byte* query,
                                              const std::byte* code) {
  const float32x4_t q = load_floats(query);
  const float32x4_t c = load_floats(code);
  // Never fused: the product is rounded before it is added, as on every target.
  if constexpr (kind == CodeKind::kFloatDot) {
    return vaddq_f32(lanes, vmulq_f32(q, c));
  } else {
    const float32x4_t difference = vsubq_f32(q, c);
    if constexpr (kind == CodeKind::kFloatL2) {
      return vaddq_f32(lanes, vmulq_f32(difference, difference));
    } else {
      return vaddq_f32(lanes, vabsq_f32(difference));
    }
  }
}

template <CodeKind kind>
NEARLITE_ALWAYS_INLINE std::uint32_t float_key(const std::byte* query, const std::byte* code,
                                               std::size_t bytes) {
  float32x4_t lanes[4] = {vdupq_n_f32(0.0f), vdupq_n_f32(0.0f), vdupq_n_f32(0.0f),
                          vdupq_n_f32(0.0f)};
  for (std::size_t block = 0; block < bytes; block += 64) {
    for (std::size_t i = 0; i < 4; ++i)
      lanes[i] = add_floats<kind>(lanes[i], query + block + 16 * i, code + block + 16 * i);
  }
  // In the order of scalar::reduce().
  const float32x4_t quarter =
      vaddq_f32(vaddq_f32(lanes[0], lanes[2]), vaddq_f32(lanes[1], lanes[3]));
  const float32x2_t pair = vadd_f32(vget_low_f32(quarter), vget_high_f32(quarter));
  const float sum = vget_lane_f32(pair, 0) + vget_lane_f32(pair, 1);
  return sortable_key(kind == CodeKind::kFloatDot ? -sum : sum);
}

#include "vector/kernel_neon.inl"
#include "vector/kernel_planes.inl"

}  // namespace nearlite::neon

NEARLITE_DOTPROD_BEGIN

namespace nearlite::dotprod {

using neon::count_differing;
using neon::float_key;
using neon::is_narrow;
using neon::load_query;
using neon::load_values;
using neon::to_query;

NEARLITE_ALWAYS_INLINE int32x4_t add_products(int32x4_t sums, int8x16_t query, int8x16_t values) {
  return vdotq_s32(sums, query, values);
}

#include "vector/kernel_neon.inl"
#include "vector/kernel_planes.inl"

}  // namespace nearlite::dotprod

NEARLITE_DOTPROD_END

#endif  // NEARLITE_ARM64
