// A VectorStore in a file: made, filled, saved, loaded, shared by threads, watched, refused.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

#include "library/store.h"

namespace nearlite::test {
namespace {

class StoreTest : public testing::Test {
 protected:
  ScratchFolder folder;
  std::string path = folder.file("store.db");
  VectorStore open(const StoreOptions& options = store_options(8)) {
    return take(VectorStore::open(path, options));
  }
};

TEST_F(StoreTest, IsMadeFilledAndFoundAgain) {
  {
    VectorStore store = open();
    EXPECT_EQ(store.path(), path);
    EXPECT_EQ(store.name(), "vectors");
    EXPECT_EQ(store.dim(), 8);
    EXPECT_EQ(take(store.size()), 0U);
    EXPECT_TRUE(take(store.search(vector_of(1), 3, {})).empty());
    ASSERT_TRUE(store.insert(range(1, 3), vectors_of(1, 3)).ok());
    EXPECT_TRUE(store.upsert(2, vector_of(20)).ok());
    EXPECT_TRUE(take(store.erase(1)));
    EXPECT_EQ(take(store.get(2)), vector_of(20));
    EXPECT_FALSE(take(store.contains(1)));
    EXPECT_TRUE(store.close().ok());
  }
  VectorStore store = take(VectorStore::load(path, 8));
  EXPECT_EQ(take(store.size()), 2U);
  EXPECT_EQ(take(store.search(vector_of(20), 1, {}))[0].id, 2);
}

TEST_F(StoreTest, RoundTripOfAHundred) {
  const std::string copy = folder.file("copy.db");
  VectorStore store = open();
  ASSERT_TRUE(store.insert(range(1, 100), vectors_of(1, 100)).ok());
  ASSERT_TRUE(store.save(copy, {}).ok());
  VectorStore loaded = take(VectorStore::load(copy, 8));
  std::int64_t next = 1;
  EXPECT_TRUE(loaded
                  .for_each([&](std::int64_t id, std::span<const float> vector) {
                    EXPECT_EQ(id, next++);
                    EXPECT_EQ(Floats(vector.begin(), vector.end()), vector_of(id));
                    return true;
                  })
                  .ok());
  EXPECT_EQ(next, 101);
  EXPECT_EQ(VectorStore::load(copy, 9).status().code(), Code::kInvalidArgument);
}

TEST_F(StoreTest, SavedAndLoadedAThousandAnswersAlike) {
  VectorStore store = open();
  ASSERT_EQ(take(store.build(source_of(1, 1000), 1000, {})), 1000U);
  std::filesystem::create_directory(folder.file("elsewhere"));
  const std::string copy = folder.file("elsewhere/copy.db");
  ASSERT_TRUE(store.save(copy, {}).ok());
  ASSERT_TRUE(store.save(copy, {}).ok()) << "over an older copy";
  EXPECT_FALSE(std::filesystem::exists(copy + ".saving"));
  VectorStore loaded = take(VectorStore::load(copy, 8));
  SearchOptions exact;
  exact.exact = true;
  for (std::int64_t seed = 5000; seed < 5020; ++seed) {
    const auto expected = take(store.search(vector_of(seed), 10, exact));
    EXPECT_EQ(take(loaded.search(vector_of(seed), 10, exact)), expected);
    EXPECT_EQ(take(loaded.search(vector_of(seed), 10, {})),
              take(store.search(vector_of(seed), 10, {})));
  }
}

TEST_F(StoreTest, SaveFailsWhole) {
  VectorStore store = open();
  ASSERT_TRUE(store.insert(range(1, 50), vectors_of(1, 50)).ok());
  const std::string nowhere = folder.file("no/such/folder.db");
  EXPECT_EQ(store.save(nowhere, {}).code(), Code::kIo);
  const std::string precious = folder.file("precious.db");
  std::ofstream(precious) << "precious";
  std::stop_source stop;
  stop.request_stop();
  Watch watch;
  watch.stop = stop.get_token();
  EXPECT_EQ(store.save(precious, watch).code(), Code::kInterrupted);
  std::string text;
  std::ifstream(precious) >> text;
  EXPECT_EQ(text, "precious");
  EXPECT_FALSE(std::filesystem::exists(precious + ".saving"));
  EXPECT_TRUE(store.save(path, {}).ok()) << "onto itself";
  EXPECT_EQ(take(store.check()), std::vector<std::string>());
}

TEST_F(StoreTest, InMemoryHasTheSameMethods) {
  VectorStore store = take(VectorStore::open(":memory:", store_options(8)));
  ASSERT_TRUE(store.insert(range(1, 30), vectors_of(1, 30)).ok());
  EXPECT_EQ(take(store.search(vector_of(7), 1, {}))[0].id, 7);
  EXPECT_EQ(take(store.search_batch(vectors_of(1, 4), 2, 3, {})).size(), 4U);
  ASSERT_TRUE(store.save(path, {}).ok());
  EXPECT_EQ(take(take(VectorStore::load(path, 8)).size()), 30U);
}

TEST_F(StoreTest, RefusesWhatIsNotThere) {
  EXPECT_EQ(VectorStore::load(path, 8).status().code(), Code::kNotFound);
  StoreOptions reading = store_options(8);
  reading.read_only = true;
  EXPECT_EQ(VectorStore::open(path, reading).status().code(), Code::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path)) << "nothing was made";
  EXPECT_EQ(VectorStore::open(folder.file("no/folder.db"), store_options(8)).status().code(),
            Code::kIo);
  for (const int count : {-1, 1025}) {
    StoreOptions options = store_options(8);
    options.reader_count = count;
    EXPECT_EQ(VectorStore::open(path, options).status().code(), Code::kInvalidArgument);
  }
  StoreOptions none = store_options(0);
  EXPECT_EQ(VectorStore::open(path, none).status().code(), Code::kInvalidArgument);
  { VectorStore store = open(); }
  EXPECT_EQ(VectorStore::open(path, store_options(9)).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(take(VectorStore::open(path, none)).dim(), 8) << "whatever it is";
  std::ofstream(folder.file("text.db")) << std::string(5000, 'x');
  EXPECT_FALSE(VectorStore::open(folder.file("text.db"), store_options(8)).ok());
}

TEST_F(StoreTest, ReadOnlyReadsAndDoesNotWrite) {
  {
    VectorStore store = open();
    ASSERT_TRUE(store.insert(range(1, 20), vectors_of(1, 20)).ok());
  }
  StoreOptions options = store_options(8);
  options.read_only = true;
  VectorStore store = open(options);
  EXPECT_EQ(take(store.search(vector_of(3), 1, {}))[0].id, 3);
  EXPECT_EQ(take(store.search_batch(vectors_of(1, 5), 1, 2, {}))[4][0].id, 5);
  EXPECT_EQ(store.insert(21, vector_of(21)).code(), Code::kReadOnly);
  EXPECT_EQ(store.erase(1).status().code(), Code::kReadOnly);
  EXPECT_EQ(store.set_sync_mode(SyncMode::on_flush()).code(), Code::kReadOnly);
  EXPECT_EQ(store.optimize({}).code(), Code::kReadOnly);
  EXPECT_TRUE(store.flush().ok());
  EXPECT_EQ(take(store.size()), 20U);
}

TEST_F(StoreTest, ClosedAndMovedFromAnswerSo) {
  VectorStore store = open();
  VectorStore other = std::move(store);
  EXPECT_TRUE(other.insert(1, vector_of(1)).ok());
  EXPECT_TRUE(other.close().ok());
  for (VectorStore* one : {&store, &other}) {
    Floats out(8);
    std::array<Hit, 1> hits;
    const auto row = [](std::int64_t /*id*/, std::span<const float> /*v*/) { return true; };
    const auto hit = [](const Hit& /*hit*/) { return true; };
    const auto use = [](Database& /*database*/) { return Status(); };
    const Floats v = vector_of(1);
    for (const Status& status : {one->insert(1, v),
                                 one->insert(range(1, 1), v),
                                 one->upsert(1, v),
                                 one->upsert(range(1, 1), v),
                                 one->erase(1).status(),
                                 one->erase(range(1, 1)).status(),
                                 one->build(source_of(1, 1), 0, {}).status(),
                                 one->contains(1).status(),
                                 one->get(1, out),
                                 one->get(1).status(),
                                 one->size().status(),
                                 one->for_each(row),
                                 one->search(v, hits, {}).status(),
                                 one->search(v, 1, {}).status(),
                                 one->search_batch(v, 1, 1, {}).status(),
                                 one->search_range(v, 1, {}).status(),
                                 one->search_each(v, {}, hit),
                                 one->set_sync_mode({}),
                                 one->flush(),
                                 one->close(),
                                 one->save(path, {}),
                                 one->optimize({}),
                                 one->compact({}),
                                 one->repair({}),
                                 one->rebuild({}),
                                 one->stats().status(),
                                 one->check().status(),
                                 one->with_database(use)}) {
      EXPECT_EQ(status.code(), Code::kInvalidArgument);
      EXPECT_EQ(status.message(), "nearlite: the vector store is closed");
    }
    EXPECT_EQ(one->pending(), 0U);
    EXPECT_EQ(one->sync_mode(), SyncMode());
  }
}

TEST_F(StoreTest, ABusyWriterIsWaitedForAsLongAsToldAndNoLonger) {
  StoreOptions options = store_options(8);
  options.busy_timeout = std::chrono::milliseconds(1);
  VectorStore store = open(options);
  ASSERT_TRUE(store.insert(1, vector_of(1)).ok());
  Database rival = take(Database::open(path, {}));
  ASSERT_TRUE(rival.execute("BEGIN IMMEDIATE").ok());
  EXPECT_EQ(store.insert(2, vector_of(2)).code(), Code::kBusy);
  EXPECT_EQ(store.build(source_of(2, 5), 0, {}).status().code(), Code::kBusy);
  EXPECT_EQ(store.optimize({}).code(), Code::kBusy);
  EXPECT_EQ(take(store.search(vector_of(1), 5, {})).size(), 1U) << "readers do not wait";
  ASSERT_TRUE(rival.execute("ROLLBACK").ok());
  EXPECT_TRUE(store.insert(2, vector_of(2)).ok());
}

TEST_F(StoreTest, MappedFilesAnswerAlike) {
  StoreOptions options = store_options(8);
  VectorStore plain = open(options);
  options.mmap_bytes = 1 << 26;
  VectorStore mapped = open(options);
  ASSERT_TRUE(mapped
                  .with_database([](Database& database) {
                    Statement asked = take(database.prepare("PRAGMA mmap_size"));
                    EXPECT_TRUE(take(asked.step()));
                    EXPECT_EQ(asked.column_int64(0), 1 << 26);
                    return Status();
                  })
                  .ok());
  for (int round = 0; round < 3; ++round) {
    const int first = 1 + 500 * round;
    ASSERT_TRUE(plain.insert(range(first, first + 499), vectors_of(first, first + 499)).ok());
    for (int id = first; id < first + 500; id += 50) {
      const auto expected = take(plain.search(vector_of(id), 5, {}));
      const auto found = take(mapped.search(vector_of(id), 5, {}));
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].id, expected[i].id);
        EXPECT_EQ(found[i].distance, expected[i].distance);
      }
    }
  }
}

