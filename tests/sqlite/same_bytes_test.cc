// The same statements write the same bytes and answer with the same bits on every processor: on
// each instruction set that this one has, and on 64-bit ARM (scripts/test-arm64), for replicas
// compare files. Numbers of threads are compared by tests/stress/digest_test.cc. What is expected
// was written on x86-64. It changes with the format, or with how a graph is built; CHANGELOG.md
// says so then.
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "support/database.h"
#include "vector/simd_target.h"

namespace nearlite {
namespace {

using test::Blob;
using test::Database;
using test::Rows;
using test::Value;

/// A table and the digests of what is written, of the answers, and of what `rebuild` writes.
struct Shape {
  const char* name;
  const char* declared;
  std::size_t dim;
  const char* expected;
};

constexpr Shape kShapes[] = {
    {"cosine", "v float32[96]", 96, "203e0f7093709f67 8ebe1201c40729e8 a66c633e46e2dfe7"},
    {"long", "v float32[768]", 768,
     "6e25f0c1307641c1 7a401622ce4d6625 bea9a66a800d54e2"},  // compared by their heads first
    {"l2", "v float32[100] metric=l2", 100, "075badb702432b44 928598eff4f87048 742b0c3b1b61e35f"},
    {"ip", "v float32[64] metric=ip", 64, "14d4e8c15933e149 bd8267bdef8c6ab7 80a9951487dbd9ed"},
    {"l1", "v float32[48] metric=l1", 48, "c15950e1e41d4ea5 9e615927e9254d94 32e282fcff56346a"},
    {"plain", "v float32[72] metric=l2, quantize=none", 72,
     "ae195f4a1592c123 a395a9b0c4bd6a87 68fcfc7406050e5d"},
    {"signs", "v float32[96], quantize=bit", 96,
     "a932099d0057e85f 8ebe1201c40729e8 ca266d112e063874"},
    {"plain_ip", "v float32[72] metric=ip, quantize=none", 72,
     "b242e6a3c1cb2a1f 7757e37cbd7dacef cc7920cc3dcd5519"},
    {"half", "v float16[80]", 80, "9c45c7245254ea0c 77424831b7233672 89e80dc2580936f8"},
    {"brain", "v bfloat16[80] metric=l2", 80, "086ceb01e75c755f f8a4118251d2d809 a289b3d0d7dd6e3a"},
    {"bytes", "v int8[64] metric=l2", 64, "6a8abe11614af5ca f62c204c0f745726 fe81632e1cf9baa1"},
    {"bits", "v bit[256]", 256, "bc55f8c85d63a63c 52467140bd0a8a79 1320058073a97170"},
    {"words", "v float32[16], w sparse[5000]", 16,
     "4b15fc519df0955b a64d0029716f0ad0 e1fa49cb3007ccee"},
};
constexpr std::int64_t kRows = 400;

/// Whole numbers that depend on nothing but arithmetic of integers: libraries of other systems
/// round logarithms differently.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed) {}

  std::uint64_t below(std::uint64_t limit) {
    state_ = state_ * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
    return (state_ >> 33) % limit;
  }

  /// Clustered: a centre and a quarter as much noise, in 2,048ths.
  std::vector<float> vector(std::size_t dim) {
    Numbers centre(below(12) + 1);
    std::vector<float> vector;
    for (std::size_t i = 0; i < dim; ++i) {
      const std::uint64_t sum = 4 * centre.below(1024) + below(1024);
      vector.push_back((static_cast<float>(sum) - 2560.0f) / 2048.0f);
    }
    return vector;
  }

