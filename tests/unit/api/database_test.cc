#include "nearlite/nearlite.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <optional>
#include <type_traits>

namespace nearlite {
namespace {

static_assert(std::is_nothrow_move_constructible_v<Database>);
static_assert(std::is_nothrow_move_assignable_v<Statement>);
static_assert(!std::is_copy_constructible_v<Database> && !std::is_copy_constructible_v<Statement>);

// The value of a Result that must have one.
template <class T>
T take(Result<T> result) {
  return std::move(result.value());
}

Database open_in_memory() {
  OpenOptions options;
  options.create = true;
  return take(Database::open(":memory:", options));
}

std::string only_text(Database& db, std::string_view sql) {
  Statement statement = take(db.prepare(sql));
  EXPECT_TRUE(statement.step().value());
  const std::string text(statement.column_text(0));
  EXPECT_FALSE(statement.step().value());
  return text;
}

TEST(DatabaseTest, SearchesWithABoundVector) {
  Database db = open_in_memory();
  ASSERT_TRUE(db.execute("CREATE VIRTUAL TABLE t USING hnsw(v float[2] metric=l2);"
                         "INSERT INTO t(rowid, v) VALUES (1, '[0, 0]'), (2, '[3, 4]')")
                  .ok());
  EXPECT_EQ(db.changes(), 2);
  EXPECT_EQ(db.last_insert_rowid(), 2);
  Statement search = take(db.prepare("SELECT rowid, distance FROM t WHERE v MATCH ?1 AND k = ?2"));
  EXPECT_EQ(search.parameter_count(), 2);
  {
    const std::vector<float> query = {3, 3};
    search.bind_vector(1, query).bind_int64(2, 1);
  }  // copied: the vector may go
  ASSERT_TRUE(search.step().value());
  EXPECT_EQ(search.column_int64(0), 2);
  EXPECT_EQ(search.column_double(1), 1.0);
  EXPECT_FALSE(search.step().value());
  const std::vector<float> wrong = {1, 2, 3};
  const auto failed = search.bind_vector(1, wrong).bind_int64(2, 1).step();
  ASSERT_FALSE(failed.ok());
  EXPECT_TRUE(failed.status().message().starts_with("nearlite: t.v: "))
      << failed.status().message();
}

TEST(DatabaseTest, OpensOnlyWhatExistsUnlessToldToCreate) {
  const auto missing = Database::open("/nonexistent/folder/file.db", OpenOptions());
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.status().code(), Code::kIo);
  EXPECT_NE(missing.status().sqlite_code(), 0);
}

TEST(DatabaseTest, WithoutTheExtensionIsStockSqlite) {
  OpenOptions options;
  options.extension = false;
  Database db = take(Database::open(":memory:", options));
  EXPECT_FALSE(db.prepare("SELECT nearlite_version()").ok());
  Database with = open_in_memory();
  EXPECT_EQ(only_text(with, "SELECT nearlite_version()"), version());
}

TEST(DatabaseTest, MapsAsMuchOfTheFileAsTold) {
  const std::string path = testing::TempDir() + "nearlite_mapped." + std::to_string(getpid());
  OpenOptions options;
  options.create = true;
  {
    Database plain = take(Database::open(path, options));
    EXPECT_EQ(only_text(plain, "PRAGMA mmap_size"), "0");
    options.mmap_bytes = 1 << 26;
    Database mapped = take(Database::open(path, options));
    EXPECT_EQ(only_text(mapped, "PRAGMA mmap_size"), std::to_string(1 << 26));
  }
  std::remove(path.c_str());
}

TEST(DatabaseTest, ExecuteStopsAtTheFirstFailure) {
  Database db = open_in_memory();
  const Status status = db.execute(
      "CREATE TABLE a(x UNIQUE); INSERT INTO a VALUES (1);"
      "INSERT INTO a VALUES (1); CREATE TABLE b(x)");
  EXPECT_EQ(status.code(), Code::kConstraint);
  EXPECT_EQ(status.sqlite_code() & 0xff, 19);
  EXPECT_GT(status.sqlite_code(), 0xff) << "not the extended code";
  EXPECT_EQ(status.message(), "UNIQUE constraint failed: a.x");
  EXPECT_EQ(only_text(db, "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table'"),
            "a");
}

TEST(DatabaseTest, PreparesExactlyOneStatement) {
  Database db = open_in_memory();
  for (const char* none : {"", "  ", ";", "-- comment", "/* open"}) {
    EXPECT_EQ(db.prepare(none).status().code(), Code::kInvalidArgument) << none;
    EXPECT_TRUE(db.execute(none).ok()) << none;
  }
  EXPECT_EQ(db.prepare("SELECT 1; SELECT 2").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(db.prepare("CREATE TABLE t(x); INSERT INTO t VALUES (1)").status().code(),
            Code::kInvalidArgument);
  EXPECT_TRUE(db.prepare("; SELECT 1; -- and no more\n;").ok());
  // A view need not end in NUL, and what lies behind it is not read.
  EXPECT_EQ(only_text(db, std::string_view("SELECT 12345").substr(0, 9)), "12");
}

TEST(DatabaseTest, PrepareNextCutsAScript) {
  Database db = open_in_memory();
  std::string_view script = ";; -- one\nSELECT 1 AS a; /* two */ ;SELECT 2 AS b; ";
  std::string names;
  while (!script.empty()) {
    Statement statement = take(db.prepare_next(script));
    if (statement.column_count() == 0) {
      EXPECT_FALSE(statement.step().value());
      continue;
    }
    names += statement.column_name(0);
  }
  EXPECT_EQ(names, "ab");
  std::string_view with_nul("SELECT 1\0 SELECT 2", 18);
  EXPECT_TRUE(db.execute(with_nul).ok()) << "a NUL ends SQL, as it does for SQLite";
}

TEST(StatementTest, ReadsEveryType) {
  Database db = open_in_memory();
  Statement statement = take(db.prepare("SELECT ?1, ?2, ?3, ?4, ?5, ?6"));
  const std::byte bytes[] = {std::byte{1}, std::byte{0}, std::byte{2}};
  statement.bind_int64(1, std::numeric_limits<std::int64_t>::min()).bind_double(2, 0.5);
  statement.bind_text(3, std::string_view("a\0b", 3)).bind_blob(4, bytes).bind_null(5);
  statement.bind_text(6, "");
  ASSERT_TRUE(statement.step().value());
  EXPECT_EQ(statement.column_count(), 6);
  EXPECT_EQ(statement.column_type(0), ColumnType::kInt64);
  EXPECT_EQ(statement.column_int64(0), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(statement.column_type(1), ColumnType::kDouble);
  EXPECT_EQ(statement.column_double(1), 0.5);
  EXPECT_EQ(statement.column_type(2), ColumnType::kText);
  EXPECT_EQ(statement.column_text(2), std::string_view("a\0b", 3));
  EXPECT_EQ(statement.column_type(3), ColumnType::kBlob);
  EXPECT_TRUE(std::ranges::equal(statement.column_blob(3), bytes));
  EXPECT_EQ(statement.column_type(4), ColumnType::kNull);
  EXPECT_EQ(statement.column_type(5), ColumnType::kText) << "an empty text is not NULL";
}

TEST(StatementTest, ReadsNothingWithoutARow) {
  Database db = open_in_memory();
  Statement statement = take(db.prepare("SELECT 7"));
  EXPECT_EQ(statement.column_int64(0), 0);
  ASSERT_TRUE(statement.step().value());
  EXPECT_EQ(statement.column_int64(0), 7);
  EXPECT_EQ(statement.column_int64(1), 0);
  EXPECT_EQ(statement.column_int64(-1), 0);
  EXPECT_EQ(statement.column_type(1), ColumnType::kNull);
  EXPECT_FALSE(statement.step().value());
  EXPECT_EQ(statement.column_int64(0), 0);
  EXPECT_TRUE(statement.column_text(0).empty());
}

TEST(StatementTest, StartsEachRunWithNullParameters) {
  Database db = open_in_memory();
  Statement statement = take(db.prepare("SELECT ?1 IS NULL, ?2 IS NULL"));
  statement.bind_int64(1, 1).bind_int64(2, 2);
  ASSERT_TRUE(statement.step().value());
  EXPECT_EQ(statement.column_int64(0), 0);
  statement.bind_int64(2, 2);  // in the middle of a run: begins another
  ASSERT_TRUE(statement.step().value());
  EXPECT_EQ(statement.column_int64(0), 1);
  EXPECT_EQ(statement.column_int64(1), 0);
  statement.reset();
  ASSERT_TRUE(statement.step().value());
  EXPECT_EQ(statement.column_int64(1), 1);
  statement.bind_int64(1, 1);
  ASSERT_TRUE(statement.run().ok());  // to its end
  ASSERT_TRUE(statement.step().value());
  EXPECT_EQ(statement.column_int64(0), 1);
}

TEST(StatementTest, ReportsABadIndexAtTheStep) {
  Database db = open_in_memory();
  Statement statement = take(db.prepare("SELECT ?1"));
  for (const int index : {0, -1, 2}) {
    EXPECT_FALSE(statement.bind_text(index, "x").step().ok()) << index;
  }
  ASSERT_TRUE(statement.bind_text(1, "x").step().value()) << "the failure ended its run";
  EXPECT_EQ(statement.column_text(0), "x");
}

TEST(StatementTest, FinishedRunHoldsNoTransaction) {
  Database db = open_in_memory();
  ASSERT_TRUE(db.execute("CREATE TABLE t(x); INSERT INTO t VALUES (1)").ok());
  Statement reading = take(db.prepare("SELECT x FROM t"));
  ASSERT_TRUE(reading.step().value());
  EXPECT_FALSE(db.execute("DROP TABLE t").ok()) << "a reader is open";
  ASSERT_FALSE(reading.step().value());
  EXPECT_TRUE(db.execute("DROP TABLE t").ok());
}

TEST(StatementTest, OutlivesItsDatabaseAndThenClosesIt) {
  const std::string path = testing::TempDir() + "nearlite_api_outlives.db";
  const std::string wal = path + "-wal";
  std::remove(path.c_str());
  OpenOptions options;
  options.create = true;
  std::optional<Database> db(take(Database::open(path, options)));
  ASSERT_TRUE(db->execute("PRAGMA journal_mode = WAL; CREATE TABLE t(x); BEGIN").ok());
  EXPECT_TRUE(db->in_transaction());
  {
    Statement statement = take(db->prepare("SELECT 7"));
    db.reset();
    ASSERT_TRUE(statement.step().value());
    EXPECT_EQ(statement.column_int64(0), 7);
    EXPECT_TRUE(std::filesystem::exists(wal));
  }
  EXPECT_FALSE(std::filesystem::exists(wal)) << "the connection is still open";
  std::remove(path.c_str());
}

}  // namespace
}  // namespace nearlite
