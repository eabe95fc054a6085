// `nearlite init`: a database with an index in it. Says the SQL it runs, which is all it does.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/create_index.h"
#include "cli/index_table.h"
#include "cli/terminal.h"
#include "cli/try.h"

namespace nearlite::cli {

std::string create_index_sql(const InitArguments& arguments) {
  std::vector<std::string> parts = {
      fmt::format("embedding {}[{}] metric={}", arguments.type, arguments.dim, arguments.metric)};
  if (arguments.columns.empty()) {
    parts.emplace_back("+content text");
  } else {
    parts.insert(parts.end(), arguments.columns.begin(), arguments.columns.end());
  }
  parts.insert(parts.end(), arguments.options.begin(), arguments.options.end());
  return fmt::format("CREATE VIRTUAL TABLE {}{} USING hnsw({})",
                     arguments.if_not_exists ? "IF NOT EXISTS " : "",
                     as_identifier(arguments.table), fmt::join(parts, ", "));
}

Result<int> run_init(const InitArguments& arguments) {
  OpenOptions options;
  options.create = true;
  NEARLITE_CLI_ASSIGN(Database database, Database::open(arguments.database, options));
  const std::string sql = create_index_sql(arguments);
  NEARLITE_CLI_TRY(database.execute(sql));
  if (arguments.json) {
    const nlohmann::ordered_json json = {
        {"database", arguments.database}, {"table", arguments.table}, {"sql", sql}};
    fmt::print("{}\n", json.dump());
  } else {
    fmt::print("{}: {}\n", arguments.database, sql);
  }
  return kExitOk;
}

}  // namespace nearlite::cli
