// SQL scripts that together touch every way of writing, for harnesses that interrupt them at every
// point: failing calls, full disks, failing allocations, power cuts.
//
// A script prepares a folder (t.db, aux.db, t.idx) by `setup`, and its `steps` are then run one by
// one. Each step is one statement, so that before and after it the database has a definite content.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace nearlite::test {

struct Script {
  std::string name;
  std::string attach;   ///< run by every connection after opening
  std::string pragmas;  ///< and then these
  std::vector<std::string> setup;
  std::vector<std::string> steps;
  bool atomic_per_file = false;  ///< each attached database stands at a state of its own
  bool warm = true;              ///< the index is in memory before the first step
};

/// How GoogleTest shows one.
inline void PrintTo(const Script& script, std::ostream* out) { *out << script.name; }
/// The name as GoogleTest takes it.
std::string test_name(const Script& script);

/// `long_run`: at least 40, else those for every run.
std::vector<Script> all_scripts(bool long_run);

/// NEARLITE_LONG=1: every point of every script.
bool is_long_run();
/// How many points, states or inputs a test tries: the variable's number, or all in a long run, or
/// `usual` (less in a sanitizer's build, which is slow).
std::uint64_t points_of_run(const char* variable, std::uint64_t usual);

}  // namespace nearlite::test
