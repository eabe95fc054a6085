// Every allocation fails once, in every script: whatever is thrown or returned, after ROLLBACK or
// ROLLBACK TO the index is as before and usable (SQLite does one of them after SQLITE_NOMEM). And
// the callbacks that cannot fail allocate nothing (INVARIANT D3).
#include <cstdlib>
#include <new>

#include "scripts.h"

namespace {
// The allocation of this thread that fails, counted down; 0 = none.
thread_local std::uint64_t allocations_left = 0;
}  // namespace

// Replaces the global allocation of this test program. Not inlined: g++ would take malloc() for the
// counterpart of delete.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (allocations_left != 0 && --allocations_left == 0) return nullptr;
  return std::malloc(size != 0 ? size : 1);
}
[[gnu::noinline]] void* operator new(std::size_t size) {
  void* memory = operator new(size, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace nearlite::test {
namespace {

class MemoryTest : public testing::TestWithParam<std::size_t> {
 protected:
  MemoryTest() : script_(kScripts[GetParam()]), options_(small_index(script_.metric)) {
    options_.tombstone_rebuild_pct = 10;
  }
  void expect_right(Connection& connection) {
    ASSERT_EQ(connection.problems(), "");
    VectorSource vectors(options_, 22);
    const Vector query = vectors.next();
    const auto hits = connection.search(query, 80, false, nullptr, 1000);
    ASSERT_TRUE(hits.ok()) << hits.status().message();
    expect_same_distances(*hits, connection.nearest(query, 80));
  }
  const Script& script_;
  IndexOptions options_;
};

// True when `step` came to its end before the allocation that fails.
template <class Step>
bool passes(std::uint64_t allocation, Step step) {
  Status status;
  allocations_left = allocation;
  try {
    status = step();
  } catch (const std::bad_alloc&) {
    status = Status(Code::kNoMemory, "");
  }
  const bool has_failed = allocations_left == 0;
  allocations_left = 0;
  EXPECT_TRUE(status.ok() || has_failed) << status.message();
  return !has_failed;
}

TEST_P(MemoryTest, EveryAllocationFailsOnce) {
  const FileState first = file_for_scripts(options_);
  const FileState empty = new_file(options_);
  int round = 0;
  for (std::uint64_t allocation = 1;; allocation += 1 + allocation / 40, ++round) {
    SCOPED_TRACE("allocation " + std::to_string(allocation));
    FileState file = round % 4 == 0 ? empty : first;
    Connection connection(file, options_);
    VectorSource vectors(options_, 23);
    if (round % 4 < 2) {
      ASSERT_TRUE(connection.search(vectors.next(), 3).ok());
    }
    file = first;  // a cache of the empty file has to catch up
    const std::uint64_t before = connection.digest();
    connection.begin();
    const auto savepoint = connection.savepoint();
    vectors = VectorSource(options_, 23);
    const bool has_passed = passes(allocation, [&] {
      const Status status = script_.run(connection, vectors);
      return status.ok() ? connection.sync() : status;
    });
    if (has_passed) {
      ASSERT_OK(connection.commit());
      expect_right(connection);
      EXPECT_GT(allocation, 15U);
      return;
    }
    if (round % 3 == 0) {
      connection.rollback();
    } else {
      connection.rollback_to(savepoint);
      if (connection.commit().ok()) {
        EXPECT_EQ(connection.digest(), before);
      }
    }
    EXPECT_EQ(connection.digest(), before);
    expect_right(connection);
    ASSERT_OK(connection.insert(900, vectors.next()));
    ASSERT_OK(connection.commit());
    expect_right(connection);
    if (HasFailure()) return;
  }
}

TEST_P(MemoryTest, CommitAndRollbackAllocateNothing) {
  FileState file = file_for_scripts(options_);
  Connection connection(file, options_);
  VectorSource vectors(options_, 23);
  for (const bool is_rebuilt_before : {false, true}) {
    if (is_rebuilt_before) {
      ASSERT_OK(connection.rebuild());
    }
    ASSERT_OK(script_.run(connection, vectors));
    const Status committed = connection.commit([] { allocations_left = 1; });
    allocations_left = 0;
    ASSERT_OK(committed);
    for (RowId rowid = 500; rowid < 800; ++rowid) {
      if (file.rows.contains(rowid)) {
        ASSERT_OK(connection.erase(rowid));
      }
    }
    ASSERT_OK(connection.commit());
    expect_right(connection);
  }
  ASSERT_OK(script_.run(connection, vectors));
  allocations_left = 1;
  connection.rollback();
  allocations_left = 0;
  expect_right(connection);
}

INSTANTIATE_TEST_SUITE_P(, MemoryTest, testing::Range(std::size_t{0}, std::size(kScripts)),
                         [](const auto& one) { return std::string(kScripts[one.param].name); });

}  // namespace
}  // namespace nearlite::test
