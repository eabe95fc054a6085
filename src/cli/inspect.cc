// `nearlite check`, `stats`, `repair` and `optimize`: one index, or every index of a database. The
// first two do not write.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/index_table.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "cli/try.h"
#include "nearlite/nearlite.h"

namespace nearlite::cli {
namespace {

using Json = nlohmann::ordered_json;

// The tables asked for: the one named, or all of the module hnsw.
Result<std::vector<std::string>> tables_of(Database& database, const TableArguments& arguments) {
  if (!arguments.table.empty()) return std::vector<std::string>{arguments.table};
  NEARLITE_CLI_ASSIGN(auto names, list_indexes(database));
  if (names.empty() && !arguments.json) {
    fmt::print("{}: no table of the module hnsw\n", arguments.database);
  }
  return names;
}

// What the SQL function `name` says of a table.
Result<std::string> ask(Database& database, const char* name, const std::string& table) {
  NEARLITE_CLI_ASSIGN(Statement question, database.prepare(fmt::format("SELECT {}(?1)", name)));
  NEARLITE_CLI_TRY(question.bind_text(1, table).step().status());
  return std::string(question.column_text(0));
}

Status command(Database& database, const std::string& table, const char* word) {
  NEARLITE_CLI_ASSIGN(Statement statement,
                      database.prepare(fmt::format("INSERT INTO {}({}) VALUES (?1)",
                                                   as_identifier(table), as_identifier(table))));
  return statement.bind_text(1, word).run();
}

// Runs `work` on each table: it prints a line, or returns a JSON object to print.
template <class Work>
Result<int> for_each_table(const TableArguments& arguments, bool writes, Work work) {
  NEARLITE_CLI_ASSIGN(Database database, open_database(arguments.database, !writes));
  const InterruptScope scope(database);
  NEARLITE_CLI_ASSIGN(const auto tables, tables_of(database, arguments));
  Json list = Json::array();
  int code = kExitOk;
  for (const std::string& table : tables) {
    Json answer;
    NEARLITE_CLI_ASSIGN(const bool is_ok, work(database, table, answer));
    if (!is_ok) code = kExitFailed;
    list.push_back(std::move(answer));
  }
  if (arguments.json) fmt::print("{}\n", list.dump());
  return code;
}

Json lines_of(const std::string& text) {
  Json lines = Json::array();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

Result<int> check_tables(const TableArguments& arguments) {
  return for_each_table(
      arguments, false,
      [&](Database& database, const std::string& table, Json& json) -> Result<bool> {
        NEARLITE_CLI_ASSIGN(const std::string answer, ask(database, "nearlite_check", table));
        const bool is_ok = answer == "ok";
        json = {{"table", table}, {"ok", is_ok}};
        json["problems"] = is_ok ? Json::array() : lines_of(answer);
        if (!arguments.json) {
          fmt::print("{}: {}\n", table, is_ok ? green(answer) : red("problems") + "\n" + answer);
        }
        return is_ok;
      });
}

Result<int> print_stats(const TableArguments& arguments) {
  return for_each_table(
      arguments, false,
      [&](Database& database, const std::string& table, Json& json) -> Result<bool> {
        NEARLITE_CLI_ASSIGN(const std::string answer, ask(database, "nearlite_stats", table));
        if (!arguments.json) fmt::print("{}\n", answer);
        json = Json::parse(answer, nullptr, false);
        return true;
      });
}

Result<int> repair_tables(const TableArguments& arguments) {
  return for_each_table(
      arguments, true,
      [&](Database& database, const std::string& table, Json& json) -> Result<bool> {
        NEARLITE_CLI_ASSIGN(const std::string before, ask(database, "nearlite_check", table));
        NEARLITE_CLI_TRY(command(database, table, "repair"));
        NEARLITE_CLI_ASSIGN(const std::string after, ask(database, "nearlite_check", table));
        const bool is_ok = after == "ok";
        json = {{"table", table}, {"ok", is_ok}};
        json["mended"] = before == "ok" ? Json::array() : lines_of(before);
        json["problems"] = is_ok ? Json::array() : lines_of(after);
        if (arguments.json) return is_ok;
        if (before == "ok") {
          fmt::print("{}: {}, nothing to repair\n", table, green("ok"));
        } else if (is_ok) {
          fmt::print("{}: {}; it had\n{}\n", table, green("repaired"), before);
        } else {
          fmt::print("{}: {}\n{}\n", table, red("problems left; try 'rebuild'"), after);
        }
        return is_ok;
      });
}

Result<int> optimize_tables(const TableArguments& arguments) {
  return for_each_table(
      arguments, true,
      [&](Database& database, const std::string& table, Json& json) -> Result<bool> {
        const Stopwatch watch;
        NEARLITE_CLI_TRY(command(database, table, arguments.compact ? "compact" : "optimize"));
        const double seconds = watch.seconds();
        json = {{"table", table}, {"ok", true}, {"seconds", seconds}};
        if (!arguments.json) {
          fmt::print("{}: {} in {:.1f} s\n", table, arguments.compact ? "compacted" : "optimized",
                     seconds);
        }
        return true;
      });
}

}  // namespace nearlite::cli
