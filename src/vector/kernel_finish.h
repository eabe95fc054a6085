// The last step of a comparison: from an inner product (or a float distance) to the 32-bit key.
// Shared by the kernels of all targets, so that the order of the float operations is written once
// for one code and once for four; the four-wide form uses SSE2, which every x86-64 CPU has.
//
// Determinism: integer products are exact, and the float operations below are single IEEE
// operations in a fixed order (the build says -ffp-contract=off), so a key is the same number on
// every CPU.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "vector/simd_target.h"
#include "vector/types.h"

#if NEARLITE_X86
#include <emmintrin.h>
#endif

namespace nearlite {

/// Key from `dot`, the exact inner product of the values of two codes. REQUIRES: is_int8(kind).
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE std::uint32_t finish_key(std::int32_t dot, CodeInfo query, CodeInfo code) {
  if constexpr (kind == CodeKind::kInt8Global) {
    // Never negative and at most (2 * 127)^2 * 16,384 < 2^30 for intact codes; damaged sums wrap
    // around.
    return code.b + query.b - 2u * static_cast<std::uint32_t>(dot);
  } else {
    const float scales = std::bit_cast<float>(code.a) * std::bit_cast<float>(query.a);
    const float product = scales * static_cast<float>(dot);
    if constexpr (kind == CodeKind::kInt8ScaledDot) {
      return sortable_key(-product);
    } else {
      const float norms = std::bit_cast<float>(code.b) + std::bit_cast<float>(query.b);
      const float distance = norms - 2.0f * product;
      return sortable_key(distance > 0.0f ? distance : 0.0f);  // also turns NaN into 0
    }
  }
}

#if NEARLITE_X86

/// Four sortable_key() at once.
NEARLITE_ALWAYS_INLINE __m128i sortable_keys(__m128 distances) {
  const __m128i bits = _mm_castps_si128(distances);
  const __m128i flip = _mm_or_si128(_mm_srai_epi32(bits, 31), _mm_set1_epi32(INT32_MIN));
  return _mm_xor_si128(bits, flip);
}

/// Two infos, from where they lie: through a copy on the stack the processor would wait for the
/// stores.
NEARLITE_ALWAYS_INLINE __m128 load_pair(const CodeInfo* first, const CodeInfo* second) {
  const __m128d low = _mm_load_sd(reinterpret_cast<const double*>(first));
  return _mm_castpd_ps(_mm_loadh_pd(low, reinterpret_cast<const double*>(second)));
}

/// Four finish_key() at once.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE __m128i finish_keys(__m128i dots, CodeInfo query,
                                           const CodeInfo* const codes[4]) {
  static_assert(sizeof(CodeInfo) == 8 && offsetof(CodeInfo, a) == 0);
  const __m128 low = load_pair(codes[0], codes[1]);   // a0 b0 a1 b1
  const __m128 high = load_pair(codes[2], codes[3]);  // a2 b2 a3 b3
  const __m128 b = _mm_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1));
  if constexpr (kind == CodeKind::kInt8Global) {
    const __m128i sums =
        _mm_add_epi32(_mm_castps_si128(b), _mm_set1_epi32(static_cast<int>(query.b)));
    return _mm_sub_epi32(sums, _mm_add_epi32(dots, dots));
  } else {
    const __m128 a = _mm_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0));
    const __m128 scales = _mm_mul_ps(a, _mm_set1_ps(std::bit_cast<float>(query.a)));
    const __m128 products = _mm_mul_ps(scales, _mm_cvtepi32_ps(dots));
    if constexpr (kind == CodeKind::kInt8ScaledDot) {
      return sortable_keys(_mm_xor_ps(products, _mm_set1_ps(-0.0f)));
    } else {
      const __m128 norms = _mm_add_ps(b, _mm_set1_ps(std::bit_cast<float>(query.b)));
      const __m128 distances = _mm_sub_ps(norms, _mm_add_ps(products, products));
      // With the operands in this order NaN becomes 0, as in finish_key().
      return sortable_keys(_mm_max_ps(distances, _mm_setzero_ps()));
    }
  }
}

/// Reduces four vectors of four partial sums, in the order of scalar::reduce(): (0 + 2) + (1 + 3)
/// of each.
NEARLITE_ALWAYS_INLINE __m128 reduce_quarters(__m128 s0, __m128 s1, __m128 s2, __m128 s3) {
  _MM_TRANSPOSE4_PS(s0, s1, s2, s3);
  return _mm_add_ps(_mm_add_ps(s0, s2), _mm_add_ps(s1, s3));
}

/// The same for one vector.
NEARLITE_ALWAYS_INLINE float reduce_quarter(__m128 sums) {
  const __m128 pairs = _mm_add_ps(sums, _mm_movehl_ps(sums, sums));
  return _mm_cvtss_f32(_mm_add_ss(pairs, _mm_shuffle_ps(pairs, pairs, 1)));
}

#endif  // NEARLITE_X86

}  // namespace nearlite
