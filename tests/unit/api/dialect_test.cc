// pgvector's dialect through the C++ API.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "nearlite/nearlite.h"

namespace nearlite {
namespace {

Database open_in_memory(bool extension = true) {
  OpenOptions options;
  options.create = true;
  options.extension = extension;
  return std::move(Database::open(":memory:", options).value());
}

std::vector<std::int64_t> ids(Statement& statement) {
  std::vector<std::int64_t> all;
  while (statement.step().value()) all.push_back(statement.column_int64(0));
  return all;
}

TEST(DialectTest, AScriptIsTranslatedStatementByStatement) {
  Database db = open_in_memory();
  const Status status = db.execute(
      "CREATE EXTENSION IF NOT EXISTS vector;\n"
      "CREATE TABLE items (id bigserial PRIMARY KEY, embedding vector(3)); -- the index needs it\n"
      "INSERT INTO items (embedding) VALUES ('[1,2,3]'), ('[4,5,6]'), (NULL);\n"
      "CREATE INDEX ON items USING hnsw (embedding vector_l2_ops);\n"
      "SET hnsw.ef_search = 100;",
      Dialect::kPgvector);
  ASSERT_TRUE(status.ok()) << status.message();
  Statement nearest = std::move(
      db.prepare("SELECT id FROM items ORDER BY embedding <-> $1 LIMIT $2", Dialect::kPgvector)
          .value());
  EXPECT_EQ(nearest.parameter_count(), 2);
  const std::vector<float> query = {4, 5, 5};
  nearest.bind_vector(1, query).bind_int64(2, 5);
  EXPECT_EQ(ids(nearest), (std::vector<std::int64_t>{2, 1, 3}));
  nearest.bind_vector(1, query).bind_int64(2, 1);
  EXPECT_EQ(ids(nearest), (std::vector<std::int64_t>{2}));
  const auto translation = db.translate("SELECT id FROM items ORDER BY embedding <-> $1 LIMIT 2");
  ASSERT_TRUE(translation.ok());
  EXPECT_NE(translation->sql.find("nearlite_nearest"), std::string::npos) << translation->sql;
}

TEST(DialectTest, AFailureShowsItsLineInTheScript) {
  Database db = open_in_memory();
  const Status status = db.execute("CREATE TABLE t(a);\n\nCOPY t FROM STDIN;", Dialect::kPgvector);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_TRUE(status.message().starts_with("nearlite: line 3, column 1: ")) << status.message();
  EXPECT_TRUE(db.execute("INSERT INTO t VALUES (1)").ok()) << "what preceded it was run";
}

TEST(DialectTest, SqliteIsTheDialectUnlessAnotherIsNamed) {
  Database db = open_in_memory();
  EXPECT_FALSE(db.execute("SELECT '[1]' <-> '[2]'").ok());
  EXPECT_FALSE(db.prepare("SELECT '[1]' <-> '[2]'").ok());
  EXPECT_TRUE(db.prepare("SELECT '[1]' <-> '[2]'", Dialect::kPgvector).ok());
}

TEST(DialectTest, AStatementThatDoesNothingIsAStatement) {
  Database db = open_in_memory();
  auto nothing = db.prepare("CREATE EXTENSION vector;", Dialect::kPgvector);
  ASSERT_TRUE(nothing.ok()) << nothing.status().message();
  EXPECT_EQ(nothing->column_count(), 0);
  EXPECT_FALSE(nothing->step().value());
  EXPECT_FALSE(db.prepare("", Dialect::kPgvector).ok());
  EXPECT_FALSE(db.prepare("-- only a comment", Dialect::kPgvector).ok());
  EXPECT_FALSE(db.prepare("SELECT 1; SELECT 2", Dialect::kPgvector).ok());
  EXPECT_FALSE(db.prepare("CREATE EXTENSION vector; SELECT 2; SELECT 3", Dialect::kPgvector).ok());
}

TEST(DialectTest, NotesSayWhatHasNoMeaning) {
  Database db = open_in_memory();
  const auto translation = db.translate("SET work_mem = 7; SET hnsw.iterative_scan = off");
  ASSERT_TRUE(translation.ok()) << translation.status().message();
  EXPECT_EQ(translation->notes.size(), 2U);
  std::string_view script = "SELECT 1 ; SELECT '[1]' <-> '[3]'";
  EXPECT_EQ(db.translate_next(script)->sql, "SELECT 1 ;");
  EXPECT_EQ(script, " SELECT '[1]' <-> '[3]'");
  Statement rest = std::move(db.prepare_next(script, Dialect::kPgvector).value());
  EXPECT_TRUE(script.empty());
  ASSERT_TRUE(rest.step().value());
  EXPECT_EQ(rest.column_double(0), 2.0);
  std::string_view bad = "SELECT <-> 1; SELECT 2";
  EXPECT_FALSE(db.translate_next(bad).ok());
  EXPECT_EQ(bad, "SELECT <-> 1; SELECT 2") << "nothing is cut off";
}

TEST(DialectTest, WithoutTheExtensionItStillTranslates) {
  Database db = open_in_memory(false);
  EXPECT_TRUE(
      db.execute("CREATE TABLE t (id serial PRIMARY KEY, v vector(2))", Dialect::kPgvector).ok());
  EXPECT_TRUE(db.execute("INSERT INTO t (v) VALUES ('[1,2]')", Dialect::kPgvector).ok());
  EXPECT_FALSE(db.execute("INSERT INTO t (v) VALUES ('[1]')", Dialect::kPgvector).ok());
}

}  // namespace
}  // namespace nearlite
