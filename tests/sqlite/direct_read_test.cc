// Bytes read past SQLite equal those read through it, wherever SQLite put them; and when the file
// is old, moved, damaged or not there, the reader says so or lets the caller see it.
#ifndef SQLITE_CORE
#define SQLITE_CORE 1  // Direct calls, as in the library that is linked.
#endif

#include "sqlite/direct_read.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "support/database.h"
#include "support/random.h"
#include "support/scratch.h"

namespace nearlite::sqlite {
namespace {

using test::Blob;
using test::Database;

Blob blob_of(std::uint64_t key, std::size_t bytes) {
  test::Random random(key + 1);
  Blob blob(bytes);
  for (std::byte& byte : blob) byte = static_cast<std::byte>(random.next());
  return blob;
}

class DirectRead : public testing::Test {
 protected:
  void make(const std::string& pragmas, std::size_t blob_bytes, int rows) {
    path_ = scratch_.path() + "/direct.db";
    db_ = Database(path_);
    ASSERT_EQ(db_.exec(pragmas + "; CREATE TABLE other(x); CREATE TABLE t(block INTEGER PRIMARY "
                                 "KEY, data BLOB); BEGIN"),
              SQLITE_OK);
    blob_bytes_ = blob_bytes;
    for (int key = 0; key < rows; ++key) {
      ASSERT_EQ(put(key, static_cast<std::uint64_t>(key)), SQLITE_OK);
      // Something between, so that pages do not follow each other.
      if (key % 3 == 0) {
        ASSERT_EQ(db_.exec("INSERT INTO other VALUES(zeroblob(3000))"), SQLITE_OK);
      }
    }
    ASSERT_EQ(db_.exec("COMMIT"), SQLITE_OK);
  }
  int put(int key, std::uint64_t seed) {
    return db_.run("INSERT OR REPLACE INTO t VALUES(?1, ?2)",
                   {std::int64_t{key}, blob_of(seed, blob_bytes_)});
  }
  DirectReader& reader() {
    if (!reader_) {
      reader_ = std::make_unique<DirectReader>(db_.handle(), "main");
      reader_->set_table("t", blob_bytes_);
    }
    return *reader_;
  }
  /// Reads a part; true when it is that of blob_of(seed).
  bool reads(int key, std::uint64_t seed, std::size_t offset, std::size_t size) {
    Blob out(size);
    if (!reader().begin()) return false;
    if (is_expected_) reader().expect(key, offset, size);
    if (!reader().read(key, offset, out)) return false;
    const Blob whole = blob_of(seed, blob_bytes_);
    const auto begin = whole.begin() + static_cast<std::ptrdiff_t>(offset);
    const bool is_right = std::equal(out.begin(), out.end(), begin);
    reader().report(key, is_right);
    return is_right;
  }
  int count_right(int rows) {
    int right = 0;
    for (int key = 0; key < rows; ++key)
      right += reads(key, static_cast<std::uint64_t>(key), 0, blob_bytes_) ? 1 : 0;
    return right;
  }

