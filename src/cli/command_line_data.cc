// The command line of what works with files of rows: init, import, export, bench.
#include <CLI/CLI.hpp>

#include "cli/command_line.h"

namespace nearlite::cli {
namespace {

const CLI::Range kAnyCount(std::uint64_t{1}, std::uint64_t{1'000'000'000});

void add_init(CLI::App& app, Arguments& all, Action& action) {
  InitArguments& arguments = all.init;
  CLI::App* init = app.add_subcommand("init", "Create a database with an index");
  init->add_option("database", arguments.database, "SQLite file")->required();
  init->add_option("--table", arguments.table, "Name of the index")->capture_default_str();
  init->add_option("--dim", arguments.dim, "Components of a vector")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{16'384}));
  init->add_option("--metric", arguments.metric, "How distance is measured")
      ->capture_default_str()
      ->check(CLI::IsMember({"cosine", "l2", "ip", "l1", "hamming"}));
  init->add_option("--type", arguments.type, "How components are stored")
      ->capture_default_str()
      ->check(CLI::IsMember({"float", "float16", "bfloat16", "int8", "bit"}));
  init->add_option("--column", arguments.columns,
                   "A further column, as in CREATE VIRTUAL TABLE: 'lang text', '+title text'; may "
                   "be repeated; without it, '+content text'")
      ->take_all();
  const auto option = [&](const char* flag, const char* name, const char* text) {
    init->add_option_function<std::string>(
        flag,
        [&arguments, name](const std::string& value) {
          arguments.options.push_back(std::string(name) + "=" + value);
        },
        text);
  };
  option("--m", "m", "Neighbours of a node");
  option("--ef-construction", "ef_construction", "Width of the search at insert");
  option("--ef-search", "ef_search", "Width of a query's search");
  option("--quantize", "quantize", "What the graph is walked on: int8, bit or none");
  init->add_flag("--if-not-exists", arguments.if_not_exists, "Leave an index of that name alone");
  init->add_flag("--json", arguments.json, "Print what was made as JSON");
  init->callback([&] { action = [&] { return run_init(arguments); }; });
}

void add_import(CLI::App& app, Arguments& all, Action& action) {
  ImportArguments& arguments = all.import;
  CLI::App* import = app.add_subcommand("import", "Read rows of a file into an index");
  import->add_option("database", arguments.database, "SQLite file")->required();
  import->add_option("file", arguments.file, "CSV, JSON lines, .npy, .fvecs, .bvecs, .ivecs; or -")
      ->required();
  import->add_option("--table", arguments.table, "An index, or a table whose triggers feed one");
  import->add_option("--format", arguments.format,
                     "csv, tsv, jsonl, npy, fvecs, bvecs or ivecs; default: what the name says");
  import->add_option("--id", arguments.id, "Column with the ids; default: id or rowid");
  import->add_option("--vector", arguments.vector,
                     "Column with the vectors; default: embedding or vector");
  import->add_option("--text", arguments.text, "Column with texts to make vectors of");
  import->add_option("--map", arguments.maps, "FROM=TO: a column of the file into one of the table")
      ->take_all();
  import->add_option("--ids", arguments.ids, "A .npy file with the ids");
  import->add_option("--on-conflict", arguments.on_conflict, "What to do about ids that are there")
      ->capture_default_str()
      ->check(CLI::IsMember({"abort", "replace", "ignore"}));
  import->add_option("--batch", arguments.batch_size, "Rows a transaction")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000'000}));
  import->add_option("--limit", arguments.limit, "Read the first N rows only")->check(kAnyCount);
  import->add_flag("--skip-bad", arguments.skip_bad, "Count rows that cannot be used, and go on");
  import->add_flag("--restart", arguments.restart, "Forget where an interrupted import was");
  import->add_flag("--json", arguments.json, "Print the outcome as JSON");
  add_provider_options(*import, all.provider);
  import->callback([&] {
    arguments.provider = all.provider;
  action = [&] { return run_import(arguments); };
});
}  // namespace

void add_export(CLI::App& app, Arguments& all, Action& action) {
  ExportArguments& arguments = all.export_;
  CLI::App* command = app.add_subcommand("export", "Write rows of an index to a file");
  command->add_option("database", arguments.database, "SQLite file")->required();
  command->add_option("file", arguments.file, "File to write, or -")->required();
  command->add_option("--table", arguments.table, "An index");
  command
      ->add_option("--format", arguments.format,
                   "jsonl, csv, npy (with .ids.npy) or copy (pgvector); default: what the name "
                   "says")
      ->check(CLI::IsMember({"jsonl", "csv", "npy", "copy"}));
  command->add_option("--filter", arguments.filter, "SQL condition on the rows");
  command->add_flag("--force", arguments.force, "Replace a file that is there");
  command->add_flag("--json", arguments.json, "Print the outcome as JSON");
  command->callback([&] { action = [&] { return run_export(arguments); }; });
}

void add_bench(CLI::App& app, Arguments& all, Action& action) {
  BenchArguments& arguments = all.bench;
  CLI::App* bench = app.add_subcommand(
      "bench", "Measure recall and latency over ef_search, on the rows of an index");
  bench->add_option("database", arguments.database, "SQLite file")->required();
  bench->add_option("--table", arguments.table, "An index");
  bench->add_option("--queries", arguments.query_count, "Rows that are searched for")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{2}, std::uint64_t{1'000'000}));
  bench->add_option("--k", arguments.k, "Neighbours asked for")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{10'000}));
  bench->add_option("--ef-search", arguments.ef_search, "Widths to try, separated by commas")
      ->delimiter(',')
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000}));
  bench->add_option("--target-recall", arguments.target_recall, "Recall to reach")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  bench->add_option("--seed", arguments.seed, "Chooses the rows")->capture_default_str();
  bench->add_flag("--apply", arguments.apply, "Make the suggested ef_search the index's own");
  bench->add_flag("--json", arguments.json, "Print the measurements as JSON");
  bench->callback([&] { action = [&] { return run_bench(arguments); }; });
}

}  // namespace nearlite::cli

void define_data_commands(CLI::App& app, Arguments& arguments, Action& action) {
  add_init(app, arguments, action);
  add_import(app, arguments, action);
  add_export(app, arguments, action);
  add_bench(app, arguments, action);
}

}  // namespace nearlite::cli
