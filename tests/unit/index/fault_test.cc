// Every call to the store fails once, in every script, at every position: afterwards the index is
// as before or right, and usable. Three ways to go on after a failure are tried: ROLLBACK, ROLLBACK
// TO a savepoint, and simply going on (a statement that fails leaves nothing half done, or the
// transaction is poisoned and cannot commit).
#include "scripts.h"

namespace nearlite::test {
namespace {

enum class After { kRollback, kRollbackTo, kGoOn };

struct Mode {
  const char* name;
  After after;
  bool is_lasting;  ///< all calls fail from then on, until the script is through
  bool is_cold;     ///< nothing is in memory yet
};

const Mode kModes[] = {{"RollbackCold", After::kRollback, false, true},
                       {"RollbackToLasting", After::kRollbackTo, true, false},
                       {"GoOn", After::kGoOn, false, false},
                       {"GoOnLasting", After::kGoOn, true, false}};

class FaultTest : public testing::TestWithParam<std::tuple<std::size_t, std::size_t>> {
 protected:
  FaultTest()
      : script_(kScripts[std::get<0>(GetParam())]),
        mode_(kModes[std::get<1>(GetParam())]),
        options_(small_index(script_.metric)) {
    options_.tombstone_rebuild_pct = 10;
  }
  void expect_right(Connection& connection) {
    ASSERT_EQ(connection.problems(), "");
    VectorSource vectors(options_, 22);
    const Vector query = vectors.next();
    const auto hits = connection.search(query, 80, false, nullptr, 1000);
    ASSERT_TRUE(hits.ok()) << hits.status().message();
    expect_same_distances(*hits, connection.nearest(query, 80));
    const auto exact = connection.search(query, 80, true);
    ASSERT_TRUE(exact.ok()) << exact.status().message();
    expect_same_distances(*exact, connection.nearest(query, 80));
  }
  const Script& script_;
  const Mode& mode_;
  IndexOptions options_;
};

TEST_P(FaultTest, EveryCallFailsOnce) {
  const FileState first = file_for_scripts(options_);
  std::uint64_t right_digest = 0;
  {
    FileState file = first;
    Connection connection(file, options_);
    VectorSource vectors(options_, 23);
    ASSERT_OK(script_.run(connection, vectors));
    ASSERT_OK(connection.commit());
    right_digest = connection.digest();
  }
  int failures = 0;
  for (std::uint64_t calls = 0; calls < 5000; ++calls) {
    SCOPED_TRACE("fails after " + std::to_string(calls) + " calls");
    FileState file = first;
    Connection connection(file, options_);
    const std::uint64_t before = connection.digest();
    VectorSource vectors(options_, 23);
    if (!mode_.is_cold) {
      ASSERT_TRUE(connection.search(vectors.next(), 3).ok());
    }
    connection.begin();
    const auto savepoint = connection.savepoint();
    connection.store().fail_after(calls, Code::kIo, mode_.is_lasting);
    vectors = VectorSource(options_, 23);
    Status status = script_.run(connection, vectors);
    const bool has_failed = !status.ok();
    if (has_failed && mode_.after == After::kRollbackTo) {
      connection.rollback_to(savepoint);
      status = {};
    } else if (has_failed && mode_.after == After::kGoOn) {
      connection.store().never_fail();
      const auto hits = connection.search(vectors.next(), 200);
      if (hits.ok() && !connection.is_poisoned()) {
        EXPECT_EQ(hits->size(), connection.state().rows.size());
      }
      status = {};
    }
    if (status.ok()) {
      status = connection.commit();  // which may hit the fault, too
    } else {
      connection.rollback();
    }
    if (!has_failed && status.ok()) {
      EXPECT_EQ(connection.digest(), right_digest);
      expect_right(connection);
      EXPECT_GT(failures, 2);
      return;
    }
    ++failures;
    if (!status.ok() || mode_.after == After::kRollbackTo) {
      EXPECT_EQ(connection.digest(), before);
    }
    expect_right(connection);
    if (HasFailure()) return;
    if (connection.digest() != before) continue;  // went on and committed what had worked

    vectors = VectorSource(options_, 23);
    ASSERT_OK(script_.run(connection, vectors));
    ASSERT_OK(connection.commit());
    EXPECT_EQ(connection.digest(), right_digest);
    expect_right(connection);
    if (HasFailure()) return;
  }
  FAIL() << "the script never ended";
}

std::string name_of_case(const testing::TestParamInfo<FaultTest::ParamType>& one) {
  return std::string(kScripts[std::get<0>(one.param)].name) + kModes[std::get<1>(one.param)].name;
}

INSTANTIATE_TEST_SUITE_P(, FaultTest,
                         testing::Combine(testing::Range(std::size_t{0}, std::size(kScripts)),
                                          testing::Range(std::size_t{0}, std::size(kModes))),
                         name_of_case);

// A cache that is brought up to date when the rows cannot be read: the search fails, nothing of it
// stays.
TEST(CatchUpFaultTest, EveryCallFailsOnce) {
  IndexOptions options = small_index(Metric::kL2);
  options.tombstone_rebuild_pct = 10;
  FileState file = new_file(options);
  const FileState empty = file;
  Connection writer(file, options);
  VectorSource vectors(options, 24);
  ASSERT_OK(insert_rows(writer, vectors, 1, 60));
  ASSERT_OK(writer.commit());
  const FileState before = file;
  for (RowId rowid = 1; rowid < 30; ++rowid) {
    ASSERT_OK(writer.erase(rowid));
    ASSERT_OK(writer.insert(100 + rowid, vectors.next()));
    ASSERT_OK(writer.commit());
  }
  const FileState after = file;
  for (const FileState* start : {&empty, &before}) {
    for (std::uint64_t calls = 0;; ++calls) {
      SCOPED_TRACE("fails after " + std::to_string(calls) + " calls");
      file = *start;
      Connection reader(file, options);
      const Vector query = vectors.next();
      ASSERT_TRUE(reader.search(query, 5).ok());
      file = after;
      file.store.fail_after(calls);
      const auto hits = reader.search(query, 5, false, nullptr, 1000);
      file.store.never_fail();
      const auto right = reader.nearest(query, 5);
      if (hits.ok()) {
        expect_same_distances(*hits, right);
        ASSERT_GT(calls, 5U);
        break;
      }
      EXPECT_EQ(hits.status().code(), Code::kIo);
      const auto again = reader.search(query, 5, false, nullptr, 1000);
      ASSERT_TRUE(again.ok()) << again.status().message();
      expect_same_distances(*again, right);
      EXPECT_EQ(reader.last_path(), SearchPath::kGraph);
      EXPECT_EQ(reader.problems(), "");
    }
  }
}

// check(), digest() and stats() report a failure and change nothing.
TEST(EvidenceFaultTest, EveryCallFailsOnce) {
  const IndexOptions options = small_index();
  FileState file = new_file(options);
  Connection connection(file, options);
  VectorSource vectors(options, 25);
  ASSERT_OK(insert_rows(connection, vectors, 1, 30));
  ASSERT_OK(connection.commit());
  const LiveRows live = connection.live();
  for (int which = 0; which < 3; ++which) {
    for (std::uint64_t calls = 0;; ++calls) {
      file.store.fail_after(calls);
      Status status;
      if (which == 0) status = connection.index().check(live, 10).status();
      if (which == 1) status = connection.index().digest().status();
      if (which == 2) status = connection.index().stats().status();
      file.store.never_fail();
      if (status.ok()) break;
      EXPECT_EQ(status.code(), Code::kIo);
      ASSERT_LT(calls, 100U);
    }
  }
  EXPECT_EQ(connection.problems(), "");
}

}  // namespace
}  // namespace nearlite::test
