// `nearlite demo`: an index over real sentences, built, searched, measured, and then put to the
// test of each promise the README makes. Every act is a function; demo.cc calls them in order.
//
//   demo.cc          the acts in order; the temporary folder
//   demo_data.cc     the data files
//   demo_build.cc    build, sizes
//   demo_search.cc   queries and their sentences; recall and times against the exact scan
//   demo_promises.cc delete, rollback, savepoint, VACUUM, a new process, stock SQLite
//   demo_crash.cc    kill -9
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/demo_data.h"
#include "cli/terminal.h"
#include "nearlite/nearlite.h"

namespace nearlite::cli {

struct Hit {
  std::int64_t id = 0;
  double distance = 0;
  bool operator==(const Hit&) const = default;
};
using Hits = std::vector<Hit>;

inline constexpr std::int64_t kNearest = 10;  ///< answers the acts ask for

/// What the acts share. `database` is closed and opened anew between some of them.
struct Demo {
  std::string data;  ///< folder of the data files
  std::string file;  ///< the database
  Sentences sentences;
  Sentences queries;
  Database database;
  int broken_promises = 0;

  /// Prints ✓ or ✗ and what it proves; counts the ✗.
  void promise(bool is_kept, std::string_view text);
};

void print_heading(int number, std::string_view text);

Result<Database> open_demo_database(const std::string& file);
Result<std::int64_t> ask_int64(Database& database, std::string_view sql);
Result<std::string> ask_text(Database& database, std::string_view sql);

/// The `k` nearest rows, by the index with its own ef_search.
Result<Hits> find_nearest(Database& database, std::span<const float> query, std::int64_t k);

Status build(Demo& demo);
Status show_queries(Demo& demo);
Status measure_recall(Demo& demo);
Status prove_delete(Demo& demo);
Status prove_rollback(Demo& demo);
Status prove_crash_safety(Demo& demo);
Status prove_vacuum_and_reopen(Demo& demo);
Status prove_ordinary_file(Demo& demo);

}  // namespace nearlite::cli
