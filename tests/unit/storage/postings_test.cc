#include "storage/postings.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/bytes.h"
#include "base/hash.h"

namespace nearlite {
namespace {

using Postings = std::vector<Posting>;
using Bytes = std::vector<std::byte>;

Postings decoded(std::uint32_t term, RowId first, const Bytes& bytes) {
  Postings out;
  const Status status = decode_postings(term, first, bytes, out);
  EXPECT_TRUE(status.ok()) << status.message();
  return out;
}

Code code_of(std::uint32_t term, RowId first, const Bytes& bytes) {
  Postings out;
  return decode_postings(term, first, bytes, out).code();
}

/// `body` as it is, with the right checksum.
Bytes checked(std::uint32_t term, RowId first, Bytes body) {
  const std::uint64_t seed = mix64(mix64(term) ^ static_cast<std::uint64_t>(first));
  Writer(body).u32(static_cast<std::uint32_t>(hash64(Bytes(body), seed)));
  return body;
}

const Postings kSample{{-5, 1.5F}, {-4, -2.0F}, {700, 0.25F}, {1'000'000, 1e30F}};

TEST(Postings, ReadBackAsWritten) {
  const Postings ends{{INT64_MIN, 1}, {INT64_MIN + 1, 2}, {0, 3}, {INT64_MAX, 4}};
  EXPECT_EQ(decoded(7, INT64_MIN, encode_postings(7, INT64_MIN, ends)), ends);
  EXPECT_EQ(decoded(7, -5, encode_postings(7, -5, kSample)), kSample);
  EXPECT_EQ(decoded(7, -500, encode_postings(7, -500, kSample)), kSample);
  EXPECT_EQ(decoded(7, 3, encode_postings(7, 3, {})), Postings());
}

TEST(Postings, AppendToWhatIsThere) {
  Postings out{{-9, 1}};
  ASSERT_TRUE(decode_postings(1, 5, encode_postings(1, 5, Postings{{5, 2}}), out).ok());
  EXPECT_EQ(out, (Postings{{-9, 1}, {5, 2}}));
}

TEST(Postings, EveryDamagedByteAndEveryTruncationIsFound) {
  const Bytes whole = encode_postings(7, -5, kSample);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    Bytes bytes = whole;
    bytes[i] ^= std::byte{1};
    EXPECT_EQ(code_of(7, -5, bytes), Code::kCorruption) << i;
    EXPECT_EQ(code_of(7, -5, Bytes(whole.begin(), whole.begin() + static_cast<long>(i))),
              Code::kCorruption)
        << i;
  }
  EXPECT_EQ(code_of(8, -5, whole), Code::kCorruption);
  EXPECT_EQ(code_of(7, -6, whole), Code::kCorruption);
}

TEST(Postings, HostileContentWithARightChecksumIsFound) {
  const auto block = [](RowId first, const std::vector<std::pair<std::uint64_t, float>>& steps) {
    Bytes body;
    Writer writer(body);
    for (const auto& [step, value] : steps) {
      writer.varint(step);
      writer.f32(value);
    }
    return checked(7, first, body);
  };
  EXPECT_EQ(decoded(7, 4, block(4, {{0, 1}, {1, 2}})), (Postings{{4, 1}, {5, 2}}));
  EXPECT_EQ(code_of(7, 4, block(4, {{1, 1}, {0, 2}})), Code::kCorruption);
  EXPECT_EQ(code_of(7, 4, block(4, {{INT64_MAX, 1}})), Code::kCorruption);
  EXPECT_EQ(code_of(7, INT64_MIN, block(INT64_MIN, {{UINT64_MAX, 1}, {1, 1}})), Code::kCorruption);
  EXPECT_EQ(code_of(7, 4, block(4, {{UINT64_MAX, 1}})), Code::kCorruption);
  EXPECT_EQ(code_of(7, 4, block(4, {{1, std::nanf("")}})), Code::kCorruption);
  EXPECT_EQ(code_of(7, 4, checked(7, 4, Bytes(3, std::byte{1}))), Code::kCorruption);
  EXPECT_EQ(code_of(7, 4, checked(7, 4, Bytes(12, std::byte{0xFF}))), Code::kCorruption);
}

TEST(Postings, AsManyFitAsTheirBytesSay) {
  std::mt19937_64 random(5);
  Postings postings;
  RowId rowid = -1'000'000;
  for (int i = 0; i < 300; ++i) {
    rowid += 1 + static_cast<RowId>(random() % (std::uint64_t{1} << (random() % 40)));
    postings.push_back({rowid, 1});
  }
  const RowId first = -2'000'000;
  for (std::size_t bytes_max = 18; bytes_max < 400; bytes_max += 7) {
    const std::size_t count = count_fitting(first, postings, bytes_max);
    ASSERT_GE(count, 1U);
    ASSERT_LT(count, postings.size());
    const std::span all(postings);
    EXPECT_LE(encode_postings(1, first, all.first(count)).size(), bytes_max);
    EXPECT_GT(encode_postings(1, first, all.first(count + 1)).size(), bytes_max);
  }
  EXPECT_EQ(count_fitting(first, postings, 1 << 20), postings.size());
  EXPECT_EQ(count_fitting(INT64_MIN, Postings{{INT64_MAX, 1}}, kPostingBytesMax + 4), 1U);
}

}  // namespace
}  // namespace nearlite
