// `nearlite check` and `nearlite stats`: one index, or every index of a database. Neither writes.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/terminal.h"
#include "cli/try.h"
#include "nearlite/nearlite.h"

namespace nearlite::cli {
namespace {

Result<Database> open_to_read(const std::string& path) {
  OpenOptions options;
  options.read_only = true;
  return Database::open(path, options);
}

// The tables asked for: the one named, or all of the module hnsw. Virtual tables have no root page.
Result<std::vector<std::string>> list_tables(Database& database, const TableArguments& arguments) {
  if (!arguments.table.empty()) return std::vector<std::string>{arguments.table};
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

// What the SQL function `name` says of a table.
Result<std::string> ask(Database& database, const char* name, const std::string& table) {
  NEARLITE_CLI_ASSIGN(Statement question, database.prepare(fmt::format("SELECT {}(?1)", name)));
  NEARLITE_CLI_TRY(question.bind_text(1, table).step().status());
  return std::string(question.column_text(0));
}

}  // namespace

Result<int> check_tables(const TableArguments& arguments) {
  NEARLITE_CLI_ASSIGN(Database database, open_to_read(arguments.database));
  NEARLITE_CLI_ASSIGN(const auto tables, list_tables(database, arguments));
  if (tables.empty()) fmt::print("{}: no table of the module hnsw\n", arguments.database);
  int code = kExitOk;
  for (const std::string& table : tables) {
    NEARLITE_CLI_ASSIGN(const std::string answer, ask(database, "nearlite_check", table));
    const bool is_ok = answer == "ok";
    fmt::print("{}: {}\n", table, is_ok ? green(answer) : red("problems") + "\n" + answer);
    if (!is_ok) code = kExitFailed;
  }
  return code;
}

Result<int> print_stats(const TableArguments& arguments) {
  NEARLITE_CLI_ASSIGN(Database database, open_to_read(arguments.database));
  NEARLITE_CLI_ASSIGN(const auto tables, list_tables(database, arguments));
  if (tables.empty()) fmt::print("{}: no table of the module hnsw\n", arguments.database);
  for (const std::string& table : tables) {
    NEARLITE_CLI_ASSIGN(const std::string answer, ask(database, "nearlite_stats", table));
    fmt::print("{}\n", answer);
  }
  return kExitOk;
}

}  // namespace nearlite::cli
