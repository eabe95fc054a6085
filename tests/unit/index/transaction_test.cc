// Transactions as one connection sees them: what a search finds before and after COMMIT, ROLLBACK
// and ROLLBACK TO any kind of savepoint, and what is written (INVARIANT D2, D3, D4).
#include <cmath>
#include <cstring>
#include <limits>

#include "connection.h"

namespace nearlite::test {
namespace {

class TransactionTest : public testing::Test {
 protected:
  explicit TransactionTest(IndexOptions options = small_index())
      : options_(std::move(options)),
        vectors_(options_, run_seed(7)),
        file_(new_file(options_)),
        process_(new_process()),
        writer_(file_, options_, process_),
        neighbor_(file_, options_, process_),
        stranger_(file_, options_) {}

  /// Inserts rows first, first + 1, … into the open transaction of `writer_`.
  void insert(RowId first, int count) {
    for (int i = 0; i < count; ++i) ASSERT_OK(writer_.insert(first + i, vectors_.next()));
  }
  void insert_and_commit(RowId first, int count) {
    insert(first, count);
    ASSERT_OK(writer_.commit());
  }
  /// Every kind of answer of a connection equals its table.
  void expect_right(Connection& connection) {
    const Rows& rows = connection.state().rows;
    for (int i = 0; i < 4; ++i) {
      const Vector query = vectors_.next();
      for (const std::size_t k : {std::size_t{3}, rows.size() + 2}) {
        const auto right = connection.nearest(query, k);
        const auto exact = connection.search(query, k, true);
        ASSERT_TRUE(exact.ok()) << exact.status().message();
        ASSERT_EQ(exact->size(), right.size());
        for (std::size_t j = 0; j < right.size(); ++j) {
          EXPECT_EQ((*exact)[j].rowid, right[j].rowid);
          EXPECT_EQ((*exact)[j].distance, right[j].distance);
        }
        const auto hits = connection.search(query, k, false, nullptr, 1000);
        ASSERT_TRUE(hits.ok()) << hits.status().message();
        expect_same_distances(*hits, right);
        for (const Hit& hit : *hits) EXPECT_EQ(rows.at(hit.rowid).id, hit.id);
      }
    }
    const auto live_count = connection.index().live_count();
    ASSERT_TRUE(live_count.ok());
    EXPECT_EQ(*live_count, rows.size());
  }
  void expect_all_right() {
    expect_right(writer_);
    for (Connection* connection : {&writer_, &neighbor_, &stranger_}) {
      if (connection->in_transaction()) continue;  // check() would be its COMMIT
      expect_right(*connection);
      EXPECT_EQ(connection->problems(), "");
    }
  }
  /// Commits, and compares with the table in every connection.
  void commit_and_check() {
    ASSERT_OK(writer_.commit());
    expect_all_right();
  }

