// The fast distances equal the reference bit for bit on every target, and the reference is right.
#include "vector/distance.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "random_input.h"

namespace nearlite {
namespace {

constexpr std::array kMetrics{Metric::kCosine, Metric::kL2, Metric::kIp, Metric::kL1,
                              Metric::kHamming};

std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }

TEST(Distance, EveryTargetEqualsTheReference) {
  NEARLITE_SEEDED(seed, 21);
  std::mt19937_64 random(seed);
  std::vector<std::size_t> dims{31, 64, 100, 383, 384, 768, 1536, 4096, 16'384};
  for (std::size_t dim = 1; dim <= 17; ++dim) dims.push_back(dim);
  for (const std::size_t dim : dims) {
    for (const float scale : {1.0f, 1e-30f, 1e30f, 1e-42f}) {
      // Apart by one float: the loops may not expect any alignment.
      std::vector<float> a = gaussian_vector(random, dim + 1, scale);
      std::vector<float> b = gaussian_vector(random, dim + 1, scale);
      if (dim % 3 == 0) b = a;
      if (dim % 5 == 0) std::fill(b.begin(), b.end(), 0.0f);
      for (const Metric metric : kMetrics) {
        const double expected = reference::distance(metric, a.data() + 1, b.data() + 1, dim);
        EXPECT_TRUE(std::isfinite(expected));
        for (const SimdTarget target : supported_simd_targets()) {
          SCOPED_TRACE(std::string(name_of(metric)) + " " + std::string(name_of(target)) + " dim " +
                       std::to_string(dim));
          const ForcedTarget forced(target);
          EXPECT_EQ(bits(distance(metric, a.data() + 1, b.data() + 1, dim)), bits(expected));
          EXPECT_EQ(bits(distance(metric, b.data() + 1, a.data() + 1, dim)), bits(expected));
        }
      }
    }
  }
}

TEST(Distance, KnownValues) {
  const std::array a{1.0f, 2.0f, -3.0f};
  const std::array b{4.0f, -6.0f, 0.0f};
  EXPECT_EQ(distance(Metric::kL2, a.data(), b.data(), 3), std::sqrt(9.0 + 64.0 + 9.0));
  EXPECT_EQ(distance(Metric::kIp, a.data(), b.data(), 3), 8.0);
  EXPECT_EQ(distance(Metric::kL1, a.data(), b.data(), 3), 14.0);
  EXPECT_EQ(distance(Metric::kHamming, a.data(), b.data(), 3), 1.0);
  EXPECT_DOUBLE_EQ(distance(Metric::kCosine, a.data(), b.data(), 3),
                   1.0 + 8.0 / std::sqrt(14.0 * 52.0));
  EXPECT_DOUBLE_EQ(norm(a.data(), 3), std::sqrt(14.0));
}

TEST(Distance, CosineEdges) {
  NEARLITE_SEEDED(seed, 22);
  std::mt19937_64 random(seed);
  const std::vector<float> a = gaussian_vector(random, 384);
  std::vector<float> opposite = a;
  for (float& x : opposite) x *= -2.0f;
  const std::vector<float> zero(384);
  EXPECT_EQ(distance(Metric::kCosine, a.data(), a.data(), 384), 0.0);
  EXPECT_NEAR(distance(Metric::kCosine, a.data(), opposite.data(), 384), 2.0, 1e-15);
  EXPECT_EQ(distance(Metric::kCosine, a.data(), zero.data(), 384), 1.0);
  EXPECT_EQ(distance(Metric::kCosine, zero.data(), zero.data(), 384), 1.0);
  EXPECT_EQ(cosine_similarity(a.data(), a.data(), 384), 1.0);
  EXPECT_EQ(cosine_similarity(a.data(), zero.data(), 384), 0.0);
}

TEST(Distance, AZeroInnerProductHasNoSign) {
  const std::array a{1.0f, 0.0f};
  const std::array b{0.0f, 1.0f};
  EXPECT_FALSE(std::signbit(distance(Metric::kIp, a.data(), b.data(), 2)));
}

TEST(Distance, LargestFloatsDoNotOverflow) {
  constexpr float kMax = std::numeric_limits<float>::max();
  const std::vector<float> a(16'384, kMax);
  const std::vector<float> b(16'384, -kMax);
  const double expected = 2.0 * 128.0 * double{kMax};
  EXPECT_NEAR(distance(Metric::kL2, a.data(), b.data(), a.size()), expected, 1e-12 * expected);
  EXPECT_EQ(distance(Metric::kCosine, a.data(), b.data(), a.size()), 2.0);
  for (const Metric metric : kMetrics) {
    EXPECT_TRUE(std::isfinite(distance(metric, a.data(), b.data(), a.size())));
  }
}

// What is read from a file is checked by its distance alone.
TEST(Distance, OfWhatIsNotFiniteIsNotFinite) {
  NEARLITE_SEEDED(seed, 24);
  std::mt19937_64 random(seed);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr std::size_t kDim = 37;
  for (const float bad : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    for (const Metric metric : {Metric::kCosine, Metric::kL2, Metric::kIp, Metric::kL1}) {
      std::vector<float> a = gaussian_vector(random, kDim);
      std::vector<float> b = gaussian_vector(random, kDim);
      for (std::size_t at = 0; at < kDim; ++at) {
        const float before = b[at];
        b[at] = bad;
        EXPECT_FALSE(std::isfinite(DistanceFrom(metric, a.data(), kDim).to(b.data()))) << at;
        a[at] = 0.0f;
        EXPECT_FALSE(std::isfinite(DistanceFrom(metric, a.data(), kDim).to(b.data()))) << at;
        b[(at + 1) % kDim] = -bad;  // together they are no number
        EXPECT_FALSE(std::isfinite(DistanceFrom(metric, a.data(), kDim).to(b.data()))) << at;
        b[(at + 1) % kDim] = 1.0f;
        b[at] = before;
      }
    }
  }
}

TEST(Distance, HammingEqualsTheReference) {
  NEARLITE_SEEDED(seed, 23);
  std::mt19937_64 random(seed);
  for (std::size_t bytes = 0; bytes <= 300; ++bytes) {
    std::vector<std::byte> a(bytes);
    std::vector<std::byte> b(bytes);
    for (std::byte& x : a) x = static_cast<std::byte>(random());
    for (std::byte& x : b) x = static_cast<std::byte>(random());
    for (const SimdTarget target : supported_simd_targets()) {
      const ForcedTarget forced(target);
      EXPECT_EQ(hamming_distance(a.data(), b.data(), bytes),
                reference::hamming_distance(a.data(), b.data(), bytes));
    }
  }
  const std::array x{std::byte{0b1010}, std::byte{0xFF}};
  const std::array y{std::byte{0b0110}, std::byte{0x0F}};
  EXPECT_EQ(hamming_distance(x.data(), y.data(), 2), 6.0);
}

}  // namespace
}  // namespace nearlite
