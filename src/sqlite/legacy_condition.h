// Conditions on rows that sqlite-vec wrote. SQLite itself compares, so affinity, collation and NULL
// behave as everywhere else.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sqlite/handles.h"
#include "sqlite/legacy_reader.h"
#include "sqlite/plan.h"

namespace nearlite::sqlite {

/// " AND a = ?1 AND …" with copies of its values.
class LegacyTerms {
 public:
  /// `column`: what is compared, as SQL. The first parameter is number `first`.
  explicit LegacyTerms(int first = 1) : first_(first) {}
  Status add(const std::string& column, const PlanTerm& term, sqlite3_value* value);
  void add_text(std::string_view text) { text_ += " AND (" + std::string(text) + "\n)"; }
  [[nodiscard]] bool is_empty() const noexcept { return text_.empty(); }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  void bind(StatementUse& use) const;

 private:
  struct FreeValue {
    void operator()(sqlite3_value* value) const noexcept { sqlite3_value_free(value); }
  };
  int first_;
  std::string text_;
  std::vector<std::unique_ptr<sqlite3_value, FreeValue>> values_;
};

/// A condition that is asked row by row, of values that no table holds as they are.
class LegacyCondition {
 public:
  explicit LegacyCondition(const TableOptions& options);
  Status add(std::size_t column, const PlanTerm& term, sqlite3_value* value);
  /// A condition as text, which may name any column but vectors; NULL is none.
  Status add_text(const std::string& table, sqlite3_value* value);
  [[nodiscard]] bool is_empty() const noexcept { return terms_.is_empty(); }
  Status prepare(sqlite3* db, const std::string& table);
  Result<bool> holds(LegacyReader& reader, const LegacyRow& row);

 private:
  void use(std::size_t column);

  const TableOptions& options_;
  std::vector<std::size_t> columns_;  // that occur; parameter i + 1 is the value of columns_[i]
  LegacyTerms terms_;
  Statement statement_;
  std::vector<LegacyValue> values_;
};

/// `expression` as something with the affinity that a column has where it is declared.
[[nodiscard]] std::string with_affinity(const Column& column, const std::string& expression);

}  // namespace nearlite::sqlite
