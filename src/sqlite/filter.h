// The rows that satisfy the constraints SQLite handed down, as a SELECT over <t>_rows: SQLite
// itself compares, so affinity, collation and NULL behave as everywhere else.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sqlite/filter_text.h"
#include "sqlite/handles.h"
#include "sqlite/plan.h"
#include "sqlite/search_stream.h"
#include "sqlite/table.h"

namespace nearlite::sqlite {

/// Writes the values of an IN list (sqlite3_vtab_in) behind `text`: " IN (1, 'a')".
Status append_list(sqlite3_value* list, std::string& text);

/// The condition that a user gave as text, checked; nullopt for NULL. The text lives as long as
/// `value` does.
struct GivenCondition {
  std::string_view text;
  FilterText checked;
};
Result<std::optional<GivenCondition>> read_condition(const std::string& table,
                                                     const TableOptions& options,
                                                     sqlite3_value* value);

/// A WHERE clause in the making: text and the values to bind, in order.
class Filter {
 public:
  explicit Filter(Table& table) : table_(table) {}

  /// Takes an 'r', 'f', 'R' or 'F' term. Values must live until bind() was called.
  Status add(const PlanTerm& term, sqlite3_value* value);
  /// Takes a condition as text; NULL is none.
  Status add_text(sqlite3_value* value);
  /// Takes away what is past its time, for a scan.
  void drop_expired(std::int64_t now);
  [[nodiscard]] bool is_empty() const noexcept { return text_.empty(); }
  /// " AND a = ?1 AND …"; empty without terms.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  void bind(StatementUse& use) const;

  /// Limits a search to the rows that satisfy the filter, if there is one.
  Status limit(std::size_t vector_index, SearchStream::Arguments& arguments);
  /// Nodes of a vector column whose rows satisfy the filter: what is remembered, or asked now.
  Result<std::shared_ptr<const NodeSet>> matching(std::size_t vector_index);
  /// Rowids of rows that satisfy the filter, ascending.
  Result<std::vector<RowId>> row_ids() const;
  /// Whether one row does, by a statement prepared for that.
  Result<Statement> prepare_one() const;
  Result<bool> holds(Statement& one, RowId rowid) const;

 private:
  class NodePredicate;
  Result<std::string> key() const;

  Table& table_;
  std::string text_;
  std::vector<sqlite3_value*> values_;
  bool has_pattern_ = false;        // LIKE or GLOB, which an application may redefine
  bool has_own_collation_ = false;  // one that is not SQLite's
  bool is_fixed_ = true;            // false: it may change although the row does not
};

}  // namespace nearlite::sqlite
