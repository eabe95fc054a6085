// Codes are the same bytes on every CPU, their keys order vectors nearly as the true distances do,
// rescoring is accurate, and no finite input makes NaN or infinity.
#include "vector/quantizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "random_input.h"
#include "vector/query_code.h"

namespace nearlite {
namespace {

constexpr std::array<std::uint32_t, 24> kDims{
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 31, 64, 100, 384, 768, 1536, 4096};

struct Encoded {
  AlignedBuffer code;
  AlignedBuffer residual;
  CodeInfo info;
};

Encoded encode(const Quantizer& quantizer, const std::vector<float>& vector) {
  const CodeFormat& format = quantizer.format();
  Encoded result;
  EncodeScratch scratch;
  EXPECT_TRUE(scratch.reserve(format).ok());
  EXPECT_TRUE(result.code.allocate(format.code_bytes).ok());
  EXPECT_TRUE(result.residual.allocate(format.residual_bytes).ok());
  quantizer.encode(vector, result.code.data(), result.residual.data(), result.info, scratch);
  return result;
}

std::uint32_t key_of(const Quantizer& quantizer, const SearchQuery& query, const Encoded& encoded) {
  const CodeFormat& format = quantizer.format();
  const KeyFunctions functions = key_functions(format.kind, active_simd_target());
  return functions.key(query.code(), encoded.code.data(), encoded.info, format);
}

// Written apart from the library, in the order of the textbook.
double true_distance(Metric metric, const std::vector<float>& a, const std::vector<float>& b) {
  double dot = 0;
  double squares_a = 0;
  double squares_b = 0;
  double squared = 0;
  double absolute = 0;
  double differing = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i];
    const double y = b[i];
    dot += x * y;
    squares_a += x * x;
    squares_b += y * y;
    squared += (x - y) * (x - y);
    absolute += std::abs(x - y);
    differing += (x > 0) != (y > 0) ? 1 : 0;
  }
  switch (metric) {
    case Metric::kCosine:
      return squares_a == 0 || squares_b == 0 ? 1 : 1 - dot / std::sqrt(squares_a * squares_b);
    case Metric::kL2: return std::sqrt(squared);
    case Metric::kIp: return -dot;
    case Metric::kL1: return absolute;
    case Metric::kHamming: return differing;
  }
  return 0;
}

// The length that errors are compared with: distances of inner products may be near zero.
double extent(Metric metric, const std::vector<float>& a, const std::vector<float>& b) {
  const std::vector<float> zero(a.size());
  const double length_a = true_distance(Metric::kL2, a, zero);
  const double length_b = true_distance(Metric::kL2, b, zero);
  if (metric == Metric::kCosine) return 1;
  return metric == Metric::kIp ? length_a * length_b : length_a + length_b;
}

struct Combination {
  Metric metric;
  Quantize quantize;
};
constexpr std::array kCombinations{
    Combination{Metric::kCosine, Quantize::kInt8},  Combination{Metric::kL2, Quantize::kInt8},
    Combination{Metric::kIp, Quantize::kInt8},      Combination{Metric::kL1, Quantize::kInt8},
    Combination{Metric::kHamming, Quantize::kInt8}, Combination{Metric::kCosine, Quantize::kNone},
    Combination{Metric::kL2, Quantize::kNone},      Combination{Metric::kIp, Quantize::kNone}};
// Of signs distances are estimates: sign_code_test.cc.
constexpr Combination kSigns{Metric::kCosine, Quantize::kBit};

std::vector<Combination> all_combinations() {
  std::vector<Combination> all(kCombinations.begin(), kCombinations.end());
  all.push_back(kSigns);
  return all;
}

Quantizer make_quantizer(const Combination& combination, std::uint32_t dim,
                         std::span<const float> centre = {}) {
  const auto type =
      combination.metric == Metric::kHamming ? ElementType::kBit : ElementType::kFloat32;
  return Quantizer({combination.metric, type, dim, combination.quantize, 7}, centre);
}

std::string label(const Combination& combination, std::uint32_t dim) {
  return std::string(name_of(combination.metric)) + " " +
         std::string(name_of(combination.quantize)) + " dim " + std::to_string(dim);
}

