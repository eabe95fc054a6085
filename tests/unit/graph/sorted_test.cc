// The sorted arrays of a walk: every target does with them what sorting everything anew would do.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "graph/sorted_avx2.h"
#include "graph/sorted_avx512.h"
#include "graph/sorted_scalar.h"
#include "graph/types.h"

// Functions of a target can be called from anywhere, but only be inlined within its region.
#define NEARLITE_SORTED_FUNCTIONS                                                               \
  std::uint32_t count(const std::uint64_t* eight, std::uint64_t bound) {                        \
    return count_less(eight, bound);                                                            \
  }                                                                                             \
  std::uint32_t append(const std::uint32_t* keys, const std::uint32_t* ids, std::size_t number, \
                       std::uint64_t bound, std::uint64_t* out, std::uint32_t size) {           \
    return append_less(keys, ids, number, bound, out, size);                                    \
  }                                                                                             \
  void insert(std::uint64_t* entries, std::uint32_t size, std::uint32_t max,                    \
              const std::uint64_t* others, const std::uint32_t* places, std::uint32_t number) { \
    insert_sorted(entries, size, max, others, places, number);                                  \
  }

namespace nearlite::scalar {
NEARLITE_SORTED_FUNCTIONS
}  // namespace nearlite::scalar
#if NEARLITE_X86
NEARLITE_AVX2_BEGIN
namespace nearlite::avx2 {
NEARLITE_SORTED_FUNCTIONS
}  // namespace nearlite::avx2
NEARLITE_AVX2_END
NEARLITE_AVX512_BEGIN
namespace nearlite::avx512 {
NEARLITE_SORTED_FUNCTIONS
}  // namespace nearlite::avx512
NEARLITE_AVX512_END
#endif

