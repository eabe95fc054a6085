// Sorted arrays of 64-bit numbers, as a walk keeps its candidates in (pool.inl), for any CPU.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vector/simd_target.h"

namespace nearlite::scalar {

/// How many of eight numbers are less than `bound`.
NEARLITE_ALWAYS_INLINE std::uint32_t count_less(const std::uint64_t* eight, std::uint64_t bound) {
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < 8; ++i) count += eight[i] < bound ? 1 : 0;
  return count;
}

/// Appends key << 32 | id << 1 of those of the first `count` <= 4 that are less than `bound`;
/// returns the new size. REQUIRES: four keys and ids can be read, and four numbers written at
/// out + size.
NEARLITE_ALWAYS_INLINE std::uint32_t append_less(const std::uint32_t keys[4],
                                                 const std::uint32_t ids[4], std::size_t count,
                                                 std::uint64_t bound, std::uint64_t* out,
                                                 std::uint32_t size) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t packed = std::uint64_t{keys[i]} << 32 | std::uint64_t{ids[i]} << 1;
    out[size] = packed;
    size += packed < bound ? 1 : 0;
  }
  return size;
}

/// Puts `count` > 0 others between the first `size` of `entries`: others[i] gets to places[i] + i,
/// and what would get to `max` or beyond is lost. Both are sorted, and places[i] is the number of
/// entries less than others[i]. REQUIRES: all behind entries[size], up to kPoolPadding behind
/// entries[max], is the largest number, and stays so; eight numbers behind others[count] can be
/// read.
NEARLITE_ALWAYS_INLINE void insert_sorted(std::uint64_t* entries, std::uint32_t size,
                                          std::uint32_t max, const std::uint64_t* others,
                                          const std::uint32_t* places, std::uint32_t count) {
  std::uint32_t end = size;  // what is at or behind it is in its place
  for (std::uint32_t i = count; i-- > 0;) {
    const std::uint32_t place = places[i];
    if (place + i + 1 < max) {
      const std::uint32_t kept = end < max - i - 1 ? end : max - i - 1;
      __builtin_memmove(entries + place + i + 1, entries + place,
                        (kept > place ? kept - place : 0) * sizeof(std::uint64_t));
    }
    if (place + i < max) entries[place + i] = others[i];
    end = place;
  }
}

}  // namespace nearlite::scalar
