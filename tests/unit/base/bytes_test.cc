#include "base/bytes.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

namespace nearlite {
namespace {

constexpr std::array<std::uint64_t, 12> kEdges{0,
                                               1,
                                               127,
                                               128,
                                               16'383,
                                               16'384,
                                               (1u << 21) - 1,
                                               UINT32_MAX,
                                               std::uint64_t{1} << 32,
                                               std::uint64_t{1} << 62,
                                               (std::uint64_t{1} << 63) - 1,
                                               UINT64_MAX};

TEST(Bytes, RoundTrip) {
  std::vector<std::byte> bytes;
  Writer writer(bytes);
  writer.u8(200);
  writer.u16(0xBEEF);
  writer.u32(0xDEADBEEF);
  writer.u64(0x0123'4567'89AB'CDEF);
  writer.i64(-5);
  writer.f32(-1.5f);
  for (const std::uint64_t edge : kEdges) writer.varint(edge);
  writer.signed_varint(std::numeric_limits<std::int64_t>::min());
  writer.signed_varint(-1);

  Reader reader(bytes);
  EXPECT_EQ(reader.u8(), 200);
  EXPECT_EQ(reader.u16(), 0xBEEF);
  EXPECT_EQ(reader.u32(), 0xDEADBEEF);
  EXPECT_EQ(reader.u64(), 0x0123'4567'89AB'CDEFu);
  EXPECT_EQ(reader.i64(), -5);
  EXPECT_EQ(reader.f32(), -1.5f);
  for (const std::uint64_t edge : kEdges) EXPECT_EQ(reader.varint(), edge);
  EXPECT_EQ(reader.signed_varint(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(reader.signed_varint(), -1);
  EXPECT_TRUE(reader.finished());
}

TEST(Bytes, IsLittleEndian) {
  std::vector<std::byte> bytes;
  Writer(bytes).u32(0x01020304);
  EXPECT_EQ(bytes[0], std::byte{4});
  EXPECT_EQ(bytes[3], std::byte{1});
}

TEST(Bytes, EveryTruncationFailsAndStaysFailed) {
  std::vector<std::byte> bytes;
  Writer writer(bytes);
  writer.u32(7);
  writer.varint(UINT64_MAX);
  writer.u64(9);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::span<const std::byte> whole(bytes);
    Reader reader(whole.first(length));
    static_cast<void>(reader.u32());
    static_cast<void>(reader.varint());
    EXPECT_EQ(reader.u64(), 0u);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.u8(), 0);  // even where a byte is left
    EXPECT_TRUE(reader.bytes(0).empty());
    EXPECT_FALSE(reader.finished());
  }
}

Reader reader_of(const std::vector<std::uint8_t>& bytes) {
  return Reader(std::as_bytes(std::span(bytes)));
}

TEST(Bytes, RefusesOtherFormsOfAVarint) {
  const std::vector<std::uint8_t> longer{0x81, 0x00};  // 1, written in two bytes
  const std::vector<std::uint8_t> too_large(9, 0xFF);
  std::vector<std::uint8_t> bit_64 = too_large;
  bit_64.push_back(0x02);
  std::vector<std::uint8_t> endless = too_large;
  endless.push_back(0x81);
  endless.push_back(0x01);
  for (const auto& bytes : {longer, too_large, bit_64, endless}) {
    Reader reader = reader_of(bytes);
    EXPECT_EQ(reader.varint(), 0u);
    EXPECT_FALSE(reader.ok());
  }
}

TEST(Bytes, Varint32RefusesMore) {
  std::vector<std::byte> bytes;
  Writer(bytes).varint(std::uint64_t{UINT32_MAX} + 1);
  Reader reader(bytes);
  EXPECT_EQ(reader.varint32(), 0u);
  EXPECT_FALSE(reader.ok());
}

TEST(Bytes, AHugeLengthDoesNotWrapAround) {
  const std::vector<std::byte> bytes(16);
  Reader reader(bytes);
  static_cast<void>(reader.u64());
  EXPECT_TRUE(reader.bytes(SIZE_MAX - 4).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(Bytes, RandomNumbersRoundTrip) {
  const char* text = std::getenv("NEARLITE_SEED");
  const std::uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
  SCOPED_TRACE("repeat with NEARLITE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> values(1000);
  std::vector<std::byte> bytes;
  Writer writer(bytes);
  for (std::uint64_t& value : values) {
    value = random() >> (random() % 64);
    writer.varint(value);
    writer.signed_varint(static_cast<std::int64_t>(value));
  }
  Reader reader(bytes);
  for (const std::uint64_t value : values) {
    ASSERT_EQ(reader.varint(), value);
    ASSERT_EQ(reader.signed_varint(), static_cast<std::int64_t>(value));
  }
  EXPECT_TRUE(reader.finished());
}

}  // namespace
}  // namespace nearlite
