// The scalar functions on vectors and vec_each, through SQL.
#include "sqlite/functions_vector.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cmath>
#include <string>
#include <vector>

#include "sqlite/vec_each.h"
#include "vector/distance.h"
#include "vector/types.h"

namespace nearlite::sqlite {
namespace {

class VectorFunctions : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(sqlite3_open(":memory:", &db_), SQLITE_OK);
    ASSERT_TRUE(register_vector_functions(db_).ok());
    ASSERT_TRUE(register_vec_each(db_).ok());
  }
  void TearDown() override { EXPECT_EQ(sqlite3_close(db_), SQLITE_OK); }

  /// All values of all rows, as SQL text, separated by blanks; "!" and the message for an error.
  std::string run(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    std::string text;
    int rc = sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
      rc = sqlite3_step(statement);
      for (int i = 0; rc == SQLITE_ROW && i < sqlite3_column_count(statement); ++i) {
        const auto* value = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
        text += (text.empty() ? "" : " ") + std::string(value == nullptr ? "NULL" : value);
      }
    }
    if (rc != SQLITE_DONE) text = std::string("!") + sqlite3_errmsg(db_);
    sqlite3_finalize(statement);
    return text;
  }
  std::string value(const std::string& expression) { return run("SELECT " + expression); }
  double number(const std::string& expression) {
    sqlite3_stmt* statement = nullptr;
    const std::string sql = "SELECT " + expression;
    EXPECT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sql;
    EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW) << sql << ": " << sqlite3_errmsg(db_);
    const double result = sqlite3_column_double(statement, 0);
    sqlite3_finalize(statement);
    return result;
  }
  /// The expression fails, with a message that names us.
  void expect_error(const std::string& expression) {
    const std::string text = value(expression);
    EXPECT_TRUE(text.starts_with("!nearlite: ")) << expression << " gives " << text;
  }

  sqlite3* db_ = nullptr;
};

TEST_F(VectorFunctions, Distances) {
  EXPECT_EQ(value("vec_distance_l2('[1, 2]', '[4, 6]')"), "5.0");
  EXPECT_EQ(value("vec_distance_l1('[1, 2]', '[4, -2]')"), "7.0");
  EXPECT_EQ(value("vec_distance_ip('[1, 2]', '[4, 6]')"), "-16.0");
  EXPECT_EQ(value("vec_distance_cosine('[1, 0]', '[0, 3]')"), "1.0");
  EXPECT_EQ(value("vec_distance_cosine('[1, 0]', '[0, 0]')"), "1.0");
  EXPECT_EQ(value("cosine_similarity('[2, 0]', '[3, 0]')"), "1.0");
  EXPECT_EQ(value("cosine_similarity('[1, 0]', '[-3, 0]')"), "-1.0");
  EXPECT_EQ(value("vec_distance_hamming(vec_bit(x'ff00'), vec_bit(x'0f01'))"), "5.0");
  EXPECT_EQ(value("vec_distance_hamming('[1, -1, 1]', '[1, 1, -1]')"), "2.0");
}

TEST_F(VectorFunctions, DistancesAreThoseOfTheIndexToTheLastBit) {
  std::vector<float> a;
  std::vector<float> b;
  for (int i = 0; i < 100; ++i) {
    a.push_back(std::sin(static_cast<float>(i)));
    b.push_back(std::cos(static_cast<float>(i) * 1.7F));
  }
  sqlite3_stmt* statement = nullptr;
  for (const auto& [name, metric] : {std::pair{"vec_distance_cosine", Metric::kCosine},
                                     {"vec_distance_l2", Metric::kL2},
                                     {"vec_distance_ip", Metric::kIp},
                                     {"vec_distance_l1", Metric::kL1}}) {
    const std::string sql = std::string("SELECT ") + name + "(?1, ?2)";
    ASSERT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK);
    sqlite3_bind_blob(statement, 1, a.data(), 400, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 2, b.data(), 400, SQLITE_STATIC);
    ASSERT_EQ(sqlite3_step(statement), SQLITE_ROW);
    EXPECT_EQ(sqlite3_column_double(statement, 0), distance(metric, a.data(), b.data(), 100))
        << name;
    sqlite3_finalize(statement);
  }
}

TEST_F(VectorFunctions, NullInNullOut) {
  for (const char* call :
       {"vec_distance_l2(NULL, '[1]')", "vec_distance_l2('[1]', NULL)",
        "cosine_similarity(NULL, NULL)", "vec_f32(NULL)", "vec_bit(NULL)", "vec_length(NULL)",
        "vec_type(NULL)", "vec_to_json(NULL)", "vec_normalize(NULL)", "vec_add(NULL, '[1]')",
        "vec_sub('[1]', NULL)", "vec_slice('[1]', NULL, 1)", "vec_quantize_int8(NULL, 'unit')",
        "vec_quantize_int8('[1]', NULL)", "vec_quantize_binary(NULL)"}) {
    EXPECT_EQ(value(call), "NULL") << call;
  }
}

