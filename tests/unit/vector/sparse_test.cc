#include "vector/sparse.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "base/bytes.h"

namespace nearlite {
namespace {

SparseVector parsed_sparse(std::string_view text, std::uint32_t dim = 0) {
  SparseVector vector;
  const Status status = parse_sparse_text(text, dim, vector);
  EXPECT_TRUE(status.ok()) << text << ": " << status.message();
  return vector;
}

std::string message_of(std::string_view text, std::uint32_t dim = 0) {
  SparseVector vector;
  const Status status = parse_sparse_text(text, dim, vector);
  EXPECT_EQ(status.code(), Code::kInvalidArgument) << text;
  return status.message();
}

std::vector<std::byte> raw_blob(std::uint32_t dim, const std::vector<std::uint32_t>& indices,
                                const std::vector<float>& values) {
  std::vector<std::byte> bytes;
  Writer writer(bytes);
  writer.u32(dim);
  for (const std::uint32_t index : indices) writer.u32(index);
  for (const float value : values) writer.f32(value);
  return bytes;
}

TEST(SparseText, IndicesBeginAtOneAndComeInAnyOrder) {
  const SparseVector vector = parsed_sparse("{17:2,1:0.5,9:0,3:-1e-3}/100");
  EXPECT_EQ(vector, (SparseVector{100, {0, 2, 16}, {0.5F, -1e-3F, 2.0F}}));
  EXPECT_EQ(parsed_sparse(" {\t17 : 2 ,\n1:0.5, 3:-0.001 } / 100 "), vector);
  EXPECT_EQ(parsed_sparse("{}/7"), (SparseVector{7, {}, {}}));
  EXPECT_EQ(parsed_sparse("{1000000000:1}/1000000000").indices.at(0), 999'999'999U);
}

TEST(SparseText, ReadsBackWhatItWrites) {
  for (const char* text : {"{1:0.5,3:-0.001,17:2}/100", "{}/1", "{5:3.4028235e+38}/5"}) {
    EXPECT_EQ(format_sparse_text(parsed_sparse(text)), text);
  }
  EXPECT_EQ(format_sparse_text(parsed_sparse("{2:-0.0,1:1e-60}/3")), "{}/3");
}

TEST(SparseText, SaysWhatIsWrong) {
  EXPECT_EQ(message_of("{1:x}/3"), "expected a number, got 'x' at character 4");
  EXPECT_EQ(message_of("{1:1 2:1}/3"), "expected ',' or '}', got '2:1' at character 6");
  EXPECT_EQ(message_of("{1:1"), "expected ',' or '}', got the end of the text");
  EXPECT_EQ(message_of("{4:1}/3"), "index 4 is beyond the 3 dimensions");
  EXPECT_EQ(message_of("{2:1,2:0}/3"), "index 2 is there twice");
  EXPECT_EQ(message_of("{1:1}/3", 4), "expected 4 dimensions, got 3");
  EXPECT_EQ(message_of("{1:1}/0"), "dimensions must be between 1 and 1000000000");
  EXPECT_EQ(message_of("{1:1}/1000000001"), "dimensions must be between 1 and 1000000000");
  EXPECT_EQ(message_of("{1:1}/99999999999999999999", 4),
            "expected 4 dimensions, got more than 1000000000");
  EXPECT_EQ(message_of("{0:1}/3"), "indices must be between 1 and the number of dimensions");
  EXPECT_EQ(message_of("{1:1e39}/3"), "'1e39' at character 4 is out of the range of float32");
}

TEST(SparseText, HasALimit) {
  std::string most = "{1:1";
  for (int i = 2; i <= 16'000; ++i) most += "," + std::to_string(i) + ":1";
  EXPECT_EQ(parsed_sparse(most + "}/20000").indices.size(), 16'000U);
  EXPECT_EQ(message_of(most + ",16001:1}/20000"), "more than 16000 values");
  EXPECT_EQ(message_of(most + ",16001:1,no end is looked for"), "more than 16000 values");
}

TEST(SparseBlob, IndicesBeginAtZero) {
  SparseVector vector;
  ASSERT_TRUE(parse_sparse_blob(raw_blob(9, {8, 0, 3}, {1, -2, 0}), 9, vector).ok());
  EXPECT_EQ(vector, (SparseVector{9, {0, 8}, {-2, 1}}));
  EXPECT_EQ(sparse_blob(vector), raw_blob(9, {0, 8}, {-2, 1}));
  ASSERT_TRUE(parse_sparse_blob(raw_blob(9, {}, {}), 0, vector).ok());
  EXPECT_EQ(vector, (SparseVector{9, {}, {}}));
}

TEST(SparseBlob, RefusesWhatIsNone) {
  SparseVector vector;
  const auto code = [&](const std::vector<std::byte>& blob, std::uint32_t dim = 0) {
    return parse_sparse_blob(blob, dim, vector).code();
  };
  for (std::size_t size = 0; size < 40; ++size) {
    std::vector<std::byte> blob = raw_blob(9, {0, 1, 2, 3}, {1, 1, 1, 1});
    blob.resize(size);
    if (size % 8 == 4) continue;
    EXPECT_EQ(code(blob), Code::kInvalidArgument) << size;
  }
  EXPECT_EQ(code(raw_blob(9, {9}, {1})), Code::kInvalidArgument);
  EXPECT_EQ(code(raw_blob(9, {3, 3}, {1, 1})), Code::kInvalidArgument);
  EXPECT_EQ(code(raw_blob(9, {3}, {1}), 8), Code::kInvalidArgument);
  EXPECT_EQ(code(raw_blob(0, {}, {})), Code::kInvalidArgument);
  EXPECT_EQ(code(raw_blob(1'000'000'001, {}, {})), Code::kInvalidArgument);
  EXPECT_EQ(code(raw_blob(9, {3}, {std::nanf("")})), Code::kInvalidArgument);
  EXPECT_EQ(code(raw_blob(9, {3}, {std::numeric_limits<float>::infinity()})),
            Code::kInvalidArgument);
  EXPECT_EQ(code(std::vector<std::byte>(4 + 8 * 16'001)), Code::kInvalidArgument);
}

TEST(SparseDot, OfSharedIndicesOnly) {
  const SparseVector a = parsed_sparse("{1:2,3:4,9:1}/9");
  EXPECT_EQ(shared_dot(a, parsed_sparse("{3:0.5,4:100,9:-1}/9")), 1.0);
  EXPECT_EQ(shared_dot(a, a), 21.0);
  EXPECT_EQ(shared_dot(a, parsed_sparse("{2:1}/9")), std::nullopt);
  EXPECT_EQ(shared_dot(a, parsed_sparse("{}/9")), std::nullopt);
  // Shared, though the products cancel.
  EXPECT_EQ(shared_dot(a, parsed_sparse("{1:2,3:-1}/9")), 0.0);
}

TEST(SparseDot, AddsByAscendingIndexInDouble) {
  const SparseVector a{4, {0, 1, 2}, {1e30F, 1.0F, -1e30F}};
  const SparseVector b{4, {0, 1, 2}, {1.0F, 1.0F, 1.0F}};
  EXPECT_EQ(shared_dot(a, b), (double{1e30F} + 1.0) - double{1e30F});
}

}  // namespace
}  // namespace nearlite
