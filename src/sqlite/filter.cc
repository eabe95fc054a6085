#include "sqlite/filter.h"

#include <memory>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/filter_text.h"
#include "sqlite/label_hash.h"

namespace nearlite::sqlite {

Status append_list(sqlite3_value* list, std::string& text) {
  text += " IN (";
  bool first = true;
  sqlite3_value* item = nullptr;
  int rc = sqlite3_vtab_in_first(list, &item);
  for (; rc == SQLITE_OK && item != nullptr; rc = sqlite3_vtab_in_next(list, &item)) {
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
    text += (first ? "" : ", ") + std::string(literal.get());
    first = false;
  }
  text += ")";
  return rc == SQLITE_OK || rc == SQLITE_DONE ? Status() : bare_code(rc);
}

Status Filter::add(const PlanTerm& term, sqlite3_value* value) {
  const std::string column =
      term.column < 0
          ? table_.source_rowid()
          : quote_identifier(
                table_.options().columns[static_cast<std::size_t>(term.column)].stored_name());
  text_ += " AND " + column;
  if (!term.collation.empty()) {
    text_ += " COLLATE " + quote_identifier(term.collation);
    has_own_collation_ =
        has_own_collation_ || (sqlite3_stricmp(term.collation.c_str(), "NOCASE") != 0 &&
                               sqlite3_stricmp(term.collation.c_str(), "RTRIM") != 0);
  }
  has_pattern_ = has_pattern_ || term.op == SQLITE_INDEX_CONSTRAINT_LIKE ||
                 term.op == SQLITE_INDEX_CONSTRAINT_GLOB;
  const char* op = operator_text(term.op);
  if (term.kind == 'r' || term.kind == 'f') {
    text_ += std::string(" ") + op;
    if (term.op == SQLITE_INDEX_CONSTRAINT_ISNULL || term.op == SQLITE_INDEX_CONSTRAINT_ISNOTNULL)
      return {};
    values_.push_back(value);
    text_ += " ?" + std::to_string(values_.size());
    return {};
  }
  return append_list(value, text_);
}

Result<std::optional<GivenCondition>> read_condition(const std::string& table,
                                                     const TableOptions& options,
                                                     sqlite3_value* value) {
  const int type = sqlite3_value_type(value);
  if (type == SQLITE_NULL) return std::optional<GivenCondition>();
  const auto* data = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (data == nullptr) return bare_code(SQLITE_NOMEM);
  const std::string_view text(data, static_cast<std::size_t>(sqlite3_value_bytes(value)));
  std::vector<std::string> names;
  for (const Column& column : options.columns) {
    if (column.is_stored()) names.push_back(column.stored_name());
  }
  const auto checked = check_filter_text(text, names);
  if (type != SQLITE_TEXT || !checked.ok()) {
    return Status(Code::kInvalidArgument,
                  "nearlite: " + table + ": " +
                      (checked.ok() ? "filter: expected text, got " + shown(text)
                                    : checked.status().message()));
  }
  return std::optional(GivenCondition{text, *checked});
}

Status Filter::add_text(sqlite3_value* value) {
  NEARLITE_ASSIGN(const auto given, read_condition(table_.name(), table_.options(), value));
  if (!given) return {};
  has_pattern_ = has_pattern_ || given->checked.has_pattern;
  is_fixed_ = is_fixed_ && given->checked.is_fixed;
  // A comment at its end must not reach our bracket.
  text_ += " AND (" + std::string(given->text) + "\n)";
  return {};
}

void Filter::drop_expired(std::int64_t now) {
  const std::string& name = table_.options().expires_at;
  if (name.empty()) return;
  const std::string column = quote_identifier(name);
  text_ += " AND (" + column + " IS NULL OR " + column + " > " + std::to_string(now) + ")";
}

void Filter::bind(StatementUse& use) const {
  for (std::size_t i = 0; i < values_.size(); ++i)
    use.bind_value(static_cast<int>(i + 1), values_[i]);
}

// What tells this condition from every other; empty where connections may differ in what it means.
Result<std::string> Filter::key() const {
  if (has_own_collation_ || !is_fixed_) return std::string();
  std::string key;
  if (has_pattern_) {
    NEARLITE_ASSIGN(key, table_.pattern_answers());
    if (key.empty()) return key;
  }
  key += text_;
  std::vector<std::byte> bytes;
  for (sqlite3_value* value : values_) append_value(bytes, value);
  key.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return key;
}

/// The filter as the index layer asks it.
class Filter::NodePredicate final : public Predicate {
 public:
  NodePredicate(const Filter& filter, std::size_t vector_index, std::string key)
      : filter_(filter), column_(Table::node_column(vector_index)), key_(std::move(key)) {}

  [[nodiscard]] const std::string& key() const noexcept override { return key_; }

  Status scan(const std::function<Status(NodeId)>& visit) override {
    NEARLITE_ASSIGN(Statement statement, prepare(column_, column_ + " IS NOT NULL"));
    StatementUse use = statement.use();
    filter_.bind(use);
    for (;;) {
      NEARLITE_ASSIGN(const bool row, use.step());
      if (!row) return {};
      NEARLITE_ASSIGN(const std::int64_t id, use.get_int64(0));
      if (id < 1 || id > kNodeIdMax)
        return corruption(filter_.table_.name() + "_rows", "node id " + std::to_string(id));
      NEARLITE_TRY(visit(static_cast<NodeId>(id)));
    }
  }

  Result<bool> holds(RowId rowid, NodeId id) override {
    const int mark = static_cast<int>(filter_.values_.size()) + 1;
    if (!one_) {
      NEARLITE_ASSIGN(one_, prepare("1", "rowid = ?" + std::to_string(mark) + " AND " + column_ +
                                             " = ?" + std::to_string(mark + 1)));
    }
    StatementUse use = one_.use();
    filter_.bind(use);
    return use.bind(mark, rowid).bind(mark + 1, std::int64_t{id}).step();
  }

 private:
  Result<Statement> prepare(const std::string& what, const std::string& where) {
    const Table& table = filter_.table_;
    return Statement::prepare(
        table.db(),
        "SELECT " + what + " FROM " + table.rows_name() + " WHERE " + where + filter_.text_,
        table.name() + "_rows");
  }

  const Filter& filter_;
  std::string column_;
  std::string key_;
  Statement one_;
};

Result<std::shared_ptr<const NodeSet>> Filter::matching(std::size_t vector_index) {
  NEARLITE_ASSIGN(std::string own_key, key());
  NodePredicate predicate(*this, vector_index, std::move(own_key));
  return table_.index(vector_index).matching(predicate);
}

Status Filter::limit(std::size_t vector_index, SearchStream::Arguments& arguments) {
  if (is_empty()) return {};
  if (table_.content() != nullptr) {
    NEARLITE_ASSIGN(arguments.allowed_rows, row_ids());
  } else {
    NEARLITE_ASSIGN(arguments.allowed, matching(vector_index));
  }
  return {};
}

Result<Statement> Filter::prepare_one() const {
  return Statement::prepare(table_.db(),
                            "SELECT 1 FROM " + table_.source_name() + " WHERE " +
                                table_.source_rowid() + " = ?" +
                                std::to_string(values_.size() + 1) + text_,
                            table_.name());
}

Result<bool> Filter::holds(Statement& one, RowId rowid) const {
  StatementUse use = one.use();
  bind(use);
  return use.bind(static_cast<int>(values_.size()) + 1, rowid).step();
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
