#include "base/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace nearlite {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Published test values of XXH3: the hash is part of the format.
TEST(Hash, IsXxh3) {
  EXPECT_EQ(hash64({}), 0x2D06800538D394C2u);
  EXPECT_EQ(hash128({}), (Hash128{0x6001C324468D497F, 0x99AA06D3014798D8}));
  EXPECT_NE(hash64(bytes_of("a")), hash64(bytes_of("b")));
  EXPECT_NE(hash64(bytes_of("a")), hash64(bytes_of("a"), 1));
}

TEST(Hash, PiecesEqualTheWhole) {
  std::vector<std::byte> bytes(2000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{42}}) {
    for (std::size_t length : {0u, 1u, 16u, 200u, 240u, 241u, 1024u, 2000u}) {
      for (std::size_t piece : {1u, 7u, 64u, 3000u}) {
        const std::span<const std::byte> whole = std::span(bytes).first(length);
        Hasher hasher(seed);
        for (std::size_t at = 0; at < length; at += piece) {
          hasher.bytes(whole.subspan(at, std::min(piece, length - at)));
        }
        EXPECT_EQ(hasher.digest64(), hash64(whole, seed));
        EXPECT_EQ(hasher.digest128(), hash128(whole, seed));
      }
    }
  }
}

TEST(Hash, ACopyGoesOnAlone) {
  Hasher first;
  first.u64(1);
  Hasher second = first;
  second.u8(2);
  Hasher expected;
  expected.u64(1);
  EXPECT_EQ(first.digest64(), expected.digest64());
  expected.u8(2);
  EXPECT_EQ(second.digest64(), expected.digest64());
}

TEST(Hash, Mix64IsSplitmix) {
  // First outputs of splitmix64 seeded with 0 and with 1234567.
  static_assert(mix64(0) == 0xE220A8397B1DCDAFu);
  static_assert(mix64(1234567) == 6457827717110365317u);
}

}  // namespace
}  // namespace nearlite
