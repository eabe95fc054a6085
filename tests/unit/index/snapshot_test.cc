// Caches against snapshots: readers older than the cache, caches older than the file, files that
// were put back in time or replaced (INVARIANT C1, C3, C4).
#include "connection.h"

namespace nearlite::test {
namespace {

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest()
      : options_(small_index()),
        vectors_(options_, run_seed(11)),
        file_(new_file(options_)),
        process_(new_process()),
        writer_(file_, options_, process_),
        reader_(file_, options_, process_),
        stranger_(file_, options_) {}

  void insert_and_commit(RowId first, int count) {
    for (int i = 0; i < count; ++i) ASSERT_OK(writer_.insert(first + i, vectors_.next()));
    ASSERT_OK(writer_.commit());
  }
  void erase_and_commit(RowId first, RowId last) {
    for (RowId rowid = first; rowid <= last; ++rowid) ASSERT_OK(writer_.erase(rowid));
    ASSERT_OK(writer_.commit());
  }
  /// The connection answers as its table says, on the given path.
  void expect_right(Connection& connection, SearchPath path) {
    const std::size_t all = connection.state().rows.size() + 1;
    for (const std::size_t k : {std::size_t{1}, std::size_t{7}, all}) {
      const Vector query = vectors_.next();
      const auto hits = connection.search(query, k, false, nullptr, 1000);
      ASSERT_TRUE(hits.ok()) << hits.status().message();
      expect_same_distances(*hits, connection.nearest(query, k));
      for (const Hit& hit : *hits) {
        const auto row = connection.state().rows.find(hit.rowid);
        ASSERT_NE(row, connection.state().rows.end());
        EXPECT_EQ(row->second.id, hit.id);
      }
      if (k == all) continue;  // more than there are: may end in a scan
      EXPECT_EQ(name_of(connection.last_path()), name_of(path));
    }
  }
  IndexStats stats(Connection& connection) { return *connection.index().stats(); }

