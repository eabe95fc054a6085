// Copies pieces of a database file that lie far apart with one call of the system.
//
// Ten vectors read by ten calls take half as long as a walk through 100,000 rows: each call looks
// its page up, and then waits for memory alone. Through a mapping the processor fetches all of them
// at once; but a load from a mapped page that another process has cut off ends the process
// (SIGBUS), which is why SQLite maps nothing unless it is told to. INVARIANT D7. No instruction of
// ours loads from the mapping: the kernel copies the bytes to memory of ours (pwritev() to a
// memfd), and what is not there any more is an error code. What is fetched ahead is fetched by
// instructions that cannot fail.
//
// The mapping belongs to a second handle of SQLite's VFS, which keeps count of handles: a
// descriptor of our own would, when closed, take away all locks that the process has on the file
// (SQLite, "How To Corrupt An SQLite Database File", section 2.2).
//
// Linux, VFS "unix", files that others may change (neither immutable nor without locks), and as
// much of the file as SQLite would map (SQLITE_MAX_MMAP_SIZE, usually 2 GiB). Elsewhere open() says
// no.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "sqlite/api.h"

namespace nearlite::sqlite {

/// Threads: one at a time.
class MappedCopy {
 public:
  /// What lies in one piece in the file.
  struct Piece {
    std::uint64_t at;
    std::uint64_t size;
  };
  /// The most that copy() takes in one call.
  static constexpr std::size_t kBytesMax = std::size_t{256} << 10;
  static constexpr std::size_t kPiecesMax = 256;

  MappedCopy() = default;
  ~MappedCopy() { close(); }
  MappedCopy(const MappedCopy&) = delete;
  MappedCopy& operator=(const MappedCopy&) = delete;

  /// Maps the file of an attached database, at most `bytes_max` of it. False: not here.
  bool open(sqlite3* db, const char* schema, std::uint64_t bytes_max);
  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return mapping_ != nullptr; }
  /// How much of the file is mapped, from its beginning on.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool has(const Piece& piece) const noexcept {
    return piece.at <= bytes_ && piece.size <= bytes_ - piece.at;
  }

  /// Where the piece is mapped: for instructions that cannot fail, never for a load. REQUIRES:
  /// has(piece).
  [[nodiscard]] const std::byte* address_of(const Piece& piece) const noexcept {
    return mapping_ + piece.at;
  }
  /// The pieces one after the other, valid until the next call; nothing if any of them cannot be
  /// had. REQUIRES: has() each; not more than the limits above.
  [[nodiscard]] std::span<const std::byte> copy(std::span<const Piece> pieces) noexcept;

 private:
  bool open_file(sqlite3* db, const char* schema);
  bool map(std::uint64_t bytes_max) noexcept;
  bool open_target() noexcept;

  std::unique_ptr<std::byte[]> file_memory_;
  sqlite3_file* file_ = nullptr;  // in file_memory_
  const std::byte* mapping_ = nullptr;
  std::uint64_t bytes_ = 0;
  int target_descriptor_ = -1;  // a file in memory, kBytesMax long
  std::byte* target_ = nullptr;
};

}  // namespace nearlite::sqlite
