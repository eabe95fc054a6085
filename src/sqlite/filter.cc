#include "sqlite/filter.h"

#include <algorithm>
#include <memory>

#include "base/try.h"
#include "sqlite/boundary.h"

namespace nearlite::sqlite {

Status Filter::add(const PlanTerm& term, sqlite3_value* value) {
  const std::string column =
      term.column < 0
          ? table_.source_rowid()
          : quote_identifier(table_.options().columns[static_cast<std::size_t>(term.column)].name);
  text_ += " AND " + column;
  if (!term.collation.empty()) text_ += " COLLATE " + quote_identifier(term.collation);
  const char* op = operator_text(term.op);
  if (term.kind == 'r' || term.kind == 'f') {
    text_ += std::string(" ") + op;
    if (term.op == SQLITE_INDEX_CONSTRAINT_ISNULL || term.op == SQLITE_INDEX_CONSTRAINT_ISNOTNULL)
      return {};
    values_.push_back(value);
    text_ += " ?" + std::to_string(values_.size());
    return {};
  }
  text_ += " IN (";
  bool first = true;
  sqlite3_value* item = nullptr;
  int rc = sqlite3_vtab_in_first(value, &item);
  for (; rc == SQLITE_OK && item != nullptr; rc = sqlite3_vtab_in_next(value, &item)) {
    // The list's values live only until the next one is asked for: numbers and short texts are
    // written out.
    std::unique_ptr<char, void (*)(void*)> literal(nullptr, sqlite3_free);
    switch (sqlite3_value_type(item)) {
      case SQLITE_INTEGER: literal.reset(sqlite3_mprintf("%lld", sqlite3_value_int64(item))); break;
      case SQLITE_FLOAT:
        literal.reset(sqlite3_mprintf("%!.17g", sqlite3_value_double(item)));
        break;
      case SQLITE_TEXT: literal.reset(sqlite3_mprintf("%Q", sqlite3_value_text(item))); break;
      case SQLITE_NULL: continue;  // matches nothing
      default: {
        const auto* bytes = static_cast<const unsigned char*>(sqlite3_value_blob(item));
        std::string hex = "x'";
        for (int i = 0; i < sqlite3_value_bytes(item); ++i) {
          constexpr const char* kDigits = "0123456789abcdef";
          hex += {kDigits[bytes[i] >> 4], kDigits[bytes[i] & 15]};
        }
        literal.reset(sqlite3_mprintf("%s'", hex.c_str()));
      }
    }
    if (!literal) return bare_code(SQLITE_NOMEM);
    text_ += (first ? "" : ", ") + std::string(literal.get());
    first = false;
  }
  text_ += ")";
  return rc == SQLITE_OK || rc == SQLITE_DONE ? Status() : bare_code(rc);
}

void Filter::bind(StatementUse& use) const {
  for (std::size_t i = 0; i < values_.size(); ++i)
    use.bind_value(static_cast<int>(i + 1), values_[i]);
}

Result<std::vector<NodeId>> Filter::node_ids(std::size_t vector_index) const {
  const std::string column = Table::node_column(vector_index);
  const std::string sql = "SELECT " + column + " FROM " + table_.rows_name() + " WHERE " + column +
                          " IS NOT NULL" + text_;
  NEARLITE_ASSIGN(Statement statement,
                  Statement::prepare(table_.db(), sql, table_.name() + "_rows"));
  std::vector<NodeId> ids;
  StatementUse use = statement.use();
  bind(use);
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) break;
    NEARLITE_ASSIGN(const std::int64_t id, use.get_int64(0));
    if (id < 1 || id > kNodeIdMax)
      return corruption(table_.name() + "_rows", "node id " + std::to_string(id));
    ids.push_back(static_cast<NodeId>(id));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<std::vector<RowId>> Filter::row_ids() const {
  const std::string rowid = table_.source_rowid();
  const std::string sql =
      "SELECT " + rowid + " FROM " + table_.source_name() + " WHERE 1" + text_ + " ORDER BY 1";
  NEARLITE_ASSIGN(Statement statement, Statement::prepare(table_.db(), sql, table_.name()));
  std::vector<RowId> rows;
  StatementUse use = statement.use();
  bind(use);
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) return rows;
    rows.push_back(use.column_int64(0));
  }
}

}  // namespace nearlite::sqlite
