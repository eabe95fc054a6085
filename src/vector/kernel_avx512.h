// Comparison of codes for AVX-512, a block of 64 bytes at a time: without VNNI and VPOPCNTDQ, and
// for int8 codes and bits with them, where a block is one instruction. The same numbers as
// kernel_scalar.h, which says what they mean. Include it only where the AVX-512 regions are wanted.
#pragma once

#include "vector/kernel_scalar.h"

#if NEARLITE_X86
#include <immintrin.h>

NEARLITE_AVX512_BEGIN

namespace nearlite::avx512 {

NEARLITE_ALWAYS_INLINE __m512i load(const std::byte* bytes) { return _mm512_loadu_si512(bytes); }
NEARLITE_ALWAYS_INLINE __m512 load_floats(const std::byte* bytes) { return _mm512_loadu_ps(bytes); }

// Lower and upper half, added. The builtin instead of the intrinsics for halves, because those make
// g++ 12 warn of uninitialised values.
NEARLITE_ALWAYS_INLINE __m256i fold(__m512i v) {
  return _mm256_add_epi32(__builtin_shufflevector(v, v, 0, 1, 2, 3),
                          __builtin_shufflevector(v, v, 4, 5, 6, 7));
}
NEARLITE_ALWAYS_INLINE __m128i fold(__m256i v) {
  return _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}
NEARLITE_ALWAYS_INLINE __m128 fold(__m512 v) {
  const __m256 half = _mm256_add_ps(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                                    __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

/// The sum of all sixteen integers.
NEARLITE_ALWAYS_INLINE std::int32_t sum_of(__m512i v) {
  const __m128i quarter = fold(fold(v));
  const __m128i pairs = _mm_add_epi32(quarter, _mm_shuffle_epi32(quarter, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(pairs, _mm_shuffle_epi32(pairs, 0xB1)));
}

using scalar::is_narrow;

NEARLITE_ALWAYS_INLINE std::uint32_t to_query(const std::byte* code, std::byte* out,
                                              std::size_t bytes) {
  const __m512i top = _mm512_set1_epi8(-128);
  __m512i sums = _mm512_setzero_si512();
  for (std::size_t at = 0; at < bytes; at += 64) {
    const __m512i stored = load(code + at);
    _mm512_storeu_si512(out + at, _mm512_xor_si512(stored, top));
    sums = _mm512_add_epi32(sums, _mm512_sad_epu8(stored, _mm512_setzero_si512()));
  }
  return static_cast<std::uint32_t>(sum_of(sums));
}

/// The sums of four vectors, in order.
NEARLITE_ALWAYS_INLINE __m128i sums_of(__m512i v0, __m512i v1, __m512i v2, __m512i v3) {
  const __m256i s01 = _mm256_hadd_epi32(fold(v0), fold(v1));
  const __m256i s23 = _mm256_hadd_epi32(fold(v2), fold(v3));
  return fold(_mm256_hadd_epi32(s01, s23));
}

/// The number of ones in each of the eight 64-bit lanes; the upper halves of the lanes are zero.
NEARLITE_ALWAYS_INLINE __m512i count_ones(__m512i v) {
  const __m512i ones_of_nibble =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
  const __m512i low_nibble = _mm512_set1_epi8(15);
  const __m512i low = _mm512_shuffle_epi8(ones_of_nibble, _mm512_and_si512(v, low_nibble));
  const __m512i high =
      _mm512_shuffle_epi8(ones_of_nibble, _mm512_and_si512(_mm512_srli_epi16(v, 4), low_nibble));
  return _mm512_sad_epu8(_mm512_add_epi8(low, high), _mm512_setzero_si512());
}

/// One block added to the sums of an int8 or bit comparison.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE __m512i add_block(__m512i sums, __m512i query, __m512i code) {
  if constexpr (kind == CodeKind::kBits) {
    return _mm512_add_epi32(sums, count_ones(_mm512_xor_si512(query, code)));
  } else {
    // Bytes at even and at odd places, each as 16 bits: two products are at most 2 * 255 * 128.
    const __m512i even_query = _mm512_srai_epi16(_mm512_slli_epi16(query, 8), 8);
    const __m512i odd_query = _mm512_srai_epi16(query, 8);
    const __m512i even_code = _mm512_and_si512(code, _mm512_set1_epi16(0xFF));
    const __m512i odd_code = _mm512_srli_epi16(code, 8);
    sums = _mm512_add_epi32(sums, _mm512_madd_epi16(even_code, even_query));
    return _mm512_add_epi32(sums, _mm512_madd_epi16(odd_code, odd_query));
  }
}

/// One block added to the lanes of a float comparison.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE __m512 add_floats(__m512 lanes, __m512 query, __m512 code) {
  if constexpr (kind == CodeKind::kFloatDot) {
    return _mm512_add_ps(lanes, _mm512_mul_ps(query, code));
  } else {
    const __m512 difference = _mm512_sub_ps(query, code);
    if constexpr (kind == CodeKind::kFloatL2) {
      return _mm512_add_ps(lanes, _mm512_mul_ps(difference, difference));
    } else {
      return _mm512_add_ps(lanes, _mm512_abs_ps(difference));
    }
  }
}

#include "vector/kernel_avx512.inl"
#include "vector/kernel_planes.inl"

}  // namespace nearlite::avx512

NEARLITE_AVX512_END

NEARLITE_AVX512VNNI_BEGIN

namespace nearlite::avx512vnni {

using avx512::add_floats;
using avx512::fold;
using avx512::is_narrow;
using avx512::load;
using avx512::load_floats;
using avx512::sum_of;
using avx512::sums_of;
using avx512::to_query;

template <CodeKind kind>
NEARLITE_ALWAYS_INLINE __m512i add_block(__m512i sums, __m512i query, __m512i code) {
  static_assert(is_int8(kind));
  return _mm512_dpbusd_epi32(sums, code, query);
}

#include "vector/kernel_avx512.inl"
#include "vector/kernel_planes.inl"

}  // namespace nearlite::avx512vnni

NEARLITE_AVX512VNNI_END

NEARLITE_AVX512POPCNT_BEGIN

namespace nearlite::avx512popcnt {

using avx512::add_floats;
using avx512::fold;
using avx512::is_narrow;
using avx512::load;
using avx512::load_floats;
using avx512::sum_of;
using avx512::sums_of;
using avx512::to_query;

template <CodeKind kind>
NEARLITE_ALWAYS_INLINE __m512i add_block(__m512i sums, __m512i query, __m512i code) {
  static_assert(kind == CodeKind::kBits);
  return _mm512_add_epi32(sums, _mm512_popcnt_epi32(_mm512_xor_si512(query, code)));
}

#include "vector/kernel_avx512.inl"
#include "vector/kernel_planes.inl"

}  // namespace nearlite::avx512popcnt

NEARLITE_AVX512POPCNT_END

#endif  // NEARLITE_X86
