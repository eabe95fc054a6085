#include "sqlite/table.h"

#include <algorithm>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"

namespace nearlite::sqlite {

Table::Table(Connection& connection, std::string schema, std::string name, TableOptions options)
    : connection_(connection),
      db_(connection.db()),
      schema_(std::move(schema)),
      name_(std::move(name)),
      options_(std::move(options)),
      hidden_(hidden_columns(name_, options_)),
      declared_(options_) {}

Status Table::error(Code code, std::string_view what) const {
  return {code, "nearlite: " + name_ + ": " + std::string(what)};
}

std::string Table::rows_name() const { return shadow_name(schema_, name_, "rows"); }

std::string Table::source_name() const {
  return content_ != nullptr ? content_->quoted_table() : rows_name();
}

std::string Table::source_rowid() const {
  return content_ != nullptr ? quote_identifier(content_->names().rowid) : "rowid";
}

std::string Table::node_column(std::size_t vector_index) {
  return "node_id" + column_suffix(vector_index);
}

Status Table::prepare(Statement& statement, const std::string& sql) {
  if (statement) return {};
  NEARLITE_ASSIGN(statement, Statement::prepare(db_, sql, name_ + "_rows"));
  return {};
}

Result<std::size_t> Table::find_vector(std::string_view name) const {
  if (name.empty()) return std::size_t{0};
  const std::string wanted(name);
  for (std::size_t i = 0; i < options_.vectors.size(); ++i) {
    if (sqlite3_stricmp(options_.vectors[i].name.c_str(), wanted.c_str()) == 0) return i;
  }
  return error(Code::kNotFound, "no vector column called " + wanted);
}

Table::~Table() {
  for (auto& index : indexes_) index->close();
}

Status Table::save() {
  for (auto& index : indexes_) NEARLITE_TRY(index->save());
  return {};
}

Blocks Table::blocks() const noexcept {
  return options_.content ? Blocks::kCodes : Blocks::kVectors;
}

void Table::drop_statements() noexcept {
  for (Statement* statement :
       {&exists_, &nodes_, &insert_, &update_, &delete_, &patterns_, &key_, &expired_})
    statement->close();
  for (auto& index : sparse_) index->drop_statements();
  for (SqliteStore* store : stores_) store->drop_statements();
  if (content_ != nullptr) content_->drop_statements();
}

void Table::detach() noexcept {
  if (--attach_count_ == 0) drop_statements();
}

void Table::set_name(const std::string& name) {
  if (name == name_) return;
  drop_statements();
  name_ = name;
  hidden_ = hidden_columns(name, options_);
  for (std::size_t i = 0; i < indexes_.size(); ++i) {
    stores_[i]->set_table(name);
    indexes_[i]->options().label = name + "." + options_.vectors[i].name;
  }
  for (auto& index : sparse_) index->set_table(name);
  if (content_ != nullptr) content_->set_index(name);
}

void Table::retire() noexcept {
  is_retired_ = true;
  for (auto& index : indexes_) index->rollback();
  end_sparse();
}

Result<std::string> Table::pattern_answers() {
  NEARLITE_TRY(prepare(patterns_,
                       "SELECT ('a' LIKE 'A') || ('ä' LIKE 'Ä') || ('ab' LIKE 'a_') || "
                       "('abc' LIKE 'a%') || ('a' GLOB 'A') || ('abc' GLOB 'a*') || "
                       "('b' GLOB '[a-c]')"));
  StatementUse use = patterns_.use();
  NEARLITE_ASSIGN(const bool row, use.step());
  const std::string answers(row ? use.column_text(0) : std::string_view());
  // PRAGMA case_sensitive_like decides about the first.
  return answers == "1011011" || answers == "0011011" ? answers : std::string();
}

Result<std::vector<std::pair<NodeId, RowId>>> Table::live_rows(std::size_t vector_index) {
  const std::string column = node_column(vector_index);
  NEARLITE_ASSIGN(Statement statement,
                  Statement::prepare(db_,
                                     "SELECT " + column + ", rowid FROM " + rows_name() +
                                         " WHERE " + column + " IS NOT NULL",
                                     name_ + "_rows"));
  std::vector<std::pair<NodeId, RowId>> rows;
  StatementUse use = statement.use();
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) break;
    NEARLITE_ASSIGN(const std::int64_t id, use.get_int64(0));
    if (id < 1 || id > kNodeIdMax)
      return corruption(name_ + "_rows", "node id " + std::to_string(id));
    rows.emplace_back(static_cast<NodeId>(id), use.column_int64(1));
  }
  std::sort(rows.begin(), rows.end());
  const auto twice = std::adjacent_find(
      rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twice != rows.end()) {
    return corruption(name_ + "_rows",
                      "node " + std::to_string(twice->first) + " belongs to two rows");
  }
  return rows;
}

}  // namespace nearlite::sqlite
