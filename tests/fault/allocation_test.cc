// Failing allocations, at every one of every script: SQLite's (through SQLITE_CONFIG_MALLOC) and
// ours (operator new is replaced, aligned and nothrow forms included), once or from then on.
//
// What must hold afterwards: support/sweep.h; besides, a closed connection leaves no memory behind,
// neither SQLite's nor ours. Without NEARLITE_LONG=1 a part of the points is tried, spread evenly
// from an offset that the seed chooses.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "sqlite/direct_read.h"
#include "support/database.h"
#include "support/memory_files.h"
#include "support/random.h"
#include "support/scratch.h"
#include "support/sweep.h"

extern "C" int sqlite3_nearlite_init(sqlite3* db, char** error,
                                     const sqlite3_api_routines* api) noexcept;

namespace {

// Worker threads allocate as well.
std::atomic<bool> is_counting{false};
std::atomic<bool> is_persistent{false};
std::atomic<std::uint64_t> point_count{0};
std::atomic<std::uint64_t> failing_point{UINT64_MAX};
std::atomic<std::uint64_t> failure_count{0};
// Blocks got from operator new and not given back.
std::atomic<std::int64_t> block_count{0};

bool fails_now() noexcept {
  if (!is_counting.load(std::memory_order_relaxed)) return false;
  const std::uint64_t n = point_count++;
  const bool fails = is_persistent ? n >= failing_point : n == failing_point;
  if (fails) ++failure_count;
  return fails;
}

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  if (fails_now()) return nullptr;
  void* memory = nullptr;
  if (alignment <= alignof(std::max_align_t)) {
    memory = std::malloc(size == 0 ? 1 : size);
  } else if (posix_memalign(&memory, alignment, size) != 0) {
    memory = nullptr;
  }
  if (memory != nullptr) ++block_count;
  return memory;
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  void* memory = allocate(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void release(void* memory) noexcept {
  if (memory != nullptr) --block_count;
  std::free(memory);
}

sqlite3_mem_methods real_methods;
void* failing_malloc(int size) { return fails_now() ? nullptr : real_methods.xMalloc(size); }
void* failing_realloc(void* old, int size) {
  return fails_now() ? nullptr : real_methods.xRealloc(old, size);
}

}  // namespace

// The compiler inlines one of the pair below and then finds it does not match the other.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

void* operator new(std::size_t size) { return allocate_or_throw(size, 0); }
void* operator new[](std::size_t size) { return allocate_or_throw(size, 0); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, 0); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, 0); }
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  release(memory);
}

namespace nearlite::test {
namespace {

constexpr std::uint64_t kPointsPerRun = 75;

class AllocationInjector final : public Injector {
 public:
  explicit AllocationInjector(bool persistent) : persistent_(persistent) {}

  void start(std::uint64_t n) override {
    ::is_persistent = persistent_;
    point_count = 0;
    failure_count = 0;
    failing_point = n;
  }
  void resume() override { is_counting = true; }
  void pause() override { is_counting = false; }
  [[nodiscard]] std::uint64_t points() const override { return point_count; }
  [[nodiscard]] bool has_fired() const override { return failure_count > 0; }
  [[nodiscard]] bool is_persistent() const override { return persistent_; }

 private:
  bool persistent_;
};

/// SQLite's allocator may fail, too.
class AllocationTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (real_methods.xMalloc != nullptr) return;
    ASSERT_EQ(sqlite3_shutdown(), SQLITE_OK);
    ASSERT_EQ(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_methods), SQLITE_OK);
    sqlite3_mem_methods methods = real_methods;
    methods.xMalloc = failing_malloc;
    methods.xRealloc = failing_realloc;
    ASSERT_EQ(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    ASSERT_EQ(sqlite3_initialize(), SQLITE_OK);
  }
};

