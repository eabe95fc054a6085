// Upkeep: repair and purge in pieces that ride on commits, folding, optimize, compact, and rebuild
// from vectors when everything else is damaged.
#include <limits>

#include "connection.h"

namespace nearlite::test {
namespace {

class MaintainTest : public testing::Test {
 protected:
  MaintainTest()
      : options_(small_index()),
        vectors_(options_, run_seed(13)),
        file_(new_file(options_)),
        writer_(file_, options_),
        other_(file_, options_) {}

  void insert_and_commit(RowId first, int count) {
    for (int i = 0; i < count; ++i) ASSERT_OK(writer_.insert(first + i, vectors_.next()));
    ASSERT_OK(writer_.commit());
  }
  void erase_and_commit(RowId first, RowId last) {
    for (RowId rowid = first; rowid <= last; ++rowid) ASSERT_OK(writer_.erase(rowid));
    ASSERT_OK(writer_.commit());
  }
  CommitRecord last() { return *writer_.store().last_commit(); }
  int row_count_with_links() {
    int count = 0;
    for (const auto& [id, bytes] : file_.store.links) {
      if (!decode_links(id, bytes)->links.empty()) ++count;
    }
    return count;
  }
  /// Ids that links of rows lead to, in memory as loaded from the rows.
  bool anybody_links_to(NodeId target) {
    Connection fresh(file_, options_, new_process());
    const auto cache = load_cache(fresh.store(), options_, last());
    EXPECT_TRUE(cache.ok()) << cache.status().message();
    const Graph& graph = (*cache)->graph();
    for (NodeId id = 1; id <= graph.max_id(); ++id) {
      if (!graph.is_present(id)) continue;
      for (unsigned level = 0; level <= graph.level_of(id); ++level) {
        const auto list = graph.list(id, level);
        if (std::find(list.begin(), list.end(), target) != list.end()) return true;
      }
    }
    return false;
  }
  void expect_right(Connection& connection) {
    EXPECT_EQ(connection.problems(), "");
    for (int i = 0; i < 5; ++i) {
      const Vector query = vectors_.next();
      const auto hits = connection.search(query, 10, false, nullptr, 1000);
      ASSERT_TRUE(hits.ok()) << hits.status().message();
      expect_same_distances(*hits, connection.nearest(query, 10));
      const auto exact = connection.search(query, 1000, true);
      ASSERT_TRUE(exact.ok()) << exact.status().message();
      expect_same_distances(*exact, connection.nearest(query, 1000));
    }
  }