TEST(Quantizer, FormatFollowsTheOptions) {
  const auto format = [](Metric metric, std::uint32_t dim, Quantize quantize) {
    return code_format({metric, ElementType::kFloat32, dim, quantize, 0});
  };
  EXPECT_EQ(format(Metric::kCosine, 384, Quantize::kInt8).kind, CodeKind::kInt8Global);
  EXPECT_EQ(format(Metric::kCosine, 384, Quantize::kInt8).code_bytes, 384u);
  EXPECT_EQ(format(Metric::kCosine, 384, Quantize::kInt8).residual_bytes, 384u);
  EXPECT_EQ(format(Metric::kCosine, 384, Quantize::kNone).kind, CodeKind::kFloatL2);
  EXPECT_EQ(format(Metric::kCosine, 384, Quantize::kNone).code_bytes, 1536u);
  EXPECT_EQ(format(Metric::kCosine, 384, Quantize::kNone).residual_bytes, 0u);
  EXPECT_EQ(format(Metric::kL2, 17, Quantize::kInt8).kind, CodeKind::kInt8ScaledL2);
  EXPECT_EQ(format(Metric::kL2, 17, Quantize::kInt8).code_bytes, 64u);
  EXPECT_EQ(format(Metric::kL2, 16, Quantize::kInt8).kind, CodeKind::kFloatL2);
  EXPECT_EQ(format(Metric::kL2, 16, Quantize::kInt8).code_bytes, 64u);
  EXPECT_EQ(format(Metric::kIp, 65, Quantize::kInt8).kind, CodeKind::kInt8ScaledDot);
  EXPECT_EQ(format(Metric::kIp, 65, Quantize::kInt8).code_bytes, 128u);
  EXPECT_EQ(format(Metric::kIp, 3, Quantize::kInt8).kind, CodeKind::kFloatDot);
  EXPECT_EQ(format(Metric::kL1, 384, Quantize::kInt8).kind, CodeKind::kFloatL1);
  EXPECT_EQ(format(Metric::kHamming, 513, Quantize::kInt8).kind, CodeKind::kBits);
  EXPECT_EQ(format(Metric::kHamming, 513, Quantize::kInt8).code_bytes, 128u);
  EXPECT_EQ(format(Metric::kCosine, 384, Quantize::kBit).kind, CodeKind::kSignBits);
  EXPECT_EQ(format(Metric::kCosine, 384, Quantize::kBit).code_bytes, 64u);
  EXPECT_EQ(format(Metric::kCosine, 384, Quantize::kBit).residual_bytes, 0u);
  EXPECT_EQ(format(Metric::kCosine, 1536, Quantize::kBit).code_bytes, 192u);
  EXPECT_EQ(format(Metric::kCosine, kDimMax, Quantize::kBit).code_bytes, 2048u);
  EXPECT_EQ(format(Metric::kCosine, 16, Quantize::kBit).kind, CodeKind::kFloatL2);
  EXPECT_EQ(format(Metric::kHamming, 513, Quantize::kBit).kind, CodeKind::kBits);
}

TEST(Quantizer, SameBytesOnEveryTarget) {
  NEARLITE_SEEDED(seed, 11);
  std::mt19937_64 random(seed);
  for (const Combination& combination : all_combinations()) {
    for (const std::uint32_t dim : kDims) {
      SCOPED_TRACE(label(combination, dim));
      const std::vector<float> centre = gaussian_vector(random, dim);
      const Quantizer quantizer = make_quantizer(combination, dim, centre);
      const CodeFormat& format = quantizer.format();
      for (const float scale : {1.0f, 1e-3f, 1e30f}) {
        const std::vector<float> vector = gaussian_vector(random, dim, scale);
        const std::vector<float> other = gaussian_vector(random, dim, scale);
        std::vector<Encoded> encoded;
        std::vector<float> rescored;
        for (const SimdTarget target : supported_simd_targets()) {
          const ForcedTarget forced(target);
          encoded.push_back(encode(quantizer, vector));
          SearchQuery query;
          ASSERT_TRUE(quantizer.prepare_search(other, query).ok());
          const Encoded& last = encoded.back();
          rescored.push_back(
              quantizer.rescore(query, last.code.data(), last.residual.data(), last.info));
        }
        for (std::size_t i = 1; i < encoded.size(); ++i) {
          EXPECT_EQ(std::memcmp(encoded[i].code.data(), encoded[0].code.data(), format.code_bytes),
                    0);
          EXPECT_EQ(encoded[i].info.a, encoded[0].info.a);
          EXPECT_EQ(encoded[i].info.b, encoded[0].info.b);
          EXPECT_EQ(std::bit_cast<std::uint32_t>(rescored[i]),
                    std::bit_cast<std::uint32_t>(rescored[0]));
          if (format.residual_bytes == 0) continue;
          EXPECT_EQ(std::memcmp(encoded[i].residual.data(), encoded[0].residual.data(),
                                format.residual_bytes),
                    0);
        }
      }
    }
  }
}

