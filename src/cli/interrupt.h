// Ctrl-C (and SIGTERM): the first asks for an orderly end, the second ends the process.
//
// While a statement runs, it fails with kInterrupted; between statements the flag is asked. What
// was committed stays, and the next run goes on from there.
#pragma once

#include "nearlite/database.h"
#include "nearlite/status.h"

namespace nearlite::cli {

/// Catches the signals from now on. Threads: main, at the beginning.
void catch_interrupts();

/// Whether a signal came since the last clear_interrupt().
[[nodiscard]] bool is_interrupted() noexcept;
void clear_interrupt() noexcept;

/// The failure to return once is_interrupted().
[[nodiscard]] Status interrupted();

/// While it lives, a signal interrupts the statements of `database`, which must not move.
class InterruptScope {
 public:
  explicit InterruptScope(const Database& database) noexcept;
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  const Database* before_;
};

}  // namespace nearlite::cli
