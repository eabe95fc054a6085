#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "nearlite/nearlite.h"

namespace nearlite::cli {
namespace {

void add_sql(CLI::App& app, Arguments& all, Action& action) {
  SqlArguments& arguments = all.sql;
  CLI::App* sql = app.add_subcommand(
      "sql", "Run SQL: a shell at a terminal, otherwise statements from standard input");
  sql->add_option("database", arguments.database, "SQLite file, created if need be, or :memory:")
      ->required();
  sql->add_option("statements", arguments.statements, "SQL; without it, standard input is read");
  sql->add_option("--mode", arguments.mode, "How rows are printed")
      ->check(CLI::IsMember({"table", "json", "csv", "line"}));
  sql->add_option("--dialect", arguments.dialect,
                  "pgvector: its operators and indexes are translated; sqlite: nothing is")
      ->capture_default_str()
      ->check(CLI::IsMember({"pgvector", "sqlite"}));
  sql->add_flag("--json", arguments.json, "The same as --mode json; blobs as hexadecimal text");
  sql->add_flag("--read-only", arguments.read_only, "Open without the right to write");
  add_provider_options(*sql, all.provider);
  sql->callback([&] {
    arguments.provider = all.provider;
    action = [&] { return run_sql(arguments); };
  });
}

void add_inspection(CLI::App& app, Action& action, TableArguments& arguments) {
  const auto add = [&](const char* name, const char* text, auto run) {
    CLI::App* command = app.add_subcommand(name, text);
    command->add_option("database", arguments.database, "SQLite file")->required();
    command->add_option("table", arguments.table, "An index; without it, all of the database");
    command->add_flag("--json", arguments.json, "Print one JSON array");
    command->callback(
        [&action, &arguments, run] { action = [&arguments, run] { return run(arguments); }; });
    return command;
  };
  add("check", "Compare indexes with their rows; exit code 1 if there is a problem", check_tables);
  add("stats", "Show what indexes hold and how much, as JSON", print_stats);
  add("repair", "Mend differences between rows and index", repair_tables);
  add("optimize", "Fold, repair and purge everything now", optimize_tables)
      ->add_flag("--compact", arguments.compact, "And give the space back");
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

void add_descriptions(CLI::App& app, Arguments& arguments, Action& action) {
  const auto print = [&action](auto text) {
    return [&action, text] {
      action = [text]() -> Result<int> {
        fmt::print("{}\n", text());
        return kExitOk;
      };
    };
  };
  app.add_subcommand("version", "Print the version")->callback(print([] { return version(); }));
  app.add_subcommand("manual", "Print the manual page, for man -l -")->callback(print([&app] {
    return manual_page(app);
  }));
  CLI::App* completion = app.add_subcommand("completion", "Print the completions for a shell");
  completion->add_option("shell", arguments.shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->callback(
      print([&app, &arguments] { return completion_script(app, arguments.shell); }));
}

}  // namespace

void add_provider_options(CLI::App& app, ProviderArguments& arguments) {
  const std::string group = "Embedding provider";
  const auto given = [&arguments](const auto& /*value*/) { arguments.is_given = true; };
  const auto add = [&](const char* name, auto& value, const char* text) {
    return app.add_option(name, value, text)->group(group)->each(given);
  };
  add("--ollama-url", arguments.ollama_url, "Ollama's address")->capture_default_str();
  add("--ollama-model", arguments.ollama_model, "Its model")->capture_default_str();
  add("--openai-url", arguments.openai_url,
      "Address of a server with OpenAI's /v1/embeddings; a key comes from OPENAI_API_KEY");
  add("--openai-model", arguments.openai_model, "Its model");
  add("--timeout", arguments.timeout_ms, "Milliseconds a request may take")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{3'600'000}));
  add("--retries", arguments.retry_count, "How often a failed request is sent again")
      ->capture_default_str()
      ->check(CLI::Range(0U, 20U));
  add("--retry-wait", arguments.retry_wait_ms, "Milliseconds before the first retry; then doubled")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{60'000}));
  add("--embed-batch", arguments.batch_size, "Texts a request")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{2048}));
}

void define_commands(CLI::App& app, Arguments& arguments, Action& action) {
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string(version()));
  // As in the original tool they may also stand before the sub-command.
  add_provider_options(app, arguments.provider);
  define_data_commands(app, arguments, action);
  define_text_commands(app, arguments, action);
  add_sql(app, arguments, action);
  add_inspection(app, action, arguments.table);
  add_demo(app, action, arguments.demo);
  add_demo_children(app, action, arguments.demo_child);
  add_descriptions(app, arguments, action);
}

}  // namespace nearlite::cli
