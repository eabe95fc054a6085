#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "vector/parse.h"

namespace nearlite {
namespace {

TEST(BitText, DigitsAreComponents) {
  std::vector<float> out{7};
  ASSERT_TRUE(parse_bit_text("1011", 4, out).ok());
  EXPECT_EQ(out, (std::vector<float>{1, 0, 1, 1}));
  ASSERT_TRUE(parse_bit_text("0", 0, out).ok());
  EXPECT_EQ(out, (std::vector<float>{0}));
}

TEST(BitText, AnythingElseIsRefused) {
  std::vector<float> out;
  for (const char* text : {"", "2", "10 ", "[1,0]", "1x", "-1"}) {
    EXPECT_FALSE(is_bit_text(text)) << text;
    EXPECT_EQ(parse_bit_text(text, 0, out).code(), Code::kInvalidArgument) << text;
  }
  EXPECT_EQ(parse_bit_text("101", 4, out).code(), Code::kInvalidArgument);
  EXPECT_EQ(parse_bit_text(std::string(kDimMax + 1, '1'), 0, out).code(), Code::kInvalidArgument);
  EXPECT_TRUE(parse_bit_text(std::string(kDimMax, '1'), 0, out).ok());
}

}  // namespace
}  // namespace nearlite
