#include "vector/parse.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <clocale>
#include <cmath>
#include <limits>

#include "random_input.h"
#include "vector/element.h"

namespace nearlite {
namespace {

std::vector<float> parsed(std::string_view text, std::size_t dim = 0) {
  std::vector<float> out{99.0f};
  const Status status = parse_vector_text(text, dim, out);
  EXPECT_TRUE(status.ok()) << text << ": " << status.message();
  return out;
}

std::string refusal(std::string_view text, std::size_t dim = 0) {
  std::vector<float> out;
  const Status status = parse_vector_text(text, dim, out);
  EXPECT_EQ(status.code(), Code::kInvalidArgument) << text;
  return status.message();
}

TEST(ParseText, Numbers) {
  EXPECT_EQ(parsed("[1, 2.5, -3e-4]"), (std::vector<float>{1.0f, 2.5f, -3e-4f}));
  EXPECT_EQ(parsed("  [\t1\n,\r2 ]  "), (std::vector<float>{1, 2}));
  EXPECT_EQ(parsed("[0,-0,1E3,1e+3,0.5,100]", 6), (std::vector<float>{0, 0, 1000, 1000, 0.5, 100}));
  EXPECT_EQ(parsed("[3.4028235e38]"), (std::vector<float>{std::numeric_limits<float>::max()}));
  EXPECT_EQ(parsed("[0.1]"), (std::vector<float>{0.1f}));
}

TEST(ParseText, TooSmallIsZero) {
  const std::vector<float> zeros =
      parsed("[1e-60, -1e-60, 1e-4000, -0." + std::string(5000, '0') + "1]");
  EXPECT_EQ(zeros, (std::vector<float>{0, 0, 0, 0}));
  EXPECT_TRUE(std::signbit(zeros[1]));
  EXPECT_EQ(parsed("[0." + std::string(5000, '0') + "1]"), (std::vector<float>{0}));
  EXPECT_EQ(parsed("[1e-45]"), (std::vector<float>{std::numeric_limits<float>::denorm_min()}));
}

TEST(ParseText, RefusesWithThePlace) {
  EXPECT_EQ(refusal("[1,2,3]", 2), "expected 2 dimensions, got 3");
  EXPECT_EQ(refusal("[1]", 2), "expected 2 dimensions, got 1");
  EXPECT_EQ(refusal("[1,2]", 1), "expected 1 dimension, got 2");
  EXPECT_EQ(refusal("[]", 3), "expected 3 dimensions, got 0");
  EXPECT_EQ(refusal("[]"), "the vector is empty");
  EXPECT_EQ(refusal("[1,x]"), "expected a number, got 'x' at character 4");
  EXPECT_EQ(refusal("[1,[2]]"), "expected a number, got '[2' at character 4");
  EXPECT_EQ(refusal("[1,]"), "expected a number, got ']' at character 4");
  EXPECT_EQ(refusal("[,1]"), "expected a number, got ',' at character 2");
  EXPECT_EQ(refusal("[1 2]"), "expected ',' or ']', got '2' at character 4");
  EXPECT_EQ(refusal("[1,2"), "expected ',' or ']', got the end of the text");
  EXPECT_EQ(refusal("[1] x"), "expected nothing after the array, got 'x' at character 5");
  EXPECT_EQ(refusal("[1e39]"), "'1e39' at character 2 is out of the range of float32");
  EXPECT_EQ(refusal("[1, -1e4000]"), "'-1e4000' at character 5 is out of the range of float32");
  for (const char* text :
       {"",       " ",          "1,2",     "{}",     "null",  "[nan]",    "[NaN]",  "[inf]",
        "[-inf]", "[Infinity]", "[+1]",    "[.5]",   "[-]",   "[--1]",    "[0x10]", "[1,,2]",
        "[1;2]",  "[1,2]]",     "[\"1\"]", "[true]", "[1e]x", "[1,2]\x01"}) {
    refusal(text);
  }
  refusal(std::string_view("[1\0]", 4));
  refusal("[\xC3\xA9]");
}

TEST(ParseText, NumbersAsCReadsThem) {
  std::vector<float> values;
  const std::string_view text = "[.5, -.25, +1, 2., +.125, -3e1, .5e-60, -.5e-400]";
  ASSERT_TRUE(parse_vector_text(text, 0, values, NumberStyle::kC).ok());
  EXPECT_EQ(values, (std::vector<float>{0.5F, -0.25F, 1, 2, 0.125F, -30, 0, -0.0F}));
  for (const char* wrong : {"[.]", "[+]", "[+-1]", "[-+1]", "[..5]", "[+nan]", "[.inf]", "[1,.]"})
    EXPECT_FALSE(parse_vector_text(wrong, 0, values, NumberStyle::kC).ok()) << wrong;
}

TEST(ParseText, IsBounded) {
  std::string text = "[1";
  for (int i = 0; i < 100'000; ++i) text += ",1";
  text += "]";
  EXPECT_EQ(refusal(text), "more than 16384 dimensions");
  EXPECT_EQ(refusal(text, 3), "expected 3 dimensions, got more than 16384");
  text.back() = 'x';  // what lies beyond the limit is not even read
  EXPECT_EQ(refusal(text), "more than 16384 dimensions");
  refusal(std::string(1'000'000, '['));
  refusal("[" + std::string(1'000'000, '9') + "]");
  std::string longest = "[1";
  for (int i = 1; i < 16'384; ++i) longest += ",1";
  EXPECT_EQ(parsed(longest + "]").size(), 16'384u);
}

// Every prefix and every changed byte of a text is either read or refused; sanitizers watch.
TEST(ParseText, DamagedTextIsHarmless) {
  const std::string text = "[1, 2.5e3, -3e-4]";
  std::vector<float> out;
  for (std::size_t length = 0; length < text.size(); ++length) {
    // A copy of the exact size, so that reading beyond it is seen.
    const std::vector<char> prefix(text.begin(),
                                   text.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_FALSE(parse_vector_text({prefix.data(), prefix.size()}, 0, out).ok());
  }
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[at] = static_cast<char>(byte);
      if (!parse_vector_text(changed, 0, out).ok()) continue;
      for (const float x : out) EXPECT_TRUE(std::isfinite(x));
    }
  }
}

TEST(ParseText, IgnoresTheLocale) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* name : {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8"}) {
    if (std::setlocale(LC_ALL, name) != nullptr)
      break;  // none installed: the test says little then
  }
  EXPECT_EQ(parsed("[1.5]"), (std::vector<float>{1.5f}));
  EXPECT_EQ(format_vector_json(std::vector<float>{1.5f}), "[1.5]");
  std::setlocale(LC_ALL, before.c_str());
}

TEST(FormatJson, RoundTrips) {
  EXPECT_EQ(format_vector_json({}), "[]");
  EXPECT_EQ(format_vector_json(std::vector<float>{1, 2.5f, -0.0003f, 0.1f}), "[1,2.5,-3e-04,0.1]");
  NEARLITE_SEEDED(seed, 41);
  std::mt19937_64 random(seed);
  std::vector<float> vector;
  while (vector.size() < 5000) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isfinite(value)) vector.push_back(value);
  }
  const std::vector<float> back = parsed(format_vector_json(vector));
  ASSERT_EQ(back.size(), vector.size());
  for (std::size_t i = 0; i < vector.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(back[i]), std::bit_cast<std::uint32_t>(vector[i]));
  }
}

