#include "cli/index_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/try.h"

namespace nearlite::cli {

Result<Database> open_database(const std::string& path, bool read_only) {
  OpenOptions options;
  options.read_only = read_only;
  return Database::open(path, options);
}

Result<std::vector<std::string>> list_indexes(Database& database) {
  // Virtual tables have no root page.
  NEARLITE_CLI_ASSIGN(
      Statement list,
      database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage = 0 AND "
                       "replace(replace(sql, char(10), ' '), char(9), ' ') LIKE '%USING hnsw%'"
                       " ORDER BY name"));
  std::vector<std::string> names;
  for (;;) {
    NEARLITE_CLI_ASSIGN(const bool has_row, list.step());
    if (!has_row) return names;
    names.emplace_back(list.column_text(0));
  }
}

Result<std::vector<std::string>> list_columns(Database& database, const std::string& table) {
  NEARLITE_CLI_ASSIGN(
      Statement list,
      database.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1 ORDER BY cid"));
  list.bind_text(1, table);
  std::vector<std::string> names;
  for (;;) {
    NEARLITE_CLI_ASSIGN(const bool has_row, list.step());
    if (!has_row) return names;
    names.emplace_back(list.column_text(0));
  }
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

namespace {

// An index over a table of the user's notes in its configuration which.
Status find_rows(Database& database, IndexTable& table) {
  table.rows = table.name;
  NEARLITE_CLI_ASSIGN(Statement read, database.prepare(fmt::format(
                                          "SELECT key, CAST(value AS TEXT) FROM {}"
                                          " WHERE key IN ('content.table', 'content.rowid')",
                                          as_identifier(table.name + "_config"))));
  for (;;) {
    NEARLITE_CLI_ASSIGN(const bool has_row, read.step());
    if (!has_row) break;
    (read.column_text(0) == "content.table" ? table.rows : table.id) = read.column_text(1);
  }
  if (table.owns_rows()) return {};
  NEARLITE_CLI_ASSIGN(table.stores_text, is_text_column(database, table.rows, table.vector().name));
  return {};
}

}  // namespace

Result<bool> is_text_column(Database& database, const std::string& table,
                            const std::string& column) {
  NEARLITE_CLI_ASSIGN(
      Statement type,
      database.prepare("SELECT upper(type) FROM pragma_table_xinfo(?1) WHERE name = ?2"));
  NEARLITE_CLI_TRY(type.bind_text(1, table).bind_text(2, column).step().status());
  const std::string_view name = type.column_text(0);
  return name.find("TEXT") != std::string_view::npos ||
         name.find("CHAR") != std::string_view::npos || name == "JSON";
}

std::string as_stored(const IndexTable& table, std::string_view parameter) {
  const std::string value = as_element(table.vector(), parameter);
  return table.stores_text ? fmt::format("vec_to_json({})", value) : value;
}

Result<IndexTable> find_index(Database& database, const std::string& wanted) {
  NEARLITE_CLI_ASSIGN(const auto names, list_indexes(database));
  IndexTable table;
  table.name = wanted;
  if (wanted.empty() && names.size() == 1) table.name = names.front();
  for (const char* usual : {"documents", "vss"}) {
    if (table.name.empty() && has(names, usual)) table.name = usual;
  }
  if (table.name.empty() && names.empty()) {
    return Status(Code::kNotFound, "there is no index; `nearlite init` makes one");
  }
  if (table.name.empty()) {
    return Status(Code::kNotFound, fmt::format("there are several indexes ({}); name one with "
                                               "--table",
                                               fmt::join(names, ", ")));
  }
  if (!has(names, table.name)) {
    return Status(
        Code::kNotFound,
        fmt::format("there is no index named {}; there {}", table.name,
                    names.empty() ? "is none" : fmt::format("are: {}", fmt::join(names, ", "))));
  }
  NEARLITE_CLI_ASSIGN(Statement stats, database.prepare("SELECT nearlite_stats(?1)"));
  NEARLITE_CLI_TRY(stats.bind_text(1, table.name).step().status());
  const auto json = nlohmann::json::parse(stats.column_text(0), nullptr, false);
  if (json.is_discarded() || !json.contains("indexes")) {
    return Status(Code::kInternal, table.name + ": cannot read nearlite_stats()");
  }
  for (const auto& index : json["indexes"]) {
    table.vectors.push_back({index.value("column", ""), index.value("element", ""),
                             index.value("dim", std::size_t{0}), index.value("metric", "")});
  }
  for (const auto& sparse : json.value("sparse", nlohmann::json::array()))
    table.sparse.push_back(sparse.value("column", ""));
  if (table.vectors.empty()) {
    return Status(Code::kInvalidArgument, table.name + ": has no vector column");
  }
  NEARLITE_CLI_TRY(find_rows(database, table));
  NEARLITE_CLI_ASSIGN(table.columns, list_columns(database, table.rows));
  std::erase_if(table.columns, [&](const std::string& column) {
    if (column == table.id) return true;
    return std::any_of(table.vectors.begin(), table.vectors.end(),
                       [&](const VectorColumn& vector) { return vector.name == column; });
  });
  return table;
}

std::string as_identifier(std::string_view name) {
  std::string text = "\"";
  for (const char letter : name) {
    if (letter == '"') text += '"';
    text += letter;
  }
  return text + '"';
}

std::string as_element(const VectorColumn& column, std::string_view parameter) {
  const char* function = column.element == "float16"    ? "vec_f16"
                         : column.element == "bfloat16" ? "vec_bf16"
                         : column.element == "int8"     ? "vec_int8"
                         : column.element == "bit"      ? "vec_bit"
                                                        : "";
  if (*function == '\0') return std::string(parameter);
  return fmt::format("{}({})", function, parameter);
}

std::string as_typed_blob(const VectorColumn& column) {
  return as_element(column, as_identifier(column.name));
}

std::string as_written(const IndexTable& table, const std::string& column,
                       const std::string& prefix) {
  const std::string name = as_identifier(column);
  if (!has(table.sparse, column)) return prefix + name;
  return fmt::format("vec_sparse_to_text({}{}) AS {}", prefix, name, name);
}

Result<std::int64_t> ask_number(Database& database, std::string_view sql) {
  NEARLITE_CLI_ASSIGN(Statement statement, database.prepare(sql));
  NEARLITE_CLI_TRY(statement.step().status());
  return statement.column_int64(0);
}

}  // namespace nearlite::cli
