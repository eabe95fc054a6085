// Failures inside the store's nested statements: the n-th allocation, ours or SQLite's, and an
// interrupt at the n-th instruction, for every n until the whole script works. Every failure has
// its own code, nothing leaks or stays open, and after a rollback the store is as before.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/sqlite_store.h"
#include "support/store_contract.h"

namespace {

// Counts down to the allocation that fails; negative: none.
long allocations_left = -1;

bool fails_now() noexcept {
  if (allocations_left < 0) return false;
  return allocations_left-- == 0;
}

sqlite3_mem_methods real_methods;

void* failing_malloc(int size) { return fails_now() ? nullptr : real_methods.xMalloc(size); }
void* failing_realloc(void* old, int size) {
  return fails_now() ? nullptr : real_methods.xRealloc(old, size);
}

}  // namespace

// The compiler inlines one of the pair below and then finds it does not match the other.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

void* operator new(std::size_t size) {
  void* memory = fails_now() ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

namespace nearlite::sqlite {
namespace {

class SqliteStoreFaultTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(sqlite3_shutdown(), SQLITE_OK);
    ASSERT_EQ(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_methods), SQLITE_OK);
    sqlite3_mem_methods methods = real_methods;
    methods.xMalloc = failing_malloc;
    methods.xRealloc = failing_realloc;
    ASSERT_EQ(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    // The pool of small allocations would hide most of them.
    ASSERT_EQ(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
    ASSERT_EQ(sqlite3_initialize(), SQLITE_OK);
  }

  void SetUp() override {
    ASSERT_EQ(sqlite3_open(":memory:", &db_), SQLITE_OK);
    ASSERT_TRUE(create_shadow_tables(db_, "main", "docs", "").ok());
    ASSERT_TRUE(create_config_table(db_, "main", "docs").ok());
  }
  void TearDown() override {
    EXPECT_EQ(sqlite3_close(db_), SQLITE_OK) << "something was left open";
    EXPECT_EQ(sqlite3_memory_used(), 0) << "something leaked";
  }
  int exec(const char* sql) { return sqlite3_exec(db_, sql, nullptr, nullptr, nullptr); }

  /// Every verb once, with statements to prepare. A bad_alloc of ours becomes a Status as at the
  /// boundary.
  Status run_script() {
    try {
      return script();
    } catch (const std::bad_alloc&) {
      return bare_code(SQLITE_NOMEM);
    }
  }

  Status script() {
    SqliteStore store(db_, "main", "docs", "", kContractLayout);
    CommitRecord record;
    for (record.seq = 0; record.seq < 3; ++record.seq) NEARLITE_TRY(store.put_commit(record));
    NEARLITE_TRY(store.last_commit().status());
    NEARLITE_TRY(store.find_commit(1).status());
    NEARLITE_TRY(store.erase_commits_below(1));
    for (NodeId id = 1; id < 6; ++id) {
      NEARLITE_TRY(store.put_links({id, id, id - 1, id, {{id + 1}}, {}}));
      NEARLITE_TRY(store.put_vector(id, id, contract::vector_of(id)));
      NEARLITE_TRY(store.put_dead(id, id));
    }
    const auto none = [](auto&&...) { return Status(); };
    NEARLITE_TRY(store.find_links(2).status());
    NEARLITE_TRY(store.scan_links(1, 9, none));
    NEARLITE_TRY(store.scan_dead(1, 9, 9, none));
    NEARLITE_TRY(store.scan_vectors(1, 9, none));
    const NodeId ids[] = {1, 5};
    NEARLITE_TRY(store.read_vectors(ids, none));
    RowId rowid = 0;
    std::vector<std::byte> out(kContractLayout.vector_bytes);
    NEARLITE_ASSIGN(const bool is_found, store.read_vector(2, rowid, out));
    EXPECT_TRUE(is_found);
    EXPECT_TRUE(store.tables_exist());
    NEARLITE_TRY(store.clear_vector(5));
    NEARLITE_TRY(store.clear_vector(4));
    NEARLITE_TRY(store.drop_empty_blocks());
    NEARLITE_TRY(store.erase_links(2));
    NEARLITE_TRY(store.erase_links_above(3));
    NEARLITE_TRY(store.erase_dead(1, 1));
    NEARLITE_TRY(store.put_config("key", contract::bytes_of("value")));
    NEARLITE_TRY(store.find_config("key").status());
    NEARLITE_TRY(store.check_interrupt());
    return create_shadow_tables(db_, "main", "docs", "2");
  }

  std::string content() {
    std::string text;
    const auto append = [](void* out, int count, char** values, char** /*names*/) {
      for (int i = 0; i < count; ++i) {
        *static_cast<std::string*>(out) += values[i] == nullptr ? "NULL" : values[i];
      }
      return 0;
    };
    for (const char* sql :
         {"SELECT name FROM sqlite_master", "SELECT seq FROM docs_commits",
          "SELECT node_id, hex(data) FROM docs_links", "SELECT block, hex(data) FROM docs_vectors",
          "SELECT * FROM docs_dead", "SELECT key, hex(value) FROM docs_config"}) {
      EXPECT_EQ(sqlite3_exec(db_, sql, append, &text, nullptr), SQLITE_OK);
    }
    return text;
  }

  sqlite3* db_ = nullptr;
};

TEST_F(SqliteStoreFaultTest, EveryAllocationFailsOnce) {
  const std::string before = content();
  long failures = 0;
  for (long n = 0;; ++n) {
    ASSERT_EQ(exec("BEGIN"), SQLITE_OK);
    allocations_left = n;
    const Status status = run_script();
    const bool is_reached = allocations_left < 0;
    allocations_left = -1;
    // SQLite survives some failures (a cache that cannot grow): then the script works.
    if (!status.ok()) {
      ++failures;
      ASSERT_EQ(status.code(), Code::kNoMemory) << n << ": " << status.message();
      ASSERT_EQ(to_sqlite(status) & 0xff, SQLITE_NOMEM) << n;
    }
    // A failure of memory may have rolled back already.
    if (sqlite3_get_autocommit(db_) == 0) {
      ASSERT_EQ(exec("ROLLBACK"), SQLITE_OK) << n;
    }
    ASSERT_EQ(content(), before) << n;
    if (!is_reached) break;
  }
  std::printf("%ld allocations failed the script\n", failures);
  EXPECT_GT(failures, 100);
  EXPECT_TRUE(run_script().ok());
}

TEST_F(SqliteStoreFaultTest, AnInterruptAtEveryInstruction) {
  const std::string before = content();
  struct Countdown {
    long left;
    bool is_reached;
  };
  int failures = 0;
  for (long n = 0;; n += 3) {
    ASSERT_EQ(exec("BEGIN"), SQLITE_OK);
    Countdown countdown{n, false};
    sqlite3_progress_handler(
        db_, 1,
        [](void* data) {
          auto& counter = *static_cast<Countdown*>(data);
          counter.is_reached = counter.is_reached || counter.left-- == 0;
          return counter.is_reached ? 1 : 0;
        },
        &countdown);
    const Status status = run_script();
    sqlite3_progress_handler(db_, 0, nullptr, nullptr);
    if (!status.ok()) {
      ++failures;
      ASSERT_EQ(status.code(), Code::kInterrupted) << n << ": " << status.message();
      ASSERT_EQ(to_sqlite(status), SQLITE_INTERRUPT) << n;
    }
    ASSERT_NE(status.ok(), countdown.is_reached) << n << ": an interrupt was swallowed";
    if (sqlite3_get_autocommit(db_) == 0) {
      ASSERT_EQ(exec("ROLLBACK"), SQLITE_OK) << n;
    }
    ASSERT_EQ(content(), before) << n;
    if (!countdown.is_reached) break;
  }
  EXPECT_GT(failures, 100);
}

}  // namespace
}  // namespace nearlite::sqlite
