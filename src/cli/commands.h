// The sub-commands of `nearlite`, one function each. main.cc reads the command line and calls them.
//
// Each returns the exit code, or the failure that ended it: main.cc prints that to standard error
// and exits with 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nearlite/status.h"

namespace nearlite::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;  ///< an error, or a check that found problems
inline constexpr int kExitUsage = 2;   ///< the command line is wrong

struct SqlArguments {
  std::string database;
  std::vector<std::string> statements;  ///< none: read standard input
  bool json = false;
  bool read_only = false;
};
Result<int> run_sql(const SqlArguments& arguments);

struct TableArguments {
  std::string database;
  std::string table;  ///< empty: every index of the database
};
Result<int> check_tables(const TableArguments& arguments);
Result<int> print_stats(const TableArguments& arguments);

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