// FORMAT: the graph of an index depends on its codes; a change of these bytes is a new format
// version.
TEST(Quantizer, BytesAreTheOnesOfTheFormat) {
  std::vector<float> vector(100);
  for (std::size_t i = 0; i < vector.size(); ++i)
    vector[i] = static_cast<float>(static_cast<int>(i * 37 % 101) - 50);
  std::uint64_t sum = 0;
  for (const Combination& combination : {kCombinations[0], kCombinations[1], kCombinations[2]}) {
    const Encoded encoded = encode(make_quantizer(combination, 100), vector);
    for (std::size_t i = 0; i < 128; ++i) {
      sum = sum * 31 + static_cast<std::uint64_t>(encoded.code.data()[i]);
      sum = sum * 31 + static_cast<std::uint64_t>(encoded.residual.data()[i]);
    }
    sum = (sum * 31 + encoded.info.a) * 31 + encoded.info.b;
  }
  EXPECT_EQ(sum, 2290338905820133034u);
  const Encoded signs = encode(make_quantizer(kSigns, 100), vector);
  for (std::size_t i = 0; i < 64; ++i)
    sum = sum * 31 + static_cast<std::uint64_t>(signs.code.data()[i]);
  EXPECT_EQ(sum, 12107697838278723875u);
}

TEST(Quantizer, RescoringIsAccurate) {
  NEARLITE_SEEDED(seed, 12);
  std::mt19937_64 random(seed);
  for (const Combination& combination : kCombinations) {
    for (const std::uint32_t dim : kDims) {
      SCOPED_TRACE(label(combination, dim));
      const std::vector<float> centre = gaussian_vector(random, dim);
      const Quantizer quantizer = make_quantizer(combination, dim, centre);
      for (int round = 0; round < 10; ++round) {
        const std::vector<float> a = gaussian_vector(random, dim, 3.0f);
        std::vector<float> b = gaussian_vector(random, dim, 3.0f);
        if (round % 2 == 0) {  // near neighbours
          for (std::size_t i = 0; i < dim; ++i) b[i] = a[i] + 0.3f * b[i];
        }
        const Encoded encoded = encode(quantizer, a);
        SearchQuery query;
        ASSERT_TRUE(quantizer.prepare_search(b, query).ok());
        const double distance =
            quantizer.rescore(query, encoded.code.data(), encoded.residual.data(), encoded.info);
        EXPECT_NEAR(distance, true_distance(combination.metric, a, b),
                    2e-5 * extent(combination.metric, a, b));
        const double rough = quantizer.distance_of_key(key_of(quantizer, query, encoded));
        EXPECT_NEAR(rough, true_distance(combination.metric, a, b),
                    0.03 * extent(combination.metric, a, b));
      }
    }
  }
}

// Among 400 vectors near a query, the ten that the keys find best hold nearly all of the true ten,
// and rescoring the best thirty finds them all.
TEST(Quantizer, KeysRankAsDistancesDo) {
  NEARLITE_SEEDED(seed, 13);
  std::mt19937_64 random(seed);
  for (const Combination& combination : kCombinations) {
    for (const std::uint32_t dim : {24u, 100u, 384u}) {
      SCOPED_TRACE(label(combination, dim));
      const Quantizer quantizer = make_quantizer(combination, dim, gaussian_vector(random, dim));
      int by_key = 0;
      int by_rescoring = 0;
      constexpr int kRounds = 5;
      constexpr std::size_t kCount = 400;
      for (int round = 0; round < kRounds; ++round) {
        const std::vector<float> target = gaussian_vector(random, dim);
        SearchQuery query;
        ASSERT_TRUE(quantizer.prepare_search(target, query).ok());
        std::vector<std::pair<double, std::size_t>> exact;
        std::vector<std::pair<std::uint32_t, std::size_t>> keys;
        std::vector<double> rescored;
        for (std::size_t i = 0; i < kCount; ++i) {
          const std::vector<float> vector = gaussian_vector(random, dim);
          const Encoded e = encode(quantizer, vector);
          exact.emplace_back(true_distance(combination.metric, vector, target), i);
          keys.emplace_back(key_of(quantizer, query, e), i);
          rescored.push_back(quantizer.rescore(query, e.code.data(), e.residual.data(), e.info));
        }
        std::sort(exact.begin(), exact.end());
        std::sort(keys.begin(), keys.end());
        const double limit = exact[9].first + 1e-9;
        std::vector<double> best;
        for (std::size_t i = 0; i < 30; ++i) best.push_back(rescored[keys[i].second]);
        std::sort(best.begin(), best.end());
        for (std::size_t i = 0; i < 10; ++i) {
          const std::size_t found = keys[i].second;
          const auto entry = std::find_if(exact.begin(), exact.end(),
                                          [&](const auto& e) { return e.second == found; });
          by_key += entry->first <= limit ? 1 : 0;
          by_rescoring +=
              std::abs(best[i] - exact[i].first) <= 1e-4 * std::max(1.0, std::abs(limit)) ? 1 : 0;
        }
      }
      EXPECT_GE(by_key, kRounds * 10 * 9 / 10);
      EXPECT_EQ(by_rescoring, kRounds * 10);
    }
  }
}

