#include "cli/demo.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "cli/commands.h"
#include "cli/try.h"

namespace nearlite::cli {
namespace {

// Removed with everything in it at the end of the scope.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> make() {
    std::error_code error;
    const auto parent = std::filesystem::temp_directory_path(error);
    std::string path = (error ? "/tmp" : parent.string()) + "/nearlite-demo-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      return Status(Code::kIo, fmt::format("{}: {}", path, std::strerror(errno)));
    }
    return TemporaryFolder(std::move(path));
  }
  ~TemporaryFolder() {
    std::error_code error;  // a folder that is left behind harms nobody
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  [[nodiscard]] std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Status play(Demo& demo) {
  NEARLITE_CLI_TRY(build(demo));
  NEARLITE_CLI_TRY(show_queries(demo));
  NEARLITE_CLI_TRY(measure_recall(demo));
  print_heading(4, "Promises");
  NEARLITE_CLI_TRY(prove_delete(demo));
  NEARLITE_CLI_TRY(prove_rollback(demo));
  NEARLITE_CLI_TRY(prove_crash_safety(demo));
  NEARLITE_CLI_TRY(prove_vacuum_and_reopen(demo));
  return prove_ordinary_file(demo);
}

}  // namespace

void Demo::promise(bool is_kept, std::string_view text) {
  fmt::print("   {} {}\n", is_kept ? green("✓") : red("✗"), text);
  if (!is_kept) ++broken_promises;
  std::fflush(stdout);
}

void print_heading(int number, std::string_view text) {
  fmt::print("\n{}\n", bold(fmt::format("{}  {}", number, text)));
  std::fflush(stdout);
}

Result<Database> open_demo_database(const std::string& file) {
  OpenOptions options;
  options.create = true;
  return Database::open(file, options);
}

Result<std::int64_t> ask_int64(Database& database, std::string_view sql) {
  NEARLITE_CLI_ASSIGN(Statement question, database.prepare(sql));
  NEARLITE_CLI_TRY(question.step().status());
  return question.column_int64(0);
}

Result<std::string> ask_text(Database& database, std::string_view sql) {
  NEARLITE_CLI_ASSIGN(Statement question, database.prepare(sql));
  NEARLITE_CLI_TRY(question.step().status());
  return std::string(question.column_text(0));
}

Result<Hits> find_nearest(Database& database, std::span<const float> query, std::int64_t k) {
  NEARLITE_CLI_ASSIGN(
      Statement search,
      database.prepare("SELECT rowid, distance FROM vss_knn(?1, ?2) ORDER BY distance"));
  search.bind_vector(1, query).bind_int64(2, k);
  Hits hits;
  for (;;) {
    NEARLITE_CLI_ASSIGN(const bool has_row, search.step());
    if (!has_row) return hits;
    hits.push_back({search.column_int64(0), search.column_double(1)});
  }
}

Result<int> run_demo(const DemoArguments& arguments) {
  const Stopwatch watch;
  NEARLITE_CLI_ASSIGN(Sentences sentences,
                      read_sentences(arguments.data, "glosses", arguments.rows));
  NEARLITE_CLI_ASSIGN(Sentences queries, read_sentences(arguments.data, "queries", 0));
  if (!arguments.keep.empty() && std::filesystem::exists(arguments.keep)) {
    return Status(Code::kInvalidArgument,
                  arguments.keep + " exists already; the demo makes a new file");
  }
  NEARLITE_CLI_ASSIGN(const TemporaryFolder folder, TemporaryFolder::make());
  const std::string file = arguments.keep.empty() ? folder.file("demo.db") : arguments.keep;
  NEARLITE_CLI_ASSIGN(Database database, open_demo_database(file));
  Demo demo{arguments.data, file, std::move(sentences), std::move(queries), std::move(database), 0};
  NEARLITE_CLI_ASSIGN(const std::string sqlite_version,
                      ask_text(demo.database, "SELECT sqlite_version()"));
  fmt::print("{} in SQLite {}: {} sentences of {} numbers each, on {} cores\n",
             bold(fmt::format("Nearlite {}", version())), sqlite_version,
             with_commas(demo.sentences.rows.size()), kDim, std::thread::hardware_concurrency());
  NEARLITE_CLI_TRY(play(demo));
  const std::string where = arguments.keep.empty() ? "" : "; the database is in " + arguments.keep;
  if (demo.broken_promises == 0) {
    fmt::print("\n{} in {:.0f} seconds{}\n", bold(green("All promises kept")), watch.seconds(),
               where);
    return kExitOk;
  }
  fmt::print("\n{}{}\n", bold(red(fmt::format("{} promises broken", demo.broken_promises))), where);
  return kExitFailed;
}

}  // namespace nearlite::cli
