// Sorted arrays of 64-bit numbers for AVX2; sorted_scalar.h says what the functions do. Include it
// only where the AVX2 region is wanted.
#pragma once

#include "graph/sorted_scalar.h"

#if NEARLITE_X86
#include <immintrin.h>

NEARLITE_AVX2_BEGIN

namespace nearlite::avx2 {

using scalar::append_less;
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

}  // namespace nearlite::avx2

NEARLITE_AVX2_END

#endif  // NEARLITE_X86