TEST_F(VectorFunctions, WrongArguments) {
  for (const char* call : {"vec_distance_l2('[1]', '[1, 2]')",
                           "vec_distance_l2('[1]', 'x')",
                           "vec_distance_l2('[1]', 5)",
                           "vec_distance_l2(x'00', '[1]')",
                           "vec_distance_l2(x'', x'')",
                           "vec_distance_l2('[]', '[]')",
                           "vec_distance_l2(x'0000807f', '[1]')",
                           "vec_distance_l2(x'0000c07f', '[1]')",
                           "vec_distance_l2(vec_bit(x'01'), vec_bit(x'01'))",
                           "cosine_similarity('[1]', '[1, 2]')",
                           "vec_f32('[1e39]')",
                           "vec_f32('[1,]')",
                           "vec_f16('[70000]')",
                           "vec_int8('[128]')",
                           "vec_int8('[1.5]')",
                           "vec_bit('[1, 0, 1]')",
                           "vec_length(1.5)",
                           "vec_normalize(vec_int8('[1]'))",
                           "vec_add('[1]', '[1, 2]')",
                           "vec_add(vec_int8('[100]'), vec_int8('[100]'))",
                           "vec_add('[3e38]', '[3e38]')",
                           "vec_add(vec_bit(x'01'), vec_bit(x'01'))",
                           "vec_slice('[1, 2]', 1, 1)",
                           "vec_slice('[1, 2]', -1, 1)",
                           "vec_slice('[1, 2]', 0, 3)",
                           "vec_slice('[1, 2]', 'a', 1)",
                           "vec_slice('[1, 2]', 0, 9223372036854775807)",
                           "vec_slice(vec_bit(x'0102'), 0, 4)",
                           "vec_quantize_int8('[1]', 'other')",
                           "vec_quantize_binary('[1, 2]')"}) {
    expect_error(call);
  }
}

TEST_F(VectorFunctions, ConstructorsMakeTypedBlobs) {
  EXPECT_EQ(value("hex(vec_f32('[1, -2.5]'))"), "0000803F000020C0");
  EXPECT_EQ(value("hex(vec_f16('[1, -2.5]'))"), "003C00C1");
  EXPECT_EQ(value("hex(vec_bf16('[1, -2.5]'))"), "803F20C0");
  EXPECT_EQ(value("hex(vec_int8('[1, -2]'))"), "01FE");
  EXPECT_EQ(value("hex(vec_bit('[1, 0, 0, 0, 0, 0, 0, 1]'))"), "81");
  EXPECT_EQ(value("subtype(vec_f32('[1]')), subtype(vec_bit(x'01')), subtype(vec_int8('[1]')), "
                  "subtype(vec_f16('[1]')), subtype(vec_bf16('[1]'))"),
            "223 224 225 226 227");
  // A blob without subtype is what the constructor makes; a typed one is converted.
  EXPECT_EQ(value("hex(vec_int8(x'01ff'))"), "01FF");
  EXPECT_EQ(value("hex(vec_f32(vec_int8(x'01ff')))"), "0000803F000080BF");
  EXPECT_EQ(value("vec_to_json(vec_f32(vec_bit(x'05')))"), "[1,0,1,0,0,0,0,0]");
}

TEST_F(VectorFunctions, LengthTypeAndJson) {
  EXPECT_EQ(
      value("vec_length('[1, 2, 3]'), vec_length(x'0000803f'), vec_length(vec_int8(x'0102')), "
            "vec_length(vec_bit(x'0102')), vec_length(vec_f16('[1, 2]'))"),
      "3 1 2 16 2");
  EXPECT_EQ(value("vec_type('[1]'), vec_type(x'0000803f'), vec_type(vec_f16('[1]')), "
                  "vec_type(vec_bf16('[1]')), vec_type(vec_int8('[1]')), vec_type(vec_bit(x'01'))"),
            "float float float16 bfloat16 int8 bit");
  EXPECT_EQ(value("vec_to_json(x'0000803fcdcccc3d')"), "[1,0.1]");
  EXPECT_EQ(value("vec_to_json(vec_int8('[-128, 127]'))"), "[-128,127]");
  EXPECT_EQ(value("json_array(vec_to_json('[1,2]'))"), "[[1,2]]");
}

