// The demo's fourth act, but for the kills (demo_crash.cc): delete, rollback, savepoint, VACUUM, a
// new process, and what stock SQLite says of the file.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/child.h"
#include "cli/commands.h"
#include "cli/demo.h"
#include "cli/try.h"

namespace nearlite::cli {
namespace {

constexpr std::size_t kQueriesCompared = 50;

// Everything a later answer is compared with, bit for bit.
struct Answers {
  std::vector<Hits> hits;
  std::string digest;
  std::int64_t documents = 0;
  bool operator==(const Answers&) const = default;
};

Result<Answers> take_answers(Demo& demo) {
  Answers answers;
  const std::size_t count = std::min(kQueriesCompared, demo.queries.rows.size());
  for (std::size_t i = 0; i < count; ++i) {
    NEARLITE_CLI_ASSIGN(answers.hits.emplace_back(),
                        find_nearest(demo.database, demo.queries.rows[i].vector, kNearest));
  }
  NEARLITE_CLI_ASSIGN(answers.digest, ask_text(demo.database, "SELECT nearlite_digest('vss')"));
  NEARLITE_CLI_ASSIGN(answers.documents,
                      ask_int64(demo.database, "SELECT count(*) FROM documents"));
  return answers;
}

Status delete_row(Demo& demo, std::int64_t id) {
  NEARLITE_CLI_TRY(demo.database.execute(fmt::format("DELETE FROM documents WHERE id = {}", id)));
  return demo.database.execute(fmt::format("DELETE FROM vss WHERE rowid = {}", id));
}

// Deletes the best hit of each of the first queries and inserts the queries themselves, which then
// are their own best hits.
Result<std::size_t> disturb(Demo& demo, std::size_t query_count) {
  NEARLITE_CLI_ASSIGN(Statement insert,
                      demo.database.prepare("INSERT INTO vss(rowid, embedding) VALUES (?1, ?2)"));
  std::size_t seen = 0;
  for (std::size_t i = 0; i < query_count; ++i) {
    const auto vector = demo.queries.rows[i].vector;
    const auto id = static_cast<std::int64_t>(1'000'000 + i);
    NEARLITE_CLI_ASSIGN(const Hits before, find_nearest(demo.database, vector, 1));
    if (!before.empty()) NEARLITE_CLI_TRY(delete_row(demo, before.front().id));
    NEARLITE_CLI_TRY(insert.bind_int64(1, id).bind_vector(2, vector).run());
    NEARLITE_CLI_ASSIGN(const Hits after, find_nearest(demo.database, vector, 1));
    seen += !after.empty() && after.front().id == id ? 1U : 0U;
  }
  return seen;
}

std::string name_of(const Demo& demo, std::int64_t id) {
  const bool is_known = id >= 1 && static_cast<std::size_t>(id) <= demo.sentences.rows.size();
  const std::string all =
      is_known ? demo.sentences.rows[static_cast<std::size_t>(id) - 1].label : std::to_string(id);
  return all.substr(0, all.find(','));
}

// What run_demo_reader prints: the time, then the hits.
Result<double> read_in_new_process(Demo& demo, Hits& hits) {
  NEARLITE_CLI_ASSIGN(Child child, Child::start({"demo-reader", demo.file, demo.data, "1"}));
  std::string line;
  double milliseconds = -1;
  for (;;) {
    NEARLITE_CLI_ASSIGN(const bool has_line, child.read_line(line));
    if (!has_line) break;
    if (milliseconds < 0) {
      milliseconds = std::strtod(line.c_str(), nullptr);
      continue;
    }
    char* end = nullptr;
    const std::int64_t id = std::strtoll(line.c_str(), &end, 10);
    hits.push_back({id, std::strtod(end, nullptr)});
  }
  NEARLITE_CLI_ASSIGN(const int code, child.wait());
  if (code != 0) {
    return Status(Code::kInternal, fmt::format("the reading process ended with code {}", code));
  }
  return milliseconds;
}

}  // namespace

Status prove_delete(Demo& demo) {
  const Sentence& query = demo.queries.rows.front();
  NEARLITE_CLI_ASSIGN(const Hits before, find_nearest(demo.database, query.vector, kNearest + 1));
  if (before.size() < 2) return {Code::kInternal, "the demo's first query finds nothing"};
  NEARLITE_CLI_TRY(demo.database.execute("BEGIN"));
  NEARLITE_CLI_TRY(delete_row(demo, before.front().id));
  NEARLITE_CLI_TRY(demo.database.execute("COMMIT"));
  NEARLITE_CLI_ASSIGN(const Hits after, find_nearest(demo.database, query.vector, kNearest));
  demo.promise(std::equal(after.begin(), after.end(), before.begin() + 1, before.end()),
               fmt::format("Delete: “{}” is gone at once, “{}” moves up",
                           name_of(demo, before.front().id), name_of(demo, before[1].id)));
  return {};
}

Status prove_rollback(Demo& demo) {
  constexpr std::size_t kRows = 50;
  const std::size_t count = std::min(kRows, demo.queries.rows.size());
  NEARLITE_CLI_ASSIGN(const Answers before, take_answers(demo));
  NEARLITE_CLI_TRY(demo.database.execute("BEGIN"));
  NEARLITE_CLI_ASSIGN(const std::size_t seen, disturb(demo, count));
  demo.promise(seen == count, fmt::format("Transaction: {} rows deleted and {} inserted are seen "
                                          "by its own searches before COMMIT",
                                          count, count));
  NEARLITE_CLI_TRY(demo.database.execute("ROLLBACK"));
  NEARLITE_CLI_ASSIGN(const Answers after, take_answers(demo));
  demo.promise(after == before,
               "ROLLBACK: every hit, distance and the index's digest are as before");

  NEARLITE_CLI_TRY(demo.database.execute("BEGIN; SAVEPOINT a"));
  NEARLITE_CLI_ASSIGN(const std::size_t seen_outer, disturb(demo, count));
  NEARLITE_CLI_TRY(demo.database.execute("SAVEPOINT b; DELETE FROM vss WHERE rowid % 2 = 0"));
  NEARLITE_CLI_TRY(demo.database.execute("ROLLBACK TO b; ROLLBACK TO a; COMMIT"));
  NEARLITE_CLI_ASSIGN(const Answers at_end, take_answers(demo));
  demo.promise(seen_outer == count && at_end == before,
               "ROLLBACK TO a savepoint, half of the index deleted in an inner one, then COMMIT: "
               "as before");
  return {};
}

Status prove_vacuum_and_reopen(Demo& demo) {
  NEARLITE_CLI_ASSIGN(const Answers before, take_answers(demo));
  NEARLITE_CLI_TRY(demo.database.execute("VACUUM"));
  NEARLITE_CLI_ASSIGN(const Answers after, take_answers(demo));
  demo.promise(after == before,
               "VACUUM moves every page: hits, distances and digest are as before");
  Hits hits;
  NEARLITE_CLI_ASSIGN(const double milliseconds, read_in_new_process(demo, hits));
  demo.promise(!before.hits.empty() && hits == before.hits.front(),
               fmt::format("A new process has its first answer, the same, {:.0f} ms after its "
                           "start; nothing is rebuilt",
                           milliseconds));
  return {};
}

Status prove_ordinary_file(Demo& demo) {
  OpenOptions options;
  options.extension = false;
  NEARLITE_CLI_ASSIGN(Database stock, Database::open(demo.file, options));
  NEARLITE_CLI_ASSIGN(const std::string answer, ask_text(stock, "PRAGMA integrity_check"));
  demo.promise(answer == "ok",
               fmt::format("Stock SQLite, without the extension: integrity_check says {}", answer));
  return {};
}

Result<int> run_demo_reader(const DemoChildArguments& arguments) {
  const Stopwatch watch;
  NEARLITE_CLI_ASSIGN(Database database, open_demo_database(arguments.database));
  NEARLITE_CLI_ASSIGN(const Sentences queries, read_sentences(arguments.data, "queries", 0));
  const auto index = static_cast<std::size_t>(arguments.query) - 1;
  if (index >= queries.rows.size()) return Status(Code::kInvalidArgument, "no such query");
  NEARLITE_CLI_ASSIGN(const Hits hits,
                      find_nearest(database, queries.rows[index].vector, kNearest));
  fmt::print("{}\n", watch.milliseconds());
  for (const Hit& hit : hits) fmt::print("{} {}\n", hit.id, hit.distance);
  return kExitOk;
}

}  // namespace nearlite::cli