class AllocationSweep : public AllocationTest, public testing::WithParamInterface<Script> {
 protected:
  static void expect_no_fault(bool persistent) {
    const ScratchFolder folder;
    const std::uint64_t seed = seed_of_run(1);
    const std::uint64_t limit = points_of_run("NEARLITE_POINTS", kPointsPerRun);
    Sweep sweep(GetParam(), folder);
    sweep.check_memory([] { return block_count.load(); });
    AllocationInjector injector(persistent);
    const SweepTally tally = sweep.run(injector, limit, seed);
    std::printf("%s\n", describe(tally, GetParam(), persistent ? "persistent" : "once").c_str());
    EXPECT_EQ(tally.fault, "") << "again by\n  " << replay_command(seed);
    EXPECT_GT(tally.errors, 0U) << "nothing ever failed";
  }
};

TEST_P(AllocationSweep, OneFails) { expect_no_fault(false); }
TEST_P(AllocationSweep, AllFailFromThere) { expect_no_fault(true); }

// Controls: a harness that cannot fail proves nothing.
using AllocationHarness = AllocationTest;

TEST_F(AllocationHarness, NoticesAHalfDoneStep) {
  const ScratchFolder folder;
  Script script = all_scripts(false).front();
  script.steps.front() += "; DELETE FROM t WHERE rowid = 41";
  Sweep sweep(script, folder);
  AllocationInjector injector(false);
  EXPECT_NE(sweep.run(injector, kPointsPerRun, 1).fault, "");
}

TEST_F(AllocationHarness, NoticesMemoryThatIsNotGivenBack) {
  const ScratchFolder folder;
  Sweep sweep(all_scripts(false).front(), folder);
  std::vector<std::unique_ptr<int>> lost;
  sweep.check_memory([&lost] {
    if (failure_count > 0) lost.push_back(std::make_unique<int>(0));
    return block_count.load();
  });
  AllocationInjector injector(false);
  EXPECT_NE(sweep.run(injector, kPointsPerRun, 1).fault, "");
}

// What loading has registered: names of modules and functions.
std::string registered(sqlite3* db) {
  sqlite3_stmt* asked = nullptr;
  const int rc = sqlite3_prepare_v2(
      db,
      "SELECT group_concat(name) FROM (SELECT name FROM pragma_module_list UNION ALL "
      "SELECT DISTINCT name FROM pragma_function_list ORDER BY 1)",
      -1, &asked, nullptr);
  std::string names;
  if (rc == SQLITE_OK && sqlite3_step(asked) == SQLITE_ROW)
    names = reinterpret_cast<const char*>(sqlite3_column_text(asked, 0));
  sqlite3_finalize(asked);
  return names;
}

// A question that got no answer was once taken for "somebody else has a module vec0": the extension
// was loaded without one. Loading fails, or all is there; and the next time it is.
void load_with_failures(bool persistent) {
  std::string all;
  int failed = 0;
  for (std::uint64_t n = 0;; ++n) {  // 0: none, 1: the first allocation, …
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(":memory:", &db), SQLITE_OK);
    AllocationInjector injector(persistent);
    injector.start(n == 0 ? UINT64_MAX : n - 1);
    char* error = nullptr;
    injector.resume();
    const int rc = sqlite3_nearlite_init(db, &error, nullptr);
    injector.pause();
    sqlite3_free(error);
    if (n == 0) all = registered(db);
    if (rc != SQLITE_OK) {
      ++failed;
      ASSERT_EQ(rc & 0xff, SQLITE_NOMEM) << n;
      ASSERT_EQ(sqlite3_nearlite_init(db, &error, nullptr), SQLITE_OK) << n;
    }
    ASSERT_EQ(registered(db), all) << n;
    ASSERT_EQ(sqlite3_close(db), SQLITE_OK) << n;
    if (n > 0 && !injector.has_fired()) break;
  }
  EXPECT_NE(all.find("vec0"), std::string::npos);
  EXPECT_GT(failed, 100);
}

TEST_F(AllocationHarness, LoadingIsWholeOrFails) {
  load_with_failures(/*persistent=*/false);
  load_with_failures(/*persistent=*/true);
}