TEST(Quantizer, ExtremeInputStaysFinite) {
  NEARLITE_SEEDED(seed, 14);
  std::mt19937_64 random(seed);
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kDenormal = std::numeric_limits<float>::denorm_min();
  for (const Combination& combination : all_combinations()) {
    for (const std::uint32_t dim : {1u, 3u, 16u, 17u, 64u, 384u, 4096u}) {
      SCOPED_TRACE(label(combination, dim));
      std::vector<std::vector<float>> vectors;
      for (const float value : {0.0f, -0.0f, 1.0f, -5.0f, 1e30f, 1e-30f, kMax, -kMax, kDenormal}) {
        vectors.emplace_back(dim, value);
      }
      vectors.push_back(gaussian_vector(random, dim, 1e30f));
      vectors.push_back(gaussian_vector(random, dim, 1e-30f));
      vectors.push_back(gaussian_vector(random, dim, 1e-42f));
      std::vector<float> spike(dim);
      spike[dim / 2] = kMax;
      vectors.push_back(spike);
      std::vector<float> alternating(dim, kMax);
      for (std::size_t i = 0; i < dim; i += 2) alternating[i] = -kMax;
      vectors.push_back(alternating);
      for (const std::vector<float>& centre : {std::vector<float>(), vectors[6], vectors[8]}) {
        const Quantizer quantizer = make_quantizer(combination, dim, centre);
        for (const auto& a : vectors) {
          const Encoded encoded = encode(quantizer, a);
          if (is_int8(quantizer.format().kind) &&
              quantizer.format().kind != CodeKind::kInt8Global) {
            EXPECT_TRUE(std::isfinite(std::bit_cast<float>(encoded.info.a)));
            EXPECT_TRUE(std::isfinite(std::bit_cast<float>(encoded.info.b)));
          }
          for (const auto& b : vectors) {
            SearchQuery query;
            ASSERT_TRUE(quantizer.prepare_search(b, query).ok());
            EXPECT_FALSE(std::isnan(quantizer.distance_of_key(key_of(quantizer, query, encoded))));
            const float distance = quantizer.rescore(query, encoded.code.data(),
                                                     encoded.residual.data(), encoded.info);
            EXPECT_FALSE(std::isnan(distance));
            const bool finite = std::isfinite(distance) || !is_int8(quantizer.format().kind);
            EXPECT_TRUE(finite);
          }
        }
      }
    }
  }
}

TEST(Quantizer, CosineOfAZeroVectorIsOne) {
  for (const Combination& combination : {kCombinations[0], kCombinations[5]}) {
    for (const std::uint32_t dim : {3u, 384u}) {
      SCOPED_TRACE(label(combination, dim));
      const Quantizer quantizer = make_quantizer(combination, dim);
      const std::vector<float> zero(dim);
      std::vector<float> one(dim);
      one[1] = 2.0f;
      SearchQuery query;
      for (const auto& [a, b] :
           {std::pair{zero, one}, std::pair{one, zero}, std::pair{zero, zero}}) {
        const Encoded encoded = encode(quantizer, a);
        ASSERT_TRUE(quantizer.prepare_search(b, query).ok());
        EXPECT_EQ(
            quantizer.rescore(query, encoded.code.data(), encoded.residual.data(), encoded.info),
            1.0f);
      }
    }
  }
  // Signs do not tell a zero vector; a query is known.
  const Quantizer signs = make_quantizer(kSigns, 384);
  SearchQuery query;
  ASSERT_TRUE(signs.prepare_search(std::vector<float>(384), query).ok());
  const Encoded one = encode(signs, std::vector<float>(384, 1.0f));
  EXPECT_EQ(signs.rescore(query, one.code.data(), nullptr, one.info), 1.0f);
}

