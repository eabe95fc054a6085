// What survives when: sync modes under kill -9, and a store opened by another process.
//
// A child writes batches of kBatch rows, tells in shared memory what it was told, and waits to be
// killed. What the parent then finds in the file is what a crash leaves.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <limits>

#include "library/store.h"
#include "nearlite/transaction.h"
#include "support/process.h"

namespace nearlite::test {
namespace {

constexpr std::int64_t kBatch = 5;

struct Page {
  std::atomic<std::int64_t> acknowledged;  ///< batches whose insert returned ok
  std::atomic<std::int64_t> flushed;       ///< of these, how many flush() covered
  std::atomic<std::uint32_t> is_done;
};

SyncMode mode_of(const std::string& name) {
  if (name == "on_flush") return SyncMode::on_flush();
  return name == "every" ? SyncMode::every(12) : SyncMode::per_op();
}

// Writes until it is killed, or up to `limit` batches; flushes after every `flush_every`th.
int run_writer(const std::string& folder, const std::string& mode, std::int64_t limit,
               std::int64_t flush_every) {
  SharedPage<Page> page(folder + "/page");
  auto store = VectorStore::open(folder + "/store.db", store_options(8));
  if (!store.ok() || !store->set_sync_mode(mode_of(mode)).ok()) return 3;
  for (std::int64_t n = 1; n <= limit; ++n) {
    const std::int64_t first = n * 100;
    if (!store->insert(range(first, first + kBatch - 1), vectors_of(first, first + kBatch - 1))
             .ok())
      return 4;
    // Acknowledged: seen by the store's own searches at once, flushed or not.
    const auto hits = store->search(vector_of(first), 1, {});
    if (!hits.ok() || (*hits)[0].id != first) return 5;
    page->acknowledged = n;
    if (flush_every != 0 && n % flush_every == 0) {
      if (!store->flush().ok()) return 6;
      page->flushed = n;
    }
  }
  page->is_done = 1;
  for (;;) sleep_microseconds(1000);
}

// Answers as another process would, first thing: exit code 0 when the graph was loaded from the
// side file and not built again.
int run_reader(const std::string& folder, std::int64_t wanted) {
  auto store = VectorStore::load(folder + "/store.db", 8);
  if (!store.ok()) return 3;
  const auto hits = store->search(vector_of(wanted), 1, {});
  if (!hits.ok() || hits->size() != 1 || (*hits)[0].id != wanted) return 4;
  const auto stats = store->stats();
  if (!stats.ok() || !stats->cached) return 5;
  return stats->image_loads == 1 && stats->loads == 0 ? 0 : 6;
}

class SyncTest : public testing::Test {
 protected:
  ScratchFolder folder;
  SharedPage<Page> page{folder.file("page")};

  // Runs the child until it is done, or for `microseconds`, and kills it.
  void write_and_kill(const std::string& mode, std::int64_t limit, std::int64_t flush_every,
                      unsigned long microseconds = 0) {
    const pid_t child = spawn_self(
        {"--writer", folder.path(), mode, std::to_string(limit), std::to_string(flush_every)});
    int code = 0;
    if (microseconds != 0) sleep_microseconds(microseconds);
    while (microseconds == 0 && page->is_done == 0) {
      ASSERT_FALSE(has_ended(child, code)) << "the writer failed with " << code;
      sleep_microseconds(500);
    }
    kill(child, SIGKILL);
    EXPECT_EQ(wait_for(child), -SIGKILL);
  }