namespace nearlite {
namespace {

constexpr std::uint64_t kNothing = ~std::uint64_t{0};
constexpr std::uint32_t kPadding = 8;
constexpr std::uint32_t kOthersMax = 16;

struct Functions {
  std::string name;
  decltype(&scalar::count) count;
  decltype(&scalar::append) append;
  decltype(&scalar::insert) insert;
};

std::vector<Functions> functions() {
  std::vector<Functions> all{{"scalar", scalar::count, scalar::append, scalar::insert}};
#if NEARLITE_X86
  if (supported_simd_target() >= SimdTarget::kAvx2)
    all.push_back({"avx2", avx2::count, avx2::append, avx2::insert});
  if (supported_simd_target() >= SimdTarget::kAvx512)
    all.push_back({"avx512", avx512::count, avx512::append, avx512::insert});
#endif
  return all;
}

/// Inserts random numbers, drawn from [0, range), and compares with all of them sorted.
void check_insert(const Functions& target, std::uint32_t size, std::uint32_t max,
                  std::uint32_t count, std::uint64_t range, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> entries(size);
  for (std::uint64_t& entry : entries) entry = random() % range;
  std::vector<std::uint64_t> others(count);
  for (std::uint64_t& other : others) other = random() % range;
  std::sort(entries.begin(), entries.end());
  std::sort(others.begin(), others.end());
  std::vector<std::uint32_t> places;
  for (const std::uint64_t other : others) {
    places.push_back(static_cast<std::uint32_t>(
        std::lower_bound(entries.begin(), entries.end(), other) - entries.begin()));
  }
  std::vector<std::uint64_t> expected = entries;
  expected.insert(expected.end(), others.begin(), others.end());
  std::sort(expected.begin(), expected.end());
  expected.resize(max, kNothing);
  expected.resize(max + kPadding, kNothing);

  entries.resize(max + kPadding, kNothing);
  others.resize(count + kPadding, 1);  // read, but never used
  target.insert(entries.data(), size, max, others.data(), places.data(), count);
  EXPECT_EQ(entries, expected) << target.name << ": " << count << " into " << size << " of " << max;
}

TEST(Sorted, InsertsAsSortingWould) {
  for (const Functions& target : functions()) {
    for (const std::uint32_t max : {1U, 2U, 7U, 8U, 9U, 40U, 63U, 64U, 65U, 130U}) {
      for (std::uint32_t size = 0; size <= max; ++size) {
        for (const std::uint32_t count : {1U, 2U, 5U, kOthersMax})
          check_insert(target, size, max, count, 1'000, std::uint64_t{max} * 1'000 + size);
      }
    }
  }
}

TEST(Sorted, InsertsIntoLongArrays) {
  for (const Functions& target : functions()) {
    for (const std::uint32_t max : {511U, 512U, 513U, 1'024U, 5'000U}) {
      for (const std::uint32_t size : {max, max - 1, max - 8, max / 2}) {
        for (std::uint64_t seed = 0; seed < 20; ++seed) {
          // A small range: the others lie anywhere; a single other moves all behind it.
          check_insert(target, size, max, 1 + seed % kOthersMax, 1'000'000, seed);
        }
      }
    }
  }
}

TEST(Sorted, InsertsEqualNumbersBesideEachOther) {
  for (const Functions& target : functions()) {
    for (std::uint64_t seed = 0; seed < 100; ++seed)
      check_insert(target, 50, 60, 1 + seed % kOthersMax, 3, seed);
  }
}

TEST(Sorted, NothingGetsInBehindAFullArray) {
  for (const Functions& target : functions()) {
    std::vector<std::uint64_t> entries{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    entries.resize(10 + kPadding, kNothing);
    const std::vector<std::uint64_t> before = entries;
    std::vector<std::uint64_t> others(2 + kPadding, 11);
    const std::uint32_t places[2] = {10, 10};
    target.insert(entries.data(), 10, 10, others.data(), places, 2);
    EXPECT_EQ(entries, before) << target.name;
  }
}

TEST(Sorted, AppendsWhatIsLess) {
  std::mt19937_64 random(1);
  for (const Functions& target : functions()) {
    for (int turn = 0; turn < 1'000; ++turn) {
      std::uint32_t keys[4];
      std::uint32_t ids[4];
      for (std::uint32_t& key : keys) {
        // Around the middle, where a signed comparison would order numbers the other way round.
        key = static_cast<std::uint32_t>(random() % 8) + 0x7FFF'FFFCU;
      }
      for (std::uint32_t& id : ids) id = static_cast<std::uint32_t>(random() % kNodeIdMax);
      const std::size_t number = 1 + random() % 4;
      std::uint64_t bound =
          (std::uint64_t{0x7FFF'FFFC} + random() % 8) << 32 | (random() & 0xFFFF'FFFF);
      if (turn % 2 == 0) bound = std::uint64_t{keys[0]} << 32 | std::uint64_t{ids[0]} << 1;
      std::vector<std::uint64_t> expected{17, 18};
      for (std::size_t i = 0; i < number; ++i) {
        const std::uint64_t packed = std::uint64_t{keys[i]} << 32 | std::uint64_t{ids[i]} << 1;
        if (packed < bound) expected.push_back(packed);
      }
      std::vector<std::uint64_t> out{17, 18, 0, 0, 0, 0};
      out.resize(target.append(keys, ids, number, bound, out.data(), 2));
      EXPECT_EQ(out, expected) << target.name;
    }
  }
}

TEST(Sorted, CountsWhatIsLess) {
  for (const Functions& target : functions()) {
    const std::uint64_t eight[8] = {0, 5, 5, 1ULL << 63, (1ULL << 63) + 1, kNothing, kNothing, 9};
    EXPECT_EQ(target.count(eight, 5), 1u) << target.name;
    EXPECT_EQ(target.count(eight, 6), 3u) << target.name;
    EXPECT_EQ(target.count(eight, (1ULL << 63) + 1), 5u) << target.name;
    EXPECT_EQ(target.count(eight, kNothing), 6u) << target.name;
  }
}

}  // namespace
}  // namespace nearlite
