// Bytes read past SQLite equal those read through it, wherever SQLite put them; and when the file
// is old, moved, damaged or not there, the reader says so or lets the caller see it.
#include "sqlite/direct_read.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "support/database.h"
#include "support/memory_files.h"
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
      reader_->set_mapped_max(mapped_max_);
    }
    return *reader_;
  }
  /// Reads a part; true when it is that of blob_of(seed).
  bool reads(int key, std::uint64_t seed, std::size_t offset, std::size_t size) {
    Blob out(size);
    if (!reader().begin()) return false;
    if (is_expected_) reader().expect(key, offset, size);
    const std::span<const std::byte> bytes = reader().read(key, offset, out);
    if (bytes.empty()) return false;
    const Blob whole = blob_of(seed, blob_bytes_);
    const auto begin = whole.begin() + static_cast<std::ptrdiff_t>(offset);
    const bool is_right = bytes.size() == size && std::equal(bytes.begin(), bytes.end(), begin);
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
  std::uint64_t mapped_max_ = UINT64_MAX;
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
  EXPECT_TRUE(reader().read(-1, 0, out).empty());
  EXPECT_TRUE(reader().read(std::int64_t{1} << 40, 0, out).empty());
  EXPECT_TRUE(reader().read(1, blob_bytes_ - 7, out).empty()) << "beyond the end";
  DirectReader nowhere(db_.handle(), "nowhere");
  nowhere.set_table("t", blob_bytes_);
  EXPECT_FALSE(nowhere.begin());
  Database memory(":memory:");
  ASSERT_EQ(memory.exec("CREATE TABLE t(block INTEGER PRIMARY KEY, data BLOB);"
                        "INSERT INTO t VALUES(1, zeroblob(4656))"),
            SQLITE_OK);
  DirectReader in_memory(memory.handle(), "main");
  in_memory.set_table("t", blob_bytes_);
  EXPECT_FALSE(in_memory.begin() && !in_memory.read(1, 0, out).empty());
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
    for (const std::int64_t key : {std::int64_t{-1}, std::int64_t{60}, std::int64_t{1} << 60}) {
      reader().prepare(key, 0);
      reader().prepare(0, std::uint64_t{1} << 60);
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

// Without SQLite's mapping, announced reads are copied out of one of ours, once some have
// succeeded.
class DirectReadCopied : public DirectRead {
 protected:
  void SetUp() override {
    if (!test::has_memory_files()) GTEST_SKIP() << "files in memory are forbidden here";
  }
  static constexpr int kRows = 200;
  /// A reader that maps the file.
  void start(const std::string& pragmas = "PRAGMA page_size=4096", std::size_t blob_bytes = 4656) {
    make(pragmas, blob_bytes, kRows);
    ASSERT_EQ(db_.exec("PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
    is_expected_ = true;
    ASSERT_EQ(count_right(kRows), kRows);
  }
  /// Announces all, then reads those that `reads_it` wants; how many were right.
  template <class Wanted>
  int read_together(const std::vector<int>& keys, Wanted&& reads_it) {
    if (!reader().begin()) return 0;
    for (const int key : keys) reader().expect(key, 100, kSize);
    int right = 0;
    for (const int key : keys) {
      if (!reads_it(key)) continue;
      Blob buffer(kSize);
      const std::span<const std::byte> bytes = reader().read(key, 100, buffer);
      if (bytes.empty()) continue;
      const Blob whole = blob_of(static_cast<std::uint64_t>(key), blob_bytes_);
      const bool is_right = std::equal(bytes.begin(), bytes.end(), whole.begin() + 100);
      reader().report(key, is_right);
      right += is_right ? 1 : 0;
      wrong_ += is_right ? 0 : 1;
    }
    return right;
  }
  int read_together(const std::vector<int>& keys) {
    return read_together(keys, [](int) { return true; });
  }
  std::uint64_t copied() { return reader().copied_count(); }

  static constexpr std::size_t kSize = 1'500;
  int wrong_ = 0;  // bytes of read_together() that were others
};

TEST_F(DirectReadCopied, EveryPartInEveryLayout) {
  for (const char* pragmas : {"PRAGMA page_size=512", "PRAGMA page_size=4096",
                              "PRAGMA page_size=65536", "PRAGMA journal_mode=WAL"}) {
    for (const std::size_t bytes : {600, 4061, 4062, 4656, 20'000}) {
      SCOPED_TRACE(std::string(pragmas) + ", " + std::to_string(bytes));
      start(pragmas, bytes);
      const std::uint64_t before = copied();
      test::Random random(bytes);
      int right = 0;
      for (int i = 0; i < 300; ++i) {
        const int key = static_cast<int>(random.below(kRows));
        const std::size_t offset = random.below(bytes);
        const std::size_t size = 1 + random.below(bytes - offset);
        right += reads(key, static_cast<std::uint64_t>(key), offset, size) ? 1 : 0;
      }
      EXPECT_EQ(right, 300);
      // Not the rows at the very end of the file.
      EXPECT_GE(copied() - before, bytes > 1'000 ? 250U : 150U);
      reader_.reset();
      db_.close();
      std::filesystem::remove(path_);
    }
  }
}

TEST_F(DirectReadCopied, ManyAtOnceAndOnlySomeOfThem) {
  start();
  const std::uint64_t before = copied();
  const std::vector<int> keys = {7, 3, 120, 3, 55, 56, 57, 0, 99};
  EXPECT_EQ(read_together(keys), 9);
  EXPECT_EQ(copied() - before, 9U);
  // What is passed over leaves those behind it to the usual way; nothing comes in another's place.
  EXPECT_EQ(read_together(keys, [](int key) { return key > 50; }), 5);
  EXPECT_EQ(read_together({5, 500, 6, -1, 8}), 2) << "after a failure the next one is not tried";
  // The next announcement begins another series.
  const std::uint64_t before_series = copied();
  ASSERT_TRUE(reader().begin());
  for (const int key : {1, 2, 3}) {
    Blob buffer(kSize);
    reader().expect(key, 0, kSize);
    const std::span<const std::byte> bytes = reader().read(key, 0, buffer);
    const Blob whole = blob_of(static_cast<std::uint64_t>(key), blob_bytes_);
    ASSERT_EQ(bytes.size(), kSize);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), whole.begin())) << key;
    reader().report(key, true);
  }
  EXPECT_EQ(copied() - before_series, 3U);
  // One that was given up is in nobody's way.
  ASSERT_TRUE(reader().begin());
  reader().expect(9, 100, kSize);
  EXPECT_EQ(read_together({4, 5}), 2);
  EXPECT_EQ(copied() - before_series, 5U);
  EXPECT_EQ(wrong_, 0);
}

// What does not fit in one call is read in the usual way: too many bytes, or too many pieces.
TEST_F(DirectReadCopied, TooManyAtOnce) {
  for (const char* pragmas : {"PRAGMA page_size=65536", "PRAGMA page_size=512"}) {
    SCOPED_TRACE(pragmas);
    start(pragmas);
    std::vector<int> many;
    for (int i = 0; i < 1'000; ++i) many.push_back(i % 150);
    const std::uint64_t before = copied();
    EXPECT_EQ(read_together(many), 1'000);
    EXPECT_GE(copied() - before, 50U);
    EXPECT_LT(copied() - before, 200U);
    reader_.reset();
    db_.close();
    std::filesystem::remove(path_);
  }
}

// A mapping of the file that was there before is of no use for the next one.
TEST_F(DirectReadCopied, AnotherFileUnderTheSameName) {
  blob_bytes_ = 4'656;
  is_expected_ = true;
  db_ = Database(scratch_.file("main"));
  reader_ = std::make_unique<DirectReader>(db_.handle(), "aux");
  reader_->set_table("t", blob_bytes_);
  reader_->set_mapped_max(mapped_max_);
  for (const int seed : {0, 1'000}) {
    const std::string path = scratch_.file("other" + std::to_string(seed));
    Database other(path);
    other.must("CREATE TABLE t(block INTEGER PRIMARY KEY, data BLOB); BEGIN");
    for (int key = 0; key < kRows; ++key) {
      const auto blob = static_cast<std::uint64_t>(seed + key);
      ASSERT_EQ(other.run("INSERT INTO t VALUES(?1, ?2)",
                          {std::int64_t{key}, blob_of(blob, blob_bytes_)}),
                SQLITE_OK);
    }
    other.must("COMMIT");
    ASSERT_EQ(db_.exec("ATTACH '" + path + "' AS aux"), SQLITE_OK);
    const auto reads_all = [&] {
      int right = 0;
      for (int key = 0; key < kRows; ++key)
        right += reads(key, static_cast<std::uint64_t>(seed + key), 0, blob_bytes_) ? 1 : 0;
      return right;
    };
    for (int i = 0; i < 50; ++i) reads_all();
    const std::uint64_t before = copied();
    EXPECT_EQ(reads_all(), kRows);
    EXPECT_GT(copied() - before, kRows / 2U);
    ASSERT_EQ(db_.exec("DETACH aux"), SQLITE_OK);
  }
}

TEST_F(DirectReadCopied, NotAtOnceAndNotWhereItIsForbidden) {
  make("PRAGMA page_size=4096", 4656, kRows);
  is_expected_ = true;
  EXPECT_TRUE(reads(1, 1, 0, 10) && reads(1, 1, 0, 10));
  EXPECT_EQ(copied(), 0U) << "a process that asks twice maps nothing";
  reader_.reset();
  mapped_max_ = 0;
  EXPECT_EQ(count_right(kRows), kRows);
  EXPECT_EQ(count_right(kRows), kRows);
  EXPECT_EQ(copied(), 0U);
  // A part of the file.
  reader_.reset();
  mapped_max_ = std::filesystem::file_size(path_) / 2;
  EXPECT_EQ(count_right(kRows), kRows);
  const std::uint64_t before = copied();
  EXPECT_EQ(count_right(kRows), kRows);
  EXPECT_GT(copied() - before, kRows / 5U);
  EXPECT_LT(copied() - before, kRows * 4U / 5);
}

TEST_F(DirectReadCopied, HandlesThatAreNotAllowedToMap) {
  start();
  MappedCopy copy;
  EXPECT_TRUE(copy.open(db_.handle(), "main", UINT64_MAX));
  EXPECT_GT(copy.bytes(), 4656U * kRows);
  EXPECT_FALSE(copy.open(db_.handle(), "main", 4'096)) << "nothing to speak of";
  EXPECT_FALSE(copy.open(db_.handle(), "nowhere", UINT64_MAX));
  EXPECT_FALSE(copy.open(db_.handle(), "temp", UINT64_MAX));
  EXPECT_FALSE(copy.is_open());
  Database memory(":memory:");
  EXPECT_FALSE(copy.open(memory.handle(), "main", UINT64_MAX));
  for (const char* query : {"?immutable=1", "?nolock=1", "?vfs=unix-none", "?vfs=unix-dotfile"}) {
    sqlite3* other = nullptr;
    const std::string uri = "file:" + path_ + query;
    ASSERT_EQ(
        sqlite3_open_v2(uri.c_str(), &other, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, nullptr),
        SQLITE_OK);
    EXPECT_FALSE(copy.open(other, "main", UINT64_MAX)) << query;
    sqlite3_close(other);
  }
}

// INVARIANT D7. Where a page of a mapping is cut off, a load from it ends the process: nobody does.
TEST_F(DirectReadCopied, TheFileIsCutOff) {
  start();
  const auto size = std::filesystem::file_size(path_);
  const std::uint64_t before = copied();
  EXPECT_EQ(read_together({190, 10, 20}), 3);
  EXPECT_EQ(copied() - before, 3U);
  std::filesystem::resize_file(path_, size / 2);
  EXPECT_EQ(read_together({20, 190, 10}), 1);
  EXPECT_EQ(wrong_, 0);
  std::filesystem::resize_file(path_, 0);
  EXPECT_EQ(read_together({10, 11, 12}), 0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(read_together({i}), 0);
}

// A mapping that failed is made again, but not soon.
TEST_F(DirectReadCopied, TheFileIsCutOffAndBack) {
  start();
  const std::string kept = scratch_.file("kept");
  std::filesystem::copy_file(path_, kept);
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);
  EXPECT_EQ(read_together({20, 190, 10}), 1);
  std::filesystem::copy_file(kept, path_, std::filesystem::copy_options::overwrite_existing);
  std::uint64_t before = copied();
  for (int i = 0; i < 1'000; ++i) read_together({20 + i % 100});
  EXPECT_EQ(copied(), before);
  for (int i = 0; i < 10'000; ++i) read_together({20 + i % 100});
  before = copied();
  EXPECT_EQ(read_together({20, 30, 40}), 3);
  EXPECT_EQ(copied() - before, 3U);
}

TEST_F(DirectReadCopied, TheFileGrows) {
  start();
  for (int key = kRows; key < 3 * kRows; ++key)
    ASSERT_EQ(put(key, static_cast<std::uint64_t>(key)), SQLITE_OK);
  EXPECT_EQ(count_right(3 * kRows), 3 * kRows);
  const std::uint64_t before = copied();
  EXPECT_EQ(count_right(3 * kRows), 3 * kRows);
  EXPECT_GT(copied() - before, 3 * kRows - 50U) << "mapped anew";
}

TEST_F(DirectReadCopied, TheTableMoves) {
  start();
  ASSERT_EQ(db_.exec("DELETE FROM other; DELETE FROM t WHERE block < 50; VACUUM"), SQLITE_OK);
  for (int i = 0; i < 40'000; ++i) read_together({100 + i % 100, 199, 50});
  EXPECT_EQ(read_together({60, 70, 80, 199}), 4);
  const std::uint64_t before = copied();
  EXPECT_EQ(read_together({60, 70, 80, 199}), 4);
  EXPECT_GE(copied() - before, 3U) << "mapped again";
}

// A descriptor of one's own would, when closed, release what SQLite has locked.
TEST_F(DirectReadCopied, LocksOutliveTheMapping) {
  start();
  ASSERT_EQ(db_.exec("BEGIN IMMEDIATE"), SQLITE_OK);
  EXPECT_EQ(read_together({1, 2, 3}), 3);
  // As another process sees it, without what SQLite remembers of this one.
  const auto can_lock = [&] {
    const pid_t child = fork();
    if (child == 0) {
      constexpr off_t kReservedByte = 0x40000001;
      struct flock lock {};
      lock.l_type = F_WRLCK;
      lock.l_start = kReservedByte;
      lock.l_len = 1;
      const int descriptor = open(path_.c_str(), O_RDWR | O_CLOEXEC);
      _exit(fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status) == 1;
  };
  EXPECT_FALSE(can_lock());
  for (int i = 0; i < 3; ++i) {
    reader().forget();  // closes the mapping
    EXPECT_EQ(count_right(kRows), kRows);
    EXPECT_FALSE(can_lock());
  }
  reader_.reset();
  EXPECT_FALSE(can_lock());
  ASSERT_EQ(db_.exec("COMMIT"), SQLITE_OK);
  EXPECT_TRUE(can_lock());
}

// A file in memory counts as a file: writing beyond the limit would end the process, too.
TEST_F(DirectReadCopied, LimitOfFileSizes) {
  start();
  rlimit usual{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &usual), 0);
  rlimit small = usual;
  small.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::uint64_t before = copied();
  EXPECT_EQ(read_together({5, 6, 7, 8, 9, 10}), 6);
  EXPECT_EQ(count_right(kRows), kRows);
  EXPECT_EQ(copied(), before);
  MappedCopy copy;
  EXPECT_FALSE(copy.open(db_.handle(), "main", UINT64_MAX));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &usual), 0);
  EXPECT_TRUE(copy.open(db_.handle(), "main", UINT64_MAX));
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
