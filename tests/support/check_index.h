// Index == table: the one check that every harness ends with.
//
// The engine's own account (nearlite_check), the rows and vectors as SQL returns them against an
// expected map, exact answers against brute force, approximate answers against the exact ones, and
// distances against the scalar functions.
#pragma once

#include <string>
#include <vector>

#include "support/oracle.h"

namespace nearlite::test {

struct CheckOptions {
  Database::Engine engine = Database::Engine::kNearlite;
  std::size_t query_count = 3;
  std::uint64_t seed = 1;   ///< which rows' vectors become queries
  double recall_min = 0.9;  ///< of approximate answers, averaged over the queries of this call
  bool self_check = true;   ///< also runs nearlite_check
};

/// Empty if `table` holds exactly `expected` and answers rightly, else what is wrong. Runs in the
/// caller's transaction if there is one, otherwise in a read transaction of its own.
std::string check_index(Database& database, const std::string& table, const TableShape& shape,
                        const Records& expected, const CheckOptions& options = {});

/// The rows of `table` as SQL returns them, or a fault text.
std::string read_records(Database& database, const std::string& table, const TableShape& shape,
                         Records& records);

/// Registers distance functions and a nearlite_check on a connection without the engine
/// (Database::Engine::kPlain), so that a harness can be tried on ordinary tables: what it says
/// there must be "no fault".
void register_stand_in(Database& database);

}  // namespace nearlite::test
