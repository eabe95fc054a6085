// Another connection drops a table and makes one of the same name. SQLite keeps the old
// sqlite3_vtab as long as some prepared statement refers to it, and functions that are given a name
// touch no table that SQLite would check.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "support/database.h"
#include "support/random.h"
#include "support/resident.h"
#include "support/scratch.h"

namespace nearlite {
namespace {

using test::Blob;
using test::Database;
using test::Rows;
using test::Statement;

class ReplacedTable : public testing::Test {
 protected:
  void SetUp() override {
    path_ = scratch_.path() + "/replaced.db";
    writer_ = Database(path_);
    writer_.must("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
    make("v float[4] metric=l2", 20);
    reader_ = Database(path_);
  }

  /// A table of `rows` rows whose vectors are 0, 1, 2, … in all of four components.
  void make(const std::string& declared, int rows) {
    writer_.must("BEGIN; DROP TABLE IF EXISTS t; CREATE VIRTUAL TABLE t USING hnsw(" + declared +
                 ")");
    for (int i = 0; i < rows; ++i) {
      const std::string one = std::to_string(i);
      writer_.must("INSERT INTO t(v) VALUES('[" + one + "," + one + "," + one + "," + one + "]')");
    }
    writer_.must("COMMIT");
  }

  test::ScratchFolder scratch_;
  std::string path_;
  Database writer_;
  Database reader_;
};

TEST_F(ReplacedTable, FunctionsAnswerFromTheNewOne) {
  for (const bool is_kept : {false, true}) {
    for (const char* declared : {"v float[4] metric=l1", "v float[4] metric=l2, m=24",
                                 "v float16[4] metric=l1, quantize=none"}) {
      SCOPED_TRACE(std::string(declared) + (is_kept ? ", a statement kept" : ""));
      make("v float[4] metric=l2", 20);
      Statement old(reader_, "SELECT count(*) FROM t WHERE v MATCH '[0,0,0,0]' AND k = 3");
      ASSERT_EQ(old.step(), SQLITE_ROW);
      EXPECT_EQ(old.integer(0), 3);
      old.reset();
      if (!is_kept) old.finalize();
      make(declared, 5);
      const double two = std::string(declared).find("l1") != std::string::npos ? 4.0 : 2.0;
      for (const char* from : {"vss_knn('[1,1,1,1]', 5, 't')", "t_knn('[1,1,1,1]', 5)"}) {
        Rows rows;
        ASSERT_EQ(reader_.run(std::string("SELECT rowid, distance FROM ") + from, {}, &rows),
                  SQLITE_OK)
            << reader_.message();
        ASSERT_EQ(rows.size(), 5u) << from;
        EXPECT_EQ(std::get<std::int64_t>(rows[0][0]), 2) << from;
        EXPECT_EQ(std::get<double>(rows[1][1]), two) << from;
      }
      EXPECT_EQ(reader_.number("SELECT nearlite_stats('t') ->> '$.indexes[0].live'"), 5);
      EXPECT_EQ(test::to_text(reader_.scalar("SELECT nearlite_check('t')")), "'ok'");
      EXPECT_EQ(reader_.scalar("SELECT nearlite_digest('t')"),
                writer_.scalar("SELECT nearlite_digest('t')"));
      ASSERT_EQ(reader_.exec("SELECT hnsw_add('t', 77, '[9,9,9,9]')"), SQLITE_OK);
      EXPECT_EQ(writer_.number("SELECT count(*) FROM t"), 6);
      EXPECT_EQ(test::to_text(writer_.scalar("SELECT nearlite_check('t')")), "'ok'");
    }
  }
}

TEST_F(ReplacedTable, IsMissedWhenThereIsNoNewOne) {
  Statement old(reader_, "SELECT count(*) FROM t");
  ASSERT_EQ(old.step(), SQLITE_ROW);
  old.reset();
  writer_.must("DROP TABLE t");
  for (const char* call : {"nearlite_stats('t')", "nearlite_check('t')", "hnsw_del('t', 1)"}) {
    EXPECT_EQ(reader_.exec(std::string("SELECT ") + call), SQLITE_ERROR) << call;
    EXPECT_NE(reader_.message().find("no index called t"), std::string::npos) << reader_.message();
  }
}

#ifdef NEARLITE_TELLS_RESIDENT
TEST_F(ReplacedTable, LeavesNoMemoryBehind) {
  constexpr int kRows = 500;
  constexpr std::size_t kDim = 2048;  // 4 KB a row in memory
  test::Random random(1);
  const auto round = [&] {
    writer_.must("BEGIN; DROP TABLE t; CREATE VIRTUAL TABLE t USING hnsw(v float[2048])");
    for (int i = 0; i < kRows; ++i) {
      Blob blob(4 * kDim);
      for (std::size_t at = 0; at < kDim; ++at) {
        const float value = static_cast<float>(random.below(1000)) - 500.0f;
        std::memcpy(blob.data() + 4 * at, &value, 4);
      }
      ASSERT_EQ(writer_.run("INSERT INTO t(v) VALUES(?1)", {blob}), SQLITE_OK);
    }
    writer_.must("COMMIT");
    EXPECT_EQ(reader_.number("SELECT count(*) FROM vss_knn(zeroblob(8192), 10, 't')"), 10);
  };
  for (int i = 0; i < 3; ++i) round();
  const std::size_t before = test::resident_bytes();
  for (int i = 0; i < 12; ++i) round();
  EXPECT_LT(test::resident_bytes(), before + 12u * kRows * 2 * kDim / 2);
}
#endif

}  // namespace
}  // namespace nearlite
