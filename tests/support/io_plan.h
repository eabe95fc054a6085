// What shall go wrong with the calls a database makes of its files, and what they were.
//
// Two seams feed one plan: the shim VFS (fault_vfs.h), through which SQLite reaches the database,
// its journal and its WAL, and the system calls of the side file (side_file_seam.cc, for
// executables that are linked with NEARLITE_SIDE_FILE_SEAM).
//
// Threads: one, the test's. Off, unless armed or recording.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace nearlite::test {

enum class IoKind : std::uint8_t {
  kOpen,
  kRead,
  kWrite,
  kTruncate,
  kSync,
  kSize,
  kLock,
  kShmMap,
  kShmLock,
  kDelete,
  kAccess,
  kRename,
};
inline constexpr std::size_t kIoKindCount = 12;
const char* name_of(IoKind kind);

/// One call that changed a file, for tests that cut the power.
struct IoEvent {
  enum class Kind : std::uint8_t {
    kCreate,
    kWrite,
    kTruncate,
    kSync,
    kDelete,
    kRename,
    kSyncFolder
  };
  Kind kind = Kind::kWrite;
  std::string path{};
  std::string to{};                ///< of a rename
  std::uint64_t offset = 0;        ///< of a write; the new size of a truncate
  std::vector<std::byte> bytes{};  ///< of a write
  bool folder_synced = false;      ///< a delete that also synced the folder
};

class IoPlan {
 public:
  /// The plan of this process.
  static IoPlan& get();

  /// Nothing fails and nothing is recorded; counters are zero.
  void reset();

  /// From now on the n-th call (from 0) fails, and all after it if `persistent`.
  void fail_at(std::uint64_t n, bool persistent);
  /// Only calls of these kinds count and fail; all, unless told.
  void only(std::span<const IoKind> kinds);
  /// Only calls that are `kind` fail, with the code SQLITE_FULL: see fails().
  void limit_bytes(std::uint64_t bytes);
  void count_only();
  void disarm() { mode_ = Mode::kOff; }
  [[nodiscard]] bool is_armed() const { return mode_ != Mode::kOff; }

  /// Calls counted, and how many of them failed, since the last fail_at(), limit_bytes() or
  /// count_only().
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  /// How much longer files have become, since the same moment.
  [[nodiscard]] std::uint64_t grown_bytes() const { return grown_; }
  [[nodiscard]] std::uint64_t calls_of(IoKind kind) const {
    return by_kind_[static_cast<std::size_t>(kind)];
  }

  /// To be asked by a seam at each call; true: let it fail.
  bool fails(IoKind kind);
  /// Bytes that a file may grow by now, of the `wanted`; counts them.
  std::uint64_t grow(std::uint64_t wanted);
  void give_back(std::uint64_t bytes);

  void record(bool on) { recording_ = on; }
  [[nodiscard]] bool is_recording() const { return recording_; }
  void add(IoEvent event) {
    if (recording_) events_.push_back(std::move(event));
  }
  [[nodiscard]] const std::vector<IoEvent>& events() const { return events_; }
  void clear_events() { events_.clear(); }

 private:
  enum class Mode : std::uint8_t { kOff, kCount, kOnce, kPersistent, kQuota };
  Mode mode_ = Mode::kOff;
  std::array<bool, kIoKindCount> counted_ = all_kinds();
  std::array<std::uint64_t, kIoKindCount> by_kind_{};
  std::uint64_t at_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t grown_ = 0;
  std::uint64_t quota_ = 0;
  bool recording_ = false;
  std::vector<IoEvent> events_;

  static constexpr std::array<bool, kIoKindCount> all_kinds() {
    std::array<bool, kIoKindCount> all{};
    for (bool& one : all) one = true;
    return all;
  }
  void start(Mode mode);
};

}  // namespace nearlite::test
