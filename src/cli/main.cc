// The command `nearlite`: reads the command line, runs one sub-command, reports failures. The first
// user of the public headers, and of nothing else.
//
// Exit codes: 0; 1 for an error or for problems found; 2 for a wrong command line.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <functional>

#include "cli/commands.h"
#include "nearlite/nearlite.h"

namespace nearlite::cli {
namespace {

using Action = std::function<Result<int>()>;

void add_sql(CLI::App& app, Action& action, SqlArguments& arguments) {
  CLI::App* sql = app.add_subcommand("sql", "Run SQL in a database, which is created if need be");
  sql->add_option("database", arguments.database, "SQLite file, or :memory:")->required();
  sql->add_option("statements", arguments.statements, "SQL; without it, standard input is read");
  sql->add_flag("--json", arguments.json, "Print rows as JSON, blobs as hexadecimal text");
  sql->add_flag("--read-only", arguments.read_only, "Open without the right to write");
  sql->callback([&] { action = [&] { return run_sql(arguments); }; });
}

void add_inspection(CLI::App& app, Action& action, TableArguments& arguments) {
  const auto add = [&](const char* name, const char* text, auto run) {
    CLI::App* command = app.add_subcommand(name, text);
    command->add_option("database", arguments.database, "SQLite file")->required();
    command->add_option("table", arguments.table, "An index; without it, all of the database");
    command->callback(
        [&action, &arguments, run] { action = [&arguments, run] { return run(arguments); }; });
  };
  add("check", "Compare indexes with their rows; exit code 1 if there is a problem", check_tables);
  add("stats", "Show what indexes hold and how much, as JSON", print_stats);
}

void add_demo(CLI::App& app, Action& action, DemoArguments& arguments) {
  CLI::App* demo = app.add_subcommand("demo", "Show Nearlite at work on real sentences");
  demo->add_option("--data", arguments.data, "Folder with glosses.txt and the other data files")
      ->capture_default_str();
  demo->add_option("--keep", arguments.keep, "Leave the database in this file");
  demo->add_option("--rows", arguments.rows, "Use the first N sentences only")
      ->check(CLI::Range(std::size_t{100}, std::size_t{100'000'000}));
  demo->callback([&] { action = [&] { return run_demo(arguments); }; });
}

// The empty group name hides them from the help text.
void add_demo_children(CLI::App& app, Action& action, DemoChildArguments& arguments) {
  CLI::App* writer = app.add_subcommand("demo-writer", "")->group("");
  writer->add_option("database", arguments.database)->required();
  writer->add_option("data", arguments.data)->required();
  writer->add_option("first-id", arguments.first_id)->required();
  writer->callback([&] { action = [&] { return run_demo_writer(arguments); }; });
  CLI::App* reader = app.add_subcommand("demo-reader", "")->group("");
  reader->add_option("database", arguments.database)->required();
  reader->add_option("data", arguments.data)->required();
  reader->add_option("query", arguments.query)->required();
  reader->callback([&] { action = [&] { return run_demo_reader(arguments); }; });
}

int run(int argc, char** argv) {
  CLI::App app("Nearlite: vector search inside SQLite.", "nearlite");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(version()));
  Action action;
  SqlArguments sql;
  TableArguments table;
  DemoArguments demo;
  DemoChildArguments child;
  add_demo(app, action, demo);
  add_sql(app, action, sql);
  add_inspection(app, action, table);
  add_demo_children(app, action, child);
  app.add_subcommand("version", "Print the version")->callback([&] {
    action = []() -> Result<int> {
      fmt::print("{}\n", version());
      return kExitOk;
    };
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  const Result<int> code = action();
  std::fflush(stdout);
  if (code.ok()) return *code;
  fmt::print(stderr, "error: {}\n", code.status().message());
  return kExitFailed;
}

}  // namespace
}  // namespace nearlite::cli

int main(int argc, char** argv) {
  try {
    return nearlite::cli::run(argc, argv);
  } catch (const std::exception& error) {  // out of memory, or a closed pipe
    std::fputs("error: ", stderr);
    std::fputs(error.what(), stderr);
    std::fputs("\n", stderr);
    return nearlite::cli::kExitFailed;
  }
}
