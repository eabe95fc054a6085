// What a host may do to a connection through the C interface, in the SQLite that is linked: hooks
// that veto, handlers that interrupt at any point, an authorizer that says no, defensive mode,
// statements kept across VACUUM and changes of the schema, images in memory. Each must end as
// SQLite documents it, and leave index and table equal.
#include <gtest/gtest.h>

#include <string>

#include "support/check_index.h"
#include "support/scratch.h"

namespace nearlite::test {
namespace {

class ConnectionTrap : public testing::Test {
 protected:
  ConnectionTrap() : path_(folder_.file("trap.db")), source_({.dim = shape_.dim}, 1) {
    database_ = Database(path_);
    database_.must("PRAGMA synchronous=OFF");
    database_.must(shape_.create_sql("t", Database::Engine::kNearlite));
    database_.must("CREATE TABLE plain(x)");
    database_.must("BEGIN");
    for (std::int64_t rowid = 1; rowid <= 60; ++rowid) insert(rowid);
    database_.must("COMMIT");
  }

  /// Inserts a row and, if that succeeds, expects it from now on.
  int insert(std::int64_t rowid) {
    const Vector vector = source_.next();
    const int code = database_.run("INSERT INTO t(rowid, embedding) VALUES(?1, ?2)",
                                   {rowid, shape_.blob(vector)});
    if (code == SQLITE_OK) {
      records_[rowid] = Record{vector, {}, {}, {}};
    }
    return code;
  }

  void check() { EXPECT_EQ(check_index(database_, "t", shape_, records_), ""); }