  IndexOptions options_;
  VectorSource vectors_;
  FileState file_;
  Connection writer_;
  Connection other_;  // another process
};

TEST_F(MaintainTest, RepairAndPurgeRideOnCommits) {
  insert_and_commit(1, 500);
  erase_and_commit(1, 100);
  EXPECT_EQ(last().repair_seq, 0U) << "below 30 %";
  erase_and_commit(101, 200);
  EXPECT_NE(last().repair_seq, 0U);
  EXPECT_GT(last().repair_hand, 1U) << "the first piece";
  int commits = 0;
  for (; last().repair_seq != 0 && commits < 50; ++commits) insert_and_commit(1000 + commits, 1);
  EXPECT_GT(commits, 1) << "not all at once";
  EXPECT_NE(last().purge_ready_seq, 0U);
  expect_right(other_);
  for (; last().purge_ready_seq != 0 && commits < 50; ++commits) {
    insert_and_commit(1000 + commits, 1);
  }
  EXPECT_EQ(last().dead_count, 100U) << "what died after the pass began stays for the next one";
  EXPECT_EQ(file_.store.dead.size(), 100U);
  for (NodeId id = 1; id <= 100; ++id) EXPECT_FALSE(file_.store.links.contains(id));
  EXPECT_FALSE(anybody_links_to(1));
  expect_right(writer_);
  expect_right(other_);
}

TEST_F(MaintainTest, HundredPerCentNeverRepairs) {
  writer_.index().options().tombstone_rebuild_pct = 100;
  insert_and_commit(1, 60);
  erase_and_commit(1, 59);
  erase_and_commit(60, 60);  // now they are 100 %
  for (int i = 0; i < 10; ++i) insert_and_commit(100 + i, 1);
  EXPECT_EQ(last().dead_count, 60U);
  expect_right(other_);
}

TEST_F(MaintainTest, FoldingWritesBackLinksIntoOlderRows) {
  insert_and_commit(1, 100);
  for (int i = 0; i < 12; ++i) insert_and_commit(200 + i, 1);
  EXPECT_GT(row_count_with_links(), 20) << "rows of the first commit were folded";
  ASSERT_OK(writer_.optimize());
  ASSERT_OK(writer_.commit());
  const auto cache = load_cache(file_.store, options_, last());
  ASSERT_TRUE(cache.ok());
  for (NodeId id = 1; id <= last().max_node_id; ++id) {
    EXPECT_FALSE((*cache)->graph().is_dirty(id)) << id;
  }
  expect_right(writer_);
  expect_right(other_);
}

TEST_F(MaintainTest, OptimizePurgesAllDeadOfEarlierTransactions) {
  insert_and_commit(1, 120);
  erase_and_commit(1, 100);
  ASSERT_OK(writer_.erase(101));
  ASSERT_OK(writer_.optimize());
  ASSERT_OK(writer_.commit());
  EXPECT_EQ(last().dead_count, 1U);
  EXPECT_EQ(last().live_count, 19U);
  EXPECT_EQ(file_.store.links.size(), 20U);
  expect_right(writer_);
  expect_right(other_);
  ASSERT_OK(writer_.optimize());
  ASSERT_OK(writer_.commit());
  EXPECT_EQ(last().dead_count, 0U);
  expect_right(writer_);
  expect_right(other_);
}

TEST_F(MaintainTest, OptimizeDuringARepairPassTakesOver) {
  insert_and_commit(1, 400);
  erase_and_commit(1, 200);
  insert_and_commit(1000, 1);
  ASSERT_NE(last().repair_seq, 0U);
  erase_and_commit(201, 210);
  ASSERT_OK(writer_.optimize());
  ASSERT_OK(writer_.commit());
  EXPECT_EQ(last().repair_seq, 0U);
  EXPECT_EQ(last().dead_count, 0U);
  expect_right(writer_);
  expect_right(other_);
}

TEST_F(MaintainTest, CompactGivesBackSpaceOfPurgedVectors) {
  insert_and_commit(1, 100);
  const std::size_t before = file_.store.blocks.size();
  erase_and_commit(1, 80);
  ASSERT_OK(writer_.compact());
  ASSERT_OK(writer_.commit());
  EXPECT_EQ(file_.store.blocks.size(), before / 5);
  insert_and_commit(200, 10);
  expect_right(writer_);
  expect_right(other_);
}

TEST_F(MaintainTest, MaintenanceOfAnEmptyIndexDoesNothingWrong) {
  ASSERT_OK(writer_.optimize());
  ASSERT_OK(writer_.commit());
  ASSERT_OK(writer_.compact());
  ASSERT_OK(writer_.commit());
  ASSERT_OK(writer_.rebuild());
  ASSERT_OK(writer_.commit());
  expect_right(writer_);
  insert_and_commit(1, 20);
  expect_right(writer_);
  expect_right(other_);
}

TEST_F(MaintainTest, InterruptedOptimizePoisonsOrChangesNothing) {
  insert_and_commit(1, 1500);
  erase_and_commit(1, 300);
  const std::uint64_t before = writer_.digest();
  writer_.begin();
  writer_.store().set_interrupted(true);
  EXPECT_EQ(writer_.optimize().code(), Code::kInterrupted);
  writer_.store().set_interrupted(false);
  EXPECT_FALSE(writer_.commit().ok());
  EXPECT_EQ(writer_.digest(), before);
  expect_right(writer_);
}

// ---- Rebuild

class RebuildTest : public MaintainTest {
 protected:
  RebuildTest() {
    insert_and_commit(1, 80);
    erase_and_commit(10, 29);
    erase_and_commit(75, 80);                             // the highest ids are dead
    EXPECT_TRUE(other_.search(vectors_.next(), 3).ok());  // has a cache of the old state
  }
  void rebuild_and_check() {
    ASSERT_OK(writer_.rebuild());
    expect_right(writer_);
    ASSERT_OK(writer_.commit());
    expect_right(writer_);
    expect_right(other_);
    EXPECT_EQ(last().live_count, 54U);
    EXPECT_EQ(last().dead_count, 0U);
    EXPECT_TRUE(file_.store.dead.empty());
    EXPECT_EQ(file_.store.links.size(), 54U);
    insert_and_commit(200, 10);
    erase_and_commit(30, 32);
    expect_right(writer_);
    expect_right(other_);
  }
};

TEST_F(RebuildTest, SoundIndex) {
  rebuild_and_check();
  EXPECT_EQ(last().max_node_id, 90U) << "ids are not handed out twice";
}

TEST_F(RebuildTest, DamagedLinkRow) {
  file_.store.links[40][5] ^= std::byte{1};
  writer_.reopen();
  other_.reopen();
  EXPECT_EQ(writer_.search(vectors_.next(), 3).status().code(), Code::kCorruption);
  EXPECT_TRUE(writer_.search(vectors_.next(), 3, true).ok()) << "the scan needs no links";
  EXPECT_NE(writer_.problems(), "");
  rebuild_and_check();
}

TEST_F(RebuildTest, MissingLinkRows) {
  file_.store.links.erase(40);
  file_.store.links.erase(54);
  writer_.reopen();
  EXPECT_EQ(writer_.search(vectors_.next(), 3).status().code(), Code::kCorruption);
  EXPECT_NE(writer_.problems(), "");
  rebuild_and_check();
}

TEST_F(RebuildTest, LinkRowOfAnotherRow) {
  auto record = *decode_links(40, file_.store.links.at(40));
  ++record.rowid;
  ASSERT_OK(file_.store.put_links(record));
  writer_.reopen();
  EXPECT_EQ(writer_.search(vectors_.next(), 3).status().code(), Code::kCorruption);
  EXPECT_NE(writer_.problems(), "");
  rebuild_and_check();
}

TEST_F(RebuildTest, NoLinkRowAtAll) {
  file_.store.links.clear();
  writer_.reopen();
  EXPECT_NE(writer_.problems(), "");
  rebuild_and_check();
}

TEST_F(RebuildTest, MissingCommits) {
  file_.store.commits.clear();
  writer_.reopen();
  EXPECT_EQ(writer_.search(vectors_.next(), 3).status().code(), Code::kCorruption);
  EXPECT_NE(writer_.problems(), "");
  rebuild_and_check();
}

TEST_F(RebuildTest, DamagedCommit) {
  auto& state = file_.store.commits.rbegin()->second.state;
  state[state.size() / 2] ^= std::byte{4};
  writer_.reopen();
  EXPECT_EQ(writer_.search(vectors_.next(), 3).status().code(), Code::kCorruption);
  EXPECT_NE(writer_.problems(), "");
  rebuild_and_check();
}

TEST_F(RebuildTest, GarbageInTheDeadTable) {
  file_.store.dead.emplace(1, 5);  // alive in the table
  file_.store.dead.emplace(2, 4711);
  file_.store.dead.emplace(99, 6);
  writer_.reopen();
  EXPECT_EQ(writer_.search(vectors_.next(), 3).status().code(), Code::kCorruption);
  EXPECT_NE(writer_.problems(), "");
  rebuild_and_check();
}

TEST_F(RebuildTest, StrayVectorsAreDropped) {
  const Vector stray = vectors_.next();
  const auto stored = encode_stored(options_, stray);
  ASSERT_OK(file_.store.put_vector(500, 12'345, *stored));
  EXPECT_NE(writer_.problems(), "");
  rebuild_and_check();
}

TEST_F(RebuildTest, MissingVectorIsReportedAndNothingIsCommitted) {
  ASSERT_OK(file_.store.clear_vector(40));
  const std::uint64_t before = writer_.digest();
  EXPECT_NE(writer_.problems(), "");
  EXPECT_EQ(writer_.rebuild().code(), Code::kCorruption);
  EXPECT_FALSE(writer_.commit().ok());
  EXPECT_EQ(writer_.digest(), before);
}

TEST_F(RebuildTest, StoredVectorThatIsNotFiniteIsCorruption) {
  const NodeId id = file_.rows.at(50).id;
  const Vector bad(options_.dim, std::numeric_limits<float>::infinity());
  const auto bytes = std::as_bytes(std::span(bad));
  ASSERT_OK(file_.store.put_vector(id, 50, bytes));
  writer_.reopen();
  EXPECT_EQ(writer_.search(vectors_.next(), 3).status().code(), Code::kCorruption);
  EXPECT_EQ(writer_.search(vectors_.next(), 3, true).status().code(), Code::kCorruption);
  EXPECT_NE(writer_.problems(), "");
  EXPECT_EQ(writer_.rebuild().code(), Code::kCorruption);
  writer_.rollback();
}

TEST_F(RebuildTest, FailureToStartLeavesTheTransactionAsItWas) {
  IndexOptions options = small_index(Metric::kL2);
  FileState file = new_file(options);
  Connection writer(file, options);
  VectorSource vectors(options, 1);
  for (RowId rowid = 1; rowid < 30; ++rowid) ASSERT_OK(writer.insert(rowid, vectors.next()));
  ASSERT_OK(writer.commit());
  ASSERT_OK(writer.insert(50, vectors.next()));
  const auto centre = writer.store().config.at(options.centre_key);
  writer.store().config[options.centre_key].resize(3);
  EXPECT_EQ(writer.rebuild().code(), Code::kCorruption);
  writer.store().config[options.centre_key] = centre;
  ASSERT_OK(writer.insert(51, vectors.next()));
  ASSERT_OK(writer.commit());
  EXPECT_EQ(writer.problems(), "");
  EXPECT_EQ(writer.search(vectors.next(), 100)->size(), 31U);
}

}  // namespace
}  // namespace nearlite::test
