// The passes of quantize_loops.h for AVX2 and AVX-512, where compilers do not vectorise the plain
// loops well. The same operations in the same lanes, so the same bits. The AVX-512 variant has only
// what gains from the width; the rest of it is the AVX2 code.
#pragma once

#include "vector/quantize_loops.h"

#if NEARLITE_X86
#include <immintrin.h>

NEARLITE_AVX2_BEGIN

namespace nearlite::avx2 {

NEARLITE_ALWAYS_INLINE void limit(float* values, std::size_t width, float magnitude_max) {
  const __m256 high = _mm256_set1_ps(magnitude_max);
  const __m256 low = _mm256_set1_ps(-magnitude_max);
  for (std::size_t base = 0; base < width; base += 8) {
    const __m256 v = _mm256_loadu_ps(values + base);
    _mm256_storeu_ps(values + base, _mm256_min_ps(_mm256_max_ps(v, low), high));
  }
}

NEARLITE_ALWAYS_INLINE float largest(const float* values, std::size_t width) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 lanes = _mm256_setzero_ps();
  for (std::size_t base = 0; base < width; base += 8) {
    lanes = _mm256_max_ps(lanes, _mm256_andnot_ps(sign, _mm256_loadu_ps(values + base)));
  }
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_shuffle_ps(half, half, 1)));
}

/// Eight components as stored pairs.
NEARLITE_ALWAYS_INLINE __m256i pairs_of(const float* values, __m256 per_step) {
  const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(values), per_step);
  const __m256 bounded = _mm256_min_ps(_mm256_max_ps(scaled, _mm256_set1_ps(loops::kValueMin)),
                                       _mm256_set1_ps(loops::kValueMax));
  const __m256 sign = _mm256_and_ps(bounded, _mm256_set1_ps(-0.0f));
  const __m256 rounded = _mm256_add_ps(bounded, _mm256_or_ps(sign, _mm256_set1_ps(0.5f)));
  return _mm256_add_epi32(_mm256_cvttps_epi32(rounded), _mm256_set1_epi32(loops::kPairOffset));
}

NEARLITE_ALWAYS_INLINE std::int32_t split(const float* values, std::size_t width, float per_step,
                                          std::byte* code, std::byte* residual) {
  const __m256 factor = _mm256_set1_ps(per_step);
  __m256i squares = _mm256_setzero_si256();
  for (std::size_t base = 0; base < width; base += 16) {
    // Packing works within 128-bit halves; the permutations restore the order.
    const __m256i packed =
        _mm256_packus_epi32(pairs_of(values + base, factor), pairs_of(values + base + 8, factor));
    const __m256i pairs = _mm256_permute4x64_epi64(packed, 0xD8);
    const __m256i upper = _mm256_srli_epi16(pairs, 8);
    const __m256i lower = _mm256_and_si256(pairs, _mm256_set1_epi16(0xFF));
    const __m256i components = _mm256_sub_epi16(upper, _mm256_set1_epi16(128));
    squares = _mm256_add_epi32(squares, _mm256_madd_epi16(components, components));
    const __m256i planes = _mm256_permute4x64_epi64(_mm256_packus_epi16(upper, lower), 0xD8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(code + base), _mm256_castsi256_si128(planes));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(residual + base),
                     _mm256_extracti128_si256(planes, 1));
  }
  __m128i half =
      _mm_add_epi32(_mm256_castsi256_si128(squares), _mm256_extracti128_si256(squares, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1)));
}

/// Eight components of a code with residual, in 256ths of a step.
NEARLITE_ALWAYS_INLINE __m256 values_of(const std::byte* code, const std::byte* residual) {
  const __m256i upper =
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(code)));
  const __m256i lower =
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(residual)));
  const __m256i pairs = _mm256_or_si256(_mm256_slli_epi32(upper, 8), lower);
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(pairs, _mm256_set1_epi32(loops::kPairOffset)));
}

