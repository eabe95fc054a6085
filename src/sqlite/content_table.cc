#include "sqlite/content_table.h"

#include <algorithm>
#include <charconv>

#include "base/try.h"
#include "index/stored_vector.h"
#include "sqlite/boundary.h"
#include "sqlite/vector_argument.h"
#include "vector/element.h"

namespace nearlite::sqlite {

namespace {
// Key of <t>_config: the first row that is not indexed yet; absent when all are.
constexpr std::string_view kUnbuiltKey = "unbuilt_from";
}  // namespace

ContentTable::ContentTable(sqlite3* db, ContentPlace place, ContentNames names,
                           const VectorColumn& column, Store& config)
    : db_(db),
      place_(std::move(place)),
      names_(std::move(names)),
      column_(column),
      config_(config) {}

void ContentTable::drop_statements() noexcept {
  for (Statement* statement : {&version_, &read_, &scan_, &log_}) statement->close();
}

void ContentTable::set_index(const std::string& name) {
  drop_statements();
  forget();
  place_.index = name;
}

std::string ContentTable::quoted_table() const {
  return quote_identifier(place_.schema) + "." + quote_identifier(names_.table);
}

Status ContentTable::prepare(Statement& statement, const std::string& sql) {
  if (statement) return {};
  NEARLITE_ASSIGN(statement, Statement::prepare(db_, sql, names_.table));
  return {};
}

// Looks at the schema. What it says inside a write transaction is not remembered: that may be
// rolled back, and the same schema version then stands for something else.
Status ContentTable::look_up() {
  NEARLITE_TRY(prepare(version_, "PRAGMA " + quote_identifier(place_.schema) + ".schema_version"));
  std::int64_t version = 0;
  {
    StatementUse use = version_.use();
    NEARLITE_ASSIGN(const bool row, use.step());
    if (row) version = use.column_int64(0);
  }
  if (is_known_ && version == schema_version_) return {};
  is_known_ = false;
  NEARLITE_ASSIGN(TriggerState triggers, read_triggers(db_, place_, names_));
  ContentNames names = triggers.names.value_or(names_);
  std::string type;
  Status broken = check_content(db_, place_, names, type);
  if (!broken.ok() && broken.code() != Code::kNotFound && broken.code() != Code::kInvalidArgument) {
    return broken;
  }
  if (names != names_) {
    for (Statement* statement : {&read_, &scan_}) statement->close();
    names_ = std::move(names);
  }
  problems_ = std::move(triggers.problems);
  broken_ = std::move(broken);
  is_named_ = true;
  is_known_ = sqlite3_txn_state(db_, place_.schema.c_str()) != SQLITE_TXN_WRITE;
  schema_version_ = version;
  return {};
}

Status ContentTable::ready() {
  NEARLITE_TRY(look_up());
  return broken_;
}

// Triggers fire once a row, in a schema that does not change meanwhile.
Status ContentTable::look_up_names() {
  if (!is_named_ || !broken_.ok()) NEARLITE_TRY(look_up());
  return broken_;
}

Result<std::vector<std::string>> ContentTable::schema_problems() {
  NEARLITE_TRY(look_up());
  std::vector<std::string> lines = problems_;
  if (!broken_.ok()) lines.push_back(broken_.message());
  return lines;
}

Status ContentTable::repair_triggers() {
  NEARLITE_TRY(look_up());
  NEARLITE_TRY(broken_);
  if (problems_.empty()) return {};
  drop_statements();
  NEARLITE_TRY(drop_triggers(db_, place_));
  if (place_.sync == ContentSync::kLog) {
    const bool has_log = std::none_of(problems_.begin(), problems_.end(),
                                      [](const auto& line) { return line.starts_with("table "); });
    if (!has_log) NEARLITE_TRY(create_log(db_, place_));
  }
  NEARLITE_TRY(create_triggers(db_, place_, names_));
  forget();
  return {};
}

Result<ContentState> ContentTable::state() {
  NEARLITE_TRY(look_up());
  NEARLITE_TRY(broken_);
  ContentState state;
  state.is_tracked = problems_.empty();
  if (!state.is_tracked) return state;
  NEARLITE_ASSIGN(state.unbuilt_from, unbuilt_from());
  NEARLITE_ASSIGN(state.changed, read_log());
  return state;
}

Status ContentTable::parse_row(StatementUse& use, int column, Row& row) {
  row.has_vector = false;
  row.problem = Status();
  const int type = use.column_type(column);
  if (type == SQLITE_NULL) return {};
  std::span<const std::byte> bytes;
  if (type == SQLITE_BLOB) {
    NEARLITE_ASSIGN(bytes, use.get_blob(column));
  } else {
    const std::string_view text = use.column_text(column);
    if (text.data() == nullptr) return bare_code(SQLITE_NOMEM);
    bytes = std::as_bytes(std::span(text.data(), text.size()));
  }
  row.problem = parse_column_vector(column_.type, column_.dim, type, bytes, row.values);
  if (row.problem.ok()) {
    row.stored.resize(vector_bytes(column_.type, column_.dim));
    row.problem = encode(column_.type, row.values, row.stored.data());
  }
  if (!row.problem.ok() && row.problem.code() != Code::kInvalidArgument) return row.problem;
  if (!row.problem.ok()) {
    row.problem = {Code::kInvalidArgument,
                   "nearlite: " + place_.index + ": " + names_.table + "." + names_.vector +
                       " of row " + std::to_string(row.rowid) + ": " + row.problem.message()};
  }
  row.has_vector = row.problem.ok();
  return {};
}

Status ContentTable::read_row(RowId rowid, Row& row) {
  NEARLITE_TRY(look_up_names());
  NEARLITE_TRY(prepare(read_, "SELECT " + quote_identifier(names_.vector) + " FROM " +
                                  quoted_table() + " WHERE " + quote_identifier(names_.rowid) +
                                  " = ?1"));
  row.rowid = rowid;
  row.has_vector = false;
  row.problem = Status();
  StatementUse use = read_.use();
  NEARLITE_ASSIGN(const bool found, use.bind(1, rowid).step());
  return found ? parse_row(use, 0, row) : Status();
}

Result<bool> ContentTable::read(RowId rowid, std::span<std::byte> out) {
  NEARLITE_TRY(read_row(rowid, row_));
  if (row_.has_vector) std::copy(row_.stored.begin(), row_.stored.end(), out.begin());
  return row_.has_vector;
}

Status ContentTable::scan_rows(RowId first, std::uint64_t limit,
                               const std::function<Status(Row&)>& visit) {
  NEARLITE_TRY(ready());
  const std::string rowid = quote_identifier(names_.rowid);
  NEARLITE_TRY(prepare(scan_, "SELECT " + rowid + ", " + quote_identifier(names_.vector) +
                                  " FROM " + quoted_table() + " WHERE " + rowid +
                                  " >= ?1 ORDER BY " + rowid + " LIMIT ?2"));
  StatementUse use = scan_.use();
  use.bind(1, first).bind(2, static_cast<std::int64_t>(std::min<std::uint64_t>(limit, INT64_MAX)));
  Row row;
  for (;;) {
    NEARLITE_ASSIGN(const bool has_row, use.step());
    if (!has_row) return {};
    row.rowid = use.column_int64(0);
    NEARLITE_TRY(parse_row(use, 1, row));
    NEARLITE_TRY(visit(row));
  }
}

Status ContentTable::scan(RowId first, const Visitor& visit) {
  return scan_rows(first, INT64_MAX, [&](Row& row) {
    return row.has_vector ? visit(row.rowid, row.stored) : Status();
  });
}

// Anybody may write to the log: what is no rowid says nothing about a row.
Result<std::vector<RowId>> ContentTable::read_log() {
  std::vector<RowId> rows;
  if (place_.sync != ContentSync::kLog) return rows;
  NEARLITE_TRY(prepare(log_, "SELECT DISTINCT rid FROM " + quote_identifier(place_.schema) + "." +
                                 quote_identifier(log_name(place_.index)) +
                                 " WHERE typeof(rid) = 'integer' ORDER BY rid"));
  StatementUse use = log_.use();
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) return rows;
    rows.push_back(use.column_int64(0));
  }
}

Status ContentTable::clear_log() {
  NEARLITE_ASSIGN(Statement clear,
                  Statement::prepare(db_,
                                     "DELETE FROM " + quote_identifier(place_.schema) + "." +
                                         quote_identifier(log_name(place_.index)),
                                     log_name(place_.index)));
  return clear.use().run();
}

Result<std::optional<RowId>> ContentTable::unbuilt_from() {
  NEARLITE_ASSIGN(const auto bytes, config_.find_config(kUnbuiltKey));
  if (!bytes || bytes->empty()) return std::optional<RowId>();
  const char* text = reinterpret_cast<const char*>(bytes->data());
  RowId rowid = 0;
  const auto [stop, error] = std::from_chars(text, text + bytes->size(), rowid);
  if (error != std::errc() || stop != text + bytes->size()) {
    return corruption(place_.index + "_config", "unbuilt_from is no rowid");
  }
  return std::optional(rowid);
}

Status ContentTable::set_unbuilt_from(std::optional<RowId> rowid) {
  const std::string text = rowid ? std::to_string(*rowid) : std::string();
  return config_.put_config(kUnbuiltKey, std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace nearlite::sqlite
