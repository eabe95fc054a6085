// The demo's kills: a process inserts a document and its vector a transaction, and is killed with
// -9 while it commits. Whatever it said was committed must be there, in both tables; the row it was
// committing is in both or in neither.
//
// The writer prints "commit <id>" before each COMMIT and "done <id>" when it has returned. The
// parent kills it after a "commit", a random fraction of the time between two of them later: mostly
// while it commits.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <random>
#include <string_view>
#include <thread>

#include "cli/child.h"
#include "cli/commands.h"
#include "cli/demo.h"
#include "cli/try.h"

namespace nearlite::cli {
namespace {

constexpr int kKills = 5;
constexpr std::string_view kBefore = "commit ";
constexpr std::string_view kAfter = "done ";

// What is known of a writer's life from what it said.
struct Life {
  std::int64_t acknowledged = 0;      // rows whose COMMIT returned
  std::int64_t started = 0;           // rows whose COMMIT began
  std::vector<double> cycle_seconds;  // from one COMMIT to the next

  void note(std::string_view line) {
    if (line.starts_with(kBefore)) ++started;
    if (line.starts_with(kAfter)) ++acknowledged;
  }
  [[nodiscard]] bool died_in_commit() const { return started > acknowledged; }
};

// Lets a writer live for `commits` acknowledged commits and kills it in the next.
Result<Life> live_and_die(const Demo& demo, std::int64_t first_id, std::int64_t commits,
                          double fraction) {
  NEARLITE_CLI_ASSIGN(
      Child child, Child::start({"demo-writer", demo.file, demo.data, std::to_string(first_id)}));
  Life life;
  std::string line;
  Stopwatch watch;
  for (;;) {
    NEARLITE_CLI_ASSIGN(const bool has_line, child.read_line(line));
    if (!has_line) {
      return Status(Code::kInternal, "the writing process ended before it was killed");
    }
    life.note(line);
    if (!line.starts_with(kBefore)) continue;
    if (life.started > 1) life.cycle_seconds.push_back(watch.seconds());
    watch = Stopwatch();
    if (life.acknowledged >= commits) break;
  }
  std::sort(life.cycle_seconds.begin(), life.cycle_seconds.end());
  // Sleeping, not spinning: the writer may need this core.
  std::this_thread::sleep_for(
      std::chrono::duration<double>(fraction * life.cycle_seconds[life.cycle_seconds.size() / 2]));
  child.kill_now();
  for (;;) {  // what it had said before the kill reached it
    NEARLITE_CLI_ASSIGN(const bool has_line, child.read_line(line));
    if (!has_line) break;
    life.note(line);
  }
  NEARLITE_CLI_ASSIGN(const int code, child.wait());
  if (code != -SIGKILL) {
    return Status(Code::kInternal, fmt::format("the writing process ended with {}", code));
  }
  return life;
}

// The number of documents from `first_id` on, when both tables have the same ids and no gap; else
// -1.
Result<std::int64_t> count_new_rows(Demo& demo, std::int64_t first_id) {
  const auto count = [&](const char* what) {
    return ask_int64(demo.database, fmt::format("SELECT {}", what));
  };
  NEARLITE_CLI_ASSIGN(const std::int64_t documents, count("count(*) FROM documents"));
  NEARLITE_CLI_ASSIGN(const std::int64_t vectors, count("count(*) FROM vss"));
  NEARLITE_CLI_ASSIGN(const std::int64_t both,
                      count("count(*) FROM documents AS d JOIN vss AS v ON v.rowid = d.id"));
  NEARLITE_CLI_ASSIGN(const std::int64_t last, count("max(id) FROM documents"));
  NEARLITE_CLI_ASSIGN(const std::int64_t added,
                      ask_int64(demo.database, fmt::format("SELECT count(*) FROM documents "
                                                           "WHERE id >= {}",
                                                           first_id)));
  const bool is_equal = documents == vectors && both == documents && last == first_id + added - 1;
  return is_equal ? added : -1;
}

// The last acknowledged row is found by its own vector.
Result<bool> finds_last(Demo& demo, std::int64_t id) {
  const auto& queries = demo.queries.rows;
  const auto& vector = queries[static_cast<std::size_t>(id) % queries.size()].vector;
  NEARLITE_CLI_ASSIGN(const Hits hits, find_nearest(demo.database, vector, 10));
  return std::any_of(hits.begin(), hits.end(),
                     [&](const Hit& hit) { return hit.id == id && hit.distance < 1e-6; });
}

// Over all kills.
struct Summary {
  int in_commit = 0;
  double fastest_ms = 0;  // from opening the file to an answer
  double slowest_ms = 0;

