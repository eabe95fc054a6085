// Comparison of codes for AVX2. The same numbers as kernel_scalar.h, which says what they mean.
// Include it only where the AVX2 region is wanted.
//
// Two products of bytes are added in 16 bits by one instruction (vpmaddubsw) where that is exact,
// which depends on the query alone and is the rule for rotated vectors. Else bytes are widened
// first, for the instruction saturates (2 * 255 * 127 > 32,767), and a saturated sum is a different
// key than on other CPUs.
#pragma once

#include "vector/kernel_scalar.h"

#if NEARLITE_X86
#include <immintrin.h>

NEARLITE_AVX2_BEGIN

namespace nearlite::avx2 {

NEARLITE_ALWAYS_INLINE __m256i load(const std::byte* bytes) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
}
NEARLITE_ALWAYS_INLINE __m256 load_floats(const std::byte* bytes) {
  return _mm256_loadu_ps(reinterpret_cast<const float*>(bytes));
}

NEARLITE_ALWAYS_INLINE __m128i fold(__m256i v) {
  return _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

/// The sum of all eight integers.
NEARLITE_ALWAYS_INLINE std::int32_t sum_of(__m256i v) {
  const __m128i half = fold(v);
  const __m128i pairs = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(pairs, _mm_shuffle_epi32(pairs, 0xB1)));
}

NEARLITE_ALWAYS_INLINE std::uint32_t to_query(const std::byte* code, std::byte* out,
                                              std::size_t bytes) {
  const __m256i top = _mm256_set1_epi8(-128);
  __m256i sums = _mm256_setzero_si256();
  for (std::size_t at = 0; at < bytes; at += 32) {
    const __m256i stored = load(code + at);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + at), _mm256_xor_si256(stored, top));
    sums = _mm256_add_epi32(sums, _mm256_sad_epu8(stored, _mm256_setzero_si256()));
  }
  return static_cast<std::uint32_t>(sum_of(sums));
}

NEARLITE_ALWAYS_INLINE bool is_narrow(const std::byte* query, std::size_t bytes) {
  __m256i highest = _mm256_setzero_si256();
  __m256i lowest = highest;
  for (std::size_t at = 0; at < bytes; at += 32) {
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), load(query + at));
    highest = _mm256_max_epi16(highest, pairs);
    lowest = _mm256_min_epi16(lowest, pairs);
  }
  const __m256i beyond = _mm256_or_si256(_mm256_cmpgt_epi16(highest, _mm256_set1_epi16(128)),
                                         _mm256_cmpgt_epi16(_mm256_set1_epi16(-128), lowest));
  return _mm256_testz_si256(beyond, beyond) != 0;
}

/// The sums of four vectors, in order.
NEARLITE_ALWAYS_INLINE __m128i sums_of(__m256i v0, __m256i v1, __m256i v2, __m256i v3) {
  return fold(_mm256_hadd_epi32(_mm256_hadd_epi32(v0, v1), _mm256_hadd_epi32(v2, v3)));
}

/// The number of ones in each of the four 64-bit lanes; the upper halves of the lanes are zero.
NEARLITE_ALWAYS_INLINE __m256i count_ones(__m256i v) {
  const __m256i ones_of_nibble =
      _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                       0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i low_nibble = _mm256_set1_epi8(15);
  const __m256i low = _mm256_shuffle_epi8(ones_of_nibble, _mm256_and_si256(v, low_nibble));
  const __m256i high =
      _mm256_shuffle_epi8(ones_of_nibble, _mm256_and_si256(_mm256_srli_epi16(v, 4), low_nibble));
  return _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256());
}

/// Thirty-two products added to eight sums, of bytes at even and at odd places, each as 16 bits:
/// two products are at most 2 * 255 * 128, exact in 32 bits.
NEARLITE_ALWAYS_INLINE __m256i add_bytes(__m256i sums, __m256i query, const std::byte* code) {
  const __m256i even_query = _mm256_srai_epi16(_mm256_slli_epi16(query, 8), 8);
  const __m256i odd_query = _mm256_srai_epi16(query, 8);
  const __m256i stored = load(code);
  const __m256i even = _mm256_and_si256(stored, _mm256_set1_epi16(0xFF));
  const __m256i odd = _mm256_srli_epi16(stored, 8);
  sums = _mm256_add_epi32(sums, _mm256_madd_epi16(even, even_query));
  return _mm256_add_epi32(sums, _mm256_madd_epi16(odd, odd_query));
}

/// The same for a query that is narrow: each pair of products at once.
NEARLITE_ALWAYS_INLINE __m256i add_pairs(__m256i sums, __m256i query, const std::byte* code) {
  const __m256i pairs = _mm256_maddubs_epi16(load(code), query);
  return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/// Thirty-two bytes of bits added to the sums.
NEARLITE_ALWAYS_INLINE __m256i add_bits(__m256i sums, __m256i query, const std::byte* code) {
  return _mm256_add_epi32(sums, count_ones(_mm256_xor_si256(query, load(code))));
}

/// Eight components of a float comparison.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE __m256 add_floats(__m256 lanes, __m256 query, const std::byte* code) {
  const __m256 c = load_floats(code);
  if constexpr (kind == CodeKind::kFloatDot) {
    return _mm256_add_ps(lanes, _mm256_mul_ps(query, c));
  } else {
    const __m256 difference = _mm256_sub_ps(query, c);
    if constexpr (kind == CodeKind::kFloatL2) {
      return _mm256_add_ps(lanes, _mm256_mul_ps(difference, difference));
    } else {
      return _mm256_add_ps(lanes, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), difference));
    }
  }
}