  IndexOptions options_;
  VectorSource vectors_;
  FileState file_;
  Slot process_;
  Connection writer_;
  Connection reader_;    // the writer's process
  Connection stranger_;  // another process
};

TEST_F(SnapshotTest, ReaderOlderThanTheCacheSeesItsSnapshot) {
  insert_and_commit(1, 40);
  reader_.begin_read();
  insert_and_commit(100, 40);
  erase_and_commit(1, 10);
  ASSERT_OK(writer_.update(20, vectors_.next()));
  expect_right(reader_, SearchPath::kGraph);
  ASSERT_OK(writer_.commit());
  expect_right(writer_, SearchPath::kGraph);
  expect_right(reader_, SearchPath::kGraph);
  reader_.end_read();
  expect_right(reader_, SearchPath::kGraph);
  EXPECT_EQ(stats(reader_).load_count, 0U) << "the cache is shared";
}

TEST_F(SnapshotTest, ReaderOlderThanARepairOrPurgeScans) {
  options_.tombstone_rebuild_pct = 0;
  writer_.index().options().tombstone_rebuild_pct = 0;
  insert_and_commit(1, 60);
  reader_.begin_read();
  erase_and_commit(10, 29);
  expect_right(reader_, SearchPath::kGraph);
  insert_and_commit(200, 1);  // begins to repair
  EXPECT_GT((*writer_.store().last_commit()).unlink_floor, 1U);
  expect_right(reader_, SearchPath::kExactOldSnapshot);
  for (int i = 0; i < 4; ++i) insert_and_commit(300 + i, 1);
  EXPECT_GT((*writer_.store().last_commit()).purge_floor, 1U);
  EXPECT_TRUE(file_.store.dead.empty());
  expect_right(reader_, SearchPath::kExactOldSnapshot);
  reader_.end_read();
  expect_right(reader_, SearchPath::kGraph);
}

TEST_F(SnapshotTest, ReaderOfASnapshotTheCacheNeverSawScans) {
  insert_and_commit(1, 40);
  stranger_.begin_read();
  insert_and_commit(100, 10);
  Connection other(file_, options_, process_);
  const Slot slot = new_process();
  Connection late(file_, options_, slot);
  Connection early(file_, options_, slot);
  expect_right(late, SearchPath::kGraph);  // loads the newest state
  FileState old = stranger_.state();
  Connection reader(old, options_, slot);
  expect_right(reader, SearchPath::kExactOldSnapshot);
  expect_right(early, SearchPath::kGraph);
}

TEST_F(SnapshotTest, CacheLoadedForAnOldReaderCatchesUp) {
  insert_and_commit(1, 40);
  FileState old = file_;
  insert_and_commit(100, 10);
  erase_and_commit(5, 7);
  const Slot slot = new_process();
  Connection reader(old, options_, slot);
  Connection current(file_, options_, slot);
  expect_right(reader, SearchPath::kGraph);
  expect_right(current, SearchPath::kGraph);
  expect_right(reader, SearchPath::kGraph);
  EXPECT_EQ(stats(current).load_count, 0U);
  EXPECT_EQ(stats(current).catch_up_count, 1U);
  EXPECT_EQ(current.problems(), "");
}

TEST_F(SnapshotTest, OtherProcessCatchesUpWithEveryKindOfCommit) {
  writer_.index().options().tombstone_rebuild_pct = 20;
  expect_right(stranger_, SearchPath::kGraph);
  insert_and_commit(1, 60);
  for (int i = 0; i < 30; ++i) {
    insert_and_commit(100 + 10 * i, 3);
    erase_and_commit(1 + i, 1 + i);
    if (i == 12) ASSERT_OK(writer_.optimize());
    ASSERT_OK(writer_.update(101 + 10 * i, vectors_.next()));
    ASSERT_OK(writer_.commit());
    if (i % 3 != 0) continue;  // sometimes it lags behind
    expect_right(stranger_, SearchPath::kGraph);
    EXPECT_EQ(stranger_.problems(), "");
  }
  EXPECT_GT(stats(stranger_).catch_up_count, 8U);
}

TEST_F(SnapshotTest, PurgeWhileAnotherCacheLagsBehind) {
  insert_and_commit(1, 60);
  erase_and_commit(1, 20);
  expect_right(stranger_, SearchPath::kGraph);  // knows the dead
  ASSERT_OK(writer_.optimize());
  ASSERT_OK(writer_.commit());
  expect_right(stranger_, SearchPath::kGraph);
  EXPECT_EQ(stranger_.problems(), "");
  EXPECT_EQ(stats(stranger_).load_count, 1U) << "known deletions can be followed";

  erase_and_commit(21, 30);  // not seen by the stranger before they are purged
  ASSERT_OK(writer_.optimize());
  ASSERT_OK(writer_.commit());
  expect_right(stranger_, SearchPath::kGraph);
  EXPECT_EQ(stranger_.problems(), "");
}

TEST_F(SnapshotTest, PurgeInPiecesOfEqualDeletionsIsFollowed) {
  writer_.index().options().tombstone_rebuild_pct = 10;
  insert_and_commit(1, 400);
  erase_and_commit(1, 300);  // one commit, more than one purge window
  int purging_commits = 0;
  for (int i = 0; i < 40 && !file_.store.dead.empty(); ++i) {
    const std::size_t dead = file_.store.dead.size();
    insert_and_commit(1000 + i, 1);
    if (file_.store.dead.size() < dead) ++purging_commits;
    expect_right(stranger_, SearchPath::kGraph);
    ASSERT_EQ(stranger_.problems(), "");
  }
  EXPECT_TRUE(file_.store.dead.empty());
  EXPECT_GT(purging_commits, 2);
}

TEST_F(SnapshotTest, RestoredOlderFileIsAnsweredAndWritten) {
  insert_and_commit(1, 40);
  const FileState backup = file_;
  insert_and_commit(100, 20);
  erase_and_commit(1, 10);
  expect_right(stranger_, SearchPath::kGraph);
  file_ = backup;
  expect_right(writer_, SearchPath::kGraph);  // known to the cache
  expect_right(reader_, SearchPath::kGraph);
  expect_right(stranger_, SearchPath::kExactOldSnapshot);  // not known to the cache
  insert_and_commit(500, 20);
  ASSERT_OK(stranger_.insert(600, vectors_.next()));
  expect_right(stranger_, SearchPath::kGraph);
  ASSERT_OK(stranger_.commit());
  for (Connection* connection : {&writer_, &reader_, &stranger_}) {
    expect_right(*connection, SearchPath::kGraph);
    EXPECT_EQ(connection->problems(), "");
  }
}

TEST_F(SnapshotTest, ForkedHistoryOfTheSameLengthIsReloaded) {
  insert_and_commit(1, 40);
  FileState fork = file_;
  Connection forker(fork, options_);
  insert_and_commit(100, 20);
  for (RowId rowid = 200; rowid < 220; ++rowid) ASSERT_OK(forker.insert(rowid, vectors_.next()));
  ASSERT_OK(forker.commit());
  EXPECT_EQ(stats(writer_).seq, stats(forker).seq);
  EXPECT_NE(writer_.digest(), forker.digest());
  expect_right(writer_, SearchPath::kGraph);
  file_ = fork;
  const std::uint64_t loads = stats(writer_).load_count;
  expect_right(writer_, SearchPath::kGraph);
  EXPECT_EQ(writer_.problems(), "");
  EXPECT_EQ(stats(writer_).load_count, loads + 1);
  insert_and_commit(300, 3);
  EXPECT_EQ(writer_.problems(), "");
}

TEST_F(SnapshotTest, ForkedHistoryThatIsLongerIsReloaded) {
  insert_and_commit(1, 40);
  FileState fork = file_;
  Connection forker(fork, options_);
  insert_and_commit(100, 20);
  for (RowId rowid = 200; rowid < 240; ++rowid) {  // more nodes than the history known so far
    ASSERT_OK(forker.insert(rowid, vectors_.next()));
    if (rowid % 8 == 7) ASSERT_OK(forker.commit());
  }
  expect_right(writer_, SearchPath::kGraph);
  file_ = fork;
  expect_right(writer_, SearchPath::kGraph);
  EXPECT_EQ(writer_.problems(), "");
}

TEST_F(SnapshotTest, ForkedHistoryThatIsShorterIsReloaded) {
  insert_and_commit(1, 40);
  FileState fork = file_;
  Connection forker(fork, options_);
  for (RowId rowid = 100; rowid < 105; ++rowid) insert_and_commit(rowid, 1);
  for (RowId rowid = 200; rowid < 204; ++rowid) ASSERT_OK(forker.insert(rowid, vectors_.next()));
  ASSERT_OK(forker.commit());
  file_ = fork;
  expect_right(writer_, SearchPath::kGraph);
  EXPECT_EQ(writer_.problems(), "");
}

// Between the end of COMMIT and the callback that tells of it, others may have gone on.
TEST_F(SnapshotTest, CacheThatIsAheadOfAPublicationStaysAhead) {
  insert_and_commit(1, 40);
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(writer_.insert(100 + i, vectors_.next()));
    ASSERT_OK(writer_.erase(1 + i));
    const Status committed = writer_.commit([&] {
      expect_right(reader_, SearchPath::kGraph);
      if (i % 2 != 0) return;
      ASSERT_OK(stranger_.insert(200 + i, vectors_.next()));
      ASSERT_OK(stranger_.erase(100 + i));
      ASSERT_OK(stranger_.commit());
      expect_right(reader_, SearchPath::kGraph);
    });
    ASSERT_OK(committed);
    for (Connection* connection : {&reader_, &writer_, &stranger_}) {
      expect_right(*connection, SearchPath::kGraph);
      ASSERT_EQ(connection->problems(), "");
    }
  }
}

