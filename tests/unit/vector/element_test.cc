#include "vector/element.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "random_input.h"

namespace nearlite {
namespace {

/// The value of a float16, computed from the definition.
double value_of_float16(unsigned bits) {
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  const int exponent = static_cast<int>((bits >> 10) & 31);
  const double fraction = (bits & 1023) / 1024.0;
  if (exponent == 0) return sign * std::ldexp(fraction, -14);
  return sign * std::ldexp(1.0 + fraction, exponent - 15);
}

TEST(Element, EveryFloat16) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = from_float16(half);
    if ((bits & 0x7C00) == 0x7C00) {
      EXPECT_EQ(std::isinf(value), (bits & 0x3FF) == 0) << bits;
      EXPECT_EQ(std::isnan(value), (bits & 0x3FF) != 0) << bits;
      continue;
    }
    EXPECT_EQ(value, value_of_float16(bits)) << bits;
    EXPECT_EQ(std::signbit(value), (bits & 0x8000) != 0) << bits;
    EXPECT_EQ(to_float16(value), half) << bits;
  }
}

// Between each two neighbours: the middle goes to the even one, and just beside it to the nearer
// one.
TEST(Element, Float16RoundsToNearestEven) {
  for (unsigned bits = 0; bits < 0x7BFF; ++bits) {
    const double low = value_of_float16(bits);
    const double high = value_of_float16(bits + 1);
    const auto middle = static_cast<float>((low + high) / 2);  // exact: one bit more
    EXPECT_EQ(to_float16(middle), bits + (bits & 1)) << bits;
    EXPECT_EQ(to_float16(std::nextafter(middle, 0.0f)), bits) << bits;
    EXPECT_EQ(to_float16(std::nextafter(middle, 1e9f)), bits + 1) << bits;
    EXPECT_EQ(to_float16(-middle), (bits + (bits & 1)) | 0x8000) << bits;
  }
  EXPECT_EQ(to_float16(65'504.0f), 0x7BFF);
  EXPECT_EQ(to_float16(65'519.996f), 0x7BFF);
  EXPECT_EQ(to_float16(65'520.0f), 0x7C00);
  EXPECT_EQ(to_float16(-1e30f), 0xFC00);
  EXPECT_EQ(to_float16(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_TRUE(std::isnan(from_float16(to_float16(std::nanf("")))));
}

TEST(Element, BFloat16RoundsToNearestEven) {
  NEARLITE_SEEDED(seed, 31);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100'000; ++round) {
    const auto bits = static_cast<std::uint16_t>(random());
    const float value = from_bfloat16(bits);
    if (!std::isfinite(value)) continue;
    EXPECT_EQ(to_bfloat16(value), bits);
    const auto full = std::uint32_t{bits} << 16;
    EXPECT_EQ(to_bfloat16(std::bit_cast<float>(full | 0x8000)), bits + (bits & 1));
    EXPECT_EQ(to_bfloat16(std::bit_cast<float>(full | 0x7FFF)), bits);
    EXPECT_EQ(to_bfloat16(std::bit_cast<float>(full | 0x8001)), bits + 1);
  }
  EXPECT_TRUE(std::isnan(from_bfloat16(to_bfloat16(std::nanf("")))));
}

std::vector<float> round_trip(ElementType type, const std::vector<float>& vector) {
  std::vector<std::byte> bytes(vector_bytes(type, vector.size()), std::byte{0xFF});
  EXPECT_TRUE(encode(type, vector, bytes.data()).ok());
  std::vector<float> decoded(vector.size());
  decode(type, bytes.data(), vector.size(), decoded.data());
  return decoded;
}

TEST(Element, RoundTrips) {
  const std::vector<float> wholes{-128.0f, -1.0f, 0.0f, 1.0f, 127.0f, 5.0f, 2.0f, -7.0f, 64.0f};
  for (const ElementType type :
       {ElementType::kFloat32, ElementType::kFloat16, ElementType::kBFloat16, ElementType::kInt8}) {
    EXPECT_EQ(round_trip(type, wholes), wholes) << name_of(type);
  }
  EXPECT_EQ(round_trip(ElementType::kBit, wholes), (std::vector<float>{0, 0, 0, 1, 1, 1, 1, 0, 1}));
  const std::vector<float> odd{0.1f, -3e38f, 1e-45f};
  EXPECT_EQ(round_trip(ElementType::kFloat32, odd), odd);
}

TEST(Element, BytesAreTheOnesOfTheFormat) {
  std::array<std::byte, 4> bytes{};
  ASSERT_TRUE(encode(ElementType::kFloat32, std::array{1.0f}, bytes.data()).ok());
  EXPECT_EQ(bytes, (std::array{std::byte{0}, std::byte{0}, std::byte{0x80}, std::byte{0x3F}}));
  ASSERT_TRUE(encode(ElementType::kFloat16, std::array{1.0f, -2.0f}, bytes.data()).ok());
  EXPECT_EQ(bytes, (std::array{std::byte{0}, std::byte{0x3C}, std::byte{0}, std::byte{0xC0}}));
  ASSERT_TRUE(encode(ElementType::kBFloat16, std::array{1.0f, -2.0f}, bytes.data()).ok());
  EXPECT_EQ(bytes, (std::array{std::byte{0x80}, std::byte{0x3F}, std::byte{0}, std::byte{0xC0}}));
  ASSERT_TRUE(
      encode(ElementType::kInt8, std::array{1.0f, -1.0f, -128.0f, 127.0f}, bytes.data()).ok());
  EXPECT_EQ(bytes, (std::array{std::byte{1}, std::byte{0xFF}, std::byte{0x80}, std::byte{0x7F}}));
  ASSERT_TRUE(encode(ElementType::kBit,
                     std::array{1.0f, 0.0f, -1.0f, 1.0f, 0.0f, 0.0f, 0.0f, 0.0f, 1.0f},
                     bytes.data())
                  .ok());
  EXPECT_EQ(bytes[0], std::byte{0b1001});
  EXPECT_EQ(bytes[1], std::byte{1});
}

TEST(Element, RefusesWhatDoesNotFit) {
  std::array<std::byte, 64> bytes{};
  const auto code = [&](ElementType type, float value) {
    const std::array vector{1.0f, value};
    const Status status = encode(type, vector, bytes.data());
    const bool named = status.ok() || status.message().find("component 2") != std::string::npos;
    EXPECT_TRUE(named) << status.message();
    return status.code();
  };
  const float infinity = std::numeric_limits<float>::infinity();
  for (int type = 1; type <= 5; ++type) {
    EXPECT_EQ(code(static_cast<ElementType>(type), infinity), Code::kInvalidArgument);
    EXPECT_EQ(code(static_cast<ElementType>(type), std::nanf("")), Code::kInvalidArgument);
  }
  EXPECT_EQ(code(ElementType::kFloat16, 65'520.0f), Code::kInvalidArgument);
  EXPECT_EQ(code(ElementType::kFloat16, 65'519.0f), Code::kOk);
  EXPECT_EQ(code(ElementType::kBFloat16, std::numeric_limits<float>::max()),
            Code::kInvalidArgument);
  EXPECT_EQ(code(ElementType::kBFloat16, 3.389e38f), Code::kOk);
  EXPECT_EQ(code(ElementType::kInt8, 128.0f), Code::kInvalidArgument);
  EXPECT_EQ(code(ElementType::kInt8, -129.0f), Code::kInvalidArgument);
  EXPECT_EQ(code(ElementType::kInt8, 0.5f), Code::kInvalidArgument);
  EXPECT_EQ(code(ElementType::kInt8, 1e30f), Code::kInvalidArgument);
  EXPECT_EQ(code(ElementType::kBit, 1e30f), Code::kOk);
}

}  // namespace
}  // namespace nearlite
