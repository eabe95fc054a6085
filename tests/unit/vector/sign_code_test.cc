// Signs as codes: which bit is which, and how well a query's estimate of a cosine is, beside what
// the number of differing bits alone tells.
#include "vector/sign_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "base/aligned.h"
#include "random_input.h"
#include "vector/query_code.h"
#include "vector/simd_target.h"

namespace nearlite {
namespace {

void scale_to_one(std::vector<float>& vector) {
  double squares = 0;
  for (const float value : vector) squares += double{value} * double{value};
  for (float& value : vector) value = static_cast<float>(value / std::sqrt(squares));
}

double product(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

AlignedBuffer code_of(const std::vector<float>& vector) {
  AlignedBuffer code;
  EXPECT_TRUE(code.allocate(vector.size() / 8).ok());
  encode_signs(vector, code.data());
  return code;
}

TEST(SignCode, ABitForEachComponentLowestFirst) {
  std::vector<float> vector(512, -1.0f);
  vector[0] = 1e-30f;
  vector[1] = 0.0f;
  vector[2] = -0.0f;
  vector[9] = 3.0f;
  vector[511] = 0.5f;
  const AlignedBuffer code = code_of(vector);
  EXPECT_EQ(code.data()[0], std::byte{1});
  EXPECT_EQ(code.data()[1], std::byte{2});
  for (std::size_t i = 2; i < 63; ++i) EXPECT_EQ(code.data()[i], std::byte{0}) << i;
  EXPECT_EQ(code.data()[63], std::byte{128});
}

// Errors over many pairs at every angle: theory has sqrt(pi / 2 - 1) sin / sqrt(width) for a query
// that is known exactly (.75), and four bits of it add a little. Counting bits errs by pi / 2 as
// much where vectors are at right angles.
TEST(SignCode, EstimatesCosines) {
  NEARLITE_SEEDED(seed, 31);
  std::mt19937_64 random(seed);
  for (const std::uint32_t width : {512U, 1536U, 16384U}) {
    const CodeFormat format{CodeKind::kBits, width, width / 8, 0};
    double squares = 0, squares_counted = 0, sum = 0;
    constexpr int kPairs = 300;
    for (int i = 0; i < kPairs; ++i) {
      std::vector<float> a = gaussian_vector(random, width), b = gaussian_vector(random, width);
      const float mix = static_cast<float>(i % 10) / 5.0f;
      for (std::size_t j = 0; j < width; ++j) b[j] += mix * a[j];
      scale_to_one(a);
      scale_to_one(b);
      const AlignedBuffer code = code_of(a);
      SignQuery query;
      ASSERT_TRUE(query.prepare(b).ok());
      const double truth = product(a, b);
      const double error = static_cast<double>(query.cosine(code.data())) - truth;
      sum += error;
      squares += error * error;
      const AlignedBuffer other = code_of(b);
      QueryCode counted;
      counted.data = other.data();
      const std::uint32_t differing =
          key_functions(CodeKind::kBits, SimdTarget::kScalar).key(counted, code.data(), {}, format);
      const double angle = std::numbers::pi * differing / width;
      squares_counted += std::pow(std::cos(angle) - truth, 2);
    }
    const double deviation = std::sqrt(squares / kPairs), unit = 1 / std::sqrt(width);
    EXPECT_LT(deviation, 0.85 * unit) << width;
    EXPECT_GT(deviation, 0.30 * unit) << "better than can be: the test compares a with itself";
    EXPECT_LT(std::abs(sum / kPairs), 0.15 * unit) << width;
    EXPECT_LT(deviation, 0.8 * std::sqrt(squares_counted / kPairs)) << width;
  }
}

TEST(SignCode, KeysOrderAsEstimatesDo) {
  NEARLITE_SEEDED(seed, 34);
  std::mt19937_64 random(seed);
  constexpr std::uint32_t kWidth = 512;
  const CodeFormat format{CodeKind::kSignBits, kWidth, kWidth / 8, 0};
  std::vector<float> vector = gaussian_vector(random, kWidth);
  scale_to_one(vector);
  SignQuery query;
  ASSERT_TRUE(query.prepare(vector).ok());
  std::vector<std::pair<std::uint32_t, float>> all;
  for (int i = 0; i < 200; ++i) {
    const AlignedBuffer code = code_of(gaussian_vector(random, kWidth));
    const KeyFunctions functions = key_functions(format.kind, active_simd_target());
    all.emplace_back(functions.key(query.code(), code.data(), {}, format),
                     query.cosine(code.data()));
  }
  std::sort(all.begin(), all.end());
  EXPECT_LT(all.front().first, all.back().first);
  for (std::size_t i = 1; i < all.size(); ++i) {
    EXPECT_GE(all[i - 1].second, all[i].second);
    EXPECT_EQ(all[i - 1].first == all[i].first, all[i - 1].second == all[i].second);
  }
}

TEST(SignCode, SameEstimateOnEveryTarget) {
  NEARLITE_SEEDED(seed, 32);
  std::mt19937_64 random(seed);
  std::vector<float> a = gaussian_vector(random, 1024), b = gaussian_vector(random, 1024);
  scale_to_one(a);
  scale_to_one(b);
  const AlignedBuffer code = code_of(a);
  std::vector<float> estimates;
  for (const SimdTarget target : supported_simd_targets()) {
    const ForcedTarget forced(target);
    SignQuery query;
    ASSERT_TRUE(query.prepare(b).ok());
    estimates.push_back(query.cosine(code.data()));
  }
  for (const float estimate : estimates)
    EXPECT_EQ(std::bit_cast<std::uint32_t>(estimate), std::bit_cast<std::uint32_t>(estimates[0]));
}

TEST(SignCode, AQueryMayBePreparedAgain) {
  NEARLITE_SEEDED(seed, 33);
  std::mt19937_64 random(seed);
  SignQuery used;
  for (const std::uint32_t width : {1024U, 512U, 2048U, 512U}) {
    std::vector<float> vector = gaussian_vector(random, width);
    scale_to_one(vector);
    const AlignedBuffer code = code_of(gaussian_vector(random, width));
    SignQuery fresh;
    ASSERT_TRUE(fresh.prepare(vector).ok());
    ASSERT_TRUE(used.prepare(vector).ok());
    EXPECT_EQ(used.cosine(code.data()), fresh.cosine(code.data()));
  }
  SignQuery zero;
  ASSERT_TRUE(zero.prepare(std::vector<float>(512)).ok());
  EXPECT_EQ(zero.cosine(code_of(gaussian_vector(random, 512)).data()), 0.0f);
}

}  // namespace
}  // namespace nearlite
