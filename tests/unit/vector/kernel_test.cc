// The kernels of every target give the numbers of the scalar kernel, one at a time and four at a
// time, and the scalar kernel gives the numbers that the format promises.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "random_input.h"
#include "vector/query_code.h"
#include "vector/types.h"

namespace nearlite {
namespace {

constexpr std::array kKinds{
    CodeKind::kInt8Global, CodeKind::kInt8ScaledL2, CodeKind::kInt8ScaledDot, CodeKind::kFloatL2,
    CodeKind::kFloatDot,   CodeKind::kFloatL1,      CodeKind::kBits};

struct alignas(64) Line {
  std::array<std::byte, 64> bytes;
};

enum class Fill { kRandom, kLowest, kHighest, kZero, kSmall, kPair, kWidePair, kLow, kWideLow };

// Bytes (value + 128) whose neighbours add up to what two products may in 16 bits, and to one more.
int pair_byte(Fill fill, std::size_t i) {
  const int one_more = static_cast<int>(i % 2);
  switch (fill) {
    case Fill::kPair: return 128 + 64;
    case Fill::kWidePair: return 128 + 64 + one_more;
    case Fill::kLow: return 128 - 64;
    case Fill::kWideLow: return 128 - 64 - one_more;
    default: return static_cast<int>(128 - 40 + i * 37 % 81);
  }
}

struct Sample {
  std::vector<Line> lines;
  CodeInfo info;
  const std::byte* code() const { return lines[0].bytes.data(); }
  std::byte* code() { return lines[0].bytes.data(); }
};

// `used` bytes are content, the rest is padding.
Sample make_sample(std::mt19937_64& random, CodeKind kind, std::size_t code_bytes, std::size_t used,
                   Fill fill) {
  Sample sample;
  sample.lines.resize(code_bytes / 64);
  std::memset(sample.code(), is_int8(kind) ? 128 : 0, code_bytes);
  std::uniform_int_distribution<int> byte(0, 255);
  std::normal_distribution<float> normal;
  const bool floats = !is_int8(kind) && kind != CodeKind::kBits;
  for (std::size_t i = 0; i < used; i += floats ? 4 : 1) {
    if (floats) {
      float value = normal(random);
      if (fill == Fill::kLowest) value = -1e17f;
      if (fill == Fill::kHighest) value = 1e17f;
      if (fill == Fill::kZero) value = i % 8 == 0 ? 0.0f : -0.0f;
      std::memcpy(sample.code() + i, &value, 4);
    } else {
      int value = byte(random);
      if (fill == Fill::kLowest) value = 0;
      if (fill == Fill::kHighest) value = 255;
      if (fill == Fill::kZero) value = is_int8(kind) ? 128 : 0;
      if (fill >= Fill::kSmall) value = pair_byte(fill, i);
      sample.code()[i] = static_cast<std::byte>(value);
    }
  }
  if (!is_int8(kind)) return sample;
  std::int32_t squares = 0;
  for (std::size_t i = 0; i < code_bytes; ++i) {
    const int value = static_cast<int>(sample.code()[i]) - 128;
    squares += value * value;
  }
  if (kind == CodeKind::kInt8Global) {
    sample.info.b = static_cast<std::uint32_t>(squares);
  } else {
    const float scale = std::abs(normal(random)) / 127.0f;
    sample.info.a = std::bit_cast<std::uint32_t>(scale);
    sample.info.b = std::bit_cast<std::uint32_t>((scale * scale) * static_cast<float>(squares));
  }
  return sample;
}

TEST(Kernel, AllTargetsEqualScalar) {
  NEARLITE_SEEDED(seed, 1);
  std::mt19937_64 random(seed);
  for (const CodeKind kind : kKinds) {
    for (const std::size_t code_bytes : {64u, 128u, 192u, 384u, 768u, 1024u, 16384u}) {
      for (const Fill fill : {Fill::kRandom, Fill::kLowest, Fill::kHighest, Fill::kZero}) {
        const CodeFormat format{kind, 0, static_cast<std::uint32_t>(code_bytes), 0};
        const std::size_t used = code_bytes - 4 * (random() % 16);
        std::array<Sample, 4> samples;
        for (std::size_t i = 0; i < 4; ++i) {
          samples[i] = make_sample(random, kind, code_bytes, used, i == 3 ? Fill::kRandom : fill);
        }
        for (const Fill query_fill :
             {Fill::kRandom, Fill::kLowest, Fill::kHighest, Fill::kZero, Fill::kSmall, Fill::kPair,
              Fill::kWidePair, Fill::kLow, Fill::kWideLow}) {
          const Sample other = make_sample(random, kind, code_bytes, used, query_fill);
          std::vector<Line> buffer(code_bytes / 64);
          const QueryCode query =
              prepare_query(format, other.code(), other.info, buffer[0].bytes.data());
          const KeyFunctions scalar = key_functions(kind, SimdTarget::kScalar);
          std::array<const std::byte*, 4> codes;
          std::array<CodeInfo, 4> infos;
          std::array<std::uint32_t, 4> expected;
          for (std::size_t i = 0; i < 4; ++i) {
            codes[i] = samples[i].code();
            infos[i] = samples[i].info;
            expected[i] = scalar.key(query, codes[i], infos[i], format);
          }
          for (const SimdTarget target : supported_simd_targets()) {
            SCOPED_TRACE(std::string(name_of(target)) + " kind " +
                         std::to_string(static_cast<int>(kind)) + " bytes " +
                         std::to_string(code_bytes));
            const KeyFunctions functions = key_functions(kind, target);
            std::array<std::uint32_t, 4> keys{};
            functions.key4(query, codes.data(), infos.data(), format, keys.data());
            EXPECT_EQ(keys, expected);
            for (std::size_t i = 0; i < 4; ++i) {
              EXPECT_EQ(functions.key(query, codes[i], infos[i], format), expected[i]);
            }
          }
        }
      }
    }
  }
}

TEST(Kernel, AQueryIsNarrowUpToPairsOf128) {
  if (supported_simd_target() < SimdTarget::kAvx2 || !NEARLITE_X86) GTEST_SKIP();
  std::mt19937_64 random(5);
  const CodeFormat format{CodeKind::kInt8Global, 128, 128, 0};
  const auto is_narrow = [&](const Sample& sample) {
    std::vector<Line> buffer(2);
    return prepare_query(format, sample.code(), sample.info, buffer[0].bytes.data()).is_narrow;
  };
  for (const auto& [fill, expected] : {std::pair(Fill::kSmall, true),
                                       {Fill::kZero, true},
                                       {Fill::kPair, true},
                                       {Fill::kLow, true},
                                       {Fill::kWidePair, false},
                                       {Fill::kWideLow, false},
                                       {Fill::kHighest, false},
                                       {Fill::kLowest, false}}) {
    EXPECT_EQ(is_narrow(make_sample(random, format.kind, 128, 128, fill)), expected)
        << static_cast<int>(fill);
  }
  for (std::size_t pair = 0; pair < 64; ++pair) {  // wherever it lies, and of opposite signs not
    Sample sample = make_sample(random, format.kind, 128, 128, Fill::kZero);
    const auto put = [&](int first, int second) {
      sample.code()[2 * pair] = static_cast<std::byte>(128 + first);
      sample.code()[2 * pair + 1] = static_cast<std::byte>(128 + second);
      return is_narrow(sample);
    };
    EXPECT_TRUE(put(127, 1) && put(127, -128) && put(0, -128) && put(-100, -28)) << pair;
    EXPECT_FALSE(put(127, 2) || put(2, 127) || put(-128, -1) || put(-28, -101)) << pair;
  }
}

TEST(Kernel, Int8GlobalIsTheSquaredDistanceOfTheCodes) {
  NEARLITE_SEEDED(seed, 2);
  std::mt19937_64 random(seed);
  const CodeFormat format{CodeKind::kInt8Global, 300, 320, 320};
  const Sample a = make_sample(random, format.kind, 320, 300, Fill::kRandom);
  const Sample b = make_sample(random, format.kind, 320, 300, Fill::kRandom);
  std::uint32_t expected = 0;
  for (std::size_t i = 0; i < 320; ++i) {
    const int difference = static_cast<int>(a.code()[i]) - static_cast<int>(b.code()[i]);
    expected += static_cast<std::uint32_t>(difference * difference);
  }
  std::vector<Line> buffer(5);
  const QueryCode query = prepare_query(format, a.code(), a.info, buffer[0].bytes.data());
  for (const SimdTarget target : supported_simd_targets()) {
    const KeyFunctions functions = key_functions(format.kind, target);
    EXPECT_EQ(functions.key(query, b.code(), b.info, format), expected);
    EXPECT_EQ(functions.key(query, a.code(), a.info, format), 0u);
  }
}

TEST(Kernel, EqualCodesHaveTheirKey) {
  NEARLITE_SEEDED(seed, 3);
  std::mt19937_64 random(seed);
  for (const CodeKind kind : kKinds) {
    const auto expected = equal_codes_key(kind);
    if (!expected) continue;
    for (int round = 0; round < 50; ++round) {
      const CodeFormat format{kind, 0, 384, 0};
      const Sample a = make_sample(random, kind, 384, 384, Fill::kRandom);
      std::vector<Line> buffer(6);
      const QueryCode query = prepare_query(format, a.code(), a.info, buffer[0].bytes.data());
      EXPECT_EQ(key_functions(kind, SimdTarget::kScalar).key(query, a.code(), a.info, format),
                *expected);
    }
  }
}

TEST(Kernel, BitsCountsDifferences) {
  const CodeFormat format{CodeKind::kBits, 70, 64, 0};
  std::vector<Line> a(1);
  std::vector<Line> b(1);
  std::vector<Line> buffer(1);
  a[0].bytes.fill(std::byte{0});
  b[0].bytes.fill(std::byte{0});
  b[0].bytes[0] = std::byte{0b1011};
  b[0].bytes[8] = std::byte{0b100000};
  a[0].bytes[8] = std::byte{0b100001};
  const QueryCode query = prepare_query(format, a[0].bytes.data(), {}, buffer[0].bytes.data());
  for (const SimdTarget target : supported_simd_targets()) {
    EXPECT_EQ(key_functions(format.kind, target).key(query, b[0].bytes.data(), {}, format), 4u);
  }
}

TEST(Kernel, BitsOfSeveralPlanesAreWeighted) {
  NEARLITE_SEEDED(seed, 4);
  std::mt19937_64 random(seed);
  for (const std::uint32_t code_bytes : {64U, 128U, 192U, 2048U}) {
    const CodeFormat format{CodeKind::kBits, 8 * code_bytes, code_bytes, 0};
    for (const std::uint32_t planes : {1U, 2U, 4U, 7U}) {
      const Sample query_planes =
          make_sample(random, format.kind, planes * code_bytes, planes * code_bytes, Fill::kRandom);
      QueryCode query;
      query.data = query_planes.code();
      query.planes = planes;
      std::vector<Sample> samples;
      std::array<const std::byte*, 4> codes{};
      std::array<std::uint32_t, 4> expected{};
      const std::array<CodeInfo, 4> infos{};
      for (std::size_t i = 0; i < 4; ++i) {
        samples.push_back(make_sample(random, format.kind, code_bytes, code_bytes, Fill::kRandom));
      }
      for (std::size_t i = 0; i < 4; ++i) {
        codes[i] = samples[i].code();
        for (std::size_t at = 0; at < planes * code_bytes; ++at) {
          const auto differing =
              std::to_integer<unsigned>(query.data[at] ^ codes[i][at % code_bytes]);
          expected[i] += static_cast<std::uint32_t>(std::popcount(differing)) << at / code_bytes;
        }
      }
      for (const SimdTarget target : supported_simd_targets()) {
        SCOPED_TRACE(std::string(name_of(target)) + " bytes " + std::to_string(code_bytes) +
                     " planes " + std::to_string(planes));
        const KeyFunctions functions = key_functions(CodeKind::kSignBits, target);
        std::array<std::uint32_t, 4> keys{};
        functions.key4(query, codes.data(), infos.data(), format, keys.data());
        EXPECT_EQ(keys, expected);
        for (std::size_t i = 0; i < 4; ++i)
          EXPECT_EQ(functions.key(query, codes[i], infos[i], format), expected[i]);
      }
    }
  }
}

TEST(Kernel, ScaledL2NeverYieldsNegativeOrNaN) {
  const CodeFormat format{CodeKind::kInt8ScaledL2, 64, 64, 64};
  Sample damaged;
  damaged.lines.resize(1);
  damaged.lines[0].bytes.fill(std::byte{255});
  const float infinity = std::numeric_limits<float>::infinity();
  damaged.info = {std::bit_cast<std::uint32_t>(infinity), std::bit_cast<std::uint32_t>(infinity)};
  std::vector<Line> buffer(1);
  const QueryCode query =
      prepare_query(format, damaged.code(), damaged.info, buffer[0].bytes.data());
  const std::array<const std::byte*, 4> codes{damaged.code(), damaged.code(), damaged.code(),
                                              damaged.code()};
  const std::array<CodeInfo, 4> infos{damaged.info, damaged.info, damaged.info, damaged.info};
  for (const SimdTarget target : supported_simd_targets()) {
    const KeyFunctions functions = key_functions(format.kind, target);
    EXPECT_EQ(functions.key(query, codes[0], infos[0], format), sortable_key(0.0f));
    std::array<std::uint32_t, 4> keys{};
    functions.key4(query, codes.data(), infos.data(), format, keys.data());
    for (const std::uint32_t key : keys) EXPECT_EQ(key, sortable_key(0.0f));
  }
}

TEST(SortableKey, OrdersFloats) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::array ordered{-infinity, -1e30f, -1.0f, -1e-40f, -0.0f,
                           0.0f,      1e-40f, 1.0f,  1e30f,   infinity};
  for (std::size_t i = 1; i < ordered.size(); ++i) {
    EXPECT_LT(sortable_key(ordered[i - 1]), sortable_key(ordered[i])) << i;
  }
}

TEST(SimdTarget, ForceIsClampedToTheCpu) {
  const SimdTarget before = active_simd_target();
  const auto supported = supported_simd_targets();
  EXPECT_EQ(supported.front(), SimdTarget::kScalar);
  EXPECT_EQ(supported.back(), supported_simd_target());
  for (int i = 0; i <= static_cast<int>(SimdTarget::kDotProd); ++i) {
    const auto wish = static_cast<SimdTarget>(i);
    const auto above = std::upper_bound(supported.begin(), supported.end(), wish);
    EXPECT_EQ(force_simd_target(wish), *(above - 1)) << name_of(wish);
    EXPECT_EQ(active_simd_target(), *(above - 1)) << name_of(wish);
  }
  force_simd_target(before);
}

// A CPU of this architecture has more than the plain loops, except some x86-64 without AVX2.
TEST(SimdTarget, IsOfThisArchitecture) {
  for (const SimdTarget target : supported_simd_targets()) {
    const bool is_arm = target == SimdTarget::kNeon || target == SimdTarget::kDotProd;
    EXPECT_TRUE(target == SimdTarget::kScalar || is_arm == (NEARLITE_ARM64 != 0))
        << name_of(target);
  }
  if (NEARLITE_ARM64 != 0) {
    EXPECT_GE(supported_simd_target(), SimdTarget::kNeon);
  }
}

TEST(Names, RoundTrip) {
  for (int i = 1; i <= 5; ++i) {
    const auto metric = static_cast<Metric>(i);
    const auto type = static_cast<ElementType>(i);
    EXPECT_EQ(find_metric(name_of(metric)), metric);
    EXPECT_EQ(find_element_type(name_of(type)), type);
  }
  EXPECT_EQ(find_metric("L2"), std::nullopt);
  EXPECT_EQ(find_element_type(""), std::nullopt);
}

}  // namespace
}  // namespace nearlite