 private:
  std::uint64_t state_;
};

Value value_of(const Shape& shape, Numbers& numbers) {
  const std::vector<float> vector = numbers.vector(shape.dim);
  const std::string name = shape.name;
  if (name != "bytes" && name != "bits") {
    Blob blob(4 * vector.size());
    std::memcpy(blob.data(), vector.data(), blob.size());
    return blob;
  }
  std::string text;
  for (const float component : vector) {
    const int whole =
        name == "bits" ? (component > 0.0f ? 1 : 0) : static_cast<int>(50 * component);
    text += (text.empty() ? "[" : ",") + std::to_string(whole);
  }
  return text + "]";
}

Value words_of(Numbers& numbers) {
  std::set<std::uint64_t> terms;
  for (int i = 0; i < 12; ++i) terms.insert(1 + numbers.below(5000));
  std::string text;
  for (const std::uint64_t term : terms) {
    text += (text.empty() ? "{" : ",") + std::to_string(term) + ":" +
            std::to_string(static_cast<double>(1 + numbers.below(64)) / 64);
  }
  return text + "}/5000";
}

class Written {
 public:
  explicit Written(const Shape& shape)
      : shape_(shape), is_sparse_(shape.name == std::string("words")) {
    db_.must(std::string("CREATE VIRTUAL TABLE t USING hnsw(") + shape.declared + ")");
  }

  std::string digests() {
    write();
    const std::string written = digest();
    const std::string answers = answer();
    db_.must("INSERT INTO t(t) VALUES('rebuild')");
    return written + " " + answers + " " + digest();
  }

 private:
  void run(const std::string& sql, const std::vector<Value>& parameters, Rows* rows = nullptr) {
    ASSERT_EQ(db_.run(sql, parameters, rows), SQLITE_OK) << sql << ": " << db_.message();
  }

  void insert(std::int64_t rowid) {
    std::vector<Value> row{rowid, value_of(shape_, numbers_)};
    if (is_sparse_) row.push_back(words_of(numbers_));
    run(is_sparse_ ? "INSERT INTO t(rowid, v, w) VALUES(?1, ?2, ?3)"
                   : "INSERT INTO t(rowid, v) VALUES(?1, ?2)",
        row);
  }

  void write() {
    db_.must("BEGIN");
    for (std::int64_t rowid = 1; rowid <= kRows; ++rowid) insert(rowid);
    db_.must("COMMIT");
    for (std::int64_t rowid = 1; rowid < kRows; rowid += 9)
      run("DELETE FROM t WHERE rowid = ?1", {rowid});
    for (std::int64_t rowid = 2; rowid < kRows; rowid += 60)
      run("UPDATE t SET v = ?2 WHERE rowid = ?1", {rowid, value_of(shape_, numbers_)});
    for (std::int64_t rowid = kRows + 1; rowid <= kRows + 5; ++rowid) insert(rowid);
  }

  std::string answer() {
    std::vector<std::uint64_t> bits;
    const auto ask = [&](const std::string& condition, const Value& query) {
      Rows rows;
      run("SELECT rowid, distance FROM t WHERE k = 10 AND " + condition, {query}, &rows);
      EXPECT_TRUE(is_sparse_ || rows.size() == 10) << condition;  // few share a word
      for (const test::Row& row : rows) {
        bits.push_back(static_cast<std::uint64_t>(std::get<std::int64_t>(row[0])));
        bits.push_back(std::bit_cast<std::uint64_t>(std::get<double>(row[1])));
      }
    };
    for (int i = 0; i < 20; ++i) {
      const Value query = value_of(shape_, numbers_);
      ask("v MATCH ?1", query);
      ask("v MATCH ?1 AND exact = 1", query);
      if (is_sparse_) ask("w MATCH ?1", words_of(numbers_));
    }
    char text[17];
    std::snprintf(text, sizeof text, "%016llx",
                  static_cast<unsigned long long>(hash64(std::as_bytes(std::span(bits)))));
    return text;
  }

  std::string digest() { return std::get<std::string>(db_.scalar("SELECT nearlite_digest('t')")); }

  const Shape& shape_;
  const bool is_sparse_;
  Database db_{":memory:"};
  Numbers numbers_{99};
};

TEST(SameBytes, OnEveryInstructionSet) {
  for (const SimdTarget target : supported_simd_targets()) {
    force_simd_target(target);
    for (const Shape& shape : kShapes)
      EXPECT_EQ(Written(shape).digests(), shape.expected) << shape.name << ", " << name_of(target);
  }
  force_simd_target(supported_simd_target());
}

}  // namespace
}  // namespace nearlite
