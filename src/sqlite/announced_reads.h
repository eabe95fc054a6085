// Reads of a database file that are announced together and then copied together out of a mapping
// (mapped_copy.h): which, from where on, and when a mapping pays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/lines_ahead.h"
#include "sqlite/api.h"
#include "sqlite/mapped_copy.h"

namespace nearlite::sqlite {

/// Of blobs known by a key. `right_count` says how many reads were right so far: a process that
/// asks a few times only shall not map anything. Threads: one at a time.
class AnnouncedReads {
 public:
  using Piece = MappedCopy::Piece;

  /// How much of the file may be mapped; 0: none.
  void set_mapped_max(std::uint64_t bytes) noexcept { mapped_max_ = bytes; }
  /// Whether reads can be announced. Maps the file when it is time to, and anew when it has grown.
  bool is_ready(sqlite3* db, const std::string& schema, sqlite3_file* file,
                std::uint64_t right_count);
  /// These pieces are the bytes of a read that will come, after those announced before. What does
  /// not fit in is left out. REQUIRES: is_ready().
  void add(std::int64_t key, std::uint64_t offset, std::span<const Piece> pieces);
  /// The bytes of a read, valid until the next add() or drop(); nothing if it was not announced
  /// next. The first one copies those of all.
  [[nodiscard]] std::span<const std::byte> take(std::int64_t key, std::uint64_t offset,
                                                std::size_t size, std::uint64_t right_count);
  /// Forgets the announcements; close() the mapping, too.
  void drop() noexcept;
  void close() noexcept;
  /// How many reads were taken.
  [[nodiscard]] std::uint64_t taken_count() const noexcept { return taken_count_; }

 private:
  // Right reads after which a mapping is made, and after which it is tried again when it failed.
  static constexpr std::uint64_t kRightMin = 64;
  static constexpr std::uint64_t kPause = 4'096;
  // One that has become too short is made anew after so many reads behind its end, if the file has
  // grown by an eighth.
  static constexpr std::uint64_t kBeyondMax = 64;

  /// Its bytes are those from `begin` on of what is copied.
  struct Read {
    std::int64_t key;
    std::uint64_t offset;
    std::size_t begin;
    std::size_t size;
  };

  MappedCopy copy_;
  std::uint64_t mapped_max_ = 0;
  std::uint64_t right_min_ = kRightMin;
  std::uint64_t beyond_count_ = 0;

  std::vector<Read> reads_;
  std::vector<Piece> pieces_;  // of all
  LinesAhead lines_;           // of all
  std::size_t bytes_ = 0;
  bool is_copied_ = false;  // it was tried
  std::span<const std::byte> copied_;
  std::size_t next_ = 0;  // of reads_: those before it were taken
  std::uint64_t taken_count_ = 0;
};

}  // namespace nearlite::sqlite
