// Runs a script again and again, each time with something going wrong one step later, and asks
// what is left.
//
// A reference run writes down the content after every step. In a run with a failure the first step
// that reports an error ends the script; the database must then stand at the state before or after
// that step (or, if the failure rolled a transaction back, at its beginning), the connection must
// go on working, the index must equal the table and answer rightly, the next write must succeed,
// and a fresh connection must find the same.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "support/database.h"
#include "support/scratch.h"
#include "support/scripts.h"

namespace nearlite::test {

/// What goes wrong: allocations, calls of the file system, …
class Injector {
 public:
  virtual ~Injector() = default;
  /// Prepares for a run in which the n-th point (from 0) goes wrong; nullopt-like UINT64_MAX:
  /// nothing goes wrong, points are counted.
  virtual void start(std::uint64_t n) = 0;
  /// Between these, points are counted. Nothing of the harness's own happens there.
  virtual void resume() = 0;
  virtual void pause() = 0;
  [[nodiscard]] virtual std::uint64_t points() const = 0;  ///< passed since start()
  [[nodiscard]] virtual bool has_fired() const = 0;
  [[nodiscard]] virtual bool is_persistent() const = 0;
};

struct SweepTally {
  std::uint64_t points = 0;  ///< of the reference run
  std::uint64_t tried = 0;   ///< runs with a failure
  std::uint64_t errors = 0;  ///< of these, how many made a step fail
  std::map<int, int> codes;  ///< how often each primary result code came
  std::string fault;         ///< the first, with how to repeat it; empty: none
};

class Sweep {
 public:
  /// REQUIRES: `folder` is empty, and the current folder of the process.
  Sweep(const Script& script, const ScratchFolder& folder);

  /// Goes over all points if there are at most `limit`, else `limit` of them, spread evenly from
  /// an offset the seed chooses.
  SweepTally run(Injector& injector, std::uint64_t limit, std::uint64_t seed);
  /// After each run everything is closed, and `count` (blocks of memory in use, say) must be what
  /// it was.
  void check_memory(std::function<std::int64_t()> count) { count_ = std::move(count); }
  /// One run. Empty if all is well.
  std::string run_point(Injector& injector, std::uint64_t n, SweepTally& tally);

 private:
  struct State {
    std::string content;
    bool in_transaction = false;
    std::size_t committed = 0;  ///< index of the state a rollback leads to
  };
  struct Run;

  void save_files();
  void restore_files() const;
  void run_reference();
  std::string judge_failure(Run& run, std::uint64_t n);
  std::string verify(Run& run, const std::vector<std::string>& allowed);

  Script script_;
  const ScratchFolder& folder_;
  std::map<std::string, std::string> files_;
  std::vector<State> states_;  ///< states_[i]: before step i
  std::function<std::int64_t()> count_;
};

/// One line for the log.
std::string describe(const SweepTally& tally, const Script& script, const char* what);

/// Names the run that is under way, should the process crash.
void announce_point(const std::string& text);

}  // namespace nearlite::test