  // Batches found, each of which must be whole and follow the one before.
  std::int64_t batches_left() {
    VectorStore store = take(VectorStore::open(folder.file("store.db"), store_options(8)));
    std::int64_t count = 0;
    EXPECT_TRUE(store
                    .for_each([&](std::int64_t id, std::span<const float> vector) {
                      EXPECT_EQ(id, (count / kBatch + 1) * 100 + count % kBatch);
                      EXPECT_EQ(Floats(vector.begin(), vector.end()), vector_of(id));
                      ++count;
                      return true;
                    })
                    .ok());
    EXPECT_EQ(count % kBatch, 0) << "half a batch";
    EXPECT_EQ(take(store.check()), std::vector<std::string>());
    return count / kBatch;
  }
};

TEST_F(SyncTest, PerOpLosesNothingAcknowledged) {
  write_and_kill("per_op", 20, 0);
  EXPECT_EQ(batches_left(), 20);
}

TEST_F(SyncTest, OnFlushLosesExactlyWhatWasNotFlushed) {
  write_and_kill("on_flush", 20, 8);
  EXPECT_EQ(page->acknowledged, 20);
  EXPECT_EQ(page->flushed, 16);
  EXPECT_EQ(batches_left(), 16);
}

TEST_F(SyncTest, OnFlushWithoutAFlushLeavesAnEmptyStore) {
  write_and_kill("on_flush", 20, 0);
  EXPECT_EQ(batches_left(), 0);
}

TEST_F(SyncTest, EveryNCountsRowsNotBatches) {
  write_and_kill("every", 20, 0);  // 5 rows a batch: 12 are reached with every third
  EXPECT_EQ(batches_left(), 18);
}

TEST_F(SyncTest, KilledAtAnyMomentABatchIsWholeOrGone) {
  for (const char* mode : {"per_op", "every", "on_flush"}) {
    for (unsigned long after = 20'000; after <= 100'000; after += 40'000) {
      folder.clear();
      SharedPage<Page> fresh(folder.file("page"));
      const pid_t child = spawn_self({"--writer", folder.path(), mode, "100000", "3"});
      // Time to open; the kill itself falls where it falls.
      while (fresh->acknowledged == 0) sleep_microseconds(500);
      sleep_microseconds(after);
      kill(child, SIGKILL);
      EXPECT_EQ(wait_for(child), -SIGKILL);
      const std::int64_t left = batches_left();
      // One more may be durable than the child had time to tell.
      EXPECT_GE(left, std::string(mode) == "per_op" ? fresh->acknowledged : fresh->flushed);
      EXPECT_LE(left, fresh->acknowledged + 1);
    }
  }
}

TEST_F(SyncTest, TheStateMachineOfPendingWrites) {
  VectorStore store = take(VectorStore::open(folder.file("store.db"), store_options(8)));
  VectorStore other = take(VectorStore::load(folder.file("store.db"), 8));
  EXPECT_EQ(store.sync_mode(), SyncMode::per_op());
  EXPECT_EQ(store.set_sync_mode(SyncMode::every(0)).code(), Code::kInvalidArgument);
  EXPECT_EQ(store.set_sync_mode({static_cast<SyncMode::Kind>(7), 1}).code(),
            Code::kInvalidArgument);
  EXPECT_EQ(store.sync_mode(), SyncMode::per_op()) << "a refusal changes nothing";

  ASSERT_TRUE(store.set_sync_mode(SyncMode::on_flush()).ok());
  ASSERT_TRUE(store.insert(range(1, 3), vectors_of(1, 3)).ok());
  EXPECT_TRUE(take(store.erase(3)));
  EXPECT_EQ(store.pending(), 4U);
  EXPECT_EQ(take(store.size()), 2U);
  EXPECT_EQ(take(store.search_batch(vectors_of(1, 2), 1, 4, {}))[1][0].id, 2);
  EXPECT_EQ(take(other.size()), 0U) << "others do not see it yet";

  // What fails leaves the pending writes as they were.
  EXPECT_EQ(store.insert(Ids{4, 1}, vectors_of(4, 5)).code(), Code::kConstraint);
  EXPECT_EQ(store.pending(), 4U);
  EXPECT_FALSE(take(store.contains(4)));
  Floats bad = vector_of(9);
  bad[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(store.insert(9, bad).code(), Code::kInvalidArgument);
  EXPECT_EQ(store.pending(), 4U);

  // A looser mode flushes nothing, a stricter one everything.
  ASSERT_TRUE(store.set_sync_mode(SyncMode::every(100)).ok());
  EXPECT_EQ(store.pending(), 0U);
  EXPECT_EQ(take(other.size()), 2U);
  ASSERT_TRUE(store.insert(range(10, 19), vectors_of(10, 19)).ok());
  ASSERT_TRUE(store.set_sync_mode(SyncMode::on_flush()).ok());
  EXPECT_EQ(store.pending(), 10U);
  ASSERT_TRUE(store.set_sync_mode(SyncMode::every(100)).ok());
  ASSERT_TRUE(store.insert(20, vector_of(20)).ok());
  ASSERT_TRUE(store.set_sync_mode(SyncMode::every(50)).ok()) << "fewer is stricter";
  EXPECT_EQ(store.pending(), 0U);

  // Maintenance, saving, bulk building and closing flush.
  std::int64_t id = 600;
  for (const auto& flush : std::vector<std::function<Status()>>{
           [&] { return store.compact({}); }, [&] { return store.save(folder.file("c.db"), {}); },
           [&] { return store.build(source_of(500, 501), 0, {}).status(); },
           [&] { return store.flush(); }, [&] { return store.close(); }}) {
    ++id;
    ASSERT_TRUE(store.upsert(id, vector_of(id)).ok());
    EXPECT_EQ(store.pending(), 1U);
    EXPECT_TRUE(flush().ok());
    EXPECT_EQ(store.pending(), 0U) << id;
    EXPECT_TRUE(take(other.contains(id)));
  }
  EXPECT_EQ(take(other.size()), 13U + 2U + 5U);
}

TEST_F(SyncTest, TheDestructorFlushes) {
  const std::string path = folder.file("store.db");
  StoreOptions options = store_options(8);
  options.sync_mode = SyncMode::on_flush();
  {
    VectorStore store = take(VectorStore::open(path, options));
    ASSERT_TRUE(store.insert(1, vector_of(1)).ok());
  }
  VectorStore store = take(VectorStore::open(path, options));
  EXPECT_EQ(take(store.size()), 1U);
  EXPECT_EQ(store.sync_mode(), SyncMode::on_flush());
}

TEST_F(SyncTest, ABusyFlushKeepsWhatIsPending) {
  // In rollback-journal mode a reader keeps a commit waiting.
  OpenOptions open;
  open.create = true;
  open.busy_timeout = std::chrono::milliseconds(0);
  Database db = take(Database::open(folder.file("plain.db"), open));
  Index index = take(Index::create(db, "docs", store_options(8).index));
  ASSERT_TRUE(index.insert(1, vector_of(1)).ok());
  ASSERT_TRUE(index.set_sync_mode(SyncMode::every(3)).ok());
  ASSERT_TRUE(index.insert(range(2, 3), vectors_of(2, 3)).ok());
  Database rival = take(Database::open(folder.file("plain.db"), {}));
  {
    Transaction reading = take(Transaction::begin(rival, TransactionKind::kDeferred));
    EXPECT_EQ(take(take(Index::open(rival, "docs")).size()), 1U);
    EXPECT_EQ(index.flush().code(), Code::kBusy);
    EXPECT_EQ(index.pending(), 2U);
    EXPECT_EQ(index.insert(4, vector_of(4)).code(), Code::kBusy) << "the third: it must flush";
    EXPECT_EQ(index.pending(), 2U) << "a write that failed is not pending";
    EXPECT_FALSE(take(index.contains(4)));
    EXPECT_EQ(index.close().code(), Code::kBusy) << "and it stays open";
    EXPECT_EQ(take(index.search(vector_of(3), 1, {}))[0].id, 3);
  }
  EXPECT_TRUE(index.insert(4, vector_of(4)).ok());
  EXPECT_EQ(index.pending(), 0U);
  EXPECT_EQ(take(index.check()), std::vector<std::string>());
  EXPECT_TRUE(index.close().ok());
}

TEST_F(SyncTest, SqlMayEndWhatIsPending) {
  OpenOptions open;
  open.create = true;
  Database db = take(Database::open(folder.file("plain.db"), open));
  Index index = take(Index::create(db, "docs", store_options(8).index));
  ASSERT_TRUE(index.set_sync_mode(SyncMode::on_flush()).ok());
  ASSERT_TRUE(index.insert(1, vector_of(1)).ok());
  ASSERT_TRUE(db.execute("COMMIT").ok());
  EXPECT_EQ(index.pending(), 0U);
  ASSERT_TRUE(index.insert(2, vector_of(2)).ok());
  ASSERT_TRUE(db.execute("ROLLBACK").ok());
  EXPECT_EQ(index.pending(), 0U);
  EXPECT_TRUE(index.flush().ok());
  EXPECT_EQ(take(index.size()), 1U);
}

TEST_F(SyncTest, AnotherProcessAnswersWithoutBuilding) {
  {
    VectorStore store = take(VectorStore::open(folder.file("store.db"), store_options(8)));
    ASSERT_EQ(take(store.build(source_of(1, 2000), 2000, {})), 2000U);
    EXPECT_TRUE(std::filesystem::exists(folder.file("store.db-vectors.hnsw"))) << "saved by itself";
  }
  EXPECT_EQ(wait_for(spawn_self({"--reader", folder.path(), "1234"})), 0);
  std::filesystem::remove(folder.file("store.db-vectors.hnsw"));
  EXPECT_EQ(wait_for(spawn_self({"--reader", folder.path(), "1234"})), 6) << "from the rows";
}

}  // namespace
}  // namespace nearlite::test

int main(int argc, char** argv) {
  using namespace nearlite::test;  // NOLINT: the child's entry
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 5 && words[0] == "--writer") {
    return run_writer(words[1], words[2], std::stoll(words[3]), std::stoll(words[4]));
  }
  if (words.size() == 3 && words[0] == "--reader") {
    return run_reader(words[1], std::stoll(words[2]));
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
