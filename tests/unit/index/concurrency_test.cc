// Connections of one process on several threads: readers search and catch up while a writer
// commits, repairs and purges (INVARIANT C2, C4). Most of its worth is under the thread sanitizer.
#include <atomic>
#include <mutex>
#include <thread>

#include "connection.h"

namespace nearlite::test {
namespace {

// Every reader answers from snapshots of its own, taken now and then, so that it is sometimes
// ahead of the cache, sometimes behind it, sometimes behind what the cache has forgotten.
void read_along(const IndexOptions& options, const Slot& slot, FileState& file, std::mutex& mutex,
                const std::atomic<bool>& is_done, std::uint64_t seed) {
  VectorSource vectors(options, seed);
  Random random(seed);
  FileState snapshot(options);
  {
    const std::lock_guard lock(mutex);
    snapshot = file;
  }
  Connection connection(snapshot, options, slot);
  while (!is_done.load() && !testing::Test::HasFailure()) {
    if (random.chance(30)) {
      const std::lock_guard lock(mutex);
      snapshot = file;
    }
    const std::size_t k = 1 + random.below(8);
    const Vector query = vectors.next();
    const auto hits = connection.search(query, k, false, nullptr, 1000);
    ASSERT_TRUE(hits.ok()) << hits.status().message();
    expect_same_distances(*hits, connection.nearest(query, k));
    for (const Hit& hit : *hits) EXPECT_TRUE(snapshot.rows.contains(hit.rowid));
  }
}

TEST(ConcurrencyTest, ReadersKeepTheirSnapshotsWhileAWriterCommits) {
  const std::uint64_t seed = run_seed(41);
  IndexOptions options = small_index(Metric::kL2);
  options.tombstone_rebuild_pct = 10;
  options.thread_count = 2;
  FileState file = new_file(options);
  const Slot slot = new_process();
  std::mutex mutex;  // stands for SQLite's locks: a snapshot is taken between two commits
  std::atomic<bool> is_done = false;
  Connection writer(file, options, slot);
  std::vector<std::thread> readers;
  for (std::uint64_t i = 1; i <= 2; ++i) {
    readers.emplace_back([&, i] { read_along(options, slot, file, mutex, is_done, seed + i); });
  }
  VectorSource vectors(options, seed);
  Random random(seed);
  for (RowId i = 0; i < 150 && !testing::Test::HasFailure(); ++i) {
    for (RowId rowid = 10 * i; rowid < 10 * i + 3; ++rowid) {
      EXPECT_OK(writer.insert(rowid, vectors.next()));
    }
    if (i > 20) {
      for (RowId rowid = 10 * (i - 20); rowid < 10 * (i - 20) + 3; ++rowid) {
        EXPECT_OK(writer.erase(rowid));
      }
    }
    if (i % 50 == 49) EXPECT_OK(writer.optimize());
    if (random.chance(10)) {
      writer.rollback();
      i -= 1;
      continue;
    }
    const std::lock_guard lock(mutex);
    EXPECT_OK(writer.commit());
  }
  is_done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(writer.problems(), "");
}

}  // namespace
}  // namespace nearlite::test