// A table t for a direct reader: the blob of row `key` is that byte, again and again.
void make_blobs(Database& database, int rows, std::size_t bytes) {
  database.must("CREATE TABLE t(id INTEGER PRIMARY KEY, data BLOB)");
  for (int key = 0; key < rows; ++key) {
    const Blob blob(bytes, static_cast<std::byte>(key));
    ASSERT_EQ(database.run("INSERT INTO t VALUES(?1, ?2)", {std::int64_t{key}, blob}), SQLITE_OK);
  }
}

// Its two tables must be equally long. Once the second had no memory, and what was read next was
// written behind it.
TEST_F(AllocationHarness, DirectReaderStaysWhole) {
  constexpr std::size_t kBytes = 20'000;  // with pages of their own
  constexpr int kRows = 60;
  const ScratchFolder folder;
  Database database(folder.file("t.db"));
  make_blobs(database, kRows, kBytes);
  int failed = 0;
  AllocationInjector injector(/*persistent=*/false);
  for (std::uint64_t n = 0;; ++n) {
    sqlite::DirectReader reader(database.handle(), "main");
    reader.set_table("t", kBytes);
    Blob found(kBytes);
    injector.start(n);
    injector.resume();
    try {
      if (reader.begin() && !reader.read(5, 0, found).empty()) reader.report(5, true);
    } catch (const std::bad_alloc&) {
      ++failed;
    }
    injector.pause();
    int right = 0;
    for (int key = 0; key < kRows; ++key) {
      if (!reader.begin() || reader.read(key, 0, found).empty()) continue;
      ASSERT_EQ(found, Blob(kBytes, static_cast<std::byte>(key))) << "after allocation " << n;
      reader.report(key, true);
      ++right;
    }
    ASSERT_GE(right, kRows - 1) << "after allocation " << n;  // perhaps not at once
    if (!injector.has_fired()) break;
  }
  EXPECT_GE(failed, 2);
}

// The same for reads that are announced: what was noted of one and not of the other would give a
// read another's bytes.
TEST_F(AllocationHarness, AnnouncedReadsStayWhole) {
  if (!has_memory_files()) GTEST_SKIP() << "files in memory are forbidden here";
  constexpr std::size_t kBytes = 3'000;
  constexpr int kRows = 80;
  const ScratchFolder folder;
  Database database(folder.file("t.db"));
  make_blobs(database, kRows, kBytes);
  int failed = 0;
  AllocationInjector injector(/*persistent=*/false);
  for (std::uint64_t n = 0;; ++n) {
    sqlite::DirectReader reader(database.handle(), "main");
    reader.set_table("t", kBytes);
    reader.set_mapped_max(UINT64_MAX);
    Blob buffer(kBytes);
    const auto read_one = [&](int key) {
      const std::span<const std::byte> bytes = reader.read(key, 0, buffer);
      if (bytes.empty()) return 0;
      EXPECT_TRUE(std::all_of(bytes.begin(), bytes.end(),
                              [&](std::byte byte) { return byte == static_cast<std::byte>(key); }))
          << "after allocation " << n;
      reader.report(key, true);
      return 1;
    };
    ASSERT_TRUE(reader.begin());
    for (int key = 0; key < kRows; ++key) ASSERT_EQ(read_one(key), 1);
    injector.start(n);
    for (int first = 0; first + 20 < kRows; first += 10) {
      injector.resume();
      for (int key = first; key < first + 20; ++key) {
        try {
          reader.expect(key, 0, kBytes);
        } catch (const std::bad_alloc&) {
          ++failed;
        }
      }
      injector.pause();
      for (int key = first; key < first + 20; ++key) read_one(key);
    }
    int right = 0;
    for (int key = 0; key < kRows; ++key) right += read_one(key);
    ASSERT_EQ(right, kRows) << "after allocation " << n;
    if (!injector.has_fired()) {
      EXPECT_GE(reader.copied_count(), 60U);
      break;
    }
  }
  EXPECT_GE(failed, 3);
}

INSTANTIATE_TEST_SUITE_P(Scripts, AllocationSweep, testing::ValuesIn(all_scripts(is_long_run())),
                         [](const auto& script) { return test_name(script.param); });

}  // namespace
}  // namespace nearlite::test
