// Watch at work: one object for the loops that take rows in and for SQLite's progress handler.
#pragma once

#include <chrono>
#include <cstdint>

#include "nearlite/options.h"
#include "sqlite/open.h"

namespace nearlite::api {

/// While it lives, the connection's statements are interrupted when the Watch says so. Threads:
/// that of the connection.
class Watching {
 public:
  Watching(const sqlite::OwnedConnection& connection, const Watch& watch, Progress::Phase phase,
           std::uint64_t total)
      : watch_(watch), progress_{phase, 0, total}, scope_(connection, [this] {
          return should_stop();
        }) {}

  void expect(std::uint64_t total) noexcept { progress_.total = total; }
  void advance(std::uint64_t count = 1) noexcept {
    progress_.done += count;
    if (progress_.total != 0 && progress_.done > progress_.total) progress_.done = progress_.total;
  }
  void enter(Progress::Phase phase) noexcept { progress_.phase = phase; }
  /// Tells the state at once, whenever the last time was.
  void tell();
  /// kInterrupted once the Watch has asked for the end.
  Status check();

 private:
  using Clock = std::chrono::steady_clock;
  bool should_stop();

  const Watch& watch_;
  Progress progress_;
  Clock::time_point told_at_{};
  bool is_stopped_ = false;
  sqlite::InterruptScope scope_;
};

}  // namespace nearlite::api
