// Comparison of codes for AVX-512 with VNNI and VPOPCNTDQ: one 64-byte block per instruction. The
// same numbers as kernel_scalar.h, which says what they mean. Include it only where the AVX-512
// region is wanted.
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

/// One block added to the sums of an int8 or bit comparison.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE __m512i add_block(__m512i sums, __m512i query, __m512i code) {
  if constexpr (kind == CodeKind::kBits) {
    return _mm512_add_epi32(sums, _mm512_popcnt_epi32(_mm512_xor_si512(query, code)));
  } else {
    return _mm512_dpbusd_epi32(sums, code, query);
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

template <CodeKind kind>
inline constexpr bool kIsInteger = is_int8(kind) || kind == CodeKind::kBits;

template <CodeKind kind>
struct Kernel {
  static NEARLITE_ALWAYS_INLINE std::uint32_t key(const QueryCode& query, const std::byte* code,
                                                  CodeInfo info, const CodeFormat& format) {
    const std::size_t bytes = format.code_bytes;
    if constexpr (kIsInteger<kind>) {
      __m512i even = _mm512_setzero_si512();  // two chains hide half of the latency
      __m512i odd = _mm512_setzero_si512();
      std::size_t at = 0;
      for (; at + 128 <= bytes; at += 128) {
        even = add_block<kind>(even, load(query.data + at), load(code + at));
        odd = add_block<kind>(odd, load(query.data + at + 64), load(code + at + 64));
      }
      if (at < bytes) even = add_block<kind>(even, load(query.data + at), load(code + at));
      const std::int32_t sum = sum_of(_mm512_add_epi32(even, odd));
      if constexpr (kind == CodeKind::kBits) {
        return static_cast<std::uint32_t>(sum);
      } else {
        return finish_key<kind>(sum - query.offset, query.info, info);
      }
    } else {
      __m512 lanes = _mm512_setzero_ps();
      for (std::size_t at = 0; at < bytes; at += 64) {
        lanes = add_floats<kind>(lanes, load_floats(query.data + at), load_floats(code + at));
      }
      const float sum = reduce_quarter(fold(lanes));
      return sortable_key(kind == CodeKind::kFloatDot ? -sum : sum);
    }
  }

  template <class Ahead = NothingAhead>
  static NEARLITE_ALWAYS_INLINE void key4(const QueryCode& query, const std::byte* const codes[4],
                                          const CodeInfo* const infos[4], const CodeFormat& format,
                                          std::uint32_t out[4], const Ahead& ahead = {}) {
    const std::size_t bytes = format.code_bytes;
    const std::byte* const c0 = codes[0];
    const std::byte* const c1 = codes[1];
    const std::byte* const c2 = codes[2];
    const std::byte* const c3 = codes[3];
    __m128i keys;
    if constexpr (kIsInteger<kind>) {
      __m512i s0 = _mm512_setzero_si512();
      __m512i s1 = s0;
      __m512i s2 = s0;
      __m512i s3 = s0;
      for (std::size_t at = 0; at < bytes; at += 64) {
        ahead.fetch(at);
        const __m512i q = load(query.data + at);
        s0 = add_block<kind>(s0, q, load(c0 + at));
        s1 = add_block<kind>(s1, q, load(c1 + at));
        s2 = add_block<kind>(s2, q, load(c2 + at));
        s3 = add_block<kind>(s3, q, load(c3 + at));
      }
      keys = sums_of(s0, s1, s2, s3);
      if constexpr (kind != CodeKind::kBits) {
        keys =
            finish_keys<kind>(_mm_sub_epi32(keys, _mm_set1_epi32(query.offset)), query.info, infos);
      }
    } else {
      __m512 s0 = _mm512_setzero_ps();
      __m512 s1 = s0;
      __m512 s2 = s0;
      __m512 s3 = s0;
      for (std::size_t at = 0; at < bytes; at += 64) {
        ahead.fetch(at);
        const __m512 q = load_floats(query.data + at);
        s0 = add_floats<kind>(s0, q, load_floats(c0 + at));
        s1 = add_floats<kind>(s1, q, load_floats(c1 + at));
        s2 = add_floats<kind>(s2, q, load_floats(c2 + at));
        s3 = add_floats<kind>(s3, q, load_floats(c3 + at));
      }
      __m128 sums = reduce_quarters(fold(s0), fold(s1), fold(s2), fold(s3));
      if constexpr (kind == CodeKind::kFloatDot) sums = _mm_xor_ps(sums, _mm_set1_ps(-0.0f));
      keys = sortable_keys(sums);
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), keys);
  }
};

}  // namespace nearlite::avx512

NEARLITE_AVX512_END

#endif  // NEARLITE_X86
