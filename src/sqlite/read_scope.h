// One state for a SQL function that reads in several statements.
//
// `SELECT nearlite_check('t')` touches no table itself, so SQLite holds no lock for it, and has not
// looked whether the schema it remembers is still that of the file. A ReadScope does both.
#pragma once

#include <string>
#include <vector>

#include "sqlite/handles.h"

namespace nearlite::sqlite {

/// The names of all databases of a connection: main, temp if it is used, those attached.
Result<std::vector<std::string>> list_schemas(sqlite3* db);

/// Holds a read transaction on every database of the connection until it goes out of scope.
class ReadScope {
 public:
  /// Errors: those of reading the schema (BUSY, CORRUPT, …).
  static Result<ReadScope> open(sqlite3* db);

 private:
  std::vector<Statement> statements_;  // each stopped at a row of the schema, or at its end
};

}  // namespace nearlite::sqlite