  IndexOptions options_;
  VectorSource vectors_;
  FileState file_;
  Slot process_;
  Connection writer_;
  Connection neighbor_;  // the same process
  Connection stranger_;  // another one
};

class L2TransactionTest : public TransactionTest {
 protected:
  L2TransactionTest() : TransactionTest(small_index(Metric::kL2)) {}
};

TEST_F(TransactionTest, EmptyIndexAnswersNothing) {
  expect_all_right();
  EXPECT_TRUE(writer_.search(vectors_.next(), 5)->empty());
}

TEST_F(TransactionTest, OwnChangesAreSeenByTheWriterOnlyUntilCommit) {
  insert_and_commit(1, 30);
  expect_all_right();
  const Vector far(options_.dim, -5.0F);
  ASSERT_OK(writer_.insert(100, far));
  ASSERT_OK(writer_.erase(3));
  ASSERT_OK(writer_.update(4, far));
  expect_all_right();
  EXPECT_EQ((*writer_.search(far, 2))[0].distance, 0);
  EXPECT_NE((*neighbor_.search(far, 2))[0].distance, 0);
  EXPECT_NE((*stranger_.search(far, 2))[0].distance, 0);
  ASSERT_OK(writer_.commit());
  EXPECT_EQ((*neighbor_.search(far, 2))[1].distance, 0);
  EXPECT_EQ((*stranger_.search(far, 2))[1].distance, 0);
  expect_all_right();
}

TEST_F(TransactionTest, RollbackLeavesNothing) {
  insert_and_commit(1, 20);
  const std::uint64_t before = writer_.digest();
  insert(50, 10);
  ASSERT_OK(writer_.erase(2));
  ASSERT_OK(writer_.update(3, vectors_.next()));
  writer_.rollback();
  EXPECT_EQ(writer_.digest(), before);
  expect_all_right();
  insert_and_commit(50, 10);  // the same slots again
  expect_all_right();
}

TEST_F(TransactionTest, RollbackAfterSyncLeavesNothing) {
  insert_and_commit(1, 20);
  const std::uint64_t before = writer_.digest();
  insert(50, 10);
  ASSERT_OK(writer_.sync());
  writer_.rollback();
  EXPECT_EQ(writer_.digest(), before);
  insert_and_commit(50, 5);
  expect_all_right();
}

TEST_F(TransactionTest, EmptyTransactionAndSecondSyncWriteNothing) {
  insert_and_commit(1, 20);
  const std::uint64_t before = writer_.digest();
  writer_.begin();
  ASSERT_OK(writer_.sync());
  ASSERT_OK(writer_.commit());
  EXPECT_EQ(writer_.digest(), before);

  ASSERT_OK(writer_.insert(99, vectors_.next()));
  ASSERT_OK(writer_.erase(99));
  commit_and_check();
  EXPECT_EQ(writer_.digest(), before) << "a row that came and went is no commit";

  insert(50, 3);
  ASSERT_OK(writer_.sync());
  const std::uint64_t synced = writer_.digest();
  const std::uint64_t calls = writer_.store().call_count();
  ASSERT_OK(writer_.sync());
  EXPECT_EQ(writer_.store().call_count(), calls);
  EXPECT_EQ(writer_.digest(), synced);
  commit_and_check();
  EXPECT_EQ(writer_.digest(), synced);
}

TEST_F(TransactionTest, RowInsertedAndDeletedInOneTransaction) {
  insert_and_commit(1, 20);
  insert(50, 5);
  ASSERT_OK(writer_.erase(50));  // the first, one in the middle and the last of them
  ASSERT_OK(writer_.erase(52));
  ASSERT_OK(writer_.erase(54));
  ASSERT_OK(writer_.insert(52, vectors_.next()));  // the rowid again
  expect_all_right();
  commit_and_check();
}

TEST_F(TransactionTest, CommitThatWasBusyGoesOn) {
  insert_and_commit(1, 20);
  insert(50, 5);
  ASSERT_OK(writer_.erase(4));
  ASSERT_OK(writer_.sync());
  expect_all_right();
  insert(60, 5);
  ASSERT_OK(writer_.erase(51));  // linked by the first sync
  ASSERT_OK(writer_.erase(61));  // not linked yet
  ASSERT_OK(writer_.erase(5));
  expect_all_right();
  ASSERT_OK(writer_.sync());
  ASSERT_OK(writer_.sync());
  commit_and_check();
  EXPECT_EQ(file_.store.commits.rbegin()->second.columns.seq, 2U);
}

// ---- ROLLBACK TO. A savepoint is older or younger than the first write, a sync, an optimize.

TEST_F(TransactionTest, RollbackToBeforeTheFirstWrite) {
  insert_and_commit(1, 20);
  const std::uint64_t before = writer_.digest();
  writer_.begin();
  const auto savepoint = writer_.savepoint();
  insert(50, 10);
  ASSERT_OK(writer_.erase(2));
  writer_.rollback_to(savepoint);
  expect_all_right();
  EXPECT_EQ(writer_.digest(), before);
  commit_and_check();
  EXPECT_EQ(writer_.digest(), before);
}

TEST_F(TransactionTest, RollbackToBetweenWrites) {
  insert_and_commit(1, 20);
  insert(50, 5);
  ASSERT_OK(writer_.erase(2));
  const auto savepoint = writer_.savepoint();
  insert(60, 5);
  ASSERT_OK(writer_.erase(3));
  ASSERT_OK(writer_.erase(50));
  writer_.rollback_to(savepoint);
  expect_all_right();
  insert(70, 2);
  writer_.rollback_to(savepoint);  // twice the same
  ASSERT_OK(writer_.erase(52));
  insert(80, 2);
  expect_all_right();
  commit_and_check();
}

TEST_F(TransactionTest, RollbackToASavepointOlderThanARefusedCommit) {
  insert_and_commit(1, 20);
  insert(50, 5);
  const auto savepoint = writer_.savepoint();
  insert(60, 5);
  ASSERT_OK(writer_.erase(2));
  ASSERT_OK(writer_.sync());
  insert(70, 5);
  writer_.rollback_to(savepoint);
  expect_all_right();
  insert(80, 2);
  ASSERT_OK(writer_.erase(3));
  commit_and_check();
}

TEST_F(TransactionTest, RollbackToASavepointYoungerThanARefusedCommit) {
  insert_and_commit(1, 20);
  insert(50, 5);
  ASSERT_OK(writer_.erase(2));
  ASSERT_OK(writer_.sync());
  const auto savepoint = writer_.savepoint();
  insert(60, 5);
  ASSERT_OK(writer_.erase(50));
  ASSERT_OK(writer_.erase(3));
  writer_.rollback_to(savepoint);
  expect_all_right();
  ASSERT_OK(writer_.erase(51));
  insert(70, 2);
  expect_all_right();
  commit_and_check();
}

TEST_F(TransactionTest, DeletionsBetweenARefusedCommitAndASavepointAreKept) {
  insert_and_commit(1, 20);
  insert(50, 5);
  ASSERT_OK(writer_.sync());
  ASSERT_OK(writer_.erase(2));
  ASSERT_OK(writer_.erase(51));
  const auto savepoint = writer_.savepoint();
  ASSERT_OK(writer_.erase(3));
  writer_.rollback_to(savepoint);
  expect_all_right();
  ASSERT_OK(writer_.erase(4));
  ASSERT_OK(writer_.sync());
  ASSERT_OK(writer_.erase(5));
  commit_and_check();
}

TEST_F(TransactionTest, RollbackToSavepointsAroundOptimizeAndRebuild) {
  for (const bool is_rebuild : {false, true}) {
    for (const bool is_younger : {false, true}) {
      SCOPED_TRACE(std::string(is_rebuild ? "rebuild" : "optimize") +
                   (is_younger ? ", younger" : ", older"));
      const RowId base = 100 * (2 * is_rebuild + is_younger);
      insert_and_commit(base, 20);
      ASSERT_OK(writer_.erase(base + 7));
      ASSERT_OK(writer_.commit());
      insert(base + 30, 3);
      ASSERT_OK(writer_.erase(base + 1));
      auto savepoint = writer_.savepoint();
      ASSERT_OK(is_rebuild ? writer_.rebuild() : writer_.optimize());
      expect_right(writer_);
      if (is_younger) savepoint = writer_.savepoint();
      insert(base + 40, 3);
      ASSERT_OK(writer_.erase(base + 2));
      ASSERT_OK(writer_.erase(base + 30));
      expect_all_right();
      writer_.rollback_to(savepoint);
      expect_all_right();
      ASSERT_OK(writer_.erase(base + 3));
      ASSERT_OK(writer_.erase(base + 31));
      insert(base + 50, 3);
      expect_all_right();
      commit_and_check();
    }
  }
}

TEST_F(TransactionTest, WritesAfterOptimizeAndRebuildInOneTransaction) {
  insert_and_commit(1, 30);
  for (RowId rowid = 1; rowid < 10; ++rowid) ASSERT_OK(writer_.erase(rowid));
  ASSERT_OK(writer_.commit());
  ASSERT_OK(writer_.optimize());
  ASSERT_OK(writer_.erase(11));
  insert(50, 5);
  commit_and_check();
  ASSERT_OK(writer_.rebuild());
  ASSERT_OK(writer_.erase(12));
  ASSERT_OK(writer_.erase(50));
  insert(60, 5);
  expect_all_right();
  commit_and_check();
  insert(70, 5);
  ASSERT_OK(writer_.rebuild());
  ASSERT_OK(writer_.optimize());
  writer_.rollback();
  expect_all_right();
}

// ---- Deletion of everything.

TEST_F(TransactionTest, EntryPointDeleted) {
  insert_and_commit(1, 40);
  for (int i = 0; i < 10; ++i) {
    const NodeId entry = file_.store.commits.rbegin()->second.columns.entry;
    RowId rowid = 0;
    for (const auto& [row, content] : file_.rows) {
      if (content.id == entry) rowid = row;
    }
    if (rowid != 0) ASSERT_OK(writer_.erase(rowid));
    if (i % 3 == 2) ASSERT_OK(writer_.optimize());
    insert(100 + i, 1);
    commit_and_check();
  }
}

TEST_F(TransactionTest, AllDeletedThenInserted) {
  for (const bool is_optimized : {false, true, false}) {
    insert_and_commit(1, 20);
    for (RowId rowid = 1; rowid <= 20; ++rowid) ASSERT_OK(writer_.erase(rowid));
    if (is_optimized) ASSERT_OK(writer_.optimize());
    commit_and_check();
    if (is_optimized) {
      ASSERT_OK(writer_.optimize());
      commit_and_check();
      EXPECT_TRUE(file_.store.links.empty());
      EXPECT_TRUE(file_.store.dead.empty());
    }
    insert(1, 5);
    expect_all_right();
    commit_and_check();
    for (RowId rowid = 1; rowid <= 5; ++rowid) ASSERT_OK(writer_.erase(rowid));
    commit_and_check();
  }
}

TEST_F(TransactionTest, OptimizeAfterARefusedCommitRewritesNewRows) {
  insert_and_commit(1, 20);
  for (RowId rowid = 1; rowid <= 20; ++rowid) ASSERT_OK(writer_.erase(rowid));
  ASSERT_OK(writer_.commit());
  insert(50, 5);  // nobody lives: they link to the dead
  ASSERT_OK(writer_.sync());
  ASSERT_OK(writer_.optimize());  // purges the dead
  commit_and_check();
}

TEST_F(TransactionTest, EntryPointIsPurgedWhileTheRestDiesInTheSameTransaction) {
  for (const RowId count : {2, 3, 4, 20}) {
    insert_and_commit(1, static_cast<int>(count));
    ASSERT_OK(writer_.erase(1));
    ASSERT_OK(writer_.commit());
    for (RowId rowid = 2; rowid <= count; ++rowid) ASSERT_OK(writer_.erase(rowid));
    ASSERT_OK(writer_.optimize());  // purges row 1 only
    commit_and_check();
    ASSERT_OK(writer_.optimize());
    commit_and_check();
  }
}

// ---- What is refused.

TEST_F(TransactionTest, VectorsThatDoNotFitAreRefusedAndChangeNothing) {
  insert_and_commit(1, 5);
  insert(50, 1);
  const std::uint64_t before = writer_.digest();
  Vector bad = vectors_.next();
  EXPECT_EQ(writer_.insert(60, Vector(options_.dim + 1)).code(), Code::kInvalidArgument);
  EXPECT_EQ(writer_.insert(60, Vector()).code(), Code::kInvalidArgument);
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    bad[3] = value;
    EXPECT_EQ(writer_.insert(60, bad).code(), Code::kInvalidArgument);
    EXPECT_EQ(writer_.search(bad, 3).status().code(), Code::kInvalidArgument);
  }
  EXPECT_EQ(writer_.search(Vector(3), 3).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(writer_.digest(), before);
  insert(60, 1);
  commit_and_check();
}

TEST_F(TransactionTest, RowsOfUnknownNodesAreCorruptionAndChangeNothing) {
  insert_and_commit(1, 5);
  insert(50, 2);
  ASSERT_OK(writer_.sync());
  insert(60, 1);
  const std::uint64_t before = writer_.digest();
  for (const NodeId id : {9U, 1000U, kNodeIdMax}) {
    EXPECT_EQ(writer_.index().erase(id).code(), Code::kCorruption) << id;
  }
  EXPECT_EQ(writer_.digest(), before);
  commit_and_check();
}

TEST_F(TransactionTest, PoisonedTransactionCannotCommit) {
  insert_and_commit(1, 20);
  const std::uint64_t before = writer_.digest();
  insert(50, 2);
  const auto savepoint = writer_.savepoint();
  ASSERT_OK(writer_.sync());
  writer_.index().poison("half a row");
  EXPECT_EQ(writer_.insert(60, vectors_.next()).code(), Code::kInternal);
  EXPECT_EQ(writer_.index().erase(1).code(), Code::kInternal);
  EXPECT_EQ(writer_.optimize().code(), Code::kInternal);
  EXPECT_EQ(writer_.rebuild().code(), Code::kInternal);
  expect_right(writer_);
  writer_.rollback_to(savepoint);
  EXPECT_TRUE(writer_.search(vectors_.next(), 3).ok());
  EXPECT_EQ(writer_.commit().code(), Code::kInternal);
  EXPECT_EQ(writer_.digest(), before);
  expect_all_right();
  insert(60, 2);
  commit_and_check();
}

TEST_F(TransactionTest, InterruptedCommitCanBeRepeated) {
  for (std::uint64_t calls = 0; calls < 12; calls += 3) {
    insert_and_commit(1, 20);
    insert(50, 40);
    writer_.store().fail_after(calls, Code::kInterrupted);
    EXPECT_EQ(writer_.sync().code(), Code::kInterrupted);
    writer_.store().never_fail();
    for (RowId rowid = 50; rowid < 60; ++rowid) {
      ASSERT_OK(writer_.erase(rowid));  // some of them were linked by then
    }
    expect_all_right();
    commit_and_check();
    for (const auto& [id, rowid] : writer_.live()) ASSERT_OK(writer_.erase(rowid));
    ASSERT_OK(writer_.commit());
  }
}

// ---- The centre of an l2 index is the first vector it ever gets.

TEST_F(L2TransactionTest, CentreComesAndGoesWithTheFirstInsert) {
  writer_.begin();
  const auto savepoint = writer_.savepoint();
  insert(1, 1);
  EXPECT_TRUE(writer_.store().config.contains(options_.centre_key));
  writer_.rollback_to(savepoint);
  EXPECT_FALSE(writer_.store().config.contains(options_.centre_key));
  const Vector first = vectors_.next();
  ASSERT_OK(writer_.insert(1, first));
  insert(2, 30);
  expect_all_right();
  commit_and_check();
  const auto& centre = file_.store.config.at(options_.centre_key);
  EXPECT_EQ(0, std::memcmp(centre.data(), first.data(), centre.size()));
  const auto unchanged = centre;
  for (RowId rowid = 1; rowid <= 31; ++rowid) ASSERT_OK(writer_.erase(rowid));
  ASSERT_OK(writer_.optimize());
  commit_and_check();
  insert_and_commit(1, 30);
  EXPECT_EQ(file_.store.config.at(options_.centre_key), unchanged);
  expect_all_right();
}

TEST_F(L2TransactionTest, CentreOfARowThatCameAndWentHoldsForAll) {
  expect_all_right();  // all caches stand at the empty index, without a centre
  insert(1, 1);
  ASSERT_OK(writer_.erase(1));
  ASSERT_OK(writer_.commit());
  stranger_.reopen();
  EXPECT_TRUE(stranger_.search(vectors_.next(), 1).ok());  // loads the centre
  insert(1, 30);
  commit_and_check();
}

}  // namespace
}  // namespace nearlite::test