/// The float sum of one code: lanes 0 to 7 and 8 to 15 in two registers.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE __m128 float_quarter(const std::byte* query, const std::byte* code,
                                            std::size_t bytes) {
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();
  for (std::size_t at = 0; at < bytes; at += 64) {
    low = add_floats<kind>(low, load_floats(query + at), code + at);
    high = add_floats<kind>(high, load_floats(query + at + 32), code + at + 32);
  }
  const __m256 half = _mm256_add_ps(low, high);
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

template <CodeKind kind>
struct OnePlane {
  static constexpr std::size_t kStep = 32;  // bytes of the query handled at a time
  template <bool is_narrow>
  static NEARLITE_ALWAYS_INLINE __m256i add_step(__m256i sums, __m256i query,
                                                 const std::byte* code) {
    if constexpr (kind == CodeKind::kBits) return add_bits(sums, query, code);
    return is_narrow ? add_pairs(sums, query, code) : add_bytes(sums, query, code);
  }

  template <bool is_narrow>
  static NEARLITE_ALWAYS_INLINE std::int32_t sum_of_one(const std::byte* query,
                                                        const std::byte* code, std::size_t bytes) {
    __m256i even = _mm256_setzero_si256();
    __m256i odd = _mm256_setzero_si256();
    for (std::size_t at = 0; at < bytes; at += 2 * kStep) {
      even = add_step<is_narrow>(even, load(query + at), code + at);
      odd = add_step<is_narrow>(odd, load(query + at + kStep), code + at + kStep);
    }
    return sum_of(_mm256_add_epi32(even, odd));
  }

  template <bool is_narrow, class Ahead>
  static NEARLITE_ALWAYS_INLINE __m128i sums_of_four(const std::byte* query,
                                                     const std::byte* const codes[4],
                                                     std::size_t bytes, const Ahead& ahead) {
    const std::byte* const c0 = codes[0];
    const std::byte* const c1 = codes[1];
    const std::byte* const c2 = codes[2];
    const std::byte* const c3 = codes[3];
    __m256i s0 = _mm256_setzero_si256();
    __m256i s1 = s0;
    __m256i s2 = s0;
    __m256i s3 = s0;
    for (std::size_t block = 0; block < bytes; block += 64) {
      ahead.fetch(block);
      for (std::size_t at = block; at < block + 64; at += kStep) {
        const __m256i q = load(query + at);
        s0 = add_step<is_narrow>(s0, q, c0 + at);
        s1 = add_step<is_narrow>(s1, q, c1 + at);
        s2 = add_step<is_narrow>(s2, q, c2 + at);
        s3 = add_step<is_narrow>(s3, q, c3 + at);
      }
    }
    return sums_of(s0, s1, s2, s3);
  }

  static NEARLITE_ALWAYS_INLINE std::uint32_t key(const QueryCode& query, const std::byte* code,
                                                  CodeInfo info, const CodeFormat& format) {
    const std::size_t bytes = format.code_bytes;
    if constexpr (kind == CodeKind::kBits) {
      return static_cast<std::uint32_t>(sum_of_one<false>(query.data, code, bytes));
    } else if constexpr (is_int8(kind)) {
      const std::int32_t sum = query.is_narrow ? sum_of_one<true>(query.data, code, bytes)
                                               : sum_of_one<false>(query.data, code, bytes);
      return finish_key<kind>(sum - query.offset, query.info, info);
    } else {
      const float sum = reduce_quarter(float_quarter<kind>(query.data, code, bytes));
      return sortable_key(kind == CodeKind::kFloatDot ? -sum : sum);
    }
  }

  template <class Ahead = NothingAhead>
  static NEARLITE_ALWAYS_INLINE void key4(const QueryCode& query, const std::byte* const codes[4],
                                          const CodeInfo* const infos[4], const CodeFormat& format,
                                          std::uint32_t out[4], const Ahead& ahead = {}) {
    const std::size_t bytes = format.code_bytes;
    __m128i keys;
    if constexpr (kind == CodeKind::kBits) {
      keys = sums_of_four<false>(query.data, codes, bytes, ahead);
    } else if constexpr (is_int8(kind)) {
      keys = query.is_narrow ? sums_of_four<true>(query.data, codes, bytes, ahead)
                             : sums_of_four<false>(query.data, codes, bytes, ahead);
      keys =
          finish_keys<kind>(_mm_sub_epi32(keys, _mm_set1_epi32(query.offset)), query.info, infos);
    } else {
      for (std::size_t at = 0; at < bytes; at += 64) ahead.fetch(at);
      __m128 sums = reduce_quarters(float_quarter<kind>(query.data, codes[0], bytes),
                                    float_quarter<kind>(query.data, codes[1], bytes),
                                    float_quarter<kind>(query.data, codes[2], bytes),
                                    float_quarter<kind>(query.data, codes[3], bytes));
      if constexpr (kind == CodeKind::kFloatDot) sums = _mm_xor_ps(sums, _mm_set1_ps(-0.0f));
      keys = sortable_keys(sums);
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), keys);
  }
};

#include "vector/kernel_planes.inl"

}  // namespace nearlite::avx2

NEARLITE_AVX2_END

#endif  // NEARLITE_X86
