// Database::register_embedding(), interrupt() and is_complete_statement().
#include <gtest/gtest.h>

#include <thread>

#include "nearlite/nearlite.h"

namespace nearlite {
namespace {

Database open_in_memory() {
  OpenOptions options;
  options.create = true;
  auto database = Database::open(":memory:", options);
  EXPECT_TRUE(database.ok());
  return std::move(*database);
}

TEST(Embedding, ThereIsNoneUntilTheHostGivesOne) {
  Database db = open_in_memory();
  EXPECT_FALSE(db.prepare("SELECT get_embedding('x')").ok());
  int calls = 0;
  ASSERT_TRUE(db.register_embedding([&](std::string_view text) -> Result<std::vector<float>> {
                  ++calls;
                  if (text == "bad") return Status(Code::kIo, "the server is down");
                  return std::vector<float>{static_cast<float>(text.size()), 2};
                }).ok());
  auto statement = db.prepare("SELECT vec_to_json(get_embedding(?1))");
  ASSERT_TRUE(statement.ok()) << statement.status().message();
  ASSERT_TRUE(*statement->bind_text(1, "four").step());
  EXPECT_EQ(statement->column_text(0), "[4,2]");
  statement->reset();
  ASSERT_TRUE(*statement->step()) << "NULL";
  EXPECT_EQ(statement->column_type(0), ColumnType::kNull);
  EXPECT_EQ(calls, 1);
  const auto failed = statement->bind_text(1, "bad").step();
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.status().message().find("the server is down"), std::string::npos);
  ASSERT_TRUE(db.register_embedding({}).ok());
  EXPECT_FALSE(db.prepare("SELECT get_embedding('x')").ok());
}

TEST(Embedding, SchemasMayNotCallIt) {
  Database db = open_in_memory();
  bool is_called = false;
  ASSERT_TRUE(db.register_embedding([&](std::string_view) -> Result<std::vector<float>> {
                  is_called = true;
                  return std::vector<float>{1};
                }).ok());
  ASSERT_TRUE(db.execute("CREATE TABLE t(x); INSERT INTO t VALUES ('a');"
                         "CREATE VIEW v AS SELECT get_embedding(x) AS e FROM t;"
                         "CREATE TRIGGER g AFTER INSERT ON t BEGIN"
                         " SELECT get_embedding(NEW.x); END")
                  .ok());
  EXPECT_FALSE(db.execute("SELECT * FROM v").ok());
  EXPECT_FALSE(db.execute("INSERT INTO t VALUES ('b')").ok());
  EXPECT_FALSE(is_called);
}

TEST(Interrupt, EndsTheStatementThatRuns) {
  Database db = open_in_memory();
  db.interrupt();  // nothing runs: nothing happens
  ASSERT_TRUE(db.execute("SELECT 1").ok());
  auto statement =
      db.prepare("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n");
  ASSERT_TRUE(statement.ok());
  ASSERT_TRUE(*statement->step());
  std::thread([&] { db.interrupt(); }).join();
  const auto next = statement->step();
  ASSERT_FALSE(next.ok());
  EXPECT_EQ(next.status().code(), Code::kInterrupted);
  EXPECT_TRUE(db.execute("SELECT 1").ok());
}

TEST(CompleteStatement, SeesStringsCommentsAndTriggers) {
  EXPECT_TRUE(is_complete_statement("SELECT 1;"));
  EXPECT_TRUE(is_complete_statement("SELECT ';' ; -- done"));
  EXPECT_FALSE(is_complete_statement("SELECT 1"));
  EXPECT_FALSE(is_complete_statement("SELECT ';"));
  EXPECT_FALSE(is_complete_statement("SELECT 1 /* ; "));
  EXPECT_FALSE(is_complete_statement("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1;"));
}

}  // namespace
}  // namespace nearlite