template <bool squares>
NEARLITE_ALWAYS_INLINE __m256 add_values(__m256 lanes, const float* query, __m256 values,
                                         __m256 unit) {
  const __m256 q = _mm256_loadu_ps(query);
  if constexpr (!squares) return _mm256_add_ps(lanes, _mm256_mul_ps(q, values));
  const __m256 difference = _mm256_sub_ps(q, _mm256_mul_ps(unit, values));
  return _mm256_add_ps(lanes, _mm256_mul_ps(difference, difference));
}

template <bool squares>
NEARLITE_ALWAYS_INLINE float compare(const float* query, const std::byte* code,
                                     const std::byte* residual, std::size_t width, float unit) {
  const __m256 units = _mm256_set1_ps(unit);
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();
  for (std::size_t at = 0; at < width; at += 16) {
    low = add_values<squares>(low, query + at, values_of(code + at, residual + at), units);
    high = add_values<squares>(high, query + at + 8, values_of(code + at + 8, residual + at + 8),
                               units);
  }
  const __m256 half = _mm256_add_ps(low, high);
  const __m128 sums = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  const __m128 twos = _mm_add_ps(sums, _mm_movehl_ps(sums, sums));
  return _mm_cvtss_f32(_mm_add_ss(twos, _mm_shuffle_ps(twos, twos, 1)));
}

}  // namespace nearlite::avx2

NEARLITE_AVX2_END

NEARLITE_AVX512_BEGIN

namespace nearlite::avx512 {

using avx2::largest;
using avx2::limit;
using avx2::split;

/// Sixteen components of a code with residual, in 256ths of a step. The zero-masking intrinsics
/// with a full mask are the plain instructions; the plain intrinsics make g++ 12 warn of
/// uninitialised values.
NEARLITE_ALWAYS_INLINE __m512 values_of(const std::byte* code, const std::byte* residual) {
  constexpr __mmask16 kAll = 0xFFFF;
  const __m128i stored_upper = _mm_loadu_si128(reinterpret_cast<const __m128i*>(code));
  const __m128i stored_lower = _mm_loadu_si128(reinterpret_cast<const __m128i*>(residual));
  const __m512i upper =
      _mm512_maskz_slli_epi32(kAll, _mm512_maskz_cvtepu8_epi32(kAll, stored_upper), 8);
  const __m512i lower = _mm512_maskz_cvtepu8_epi32(kAll, stored_lower);
  const __m512i values =
      _mm512_sub_epi32(_mm512_or_si512(upper, lower), _mm512_set1_epi32(loops::kPairOffset));
  return _mm512_maskz_cvtepi32_ps(kAll, values);
}

template <bool squares>
NEARLITE_ALWAYS_INLINE float compare(const float* query, const std::byte* code,
                                     const std::byte* residual, std::size_t width, float unit) {
  const __m512 units = _mm512_set1_ps(unit);
  __m512 lanes = _mm512_setzero_ps();
  for (std::size_t at = 0; at < width; at += 16) {
    const __m512 values = values_of(code + at, residual + at);
    const __m512 q = _mm512_loadu_ps(query + at);
    if constexpr (squares) {
      const __m512 difference = _mm512_sub_ps(q, _mm512_mul_ps(units, values));
      lanes = _mm512_add_ps(lanes, _mm512_mul_ps(difference, difference));
    } else {
      lanes = _mm512_add_ps(lanes, _mm512_mul_ps(q, values));
    }
  }
  const __m256 half =
      _mm256_add_ps(__builtin_shufflevector(lanes, lanes, 0, 1, 2, 3, 4, 5, 6, 7),
                    __builtin_shufflevector(lanes, lanes, 8, 9, 10, 11, 12, 13, 14, 15));
  const __m128 sums = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  const __m128 twos = _mm_add_ps(sums, _mm_movehl_ps(sums, sums));
  return _mm_cvtss_f32(_mm_add_ss(twos, _mm_shuffle_ps(twos, twos, 1)));
}

}  // namespace nearlite::avx512

NEARLITE_AVX512_END

#endif  // NEARLITE_X86
