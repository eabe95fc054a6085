// Sorted arrays of 64-bit numbers for AVX-512; sorted_scalar.h says what the functions do. Include
// it only where the AVX-512 region is wanted.
#pragma once

#include "graph/sorted_avx2.h"

#if NEARLITE_X86
#include <immintrin.h>

NEARLITE_AVX512_BEGIN

namespace nearlite::avx512 {

NEARLITE_ALWAYS_INLINE std::uint32_t count_less(const std::uint64_t* eight, std::uint64_t bound) {
  const __mmask8 less = _mm512_cmplt_epu64_mask(_mm512_loadu_si512(eight),
                                                _mm512_set1_epi64(static_cast<long long>(bound)));
  return static_cast<std::uint32_t>(__builtin_popcount(less));
}

NEARLITE_ALWAYS_INLINE std::uint32_t append_less(const std::uint32_t keys[4],
                                                 const std::uint32_t ids[4], std::size_t count,
                                                 std::uint64_t bound, std::uint64_t* out,
                                                 std::uint32_t size) {
  const __m256i packed = avx2::pack_four(keys, ids);
  const __m256i limit = _mm256_set1_epi64x(static_cast<long long>(bound));
  const auto wanted = static_cast<__mmask8>((1U << count) - 1);
  const __mmask8 less = _mm256_mask_cmplt_epu64_mask(wanted, packed, limit);
  // Into a register first: to memory it takes tens of cycles on some CPUs.
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + size),
                      _mm256_maskz_compress_epi64(less, packed));
  return size + static_cast<std::uint32_t>(__builtin_popcount(less));
}

/// Where in 512 places the others get to, a bit each.
struct Marks {
  alignas(64) std::uint8_t blocks[64];

  NEARLITE_ALWAYS_INLINE void clear() { _mm512_store_si512(blocks, _mm512_setzero_si512()); }
  NEARLITE_ALWAYS_INLINE void set(std::uint32_t place) {
    std::uint8_t& block = blocks[place / 8 % 64];
    block = static_cast<std::uint8_t>(block | 1U << (place & 7));
  }
};

// Eight places at a time, from the last on: entries and others are expanded into the places that
// are theirs. No step depends on a number that a CPU could not predict.
NEARLITE_ALWAYS_INLINE void insert_sorted(std::uint64_t* entries, std::uint32_t size,
                                          std::uint32_t max, const std::uint64_t* others,
                                          const std::uint32_t* places, std::uint32_t count) {
  const std::uint32_t end = size + count < max ? size + count : max;
  while (count > 0 && places[count - 1] + count - 1 >= end) --count;
  Marks marks;
  for (std::uint32_t block = (end - 1) / 8; count > 0;) {
    const std::uint32_t window = block & ~63U;  // the first block of those that `marks` is for
    marks.clear();
    std::uint32_t below = count;
    for (; count > 0 && places[count - 1] + count - 1 >= 8 * window; --count)
      marks.set(places[count - 1] + count - 1);
    // Below the first other nothing moves.
    const std::uint32_t last = count > 0 ? window : places[0] / 8;
    for (bool is_last = false; !is_last; --block) {
      is_last = block == last;
      const __mmask8 mask = marks.blocks[block % 64];
      below -= static_cast<std::uint32_t>(__builtin_popcount(mask));
      const __m512i moved = _mm512_maskz_expand_epi64(
          static_cast<__mmask8>(~mask), _mm512_loadu_si512(entries + 8 * block - below));
      _mm512_storeu_si512(
          entries + 8 * block,
          _mm512_mask_expand_epi64(moved, mask, _mm512_loadu_si512(others + below)));
    }
  }
  if (end == max) _mm512_storeu_si512(entries + max, _mm512_set1_epi64(-1));  // what got beyond it
}

}  // namespace nearlite::avx512

namespace nearlite::avx512vnni {
using avx512::append_less;
using avx512::count_less;
using avx512::insert_sorted;
}  // namespace nearlite::avx512vnni

namespace nearlite::avx512popcnt {
using avx512::append_less;
using avx512::count_less;
using avx512::insert_sorted;
}  // namespace nearlite::avx512popcnt

NEARLITE_AVX512_END

#endif  // NEARLITE_X86
