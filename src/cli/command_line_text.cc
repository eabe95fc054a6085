// The command line of what turns texts into vectors: add, search, embed, test.
#include <CLI/CLI.hpp>

#include "cli/command_line.h"

namespace nearlite::cli {
namespace {

void add_add(CLI::App& app, Arguments& all, Action& action) {
  AddArguments& arguments = all.add;
  CLI::App* add = app.add_subcommand("add", "Add a text with its vector");
  add->add_option("words", arguments.words, "[DATABASE] TEXT")->required()->expected(1, 2);
  add->add_option("-d,--database", arguments.database, "SQLite file")
      ->capture_default_str()
      ->envname("NEARLITE_DATABASE");
  add->add_option("--table", arguments.table, "An index");
  add->add_flag("--json", arguments.json, "Print the outcome as JSON");
  add_provider_options(*add, all.provider);
  add->callback([&] {
    arguments.provider = all.provider;
    action = [&] { return run_add(arguments); };
  });
}

void add_search(CLI::App& app, Arguments& all, Action& action) {
  SearchArguments& arguments = all.search;
  CLI::App* search =
      app.add_subcommand("search", "Find the rows nearest to a text, a vector or another row");
  search->add_option("words", arguments.words, "[DATABASE] [TEXT]")->expected(0, 2);
  search->add_option("-d,--database", arguments.database, "SQLite file")
      ->capture_default_str()
      ->envname("NEARLITE_DATABASE");
  search->add_option("--table", arguments.table, "An index");
  CLI::Option* vector = search->add_option("--vector", arguments.vector,
                                           "Search for this vector, a JSON array; - reads it");
  search->add_option("--row", arguments.row, "Search for the vector of the row with this id")
      ->excludes(vector);
  search->add_option("-k,--k,--limit", arguments.k, "Rows to find")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
  search->add_option("--ef-search", arguments.ef_search, "Width of the search")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000}));
  search->add_flag("--exact", arguments.exact, "Scan all rows");
  search->add_option("--filter", arguments.filter, "SQL condition on the rows");
  search->add_flag("--json", arguments.json, "Print the rows as JSON");
  add_provider_options(*search, all.provider);
  search->callback([&] {
    arguments.provider = all.provider;
    action = [&] { return run_search(arguments); };
  });
}

void add_embed(CLI::App& app, Arguments& all, Action& action) {
  EmbedArguments& arguments = all.embed;
  CLI::App* embed = app.add_subcommand(
      "embed",
      "Make the vectors of texts that have none: rows of a table, or lines of standard "
      "input");
  embed->add_option("database", arguments.database,
                    "SQLite file; without it, standard input to JSON lines");
  embed->add_option("--table", arguments.table, "The index that gets the vectors");
  embed->add_option("--from", arguments.from, "Table with the texts; default: the index itself");
  embed->add_option("--text", arguments.text, "Its column with the texts")->capture_default_str();
  embed->add_option("--id", arguments.id, "Its column with the ids; default: the rowid");
  embed->add_flag("--all", arguments.all, "Also those that have a vector");
  embed->add_flag("--json", arguments.json, "Print the outcome as JSON");
  add_provider_options(*embed, all.provider);
  embed->callback([&] {
    arguments.provider = all.provider;
    action = [&] { return run_embed(arguments); };
  });
}

void add_self_test(CLI::App& app, Arguments& all, Action& action) {
  SelfTestArguments& arguments = all.self_test;
  CLI::App* test = app.add_subcommand(
      "test", "Say whether texts can be embedded, stored and found; writes nothing");
  test->add_flag("--json", arguments.json, "Print the outcome as JSON");
  add_provider_options(*test, all.provider);
  test->callback([&] {
    arguments.provider = all.provider;
    action = [&] { return run_self_test(arguments); };
  });
}

}  // namespace

void define_text_commands(CLI::App& app, Arguments& arguments, Action& action) {
  add_add(app, arguments, action);
  add_search(app, arguments, action);
  add_embed(app, arguments, action);
  add_self_test(app, arguments, action);
}

}  // namespace nearlite::cli