TEST_F(SnapshotTest, FileReplacedByAnotherIndexNeverGivesAWrongAnswer) {
  insert_and_commit(1, 40);
  IndexOptions others = options_;
  others.seed = 0xD1FF;
  FileState other = new_file(others);
  Connection creator(other, others);
  for (RowId rowid = 1; rowid <= 60; ++rowid) ASSERT_OK(creator.insert(rowid, vectors_.next()));
  ASSERT_OK(creator.commit());
  file_ = other;
  // The connection still takes it for its own index, whose nodes have other levels: the answer is
  // right or there is none.
  for (int i = 0; i < 5; ++i) {
    const Vector query = vectors_.next();
    const auto hits = writer_.search(query, 5, false, nullptr, 1000);
    if (hits.ok()) {
      expect_same_distances(*hits, writer_.nearest(query, 5));
    } else {
      EXPECT_EQ(hits.status().code(), Code::kCorruption);
    }
    const auto exact = writer_.search(query, 5, true);
    ASSERT_TRUE(exact.ok());
    expect_same_distances(*exact, writer_.nearest(query, 5));
  }
}

TEST_F(SnapshotTest, CommitsThatTellToReload) {
  insert_and_commit(1, 40);
  expect_right(stranger_, SearchPath::kGraph);
  ASSERT_OK(writer_.rebuild());
  ASSERT_OK(writer_.commit());
  EXPECT_TRUE((*writer_.store().last_commit()).reload);
  insert_and_commit(100, 3);
  expect_right(stranger_, SearchPath::kGraph);
  EXPECT_EQ(stranger_.problems(), "");
  expect_right(writer_, SearchPath::kGraph);
  EXPECT_EQ(writer_.problems(), "");
}

