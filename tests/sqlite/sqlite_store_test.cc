// The store over shadow tables: the contract of every store, and what only SQLite brings: names,
// damaged rows, failures with their extended codes, no statement left open.
#include "sqlite/sqlite_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "support/store_contract.h"

namespace nearlite::sqlite {
namespace {

class SqliteStoreTest : public testing::Test {
 protected:
  void SetUp() override { open(":memory:"); }
  void TearDown() override {
    store_.reset();
    EXPECT_EQ(sqlite3_close(db_), SQLITE_OK) << "something was left open";
    if (!path_.empty()) std::filesystem::remove(path_);
  }

  void open(const std::string& path) {
    if (db_ != nullptr) sqlite3_close(db_);
    ASSERT_EQ(sqlite3_open(path.c_str(), &db_), SQLITE_OK);
  }
  void open_file() {
    path_ = testing::TempDir() + "sqlite_store_" + std::to_string(getpid()) + ".db";
    std::filesystem::remove(path_);
    open(path_);
  }
  int exec(const std::string& sql) {
    return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  }
  SqliteStore& make(const std::string& table, const std::string& suffix = "",
                    const std::string& schema = "main") {
    EXPECT_TRUE(create_shadow_tables(db_, schema, table, suffix).ok());
    if (suffix.empty()) {
      EXPECT_TRUE(create_config_table(db_, schema, table).ok());
    }
    store_ = std::make_unique<SqliteStore>(db_, schema, table, suffix, kContractLayout);
    return *store_;
  }
  /// One commit with two vectors, the second of which has links; config key k.
  void write_rows(SqliteStore& store) {
    CommitRecord record;
    record.seq = 7;
    record.max_node_id = 5;
    record.live_count = 2;
    record.entry = 2;
    ASSERT_TRUE(store.put_commit(record).ok());
    ASSERT_TRUE(store.put_links({2, 20, 1, 2, {{1}}, {}}).ok());
    ASSERT_TRUE(store.put_vector(2, 20, contract::vector_of(2)).ok());
    ASSERT_TRUE(store.put_vector(5, 50, contract::vector_of(5)).ok());
    ASSERT_TRUE(store.put_dead(6, 5).ok());
    ASSERT_TRUE(store.put_config("k", contract::bytes_of("v")).ok());
  }
  std::int64_t number(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sql;
    EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW) << sql;
    const std::int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
  }

