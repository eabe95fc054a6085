#include "sqlite/legacy_condition.h"

#include <algorithm>

#include "base/text.h"
#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/filter.h"

namespace nearlite::sqlite {

std::string with_affinity(const Column& column, const std::string& expression) {
  const bool has_type = column.kind != ColumnKind::kVector && column.kind != ColumnKind::kAuxiliary;
  if (!has_type) return expression;
  const bool is_boolean = column.type == ValueType::kBoolean;
  return "CAST(" + expression + " AS " +
         (is_boolean ? std::string("NUMERIC") : std::string(name_of(column.type))) + ")";
}

Status LegacyTerms::add(const std::string& column, const PlanTerm& term, sqlite3_value* value) {
  text_ += " AND " + column;
  if (!term.collation.empty()) text_ += " COLLATE " + quote_identifier(term.collation);
  if (term.kind == 'R' || term.kind == 'F') return append_list(value, text_);
  text_ += std::string(" ") + operator_text(term.op);
  if (term.op == SQLITE_INDEX_CONSTRAINT_ISNULL || term.op == SQLITE_INDEX_CONSTRAINT_ISNOTNULL)
    return {};
  values_.emplace_back(sqlite3_value_dup(value));
  if (values_.back() == nullptr) return bare_code(SQLITE_NOMEM);
  text_ += " ?" + std::to_string(first_ + static_cast<int>(values_.size()) - 1);
  return {};
}

void LegacyTerms::bind(StatementUse& use) const {
  for (std::size_t i = 0; i < values_.size(); ++i)
    use.bind_value(first_ + static_cast<int>(i), values_[i].get());
}

// The values of the row come first, of which there may be as many as columns.
LegacyCondition::LegacyCondition(const TableOptions& options)
    : options_(options), terms_(static_cast<int>(options.columns.size()) + 1) {}

void LegacyCondition::use(std::size_t column) {
  if (std::find(columns_.begin(), columns_.end(), column) == columns_.end())
    columns_.push_back(column);
}

Status LegacyCondition::add(std::size_t column, const PlanTerm& term, sqlite3_value* value) {
  use(column);
  return terms_.add(quote_identifier(options_.columns[column].stored_name()), term, value);
}

Status LegacyCondition::add_text(const std::string& table, sqlite3_value* value) {
  NEARLITE_ASSIGN(const auto given, read_condition(table, options_, value));
  if (!given) return {};
  for (std::size_t i = 0; i < options_.columns.size(); ++i) {
    if (options_.columns[i].kind != ColumnKind::kVector) use(i);
  }
  terms_.add_text(given->text);
  return {};
}

Status LegacyCondition::prepare(sqlite3* db, const std::string& table) {
  std::string list;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    list += (i == 0 ? "" : ", ") +
            with_affinity(options_.columns[columns_[i]], "?" + std::to_string(i + 1)) + " AS " +
            quote_identifier(options_.columns[columns_[i]].stored_name());
  }
  NEARLITE_ASSIGN(
      statement_,
      Statement::prepare(db, "SELECT 1 FROM (SELECT " + list + ") WHERE 1" + terms_.text(), table));
  values_.resize(columns_.size());
  return {};
}

Result<bool> LegacyCondition::holds(LegacyReader& reader, const LegacyRow& row) {
  StatementUse use = statement_.use();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    NEARLITE_TRY(reader.value(row, columns_[i], values_[i]));
    values_[i].bind(use, static_cast<int>(i + 1));
  }
  terms_.bind(use);
  return use.step();
}

}  // namespace nearlite::sqlite
