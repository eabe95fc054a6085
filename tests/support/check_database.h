// A whole database: what is in it, as one comparable text, and whether its indexes are sound.
//
// For harnesses that run any SQL and ask afterwards whether the database stands at a state it has
// been in: nothing about the tables need be told, names and columns are read from the schema.
// Soundness is judged by the oracle (oracle.h), as in check_index.
#pragma once

#include <string>

#include "support/database.h"

namespace nearlite::test {

/// Every table of every attached database with its number of rows and a hash of its content, as
/// SQL returns it (shadow tables left out), one a line; settings of indexes too. "fault: …" when
/// something cannot be read.
std::string content_of(Database& database);

/// Of a content_of() text, the lines about one attached database.
std::string part_of(const std::string& content, const std::string& schema);

struct SoundOptions {
  std::size_t query_count = 2;  ///< per vector column
  double recall_min = 0.9;      ///< of approximate answers, averaged over the queries of a column
  bool integrity_check = true;  ///< SQLite's own
  bool self_check = true;       ///< nearlite_check
};

/// Empty if PRAGMA integrity_check, nearlite_check and searches (exact and approximate, against
/// brute force) find nothing wrong with any table, else what is.
std::string find_unsound(Database& database, const SoundOptions& options = {});

/// Inserts a row into every hnsw table and deletes it again: empty if that works.
std::string try_next_write(Database& database);

}  // namespace nearlite::test
