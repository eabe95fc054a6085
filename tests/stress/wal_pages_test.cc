// What one inserted row costs in the write-ahead log: 768 dimensions, 5,000 rows present, one
// autocommit INSERT at a time. A log frame is a page of 4 KiB and a header of 24 bytes. The goal:
// at most 12 pages on average, of which the vector itself takes at least one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "support/check_index.h"
#include "support/scratch.h"

namespace nearlite::test {
namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kFrameBytes = kPageBytes + 24;
constexpr std::uint64_t kLogHeaderBytes = 32;

std::uint64_t frames_in(const std::string& path) {
  const std::uint64_t size = std::filesystem::file_size(path + "-wal");
  return size <= kLogHeaderBytes ? 0 : (size - kLogHeaderBytes) / kFrameBytes;
}

class WalPages : public testing::Test {
 protected:
  WalPages()
      : path_(folder_.file("wal.db")),
        source_({.dim = shape_.dim, .cluster_count = 40}, seed_of_run(1)) {
    database_ = Database(path_);
    database_.must("PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL");
    database_.must("PRAGMA wal_autocheckpoint=0");
    database_.must(shape_.create_sql("t", Database::Engine::kNearlite));
    database_.must("BEGIN");
    for (int i = 0; i < 5000; ++i) insert();
    database_.must("COMMIT");
  }

  void insert() {
    ASSERT_EQ(database_.run("INSERT INTO t(embedding) VALUES(?1)", {shape_.blob(source_.next())}),
              SQLITE_OK)
        << database_.message();
  }

  // Runs `write` count times, each its own transaction; prints and returns the average number of
  // pages.
  template <typename Write>
  double average_pages(const char* what, int count, Write write) {
    database_.must("PRAGMA wal_checkpoint(TRUNCATE)");
    std::uint64_t before = 0, most = 0, total = 0;
    for (int i = 0; i < count; ++i) {
      write(i);
      const std::uint64_t now = frames_in(path_);
      most = std::max(most, now - before);
      total += now - before;
      before = now;
    }
    const double average = static_cast<double>(total) / count;
    std::printf("%s: %.2f pages on average, %llu at most, over %d transactions\n", what, average,
                static_cast<unsigned long long>(most), count);
    return average;
  }

  TableShape shape_{Element::kFloat, Metric::kCosine, 768, ""};
  ScratchFolder folder_;
  std::string path_;
  VectorSource source_;
  Database database_;
};

TEST_F(WalPages, OfSingleRowTransactions) {
  EXPECT_LE(average_pages("INSERT", 500, [this](int) { insert(); }), 12.0);
  const double update = average_pages("UPDATE of the vector", 200, [this](int i) {
    ASSERT_EQ(database_.run("UPDATE t SET embedding = ?1 WHERE rowid = ?2",
                            {shape_.blob(source_.next()), std::int64_t{7} * i + 1}),
              SQLITE_OK);
  });
  EXPECT_LE(update, 18.0);  // an insert and a delete
  const double erase = average_pages("DELETE", 200, [this](int i) {
    ASSERT_EQ(database_.run("DELETE FROM t WHERE rowid = ?1", {std::int64_t{11} * i + 3}),
              SQLITE_OK);
  });
  EXPECT_LE(erase, 12.0);
  EXPECT_EQ(database_.scalar("SELECT nearlite_check('t')"), Value("ok"));
}

}  // namespace
}  // namespace nearlite::test
