// Reads parts of blobs straight from the database file, past SQLite's page cache.
//
// A search that shows distances reads ten vectors at random places. Through SQLite that is a seek
// in a b-tree and two pages of 4 KiB read and copied for each, as long as the search itself. Where
// the blob of a row lies in the file (SQLite file format, sections 1.5 and 1.6) changes rarely, so
// it is looked up once, and the bytes wanted are read with one call of the VFS. Reads that were
// announced are copied out of a mapping together, where that can be done safely
// (announced_reads.h).
//
// What comes may be old or torn: pages newer than the file are in the WAL or in SQLite's cache, and
// others may write or move pages meanwhile. INVARIANT D6. Nothing read here is used unless the
// caller can tell by its content that it is what it looks for; else it asks SQLite.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/lines_ahead.h"
#include "nearlite/status.h"
#include "sqlite/announced_reads.h"
#include "sqlite/api.h"

namespace nearlite::sqlite {

/// Of one table (key INTEGER PRIMARY KEY, data BLOB) whose blobs are all equally long and whose
/// keys are small. Threads: that of the connection.
class DirectReader {
 public:
  DirectReader(sqlite3* db, std::string schema);
  /// Which table; forgets everything.
  void set_table(std::string table, std::uint64_t blob_bytes);
  void forget() noexcept;
  /// How much of the file may be mapped for announced reads; 0: none.
  void set_mapped_max(std::uint64_t bytes) noexcept { announced_.set_mapped_max(bytes); }

  /// Asks SQLite for the file; before each series of reads, inside a transaction, for it may be
  /// another one than last time (DETACH, ATTACH). False: there is none.
  [[nodiscard]] bool begin();
  /// The most reads that are announced together.
  static constexpr std::size_t kAnnouncedMax = 32;
  /// expect() will come for these bytes: what it must know is fetched into the cache meanwhile.
  void prepare(std::int64_t key, std::uint64_t offset) const noexcept;
  /// These bytes will be read, in the order of the announcements and after the last of them. All
  /// are fetched into the processor's cache meanwhile, through SQLite's mapping of the file where
  /// the host has asked for one (PRAGMA mmap_size), else through ours once reads have succeeded
  /// often.
  void expect(std::int64_t key, std::uint64_t offset, std::size_t size);
  /// The bytes from `offset` on of the blob of row `key`, as many as `buffer` holds: in it, or
  /// elsewhere until the next expect() or begin(). Nothing: not to be had this way, for errors of
  /// the file, too. Else must be followed by report(). REQUIRES: begin() was true.
  [[nodiscard]] std::span<const std::byte> read(std::int64_t key, std::uint64_t offset,
                                                std::span<std::byte> buffer);
  /// Whether the bytes were the right ones. After wrong ones the place is looked up again, and
  /// after several nothing is tried for a while.
  void report(std::int64_t key, bool is_right) noexcept;
  /// Whether the last expect() found its bytes mapped.
  [[nodiscard]] bool is_mapped() const noexcept { return is_mapped_; }
  /// How often the bytes were right.
  [[nodiscard]] std::uint64_t right_count() const noexcept { return right_count_; }
  /// How many reads were copied out of our mapping.
  [[nodiscard]] std::uint64_t copied_count() const noexcept { return announced_.taken_count(); }

 private:
  using Extent = AnnouncedReads::Piece;  // what lies in one piece in the file
  [[nodiscard]] bool is_known(std::int64_t key) const noexcept;
  bool read_header();
  bool find_root();
  bool find(std::int64_t key);
  bool learn_leaf(std::uint32_t page, std::int64_t wanted);
  bool read_file(std::uint64_t at, std::span<std::byte> out);
  bool read_page(std::uint32_t page);
  std::uint32_t overflow_page(std::int64_t key, std::uint64_t index);
  bool locate(std::int64_t key, std::uint64_t from, std::size_t size);
  bool read_extents(std::span<std::byte> out);
  bool prefetch_mapped();
  [[nodiscard]] std::uint64_t start_of(std::uint32_t page) const noexcept {
    return (std::uint64_t{page} - 1) * page_size_;
  }

  sqlite3* db_;
  std::string schema_;
  std::string table_;
  std::uint64_t blob_bytes_ = 0;
  sqlite3_file* file_ = nullptr;  // of the last begin(): the file may be closed since
  bool is_mapped_ = false;        // as far as expect() knows

  std::uint32_t page_size_ = 0;  // 0: the header was not read
  std::uint32_t usable_ = 0;     // of a page, without what extensions reserve
  std::uint32_t root_ = 0;
  std::uint64_t header_bytes_ = 0;    // of a record, before the blob
  std::uint64_t local_bytes_ = 0;     // of a record, in its leaf
  std::uint64_t overflow_count_ = 0;  // pages with the rest

  // By key: where in the file the record begins, 0 if that is not known; and overflow_count_ page
  // numbers a key, those not followed yet 0.
  std::vector<std::uint64_t> places_;
  std::vector<std::uint32_t> overflow_;
  std::vector<std::byte> page_;
  std::vector<std::byte> joined_;
  std::vector<Extent> extents_;

  LinesAhead mapped_lines_;  // in SQLite's mapping
  AnnouncedReads announced_;

  unsigned failures_ = 0;     // one after the other
  std::uint64_t paused_ = 0;  // calls that are not to be tried
  std::uint64_t right_count_ = 0;
};

}  // namespace nearlite::sqlite