TEST(ParseBlob, RoundTripsEveryType) {
  const std::vector<float> vector{0, 1, 0, 1, 1, 0, 0, 0, 1, 1};
  for (int i = 1; i <= 5; ++i) {
    const auto type = static_cast<ElementType>(i);
    std::vector<std::byte> blob(vector_bytes(type, vector.size()));
    ASSERT_TRUE(encode(type, vector, blob.data()).ok());
    std::vector<float> out;
    ASSERT_TRUE(parse_vector_blob(blob, type, vector.size(), out).ok()) << name_of(type);
    EXPECT_EQ(out, vector);
    ASSERT_TRUE(parse_vector_blob(blob, type, 0, out).ok()) << name_of(type);
    EXPECT_EQ(out.size(), type == ElementType::kBit ? 16u : 10u);
  }
}

TEST(ParseBlob, RefusesWrongSizes) {
  const std::vector<std::byte> blob(10);
  std::vector<float> out;
  const auto message = [&](std::size_t bytes, ElementType type, std::size_t dim) {
    const Status status =
        parse_vector_blob(std::span<const std::byte>(blob).first(bytes), type, dim, out);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    return status.message();
  };
  EXPECT_EQ(message(8, ElementType::kFloat32, 3), "expected 3 dimensions, got 2");
  EXPECT_EQ(message(10, ElementType::kFloat32, 3),
            "expected 3 dimensions, got a blob of 10 bytes instead of 12");
  EXPECT_EQ(message(10, ElementType::kFloat32, 0),
            "a blob of 10 bytes is no whole number of float values");
  EXPECT_EQ(message(0, ElementType::kFloat32, 0), "the vector is empty");
  EXPECT_EQ(message(0, ElementType::kBit, 0), "the vector is empty");
  EXPECT_EQ(message(2, ElementType::kBit, 17),
            "expected 17 dimensions, got a blob of 2 bytes instead of 3");
  EXPECT_EQ(message(1, ElementType::kInt8, 2), "expected 2 dimensions, got 1");
  const std::vector<std::byte> large(20'000);
  EXPECT_EQ(parse_vector_blob(large, ElementType::kInt8, 0, out).message(),
            "20000 dimensions, more than 16384");
}

TEST(ParseBlob, RefusesNanAndInfinity) {
  std::vector<float> out;
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const std::vector<float> vector{1.0f, bad};
    const Status status =
        parse_vector_blob(std::as_bytes(std::span(vector)), ElementType::kFloat32, 2, out);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_EQ(status.message(), "component 2 is " + std::string(std::isnan(bad) ? "nan" : "inf"));
  }
  for (const std::uint16_t bits : std::array<std::uint16_t, 3>{0x7C00, 0x7E00, 0xFC00}) {
    EXPECT_FALSE(
        parse_vector_blob(std::as_bytes(std::span(&bits, 1)), ElementType::kFloat16, 1, out).ok());
  }
  for (const std::uint16_t bits : std::array<std::uint16_t, 3>{0x7F80, 0x7FC0, 0xFF80}) {
    EXPECT_FALSE(
        parse_vector_blob(std::as_bytes(std::span(&bits, 1)), ElementType::kBFloat16, 1, out).ok());
  }
}

}  // namespace
}  // namespace nearlite