  sqlite3* db_ = nullptr;
  std::string path_;
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(SqliteStoreTest, KeepsTheContract) { check_store_contract(make("docs")); }

TEST_F(SqliteStoreTest, KeepsTheContractUnderHostileNames) {
  ASSERT_EQ(exec("ATTACH ':memory:' AS \"a \"\"b' ; --\""), SQLITE_OK);
  check_store_contract(make("it's \"quoted\"; DROP TABLE x; -- ä]`", "", "a \"b' ; --"));
  EXPECT_EQ(number("SELECT count(*) FROM main.sqlite_master"), 0);
}

TEST_F(SqliteStoreTest, ColumnsHaveTablesOfTheirOwn) {
  make("docs");
  check_store_contract(make("docs", column_suffix(1)));
  EXPECT_EQ(number("SELECT count(*) FROM docs_links"), 0);
  EXPECT_GT(number("SELECT count(*) FROM docs_links2"), 0);
  EXPECT_EQ(column_suffix(0), "");
  EXPECT_EQ(column_suffix(15), "16");
}

TEST_F(SqliteStoreTest, ShadowKinds) {
  for (const char* ours :
       {"rows", "config", "vectors", "links", "dead", "commits", "LINKS", "links2", "vectors16"}) {
    EXPECT_TRUE(is_shadow_kind(ours)) << ours;
  }
  for (const char* other : {"", "link", "links1", "links17", "links02", "config2", "rows2",
                            "linksx", "links2x", "2", "links99999999999999999999"}) {
    EXPECT_FALSE(is_shadow_kind(other)) << other;
  }
}

TEST_F(SqliteStoreTest, LeavesNothingOpen) {
  open_file();
  SqliteStore& store = make("docs");
  check_store_contract(store);
  // Visits that end early, and records that do not decode, leave through other doors.
  ignore(store.scan_vectors(1, 99, [](NodeId, RowId, auto) { return Status(Code::kBusy, "x"); }),
         "");
  ASSERT_EQ(exec("UPDATE docs_links SET data = x'00'"), SQLITE_OK);
  EXPECT_FALSE(store.find_links(2).ok());
  EXPECT_EQ(exec("VACUUM"), SQLITE_OK);
  EXPECT_EQ(exec("PRAGMA journal_mode = WAL"), SQLITE_OK);
  EXPECT_TRUE(store.last_commit().ok());
  EXPECT_EQ(exec("PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
}

TEST_F(SqliteStoreTest, OneVectorInsertedIsOneSlotWritten) {
  open_file();
  const VectorLayout layout = choose_vector_layout(768 * 4, 4096);
  make("docs");
  store_->set_layout(layout);
  ASSERT_EQ(exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0"), SQLITE_OK);
  const std::vector<std::byte> vector(layout.vector_bytes, std::byte{7});
  ASSERT_TRUE(store_->put_vector(1, 1, vector).ok());
  ASSERT_EQ(exec("PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
  ASSERT_TRUE(store_->put_vector(2, 2, vector).ok());
  const auto wal_bytes = std::filesystem::file_size(path_ + "-wal");
  EXPECT_LE(wal_bytes, 32U + 2 * (4096 + 24)) << "a slot of 3,088 bytes lies on at most two pages";
}

TEST_F(SqliteStoreTest, KnowsWhetherItsTablesExist) {
  ASSERT_EQ(exec("BEGIN"), SQLITE_OK);
  SqliteStore& store = make("docs");
  EXPECT_TRUE(store.tables_exist());
  ASSERT_TRUE(store.put_commit(CommitRecord()).ok());
  ASSERT_EQ(exec("ROLLBACK"), SQLITE_OK);
  EXPECT_FALSE(store.tables_exist());
  const Status status = store.last_commit().status();
  EXPECT_EQ(status.code(), Code::kSqlite);
  EXPECT_NE(status.message().find("docs_commits"), std::string::npos) << status.message();
}

TEST_F(SqliteStoreTest, Renames) {
  SqliteStore& store = make("docs", "2");
  ASSERT_TRUE(create_config_table(db_, "main", "docs").ok());
  ASSERT_TRUE(store.put_commit(CommitRecord()).ok());
  store.drop_statements();
  ASSERT_TRUE(rename_shadow_tables(db_, "main", "docs", "2", "new \"docs\"").ok());
  ASSERT_TRUE(rename_config_table(db_, "main", "docs", "new \"docs\"").ok());
  EXPECT_FALSE(store.tables_exist());
  store.set_table("new \"docs\"");
  EXPECT_TRUE(store.tables_exist());
  EXPECT_TRUE(store.last_commit().ok());
  check_store_contract(make("third"));

  ASSERT_TRUE(drop_shadow_tables(db_, "main", "new \"docs\"", "2").ok());
  ASSERT_TRUE(drop_shadow_tables(db_, "main", "new \"docs\"", "2").ok()) << "already gone";
  ASSERT_TRUE(drop_config_table(db_, "main", "new \"docs\"").ok());
  EXPECT_EQ(number("SELECT count(*) FROM sqlite_master WHERE name LIKE 'new%'"), 0);
}

TEST_F(SqliteStoreTest, CreatingOverAnotherTableFails) {
  ASSERT_EQ(exec("CREATE TABLE docs_dead(x)"), SQLITE_OK);
  EXPECT_EQ(create_shadow_tables(db_, "main", "docs", "").code(), Code::kSqlite);
}

TEST_F(SqliteStoreTest, DamagedRowsAreCorruptVtab) {
  SqliteStore& store = make("docs");
  std::vector<std::byte> out(kContractLayout.vector_bytes);
  RowId rowid = 0;
  const auto none = [](auto&&...) { return Status(); };
  const auto refused = [&](const char* damage, auto&& call) {
    write_rows(store);
    ASSERT_EQ(exec("SAVEPOINT s"), SQLITE_OK);
    ASSERT_EQ(exec(damage), SQLITE_OK) << damage;
    const Status status = call();
    EXPECT_EQ(status.code(), Code::kCorruption) << damage << ": " << status.message();
    EXPECT_EQ(to_sqlite(status), SQLITE_CORRUPT_VTAB) << damage;
    EXPECT_NE(status.message().find("nearlite: docs_"), std::string::npos) << status.message();
    ASSERT_EQ(exec("ROLLBACK TO s; RELEASE s"), SQLITE_OK);
  };
  const auto commit = [&] { return store.last_commit().status(); };
  for (const char* damage :
       {"UPDATE docs_commits SET state = NULL", "UPDATE docs_commits SET state = 'text'",
        "UPDATE docs_commits SET state = x''", "UPDATE docs_commits SET state = zeroblob(100)",
        "UPDATE docs_commits SET commit_id = 'x'", "UPDATE docs_commits SET commit_id = 1.5",
        "UPDATE docs_commits SET max_node_id = -1", "UPDATE docs_commits SET max_node_id = 1 << 40",
        "UPDATE docs_commits SET live_count = 1", "UPDATE docs_commits SET entry_point = 99",
        "UPDATE docs_commits SET dead_count = NULL", "UPDATE docs_commits SET seq = 1",
        "UPDATE docs_commits SET seq = -1", "DELETE FROM docs_commits"}) {
    refused(damage, commit);
  }
  for (const char* damage :
       {"UPDATE docs_links SET data = NULL", "UPDATE docs_links SET data = 7",
        "UPDATE docs_links SET data = 'x'", "UPDATE docs_links SET data = x'01'",
        "UPDATE docs_links SET node_id = 3"}) {
    refused(damage, [&] { return store.scan_links(1, 9, none); });
  }
  refused("UPDATE docs_links SET data = 7.5", [&] { return store.find_links(2).status(); });
  for (const char* damage :
       {"UPDATE docs_vectors SET data = NULL", "UPDATE docs_vectors SET data = 'x'",
        "UPDATE docs_vectors SET data = 3", "UPDATE docs_vectors SET data = x'0102'",
        "UPDATE docs_vectors SET data = zeroblob(1000000)"}) {
    refused(damage, [&] { return store.read_vector(2, rowid, out).status(); });
    refused(damage, [&] { return store.put_vector(3, 3, out); });
    refused(damage, [&] { return store.clear_vector(2); });
    refused(damage, [&] { return store.scan_vectors(1, 9, none); });
    refused(damage, [&] {
      const NodeId ids[] = {2, 5};
      return store.read_vectors(ids, none);
    });
  }
  refused("UPDATE docs_vectors SET data = CAST(data AS TEXT)",
          [&] { return store.scan_vectors(1, 9, none); });
  refused("UPDATE docs_vectors SET block = 7 WHERE block = 0",
          [&] { return store.scan_vectors(1, 99, none); });
  refused("INSERT INTO docs_dead VALUES(1, -1, 0)",
          [&] { return store.scan_dead(0, UINT64_MAX, UINT64_MAX, none); });
  refused("INSERT INTO docs_dead VALUES(1, 'y', 0)",
          [&] { return store.scan_dead(0, UINT64_MAX, UINT64_MAX, none); });
  for (const char* damage :
       {"INSERT INTO docs_dead VALUES(1, 3, 0)", "INSERT INTO docs_dead VALUES(1, 3, NULL)",
        "UPDATE docs_dead SET node_id = node_id + 1", "UPDATE docs_dead SET seq = seq + 1",
        "UPDATE docs_dead SET checksum = checksum + 1"}) {
    refused(damage, [&] { return store.scan_dead(0, UINT64_MAX, UINT64_MAX, none); });
  }
  refused("UPDATE docs_config SET value = 7", [&] { return store.find_config("k").status(); });
}

TEST_F(SqliteStoreTest, NumbersOutOfRangeAreCorruptionEvenWithARightChecksum) {
  SqliteStore& store = make("docs");
  CommitRecord record;
  const auto refused = [&](const CommitRecord& hostile) {
    EXPECT_EQ(exec("DELETE FROM docs_commits"), SQLITE_OK);
    EXPECT_TRUE(store.put_commit(hostile).ok());
    return store.last_commit().status().code() == Code::kCorruption;
  };
  EXPECT_FALSE(refused(record));
  record.seq = UINT64_MAX;
  EXPECT_TRUE(refused(record));
  record.seq = 1;
  record.max_node_id = UINT32_MAX;
  EXPECT_TRUE(refused(record));
  record.max_node_id = 5;
  record.entry = 6;
  EXPECT_TRUE(refused(record));
  record.entry = 5;
  record.live_count = 6;
  EXPECT_TRUE(refused(record));
  record.live_count = 5;
  record.dead_count = UINT64_MAX;
  EXPECT_TRUE(refused(record));
}

TEST_F(SqliteStoreTest, ViewsAndVirtualTablesInPlaceOfShadowTablesAreRefused) {
  SqliteStore& store = make("docs");
  ASSERT_TRUE(store.put_commit(CommitRecord()).ok());
  store.drop_statements();
  ASSERT_EQ(
      exec("DROP TABLE docs_vectors; CREATE VIEW docs_vectors AS SELECT 0 AS block, x'' AS data"),
      SQLITE_OK);
  std::vector<std::byte> out(kContractLayout.vector_bytes);
  EXPECT_FALSE(store.put_vector(1, 1, out).ok());
  ASSERT_EQ(
      exec("DROP TABLE docs_links; CREATE VIRTUAL TABLE docs_links USING fts5(node_id, data)"),
      SQLITE_OK);
  EXPECT_FALSE(store.find_links(1).ok());
}

TEST_F(SqliteStoreTest, SqliteFailuresKeepTheirExtendedCode) {
  open_file();
  SqliteStore& store = make("docs");
  ASSERT_EQ(exec("PRAGMA journal_mode = WAL"), SQLITE_OK);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  const auto exec_other = [&](const char* sql) {
    ASSERT_EQ(sqlite3_exec(other, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sql;
  };
  // A snapshot that another connection's commit has made too old to write from.
  ASSERT_TRUE(store.put_commit(CommitRecord()).ok());
  ASSERT_EQ(exec("BEGIN"), SQLITE_OK);
  ASSERT_TRUE(store.last_commit().ok());
  exec_other("DELETE FROM docs_commits");
  Status status = store.put_commit(CommitRecord());
  EXPECT_EQ(status.code(), Code::kBusy);
  EXPECT_EQ(status.sqlite_code(), SQLITE_BUSY_SNAPSHOT);
  EXPECT_EQ(to_sqlite(status), SQLITE_BUSY_SNAPSHOT);
  ASSERT_EQ(exec("ROLLBACK"), SQLITE_OK);
  // Somebody else is writing.
  exec_other("BEGIN IMMEDIATE");
  std::vector<std::byte> vector(kContractLayout.vector_bytes);
  EXPECT_EQ(to_sqlite(store.put_dead(1, 1)), SQLITE_BUSY);
  EXPECT_EQ(to_sqlite(store.put_vector(1, 1, vector)), SQLITE_BUSY);
  exec_other("ROLLBACK");
  sqlite3_close(other);
  // The database may not grow.
  ASSERT_EQ(exec("PRAGMA max_page_count = 1"), SQLITE_OK);
  for (NodeId id = 1; id < 1000 && (status = store.put_vector(id, 1, vector)).ok();) ++id;
  EXPECT_EQ(status.code(), Code::kFull);
  EXPECT_EQ(to_sqlite(status), SQLITE_FULL);
  // Read-only.
  ASSERT_EQ(exec("PRAGMA query_only = 1"), SQLITE_OK);
  EXPECT_EQ(store.put_dead(1, 2).code(), Code::kReadOnly);
}

TEST_F(SqliteStoreTest, HearsInterrupts) {
  SqliteStore& store = make("docs");
  ASSERT_TRUE(store.check_interrupt().ok());
  int calls = 0;
  sqlite3_progress_handler(
      db_, 1000, [](void* count) { return ++*static_cast<int*>(count) > 2 ? 1 : 0; }, &calls);
  Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) status = store.check_interrupt();
  sqlite3_progress_handler(db_, 0, nullptr, nullptr);
  EXPECT_EQ(status.code(), Code::kInterrupted);
  EXPECT_EQ(to_sqlite(status), SQLITE_INTERRUPT);
}

TEST_F(SqliteStoreTest, VisitorsMayUseTheStore) {
  SqliteStore& store = make("docs");
  write_rows(store);
  int visited = 0;
  const Status status = store.scan_links(1, 9, [&](NodeRecord& record) {
    ++visited;
    EXPECT_TRUE(store.find_links(record.id).ok());
    EXPECT_TRUE(store.put_dead(9, record.id).ok());
    // The scan itself is taken: an error, not a mix-up.
    EXPECT_EQ(store.scan_links(1, 9, [](NodeRecord&) { return Status(); }).code(), Code::kInternal);
    return Status();
  });
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(visited, 1);
}

}  // namespace
}  // namespace nearlite::sqlite
