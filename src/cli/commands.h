// The sub-commands of `nearlite`, one function each, and what the command line says to them.
// command_line.cc reads it, main.cc calls them.
//
// Each returns the exit code, or the failure that ended it: main.cc prints that to standard error
// and exits with 1, or with 130 after Ctrl-C.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nearlite/status.h"

namespace nearlite::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;         ///< an error, or a check that found problems
inline constexpr int kExitUsage = 2;          ///< the command line is wrong
inline constexpr int kExitInterrupted = 130;  ///< Ctrl-C; what was committed stays

inline constexpr const char* kDefaultDatabase = "nearlite.db";

/// Where texts become vectors.
struct ProviderArguments {
  std::string ollama_url = "http://127.0.0.1:11434";
  std::string ollama_model = "all-minilm:latest";
  std::string openai_url;  ///< this or openai_model chooses that protocol
  std::string openai_model;
  std::uint64_t timeout_ms = 60'000;
  unsigned retry_count = 4;
  std::uint64_t retry_wait_ms = 500;
  std::size_t batch_size = 32;
  bool is_given = false;  ///< any of them was
};

struct SqlArguments {
  std::string database;
  std::vector<std::string> statements;  ///< none: read standard input
  bool json = false;
  std::string mode;  ///< empty: table
  std::string dialect = "pgvector";
  bool read_only = false;
  ProviderArguments provider;
};
Result<int> run_sql(const SqlArguments& arguments);

struct TableArguments {
  std::string database;
  std::string table;  ///< empty: every index of the database
  bool json = false;
  bool compact = false;  ///< optimize: and give the space back
};
Result<int> check_tables(const TableArguments& arguments);
Result<int> print_stats(const TableArguments& arguments);
Result<int> repair_tables(const TableArguments& arguments);
Result<int> optimize_tables(const TableArguments& arguments);

struct InitArguments {
  std::string database;
  std::string table = "documents";
  std::size_t dim = 384;
  std::string metric = "cosine";
  std::string type = "float";
  std::vector<std::string> columns;  ///< as in CREATE VIRTUAL TABLE; none: "+content text"
  std::vector<std::string> options;  ///< "m=16", …
  bool if_not_exists = false;
  bool json = false;
};
Result<int> run_init(const InitArguments& arguments);

struct ImportArguments {
  std::string database;
  std::string file;
  std::string table;
  std::string format;
  std::string id;                 ///< column of the file
  std::string vector;             ///< column of the file
  std::string text;               ///< column of the file to make vectors of
  std::string ids;                ///< .npy with the ids, for files that have vectors only
  std::vector<std::string> maps;  ///< "column of the file=column of the table"
  std::string on_conflict = "abort";
  std::size_t batch_size = 5'000;
  std::uint64_t limit = 0;  ///< 0: all rows
  bool skip_bad = false;
  bool restart = false;
  bool json = false;
  ProviderArguments provider;
};
Result<int> run_import(const ImportArguments& arguments);

struct ExportArguments {
  std::string database;
  std::string file;
  std::string table;
  std::string format;
  std::string filter;
  bool force = false;
  bool json = false;
};
Result<int> run_export(const ExportArguments& arguments);

struct SearchArguments {
  std::vector<std::string> words;  ///< [database] [text]
  std::string database = kDefaultDatabase;
  std::string table;
  std::string vector;
  std::optional<std::int64_t> row;
  std::uint64_t k = 10;
  std::uint64_t ef_search = 0;  ///< 0: the index's own
  bool exact = false;
  std::string filter;
  bool json = false;
  ProviderArguments provider;
};
Result<int> run_search(const SearchArguments& arguments);

struct AddArguments {
  std::vector<std::string> words;  ///< [database] text
  std::string database = kDefaultDatabase;
  std::string table;
  bool json = false;
  ProviderArguments provider;
};
Result<int> run_add(const AddArguments& arguments);

struct SelfTestArguments {
  bool json = false;
  ProviderArguments provider;
};
Result<int> run_self_test(const SelfTestArguments& arguments);

struct EmbedArguments {
  std::string database;  ///< empty: lines of standard input to JSON lines
  std::string table;
  std::string from;
  std::string text = "content";
  std::string id;
  bool all = false;
  bool json = false;
  ProviderArguments provider;
};
Result<int> run_embed(const EmbedArguments& arguments);

struct BenchArguments {
  std::string database;
  std::string table;
  std::uint64_t query_count = 100;
  std::uint64_t k = 10;
  std::vector<std::uint64_t> ef_search;
  double target_recall = 0.95;
  std::uint64_t seed = 1;
  bool apply = false;
  bool json = false;
};
Result<int> run_bench(const BenchArguments& arguments);

struct DemoArguments {
  std::string data = "data";
  std::string keep;      ///< file to leave the database in; empty: a temporary folder, removed
  std::size_t rows = 0;  ///< 0: all there are
};
Result<int> run_demo(const DemoArguments& arguments);

/// What the demo starts as processes of their own, hidden from the help text.
struct DemoChildArguments {
  std::string database;
  std::string data;
  std::int64_t first_id = 0;
  std::int64_t query = 1;
};
/// Inserts a row a transaction until it is killed; says on standard output what it is about to
/// commit and what is committed.
Result<int> run_demo_writer(const DemoChildArguments& arguments);
/// Opens the database, runs one query, prints the time from the start of the process and the hits.
Result<int> run_demo_reader(const DemoChildArguments& arguments);

}  // namespace nearlite::cli