TEST_F(VectorFunctions, Arithmetic) {
  EXPECT_EQ(value("vec_to_json(vec_normalize('[3, 4]'))"), "[0.6,0.8]");
  EXPECT_EQ(value("vec_to_json(vec_normalize('[0, 0]'))"), "[0,0]");
  EXPECT_EQ(value("vec_type(vec_normalize(vec_f16('[3, 4]')))"), "float16");
  EXPECT_EQ(value("vec_to_json(vec_add('[1, 2]', '[0.5, -2]'))"), "[1.5,0]");
  EXPECT_EQ(value("vec_to_json(vec_sub('[1, 2]', '[0.5, -2]'))"), "[0.5,4]");
  EXPECT_EQ(value("vec_type(vec_add(vec_int8('[1]'), vec_int8('[1]')))"), "int8");
  EXPECT_EQ(value("vec_type(vec_add(vec_int8('[1]'), '[1]'))"), "int8");
  EXPECT_EQ(value("vec_type(vec_add(vec_int8('[1]'), vec_f16('[1]')))"), "float");
  EXPECT_EQ(value("vec_to_json(vec_slice('[1, 2, 3, 4]', 1, 3))"), "[2,3]");
  EXPECT_EQ(value("hex(vec_slice(vec_bit(x'010203'), 8, 24))"), "0203");
  EXPECT_EQ(value("vec_to_json(vec_quantize_int8('[1, -1, 0, 0.5, 2, -7]', 'unit'))"),
            "[127,-127,0,64,127,-127]");
  EXPECT_EQ(value("hex(vec_quantize_binary('[1, -1, 0, 0.5, 2, -7, 1, 1]'))"), "D9");
  EXPECT_EQ(value("vec_type(vec_quantize_binary('[1, 1, 1, 1, 1, 1, 1, 1]'))"), "bit");
}

TEST_F(VectorFunctions, ConstantTextIsParsedOncePerStatementAndVaryingTextEveryTime) {
  ASSERT_EQ(run("CREATE TABLE v(t TEXT)"), "");
  ASSERT_EQ(run("INSERT INTO v VALUES('[1, 2]'), ('[3, 4]'), ('[1, 2]')"), "");
  EXPECT_EQ(run("SELECT vec_distance_l1(t, '[1, 2]') FROM v ORDER BY rowid"), "0.0 4.0 0.0");
  EXPECT_EQ(run("SELECT vec_distance_l1('[1, 2]', t) FROM v ORDER BY rowid"), "0.0 4.0 0.0");
}

TEST_F(VectorFunctions, MayBeUsedInIndexesAndUntrustedSchemas) {
  EXPECT_EQ(run("PRAGMA trusted_schema = OFF"), "");
  EXPECT_EQ(run("CREATE TABLE d(v BLOB, n AS (vec_length(v)))"), "");
  EXPECT_EQ(run("CREATE INDEX d_n ON d(vec_distance_l2(v, '[0, 0]'))"), "");
  EXPECT_EQ(run("INSERT INTO d VALUES(vec_f32('[3, 4]'))"), "");
  EXPECT_EQ(run("SELECT n FROM d WHERE vec_distance_l2(v, '[0, 0]') = 5"), "2");
  EXPECT_EQ(run("CREATE VIEW e AS SELECT value FROM d, vec_each(d.v)"), "");
  EXPECT_EQ(run("SELECT * FROM e"), "3.0 4.0");
}

TEST_F(VectorFunctions, Each) {
  EXPECT_EQ(run("SELECT rowid, value FROM vec_each('[1, 2.5, -3]')"), "0 1.0 1 2.5 2 -3.0");
  EXPECT_EQ(run("SELECT value FROM vec_each(vec_int8(x'01ff'))"), "1 -1");
  EXPECT_EQ(run("SELECT sum(value) FROM vec_each(vec_bit(x'ff01'))"), "9");
  EXPECT_EQ(run("SELECT count(*) FROM vec_each(NULL)"), "0");
  EXPECT_EQ(run("SELECT count(*) FROM vec_each('[1, 2]') WHERE vector = '[1, 2]'"), "2");
  EXPECT_EQ(run("WITH t(v) AS (VALUES('[1, 2]'), ('[3]')) SELECT value FROM vec_each(t.v), t"),
            "1.0 2.0 3.0");
  EXPECT_TRUE(run("SELECT * FROM vec_each").starts_with("!nearlite: vec_each"));
  EXPECT_TRUE(run("SELECT * FROM vec_each('[1')").starts_with("!nearlite: vec_each"));
  EXPECT_TRUE(run("CREATE VIRTUAL TABLE x USING vec_each").starts_with("!"));
}

TEST_F(VectorFunctions, Version) { EXPECT_FALSE(value("nearlite_version()").empty()); }

}  // namespace
}  // namespace nearlite::sqlite
