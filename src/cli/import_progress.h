// How far an import has come, kept in the database it imports into and committed together with the
// rows: after a crash both are there or neither is.
//
// The table `nearlite_progress` exists only while an import is unfinished.
#pragma once

#include <cstdint>
#include <string>

#include "nearlite/nearlite.h"

namespace nearlite::cli {

struct Progress {
  std::uint64_t rows = 0;    ///< rows of the file that are dealt with
  std::uint64_t bad = 0;     ///< of which so many could not be used
  std::uint64_t offset = 0;  ///< bytes of the file up to there
  std::string digest;        ///< their hash
};

/// What `task` had reached; all zero when it is not there.
Result<Progress> read_progress(Database& database, const std::string& task);

/// Inside a transaction: notes it. Inside another: forgets it, and the table with the last one.
Status write_progress(Database& database, const std::string& task, const Progress& progress);
Status forget_progress(Database& database, const std::string& task);

}  // namespace nearlite::cli
