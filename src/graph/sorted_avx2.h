// Sorted arrays of 64-bit numbers for AVX2; sorted_scalar.h says what the functions do. Include it
// only where the AVX2 region is wanted.
#pragma once

#include "graph/sorted_scalar.h"

#if NEARLITE_X86
#include <immintrin.h>

NEARLITE_AVX2_BEGIN

namespace nearlite::avx2 {

using scalar::insert_sorted;

NEARLITE_ALWAYS_INLINE std::uint32_t count_less(const std::uint64_t* eight, std::uint64_t bound) {
  // There is only a signed comparison: with the upper bit turned it orders unsigned numbers.
  const __m256i sign = _mm256_set1_epi64x(INT64_MIN);
  const __m256i limit = _mm256_xor_si256(_mm256_set1_epi64x(static_cast<long long>(bound)), sign);
  const auto* const source = reinterpret_cast<const __m256i*>(eight);
  const __m256i low = _mm256_xor_si256(_mm256_loadu_si256(source), sign);
  const __m256i high = _mm256_xor_si256(_mm256_loadu_si256(source + 1), sign);
  const int less_low = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(limit, low)));
  const int less_high = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(limit, high)));
  return static_cast<std::uint32_t>(__builtin_popcount(static_cast<unsigned>(less_low)) +
                                    __builtin_popcount(static_cast<unsigned>(less_high)));
}

NEARLITE_ALWAYS_INLINE __m256i widen(const std::uint32_t four[4]) {
  return _mm256_cvtepu32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(four)));
}

/// Four times key << 32 | id << 1.
NEARLITE_ALWAYS_INLINE __m256i pack_four(const std::uint32_t keys[4], const std::uint32_t ids[4]) {
  return _mm256_or_si256(_mm256_slli_epi64(widen(keys), 32), _mm256_slli_epi64(widen(ids), 1));
}

/// By a mask of four 64-bit lanes: the 32-bit lanes that bring them together, a byte each.
inline constexpr std::uint64_t kTogether[16] = {
    0,           0x0100,           0x0302,           0x0302'0100,
    0x0504,      0x0504'0100,      0x0504'0302,      0x0504'0302'0100,
    0x0706,      0x0706'0100,      0x0706'0302,      0x0706'0302'0100,
    0x0706'0504, 0x0706'0504'0100, 0x0706'0504'0302, 0x0706'0504'0302'0100,
};

NEARLITE_ALWAYS_INLINE std::uint32_t append_less(const std::uint32_t keys[4],
                                                 const std::uint32_t ids[4], std::size_t count,
                                                 std::uint64_t bound, std::uint64_t* out,
                                                 std::uint32_t size) {
  const __m256i packed = pack_four(keys, ids);
  const __m256i sign = _mm256_set1_epi64x(INT64_MIN);
  const __m256i limit = _mm256_xor_si256(_mm256_set1_epi64x(static_cast<long long>(bound)), sign);
  const __m256i is_less = _mm256_cmpgt_epi64(limit, _mm256_xor_si256(packed, sign));
  const unsigned less =
      static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(is_less))) & ((1U << count) - 1);
  const __m256i together =
      _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(kTogether[less])));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + size),
                      _mm256_permutevar8x32_epi32(packed, together));
  return size + static_cast<std::uint32_t>(__builtin_popcount(less));
}

}  // namespace nearlite::avx2

NEARLITE_AVX2_END

#endif  // NEARLITE_X86