  TableShape shape_{Element::kFloat, Metric::kL2, 16, ", m=6, ef_construction=50"};
  ScratchFolder folder_;
  std::string path_;
  VectorSource source_;
  Database database_;
  Records records_;
};

TEST_F(ConnectionTrap, CommitHookVeto) {
  sqlite3_commit_hook(
      database_.handle(), [](void*) { return 1; }, nullptr);
  const Records before = records_;
  EXPECT_EQ(insert(100) & 0xff, SQLITE_CONSTRAINT);
  database_.must("BEGIN");
  EXPECT_EQ(insert(101), SQLITE_OK);
  EXPECT_EQ(database_.exec("COMMIT") & 0xff, SQLITE_CONSTRAINT);
  EXPECT_FALSE(database_.in_transaction());
  records_ = before;
  sqlite3_commit_hook(database_.handle(), nullptr, nullptr);
  check();
  EXPECT_EQ(insert(102), SQLITE_OK);
  check();
}

// The progress handler stops the n-th time it is asked, for every n (later: ever wider steps) until
// the statement gets through. SQLite asks the handler once more after it has committed, and then
// reports SQLITE_INTERRUPT for a statement that is done: the rows are those before or those after.
TEST_F(ConnectionTrap, InterruptAtEveryPoint) {
  const Vector query = source_.next();
  const auto attempt = [&](const std::string& sql, const std::vector<Value>& parameters,
                           const std::map<std::int64_t, Record>& after) {
    for (int budget = 1; budget < 1'000'000; budget += 1 + budget / 500) {
      int left = budget;
      sqlite3_progress_handler(
          database_.handle(), 3, [](void* data) { return --*static_cast<int*>(data) <= 0 ? 1 : 0; },
          &left);
      const int code = database_.run(sql, parameters);
      sqlite3_progress_handler(database_.handle(), 0, nullptr, nullptr);
      if (code != SQLITE_OK) {
        ASSERT_EQ(code & 0xff, SQLITE_INTERRUPT) << sql << ": " << database_.message();
        ASSERT_FALSE(database_.in_transaction());
      }
      Records now;
      ASSERT_EQ(read_records(database_, "t", shape_, now), "");
      const bool is_done = code == SQLITE_OK || (now == after && after != records_);
      if (is_done) records_ = after;
      ASSERT_EQ(now, records_) << sql << " half done at " << budget;
      if (is_done || budget % 16 == 1) check();
      if (is_done) return;
    }
    FAIL() << sql << " never gets through";
  };
  const Blob blob = shape_.blob(query);
  attempt("SELECT rowid FROM t WHERE embedding MATCH ?1 AND k = 10", {blob}, records_);
  attempt("SELECT rowid FROM t WHERE embedding MATCH ?1 AND exact = 1", {blob}, records_);
  auto after = records_;
  for (const std::int64_t rowid : {200, 201, 202}) after[rowid] = Record{query, {}, {}, {}};
  attempt("INSERT INTO t(rowid, embedding) VALUES(200, ?1), (201, ?1), (202, ?1)", {blob}, after);
  for (std::int64_t rowid = 10; rowid <= 14; ++rowid) after[rowid].embedding = query;
  attempt("UPDATE t SET embedding = ?1 WHERE rowid BETWEEN 10 AND 14", {blob}, after);
  after.erase(after.lower_bound(20), after.upper_bound(30));
  attempt("DELETE FROM t WHERE rowid BETWEEN 20 AND 30", {}, after);
  attempt("INSERT INTO t(t) VALUES('optimize')", {}, after);
  attempt("INSERT INTO t(t) VALUES('rebuild')", {}, after);
}

TEST_F(ConnectionTrap, InterruptInATransactionRollsBackOnlyTheStatementOrAll) {
  database_.must("BEGIN");
  EXPECT_EQ(insert(300), SQLITE_OK);
  int left = 40;
  sqlite3_progress_handler(
      database_.handle(), 3, [](void* data) { return --*static_cast<int*>(data) <= 0 ? 1 : 0; },
      &left);
  const int code =
      database_.exec("UPDATE t SET embedding = (SELECT embedding FROM t WHERE rowid = 1)");
  sqlite3_progress_handler(database_.handle(), 0, nullptr, nullptr);
  EXPECT_EQ(code & 0xff, SQLITE_INTERRUPT);
  if (!database_.in_transaction()) records_.erase(300);  // SQLite may roll back all, and says so
  check();
  if (database_.in_transaction()) database_.must("COMMIT");
  check();
}

// An authorizer refuses every write to one table after another; nested statements of ours ask it
// too.
TEST_F(ConnectionTrap, AuthorizerSaysNo) {
  struct Denial {
    std::string table;
    int action;
  };
  Rows names;
  database_.run(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 't!_%' ESCAPE '!'", {},
      &names);
  ASSERT_GE(names.size(), 5U);
  for (const Row& row : names) {
    for (const int action : {SQLITE_INSERT, SQLITE_UPDATE, SQLITE_DELETE, SQLITE_READ}) {
      Denial denial{std::get<std::string>(row[0]), action};
      Database fresh(path_);
      sqlite3_set_authorizer(
          fresh.handle(),
          [](void* data, int asked, const char* table, const char*, const char*, const char*) {
            const auto* denied = static_cast<const Denial*>(data);
            return asked == denied->action && table != nullptr && denied->table == table
                       ? SQLITE_DENY
                       : SQLITE_OK;
          },
          &denial);
      const Blob blob = shape_.blob(*records_.begin()->second.embedding);
      fresh.exec("BEGIN");
      const int code = fresh.run("UPDATE t SET embedding = ?1 WHERE rowid = 40", {blob});
      const int commit = fresh.exec("COMMIT");
      if (fresh.in_transaction()) fresh.exec("ROLLBACK");
      sqlite3_set_authorizer(fresh.handle(), nullptr, nullptr);
      if (code == SQLITE_OK && commit == SQLITE_OK) {
        records_[40].embedding = records_.begin()->second.embedding;
      }
      EXPECT_EQ(check_index(fresh, "t", shape_, records_), "") << denial.table << " " << action;
    }
  }
  check();
}

TEST_F(ConnectionTrap, DefensiveModeAndUntrustedSchema) {
  sqlite3_db_config(database_.handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database_.handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  EXPECT_EQ(database_.exec("DELETE FROM t_links"), SQLITE_ERROR);
  EXPECT_EQ(database_.exec("DROP TABLE t_vectors"), SQLITE_ERROR);
  EXPECT_EQ(insert(400), SQLITE_OK);
  database_.must(
      "CREATE TRIGGER g AFTER DELETE ON plain BEGIN DELETE FROM t WHERE rowid = OLD.x; END");
  database_.must("INSERT INTO plain VALUES(400)");
  database_.must("DELETE FROM plain");
  records_.erase(400);
  database_.must("INSERT INTO t(t) VALUES('optimize'); VACUUM");
  check();
  database_.must("ALTER TABLE t RENAME TO u");
  EXPECT_EQ(check_index(database_, "u", shape_, records_), "");
  database_.must("DROP TABLE u");
}

TEST_F(ConnectionTrap, StatementsKeptAcrossEverything) {
  const Vector query = source_.next();
  Statement search(database_,
                   "SELECT rowid, distance FROM t WHERE embedding MATCH ?1 AND k = 1000");
  Statement write(database_, "INSERT INTO t(rowid, embedding) VALUES(?1, ?2)");
  search.bind(1, shape_.blob(query));
  const char* const events[] = {"VACUUM",
                                "CREATE TABLE other(a)",
                                "ALTER TABLE plain RENAME TO plain2",
                                "DROP TABLE other",
                                "ANALYZE",
                                "PRAGMA journal_mode=WAL",
                                "PRAGMA wal_checkpoint(TRUNCATE)",
                                "PRAGMA journal_mode=DELETE",
                                "PRAGMA schema_version=500",
                                "BEGIN; DROP TABLE t; ROLLBACK",
                                "ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME TO t",
                                "INSERT INTO t(t) VALUES('rebuild')"};
  std::int64_t rowid = 500;
  for (const char* event : events) {
    database_.must(event);
    const Vector vector = source_.next();
    write.bind(1, ++rowid);
    write.bind(2, shape_.blob(vector));
    ASSERT_EQ(write.step(), SQLITE_DONE) << event << ": " << database_.message();
    write.reset();
    records_[rowid] = Record{vector, {}, {}, {}};
    std::size_t count = 0;
    int code = SQLITE_ROW;
    while ((code = search.step()) == SQLITE_ROW) ++count;
    EXPECT_EQ(code, SQLITE_DONE) << event << ": " << database_.message();
    EXPECT_EQ(count, records_.size()) << event;
    search.reset();
  }
  check();
}

TEST_F(ConnectionTrap, SerializedAndDeserialized) {
  sqlite3_int64 size = 0;
  unsigned char* image = sqlite3_serialize(database_.handle(), "main", &size, 0);
  ASSERT_NE(image, nullptr);
  Database copy(":memory:");
  ASSERT_EQ(sqlite3_deserialize(copy.handle(), "main", image, size, size,
                                SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE),
            SQLITE_OK);
  EXPECT_EQ(check_index(copy, "t", shape_, records_), "");
  copy.must("DELETE FROM t WHERE rowid > 30");
  check();
  Records fewer(records_.begin(), records_.upper_bound(30));
  EXPECT_EQ(check_index(copy, "t", shape_, fewer), "");
}

TEST_F(ConnectionTrap, TheSameConnectionFromManyStatementsAtOnce) {
  std::vector<Statement> searches;
  for (int i = 0; i < 20; ++i) {
    searches.emplace_back(
        database_, "SELECT rowid, distance FROM t WHERE embedding MATCH ?1 ORDER BY distance");
    searches.back().bind(1, shape_.blob(source_.query()));
  }
  for (std::size_t step = 0; step < records_.size(); ++step) {
    for (Statement& search : searches) ASSERT_EQ(search.step(), SQLITE_ROW);
  }
  for (Statement& search : searches) EXPECT_EQ(search.step(), SQLITE_DONE);
  searches.clear();
  EXPECT_EQ(insert(700), SQLITE_OK);
  check();
}

TEST_F(ConnectionTrap, LoweredLimits) {
  sqlite3_limit(database_.handle(), SQLITE_LIMIT_LENGTH,
                3000);  // blocks of vectors are longer than that
  const int code = insert(800);
  EXPECT_TRUE(code == SQLITE_OK || (code & 0xff) == SQLITE_TOOBIG) << database_.message();
  sqlite3_limit(database_.handle(), SQLITE_LIMIT_LENGTH, 1'000'000'000);
  check();
}

TEST_F(ConnectionTrap, CloseWithATransactionAndAStatementOpen) {
  const int before = Database::unclosed();
  {
    Database other(path_);
    other.must("BEGIN");
    other.must("DELETE FROM t WHERE rowid < 10");
  }
  EXPECT_EQ(Database::unclosed(), before);
  check();
}

TEST_F(ConnectionTrap, RegisteredTwice) {
  Database twice(path_);
  char* error = nullptr;
  EXPECT_EQ(register_engine(twice.handle(), &error), SQLITE_OK) << error;
  EXPECT_EQ(check_index(twice, "t", shape_, records_), "");
}

}  // namespace
}  // namespace nearlite::test
