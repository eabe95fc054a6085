#include "sqlite/read_scope.h"

#include <utility>

#include "base/try.h"
#include "sqlite/boundary.h"

namespace nearlite::sqlite {

Result<std::vector<std::string>> list_schemas(sqlite3* db) {
  NEARLITE_ASSIGN(Statement list,
                  Statement::prepare(db, "PRAGMA database_list", "database list", 0));
  StatementUse use = list.use();
  std::vector<std::string> schemas;
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) return schemas;
    schemas.emplace_back(use.column_text(1));
  }
}

Result<ReadScope> ReadScope::open(sqlite3* db) {
  NEARLITE_ASSIGN(const std::vector<std::string> schemas, list_schemas(db));
  ReadScope scope;
  for (const std::string& schema : schemas) {
    NEARLITE_ASSIGN(
        Statement statement,
        Statement::prepare(db,
                           "SELECT 1 FROM " + quote_identifier(schema) +
                               (schema == "temp" ? ".sqlite_temp_schema" : ".sqlite_schema"),
                           schema, 0));
    const int rc = sqlite3_step(statement.handle());
    if (rc == SQLITE_ROW) {
      scope.statements_.push_back(std::move(statement));
    } else if (rc != SQLITE_DONE) {
      return from_sqlite(db, rc, schema);
    }
  }
  return scope;
}

}  // namespace nearlite::sqlite
