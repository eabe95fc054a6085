// The rows that satisfy the constraints SQLite handed down, as a SELECT over <t>_rows: SQLite
// itself compares, so affinity, collation and NULL behave as everywhere else.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sqlite/handles.h"
#include "sqlite/plan.h"
#include "sqlite/table.h"

namespace nearlite::sqlite {

/// A WHERE clause in the making: text and the values to bind, in order.
class Filter {
 public:
  explicit Filter(Table& table) : table_(table) {}

  /// Takes an 'r', 'f', 'R' or 'F' term. Values must live until bind() was called.
  Status add(const PlanTerm& term, sqlite3_value* value);
  [[nodiscard]] bool is_empty() const noexcept { return text_.empty(); }
  /// " AND a = ?1 AND …"; empty without terms.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  void bind(StatementUse& use) const;

  /// Node ids of a vector column whose rows satisfy the filter, ascending.
  Result<std::vector<NodeId>> node_ids(std::size_t vector_index) const;
  /// External content: rowids of rows that satisfy the filter, ascending.
  Result<std::vector<RowId>> row_ids() const;

 private:
  Table& table_;
  std::string text_;
  std::vector<sqlite3_value*> values_;
};

}  // namespace nearlite::sqlite