TEST(Quantizer, CosineIgnoresTheLength) {
  NEARLITE_SEEDED(seed, 15);
  std::mt19937_64 random(seed);
  const Quantizer quantizer = make_quantizer(kCombinations[0], 384);
  const std::vector<float> vector = gaussian_vector(random, 384);
  const Encoded encoded = encode(quantizer, vector);
  for (const float factor : {0x1p-90f, 0.5f, 2.0f, 0x1p90f}) {
    std::vector<float> longer = vector;
    for (float& x : longer) x *= factor;
    EXPECT_EQ(std::memcmp(encode(quantizer, longer).code.data(), encoded.code.data(), 384), 0);
  }
}

TEST(Quantizer, SeedAndCentreChangeTheCode) {
  NEARLITE_SEEDED(seed, 16);
  std::mt19937_64 random(seed);
  const std::vector<float> vector = gaussian_vector(random, 64);
  const std::vector<float> centre = gaussian_vector(random, 64);
  const QuantizerOptions options{Metric::kL2, ElementType::kFloat32, 64, Quantize::kInt8, 1};
  QuantizerOptions other_seed = options;
  other_seed.seed = 2;
  const Encoded base = encode(Quantizer(options), vector);
  EXPECT_NE(std::memcmp(base.code.data(), encode(Quantizer(other_seed), vector).code.data(), 64),
            0);
  EXPECT_NE(
      std::memcmp(base.code.data(), encode(Quantizer(options, centre), vector).code.data(), 64), 0);
  EXPECT_TRUE(Quantizer(options).uses_centre());
  EXPECT_FALSE(make_quantizer(kCombinations[2], 64).uses_centre());
}

TEST(Quantizer, TheCentreItselfIsZero) {
  NEARLITE_SEEDED(seed, 17);
  std::mt19937_64 random(seed);
  const std::vector<float> centre = gaussian_vector(random, 100);
  const Quantizer quantizer = make_quantizer(kCombinations[1], 100, centre);
  const Encoded encoded = encode(quantizer, centre);
  for (std::size_t i = 0; i < 128; ++i) EXPECT_EQ(encoded.code.data()[i], std::byte{128});
  EXPECT_EQ(encoded.info.a, 0u);
  EXPECT_EQ(encoded.info.b, 0u);
}

TEST(Quantizer, AQueryMayBeUsedAgain) {
  NEARLITE_SEEDED(seed, 18);
  std::mt19937_64 random(seed);
  SearchQuery reused;
  for (const std::uint32_t dim : {384u, 64u, 768u}) {
    const Quantizer quantizer = make_quantizer(kCombinations[0], dim);
    const std::vector<float> vector = gaussian_vector(random, dim);
    const Encoded encoded = encode(quantizer, gaussian_vector(random, dim));
    SearchQuery fresh;
    ASSERT_TRUE(quantizer.prepare_search(vector, reused).ok());
    ASSERT_TRUE(quantizer.prepare_search(vector, fresh).ok());
    EXPECT_EQ(key_of(quantizer, reused, encoded), key_of(quantizer, fresh, encoded));
    EXPECT_EQ(quantizer.rescore(reused, encoded.code.data(), encoded.residual.data(), encoded.info),
              quantizer.rescore(fresh, encoded.code.data(), encoded.residual.data(), encoded.info));
  }
}

TEST(Rotation, KeepsLengthsAndSpreadsOneComponent) {
  for (const std::uint32_t width :
       {64u, 128u, 192u, 320u, 384u, 768u, 960u, 1536u, 16'064u, 16'384u}) {
    SCOPED_TRACE(width);
    const Rotation rotation(width, 3);
    AlignedBuffer values;
    AlignedBuffer scratch;
    ASSERT_TRUE(values.allocate(4 * width).ok());
    ASSERT_TRUE(scratch.allocate(4 * width).ok());
    values.as<float>()[5] = 1.0f;
    rotation.apply(values.as<float>(), scratch.as<float>());
    double squares = 0;
    float magnitude = 0;
    std::size_t zeros = 0;
    for (std::size_t i = 0; i < width; ++i) {
      const float value = values.as<float>()[i];
      squares += double{value} * value;
      magnitude = std::max(magnitude, std::abs(value));
      zeros += value == 0.0f ? 1 : 0;
    }
    EXPECT_NEAR(squares, 1.0, 1e-5);
    EXPECT_LT(magnitude, 7.0 / std::sqrt(width));
    EXPECT_LT(zeros, width / 3);  // sums of few signs are zero now and then
  }
}

}  // namespace
}  // namespace nearlite
