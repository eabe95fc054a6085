// The index that a function's argument names.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "nearlite/status.h"
#include "sqlite/connection.h"
#include "sqlite/read_scope.h"

namespace nearlite::sqlite {

struct FoundIndex {
  std::shared_ptr<Table> table;
  std::size_t vector_index = 0;
  /// Holds what is attached as it is while the statement runs; empty for tables of main, which the
  /// statement itself holds.
  ReadScope scope;
};

/// "docs", "docs.embedding", with a schema "main.docs", "main.docs.embedding"; empty: as
/// Connection::resolve().
Result<FoundIndex> find_index(Connection& connection, const std::string& name);

}  // namespace nearlite::sqlite