TEST_F(StoreTest, SqlOnTheSameFile) {
  StoreOptions options = store_options(8);
  options.index.columns = "lang text";
  VectorStore store = open(options);
  ASSERT_TRUE(store.insert(range(1, 4), vectors_of(1, 4)).ok());
  EXPECT_TRUE(store
                  .with_database([](Database& database) {
                    return database.execute("UPDATE vectors SET lang = 'en' WHERE rowid > 2");
                  })
                  .ok());
  SearchOptions english;
  english.filter = "lang = 'en'";
  EXPECT_EQ(take(store.search(vector_of(1), 9, english)).size(), 2U);
  EXPECT_EQ(store.with_database(nullptr).code(), Code::kInvalidArgument);
}

TEST_F(StoreTest, ABatchSeesOneSnapshotWhileAnotherWrites) {
  VectorStore store = open();
  ASSERT_TRUE(store.insert(range(1, 100), vectors_of(1, 100)).ok());
  Database rival = take(Database::open(path, {}));
  ASSERT_TRUE(rival
                  .execute("PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 50;"
                           "CREATE TABLE counter(n); INSERT INTO counter VALUES (0)")
                  .ok());
  std::atomic<bool> is_over = false;
  std::atomic<int> commits = 0;
  std::thread writer([&] {
    Statement count = take(rival.prepare("UPDATE counter SET n = n + 1"));
    while (!is_over) {
      EXPECT_TRUE(count.run().ok());
      if (++commits % 64 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
  // The only hit tells the counter in the snapshot that answered.
  SearchOptions options;
  options.filter = "rowid = (SELECT n % 100 + 1 FROM counter)";
  const Floats queries = vectors_of(1, 300);  // enough for every thread to get some
  for (int round = 0; round < 40 || commits < 3000; ++round) {
    const auto answers = store.search_batch(queries, 1, 4, options);
    EXPECT_TRUE(answers.ok()) << answers.status().message();
    if (!answers.ok()) break;
    Ids seen;
    for (const std::vector<Hit>& hits : *answers) {
      for (const Hit& hit : hits) seen.push_back(hit.id);
    }
    EXPECT_EQ(seen, Ids(300, seen.front())) << "round " << round;
  }
  is_over = true;
  writer.join();
}

TEST_F(StoreTest, ThreadsShareIt) {
  StoreOptions options = store_options(8);
  options.reader_count = 2;  // fewer than threads: they take turns
  VectorStore store = open(options);
  ASSERT_TRUE(store.insert(range(1, 300), vectors_of(1, 300)).ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&store, t] {
      for (std::int64_t i = 1; i <= 60; ++i) {
        const std::int64_t wanted = (i * 7 + t) % 300 + 1;
        EXPECT_EQ(take(store.search(vector_of(wanted), 1, {}))[0].id, wanted);
        EXPECT_EQ(take(store.get(wanted)), vector_of(wanted));
      }
    });
  }
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&store, t] {
      for (std::int64_t i = 1; i <= 20; ++i) {
        const std::int64_t id = 1000 * (t + 1) + i;
        EXPECT_TRUE(store.insert(id, vector_of(id)).ok());
        EXPECT_TRUE(take(store.contains(id))) << "what was acknowledged is seen";
        if (t == 0 && i == 10) {
          EXPECT_TRUE(store.set_sync_mode(SyncMode::every(4)).ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(take(store.size()), 340U);
  EXPECT_EQ(take(store.check()), std::vector<std::string>());
  EXPECT_TRUE(store.close().ok());
}

TEST_F(StoreTest, CloseWaitsForOthers) {
  VectorStore store = open();
  ASSERT_TRUE(store.insert(range(1, 100), vectors_of(1, 100)).ok());
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (;;) {
        const auto hits = store.search(vector_of(5), 1, {});
        if (hits.ok()) {
          EXPECT_EQ((*hits)[0].id, 5);
          continue;
        }
        EXPECT_EQ(hits.status().code(), Code::kInvalidArgument);
        ++refused;
        return;
      }
    });
  }
  EXPECT_TRUE(store.close().ok());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, 3);
}

}  // namespace
}  // namespace nearlite::test