  test::ScratchFolder scratch_;
  std::string path_;
  Database db_;
  std::size_t blob_bytes_ = 0;
  bool is_expected_ = false;  // reads announce themselves
  std::unique_ptr<DirectReader> reader_;
};

TEST_F(DirectRead, EveryPartInEveryLayout) {
  for (const char* pragmas : {"PRAGMA page_size=512", "PRAGMA page_size=4096",
                              "PRAGMA page_size=65536", "PRAGMA auto_vacuum=FULL"}) {
    for (const std::size_t bytes : {40, 600, 4061, 4062, 4656, 20'000}) {
      SCOPED_TRACE(std::string(pragmas) + ", " + std::to_string(bytes));
      make(pragmas, bytes, 60);
      test::Random random(bytes);
      for (int i = 0; i < 300; ++i) {
        const int key = static_cast<int>(random.below(60));
        const std::size_t offset = random.below(bytes);
        const std::size_t size = 1 + random.below(bytes - offset);
        ASSERT_TRUE(reads(key, static_cast<std::uint64_t>(key), offset, size))
            << key << " " << offset << " " << size;
      }
      EXPECT_EQ(reader().right_count(), 300U);
      reader_.reset();
      db_.close();
      std::filesystem::remove(path_);
    }
  }
}

TEST_F(DirectRead, ReservedBytesOfAPage) {
  make("PRAGMA page_size=1024", 3000, 1);
  int reserved = 32;
  ASSERT_EQ(sqlite3_file_control(db_.handle(), "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved),
            SQLITE_OK);
  ASSERT_EQ(db_.exec("VACUUM"), SQLITE_OK);
  for (int key = 1; key < 20; ++key)
    ASSERT_EQ(put(key, static_cast<std::uint64_t>(key)), SQLITE_OK);
  EXPECT_EQ(count_right(20), 20);
}

// The file is older than what SQLite shows until a checkpoint; the places of before are wrong after
// VACUUM. Right again once the reader has looked anew.
TEST_F(DirectRead, OldPagesAreNoticedAndForgotten) {
  make("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0", 4656, 40);
  EXPECT_EQ(count_right(40), 0) << "nothing is in the file yet";
  ASSERT_EQ(db_.exec("PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
  for (int i = 0; i < 40'000; ++i) reads(1, 1, 0, 10);  // until it is tried again
  EXPECT_EQ(count_right(40), 40);
  ASSERT_EQ(db_.exec("DELETE FROM other; DELETE FROM t WHERE block < 10; VACUUM;"
                     "PRAGMA wal_checkpoint(TRUNCATE)"),
            SQLITE_OK);
  for (int i = 0; i < 20'000; ++i)
    reads(20 + i % 20, static_cast<std::uint64_t>(20 + i % 20), 0, 9);
  int right = 0;
  for (int key = 10; key < 40; ++key)
    right += reads(key, static_cast<std::uint64_t>(key), 0, blob_bytes_) ? 1 : 0;
  EXPECT_EQ(right, 30);
}

TEST_F(DirectRead, WhatIsNotThere) {
  make("PRAGMA page_size=4096", 4656, 10);
  EXPECT_FALSE(reads(10, 10, 0, 16)) << "no such row";
  Blob out(8);
  EXPECT_FALSE(reader().read(-1, 0, out));
  EXPECT_FALSE(reader().read(std::int64_t{1} << 40, 0, out));
  EXPECT_FALSE(reader().read(1, blob_bytes_ - 7, out)) << "beyond the end";
  DirectReader nowhere(db_.handle(), "nowhere");
  nowhere.set_table("t", blob_bytes_);
  EXPECT_FALSE(nowhere.begin());
  Database memory(":memory:");
  ASSERT_EQ(memory.exec("CREATE TABLE t(block INTEGER PRIMARY KEY, data BLOB);"
                        "INSERT INTO t VALUES(1, zeroblob(4656))"),
            SQLITE_OK);
  DirectReader in_memory(memory.handle(), "main");
  in_memory.set_table("t", blob_bytes_);
  EXPECT_FALSE(in_memory.begin() && in_memory.read(1, 0, out));
}

// With PRAGMA mmap_size the bytes come out of SQLite's mapping; what the reader announces before it
// reads changes nothing but the time.
TEST_F(DirectRead, AnnouncedReadsOfAMappedFile) {
  for (const char* mmap_size : {"0", "65536", "1000000000"}) {
    SCOPED_TRACE(mmap_size);
    make("PRAGMA mmap_size=" + std::string(mmap_size), 4656, 60);
    is_expected_ = true;
    test::Random random(5);
    for (int i = 0; i < 300; ++i) {
      const int key = static_cast<int>(random.below(60));
      const std::size_t offset = random.below(blob_bytes_);
      const std::size_t size = 1 + random.below(blob_bytes_ - offset);
      ASSERT_TRUE(reads(key, static_cast<std::uint64_t>(key), offset, size)) << key;
    }
    EXPECT_EQ(reader().right_count(), 300U);
    if (std::string(mmap_size) != "65536") {
      EXPECT_EQ(reader().is_mapped(), std::string(mmap_size) != "0");
    }
    reader().expect(-1, 0, 8);
    reader().expect(60, 0, 8);
    reader().expect(std::int64_t{1} << 60, 0, 8);
    reader().expect(1, blob_bytes_ - 7, 8);
    EXPECT_TRUE(reads(1, 1, 0, blob_bytes_));
    reader_.reset();
    db_.close();
    std::filesystem::remove(path_);
  }
}

// Rows of another length are somebody else's.
TEST_F(DirectRead, BlobsOfAnotherLength) {
  make("PRAGMA page_size=4096", 4656, 10);
  ASSERT_EQ(db_.exec("UPDATE t SET data = zeroblob(4655) WHERE block = 3"), SQLITE_OK);
  EXPECT_FALSE(reads(3, 3, 0, 16));
  reads(4, 4, 0, 16);  // after a failure the next call is not tried
  EXPECT_TRUE(reads(4, 4, 0, 16));
}

// A number in a page decides over no memory: only keys near one that was asked for are remembered.
TEST_F(DirectRead, AFarKeyInALeafTakesNoMemory) {
  make("PRAGMA page_size=4096", 600, 3);
  ASSERT_EQ(put(60'000'000, 7), SQLITE_OK);
  const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  EXPECT_TRUE(reads(1, 1, 0, 16));
  EXPECT_LT(mallinfo2().uordblks + mallinfo2().hblkhd, before + (std::size_t{16} << 20));
}

// Whatever bytes the pages hold: no crash, no endless way. Under the sanitizers this is the test.
TEST_F(DirectRead, DamagedPages) {
  make("PRAGMA page_size=512", 1500, 200);
  db_.close();
  std::ifstream file(path_, std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  test::Random random(7);
  int wrong = 0;
  for (int round = 0; round < 200; ++round) {
    std::string bad = good;
    for (int i = 0; i < 200; ++i) {
      // Not page 1: SQLite itself would not open the file.
      bad[512 + random.below(bad.size() - 512)] = static_cast<char>(random.next());
    }
    std::ofstream(path_, std::ios::binary) << bad;
    db_ = Database(path_);
    reader_.reset();
    for (int key = 0; key < 200; key += 7)
      wrong += reads(key, static_cast<std::uint64_t>(key), 0, blob_bytes_) ? 0 : 1;
    db_.close();
  }
  EXPECT_GT(wrong, 1000);
}

}  // namespace
}  // namespace nearlite::sqlite
