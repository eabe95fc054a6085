#include "sqlite/connection.h"

#include <algorithm>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/handles.h"
#include "sqlite/legacy_layout.h"
#include "sqlite/read_scope.h"
#include "sqlite/table.h"

namespace nearlite::sqlite {

std::shared_ptr<Table> Connection::find(const std::string& schema, const std::string& uuid) const {
  const auto found = tables_.find({schema, uuid});
  return found == tables_.end() ? nullptr : found->second;
}

void Connection::add(std::shared_ptr<Table> table) {
  std::erase_if(tables_, [&](const auto& entry) { return entry.second->is_left_behind(*table); });
  std::shared_ptr<Table>& place = tables_[{table->schema(), table->uuid()}];
  if (place && place != table) place->retire();
  place = std::move(table);
}

// Rollbacks call it, so it makes no key to look for.
void Connection::remove(const Table& table) noexcept {
  const auto found = std::find_if(tables_.begin(), tables_.end(),
                                  [&](const auto& entry) { return entry.second.get() == &table; });
  if (found != tables_.end()) tables_.erase(found);
}

Result<bool> is_valid(sqlite3* db, const char* sql) {
  const auto prepared = Statement::prepare(db, sql, "extension", 0);
  if (prepared.status().code() == Code::kNoMemory) return prepared.status();
  return prepared.ok();
}

// The pragma, not the table of that name: it needs no schema, which may be locked or encrypted yet.
Result<bool> has_module(sqlite3* db, std::string_view name) {
  auto asked = Statement::prepare(db, "PRAGMA module_list", "modules", 0);
  if (asked.status().code() == Code::kNoMemory) return asked.status();
  if (!asked.ok()) return true;
  StatementUse use = asked->use();
  for (bool is_told = false;; is_told = true) {
    const auto row = use.step();
    if (row.status().code() == Code::kNoMemory) return row.status();
    if (!row.ok()) return true;
    if (!*row) return !is_told;  // SQLite without this pragma does not tell
    if (equals_ignoring_case(use.column_text(0), name)) return true;
  }
}

Status Connection::register_guard() {
  return transaction_guard_.register_module({shared_from_this(), &transaction_guard_});
}

Status Connection::enlist(std::shared_ptr<Table> table) {
  if (!transaction_guard_.is_registered()) NEARLITE_TRY(register_guard());
  return transaction_guard_.enlist(std::move(table));
}

// Every table of the module in every attached database, as the schema tells.
Result<std::vector<Connection::Name>> Connection::list_names() {
  NEARLITE_ASSIGN(const std::vector<std::string> schemas, list_schemas(db_));
  std::vector<Name> names;
  for (const std::string& schema : schemas) {
    const std::string sql =
        "SELECT name, text LIKE '%USING vec0%' FROM (SELECT name, replace(replace(sql, char(10), "
        "' '), char(9), ' ') AS text FROM " +
        quote_identifier(schema) +
        ".sqlite_master WHERE type = 'table') WHERE text LIKE 'CREATE VIRTUAL TABLE%' AND "
        "(text LIKE '%USING hnsw%' OR text LIKE '%USING vec0%') ORDER BY 2, 1";
    NEARLITE_ASSIGN(Statement list, Statement::prepare(db_, sql, schema, 0));
    StatementUse use = list.use();
    for (;;) {
      NEARLITE_ASSIGN(const bool row, use.step());
      if (!row) break;
      names.push_back({schema, std::string(use.column_text(0)), use.column_int64(1) != 0});
    }
  }
  return names;
}

Result<std::shared_ptr<Table>> Connection::in_use(const std::string& schema,
                                                  const std::string& name) const {
  std::shared_ptr<Table> found;
  for (const auto& [key, table] : tables_) {
    if (!table->is_attached() || (!schema.empty() && table->schema() != schema)) continue;
    NEARLITE_TRY(table->settle_name());
    if (sqlite3_stricmp(table->name().c_str(), name.c_str()) != 0) continue;
    NEARLITE_ASSIGN(const bool is_real, table->is_real());
    if (is_real && (!found || table->schema() == "main")) found = table;
  }
  return found;
}

Result<std::shared_ptr<Table>> Connection::connect(const Name& name) {
  NEARLITE_ASSIGN(std::shared_ptr<Table> table, in_use(name.schema, name.table));
  if (table) return table;
  // Preparing a statement over the table makes SQLite call xConnect.
  const std::string sql =
      "SELECT 1 FROM " + quote_identifier(name.schema) + "." + quote_identifier(name.table);
  NEARLITE_TRY(Statement::prepare(db_, sql, name.table, 0).status());
  NEARLITE_ASSIGN(table, in_use(name.schema, name.table));
  if (table) return table;
  const auto is_legacy = has_legacy_tables(db_, name.schema, name.table);
  if (is_legacy.ok() && *is_legacy) {
    const std::string quoted = quote_identifier(name.table);
    return Status(Code::kNotFound, "nearlite: " + name.table + " is as sqlite-vec made it; after " +
                                       "INSERT INTO " + quoted + "(" + quoted +
                                       ") VALUES('upgrade') it is an index of ours");
  }
  return Status(Code::kNotFound, "nearlite: " + name.table + " is no table of ours here");
}

Result<std::shared_ptr<Table>> Connection::resolve(std::string_view wanted) {
  if (!wanted.empty()) {
    // The common case first: a table in use, by its bare name.
    NEARLITE_ASSIGN(std::shared_ptr<Table> found, in_use("", std::string(wanted)));
    if (found) return found;
  }
  NEARLITE_ASSIGN(std::vector<Name> names, list_names());
  const auto is_called = [](const Name& name, std::string_view called) {
    const std::string text(called);
    return sqlite3_stricmp(name.table.c_str(), text.c_str()) == 0 ||
           sqlite3_stricmp((name.schema + "." + name.table).c_str(), text.c_str()) == 0;
  };
  for (const Name& name : names) {
    if (is_called(name, wanted.empty() ? std::string_view("vss") : wanted)) return connect(name);
  }
  const auto is_vec0 = [](const Name& name) { return name.is_vec0; };
  if (wanted.empty() && !std::all_of(names.begin(), names.end(), is_vec0))
    std::erase_if(names, is_vec0);
  if (wanted.empty() && names.size() == 1) return connect(names.front());
  std::string all;
  for (const Name& name : names) all += (all.empty() ? "" : ", ") + name.table;
  if (!wanted.empty()) {
    return Status(Code::kNotFound, "nearlite: no index called " + std::string(wanted) +
                                       (all.empty() ? "; there is none" : "; there are: " + all));
  }
  if (names.empty())
    return Status(Code::kNotFound, "nearlite: there is no index; create one USING hnsw(…)");
  return Status(Code::kInvalidArgument, "nearlite: name the index to search; there are: " + all);
}

Status Connection::register_knn_function() {
  knn_modules_.insert("vss_knn");
  return register_knn_module(*this, "vss_knn", "");
}

Result<std::vector<std::string>> Connection::list_table_names() {
  NEARLITE_ASSIGN(const std::vector<Name> names, list_names());
  std::vector<std::string> tables;
  for (const Name& name : names) {
    if (!name.is_vec0) tables.push_back(name.table);
  }
  return tables;
}

Status Connection::register_knn(const std::string& table_name) {
  const std::string module_name = table_name + "_knn";
  if (!knn_modules_.insert(module_name).second) return {};
  return register_knn_module(*this, module_name, table_name);
}

}  // namespace nearlite::sqlite