TEST_F(SnapshotTest, CommitWithTooManyRewrittenRowsToListIsReloaded) {
  insert_and_commit(1, 60);
  for (RowId rowid = 100; rowid < 110; ++rowid) insert_and_commit(rowid, 1);
  expect_right(stranger_, SearchPath::kGraph);
  ASSERT_OK(writer_.optimize());
  ASSERT_OK(writer_.commit());
  const std::uint64_t last = writer_.store().last_commit()->seq;
  CommitRecord record = **writer_.store().find_commit(last);
  ASSERT_FALSE(record.touched.empty());
  record.touched.clear();
  record.reload = true;
  ASSERT_OK(file_.store.put_commit(record));
  expect_right(stranger_, SearchPath::kGraph);
  EXPECT_EQ(stranger_.problems(), "");
  EXPECT_EQ(stats(stranger_).load_count, 2U);
}

TEST_F(SnapshotTest, CachesOlderThanTheOldestKeptCommitAreReplaced) {
  insert_and_commit(1, 20);
  expect_right(stranger_, SearchPath::kGraph);
  reader_.begin_read();
  const FileState old = file_;
  // 12,000 commits, most of which touch nothing but the record: an empty optimize.
  for (int i = 0; i < 12'000; ++i) {
    ASSERT_OK(writer_.index().optimize());
    ASSERT_OK(writer_.index().sync());
    writer_.index().commit();
    if (i == 5'000) expect_right(reader_, SearchPath::kExactOldSnapshot);  // 4,096 are remembered
  }
  EXPECT_LE(file_.store.commits.size(), 11'001U);
  EXPECT_GT(file_.store.commits.begin()->first, 1U);
  expect_right(reader_, SearchPath::kExactOldSnapshot);
  expect_right(stranger_, SearchPath::kGraph);
  EXPECT_EQ(stranger_.problems(), "");
  insert_and_commit(100, 3);
  expect_right(stranger_, SearchPath::kGraph);
  EXPECT_EQ(writer_.problems(), "");
}

TEST_F(SnapshotTest, RolledBackTransactionsNeverReachOtherConnections) {
  insert_and_commit(1, 40);
  for (int i = 0; i < 4; ++i) {
    ASSERT_OK(writer_.insert(100, vectors_.next()));
    ASSERT_OK(writer_.erase(1));
    if (i % 2 == 0) ASSERT_OK(writer_.sync());
    if (i >= 2) {
      writer_.savepoint();
      writer_.rollback_to(0);
      ASSERT_TRUE(writer_.search(vectors_.next(), 3).ok());
    }
    expect_right(reader_, SearchPath::kGraph);
    const auto cache = process_->get();
    EXPECT_EQ(cache->position().first, 1U);
    EXPECT_EQ(cache->graph().max_id(), 40U);
    writer_.rollback();
    expect_right(reader_, SearchPath::kGraph);
    expect_right(stranger_, SearchPath::kGraph);
  }
  insert_and_commit(100, 5);
  expect_right(reader_, SearchPath::kGraph);
  EXPECT_EQ(reader_.problems(), "");
}

TEST_F(SnapshotTest, SlotsAreSharedByKeyAndForgottenWithTheirLastUser) {
  const auto a = shared_cache_slot("index a");
  EXPECT_EQ(a, shared_cache_slot("index a"));
  EXPECT_NE(a, shared_cache_slot("index b"));
  const std::weak_ptr<CacheSlot> gone = shared_cache_slot("index c");
  EXPECT_TRUE(gone.expired());
}

}  // namespace
}  // namespace nearlite::test