  void add(bool died_in_commit, double milliseconds) {
    fastest_ms = slowest_ms == 0 ? milliseconds : std::min(fastest_ms, milliseconds);
    slowest_ms = std::max(slowest_ms, milliseconds);
    in_commit += died_in_commit ? 1 : 0;
  }
};

Status kill_once(Demo& demo, int number, std::int64_t commits, double fraction, Summary& summary) {
  NEARLITE_CLI_ASSIGN(const std::int64_t first_id,
                      ask_int64(demo.database, "SELECT max(id) + 1 FROM documents"));
  {
    const Database closing = std::move(demo.database);  // the writer and the file are alone
  }
  const Result<Life> life = live_and_die(demo, first_id, commits, fraction);
  const Stopwatch watch;
  NEARLITE_CLI_ASSIGN(demo.database, open_demo_database(demo.file));
  NEARLITE_CLI_TRY(life.status());
  NEARLITE_CLI_ASSIGN(const bool is_found, finds_last(demo, first_id + life->acknowledged - 1));
  summary.add(life->died_in_commit(), watch.milliseconds());
  NEARLITE_CLI_ASSIGN(const std::int64_t added, count_new_rows(demo, first_id));
  NEARLITE_CLI_ASSIGN(const std::string check,
                      ask_text(demo.database, "SELECT nearlite_check('vss')"));
  const bool is_whole = added == life->acknowledged || added == life->started;
  const char* moment = !life->died_in_commit()       ? "between commits"
                       : added == life->acknowledged ? "in a commit that left no trace"
                                                     : "in a commit that was complete";
  demo.promise(
      is_whole && is_found && check == "ok",
      fmt::format("kill -9 ({}) {}: {} of {} acknowledged rows, {}, check {}", number, moment,
                  std::clamp<std::int64_t>(added, 0, life->acknowledged), life->acknowledged,
                  added < 0 ? "tables differ" : "tables equal", check));
  return {};
}

}  // namespace

Status prove_crash_safety(Demo& demo) {
  std::mt19937 random(1);
  std::uniform_int_distribution<std::int64_t> commits(5, 30);
  std::uniform_real_distribution<double> fraction(0.0, 1.0);
  Summary summary;
  for (int number = 1; number <= kKills; ++number) {
    const std::int64_t life = commits(random);
    NEARLITE_CLI_TRY(kill_once(demo, number, life, fraction(random), summary));
  }
  fmt::print(
      "   {} kills, {} of them in mid-commit; first answer {:.0f} to {:.0f} ms after opening "
      "the file again\n",
      kKills, summary.in_commit, summary.fastest_ms, summary.slowest_ms);
  return {};
}

Result<int> run_demo_writer(const DemoChildArguments& arguments) {
  NEARLITE_CLI_ASSIGN(const Sentences queries, read_sentences(arguments.data, "queries", 0));
  NEARLITE_CLI_ASSIGN(Database database, open_demo_database(arguments.database));
  NEARLITE_CLI_ASSIGN(Statement document,
                      database.prepare("INSERT INTO documents VALUES (?1, 'written', ?2)"));
  NEARLITE_CLI_ASSIGN(Statement vector,
                      database.prepare("INSERT INTO vss(rowid, embedding) VALUES (?1, ?2)"));
  std::setvbuf(stdout, nullptr, _IOLBF, 4096);  // each line at once, though it is a pipe
  for (std::int64_t id = arguments.first_id;; ++id) {
    const Sentence& row = queries.rows[static_cast<std::size_t>(id) % queries.rows.size()];
    NEARLITE_CLI_TRY(database.execute("BEGIN IMMEDIATE"));
    NEARLITE_CLI_TRY(document.bind_int64(1, id).bind_text(2, row.text).run());
    NEARLITE_CLI_TRY(vector.bind_int64(1, id).bind_vector(2, row.vector).run());
    fmt::print("{}{}\n", kBefore, id);
    NEARLITE_CLI_TRY(database.execute("COMMIT"));
    fmt::print("{}{}\n", kAfter, id);
  }
}

}  // namespace nearlite::cli
