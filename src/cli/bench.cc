// `nearlite bench`: recall and latency over ef_search, on the user's own data, and the smallest
// ef_search that reaches a target. Queries are rows of the index, chosen by a seed; what the exact
// scan finds for them is the truth. A row is left out of its own answer.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/index_table.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "cli/try.h"

namespace nearlite::cli {
namespace {

using Ids = std::vector<std::int64_t>;

struct Query {
  std::int64_t id = 0;
  std::string vector;  ///< JSON text
  Ids truth;           ///< sorted
};

struct Line {
  std::uint64_t ef_search = 0;
  double recall = 0;
  double median_ms = 0;
  double p95_ms = 0;
};

const std::vector<std::uint64_t> kWidths = {10, 20, 40, 80, 120, 200, 400, 800};

class Bench {
 public:
  Bench(Database& database, const IndexTable& table, const BenchArguments& arguments)
      : database_(database), table_(table), arguments_(arguments) {}

  Result<std::vector<Line>> run() {
    NEARLITE_CLI_TRY(sample());
    NEARLITE_CLI_TRY(find_truth());
    std::vector<std::uint64_t> widths = arguments_.ef_search;
    if (widths.empty()) widths = kWidths;
    std::sort(widths.begin(), widths.end());
    widths.erase(std::unique(widths.begin(), widths.end()), widths.end());
    NEARLITE_CLI_TRY(measure(widths.back()).status());  // what is read for the first time
    ProgressBar bar("measuring", widths.size());
    std::vector<Line> lines;
    for (const std::uint64_t width : widths) {
      NEARLITE_CLI_ASSIGN(lines.emplace_back(), measure(width));
      bar.show(lines.size());
    }
    return lines;
  }

  [[nodiscard]] std::size_t query_count() const { return queries_.size(); }

 private:
  // The rows with the smallest hash of seed and rowid: any rowids will do, and the same seed
  // chooses the same rows again.
  Status sample() {
    NEARLITE_CLI_ASSIGN(Statement list,
                        database_.prepare(fmt::format("SELECT rowid FROM {} WHERE {} IS NOT NULL",
                                                      as_identifier(table_.name),
                                                      as_identifier(table_.vector().name))));
    std::vector<std::pair<std::uint64_t, std::int64_t>> chosen;  // a heap, largest hash on top
    for (;;) {
      NEARLITE_CLI_ASSIGN(const bool has_row, list.step());
      if (!has_row) break;
      const std::int64_t id = list.column_int64(0);
      chosen.emplace_back(mixed(static_cast<std::uint64_t>(id)), id);
      std::push_heap(chosen.begin(), chosen.end());
      if (chosen.size() <= arguments_.query_count) continue;
      std::pop_heap(chosen.begin(), chosen.end());
      chosen.pop_back();
    }
    if (chosen.size() < 2) {
      return {Code::kNotFound, fmt::format("{}: a benchmark needs two rows with vectors, there {}",
                                           table_.name, chosen.empty() ? "is none" : "is one")};
    }
    std::sort(chosen.begin(), chosen.end());
    NEARLITE_CLI_ASSIGN(
        Statement read,
        database_.prepare(fmt::format("SELECT vec_to_json({}) FROM {} WHERE rowid = ?1",
                                      as_typed_blob(table_.vector()), as_identifier(table_.name))));
    for (const auto& [hash, id] : chosen) {
      NEARLITE_CLI_TRY(read.bind_int64(1, id).step().status());
      queries_.push_back({id, std::string(read.column_text(0)), {}});
      read.reset();
    }
    return {};
  }

  [[nodiscard]] std::uint64_t mixed(std::uint64_t id) const {
    // splitmix64's finaliser over both.
    std::uint64_t value = id + arguments_.seed * 0x9E37'79B9'7F4A'7C15U;
    value = (value ^ (value >> 30)) * 0xBF58'476D'1CE4'E5B9U;
    value = (value ^ (value >> 27)) * 0x94D0'49BB'1331'11EBU;
    return value ^ (value >> 31);
  }

  [[nodiscard]] Result<Statement> prepare(const char* condition) {
    return database_.prepare(fmt::format(
        "SELECT rowid FROM {} WHERE {} MATCH {} AND k = ?2 AND {} = ?3 ORDER BY distance",
        as_identifier(table_.name), as_identifier(table_.vector().name),
        as_element(table_.vector(), "?1"), condition));
  }

  // One row more than asked for, since the query itself is among them.
  Result<Ids> nearest(Statement& search, const Query& query, std::int64_t value) {
    search.bind_text(1, query.vector)
        .bind_int64(2, static_cast<std::int64_t>(arguments_.k) + 1)
        .bind_int64(3, value);
    Ids ids;
    for (;;) {
      NEARLITE_CLI_ASSIGN(const bool has_row, search.step());
      if (!has_row) break;
      if (search.column_int64(0) != query.id) ids.push_back(search.column_int64(0));
    }
    if (ids.size() > arguments_.k) ids.pop_back();
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  Status find_truth() {
    NEARLITE_CLI_ASSIGN(Statement search, prepare("exact"));
    ProgressBar bar("exact scan", queries_.size());
    std::uint64_t done = 0;
    for (Query& query : queries_) {
      NEARLITE_CLI_ASSIGN(query.truth, nearest(search, query, 1));
      bar.show(++done);
    }
    return {};
  }

  Result<Line> measure(std::uint64_t width) {
    NEARLITE_CLI_ASSIGN(Statement search, prepare("ef_search"));
    std::vector<double> times;
    std::uint64_t found = 0;
    std::uint64_t wanted = 0;
    for (const Query& query : queries_) {
      const Stopwatch watch;
      NEARLITE_CLI_ASSIGN(const Ids ids, nearest(search, query, static_cast<std::int64_t>(width)));
      times.push_back(watch.milliseconds());
      Ids both;
      std::set_intersection(ids.begin(), ids.end(), query.truth.begin(), query.truth.end(),
                            std::back_inserter(both));
      found += both.size();
      wanted += query.truth.size();
    }
    std::sort(times.begin(), times.end());
    return Line{width, static_cast<double>(found) / static_cast<double>(wanted),
                times[times.size() / 2],
                times[std::min(times.size() - 1, times.size() * 95 / 100)]};
  }

  Database& database_;
  const IndexTable& table_;
  const BenchArguments& arguments_;
  std::vector<Query> queries_;
};

Status apply(Database& database, const IndexTable& table, std::uint64_t ef_search) {
  NEARLITE_CLI_ASSIGN(Statement statement,
                      database.prepare(fmt::format("INSERT INTO {0}({0}, k) VALUES "
                                                   "('ef_search', ?1)",
                                                   as_identifier(table.name))));
  return statement.bind_int64(1, static_cast<std::int64_t>(ef_search)).run();
}

void print_table(const std::vector<Line>& lines, std::uint64_t suggested,
                 const BenchArguments& arguments) {
  fmt::print("{}\n", bold("ef_search  recall  median ms  p95 ms"));
  for (const Line& line : lines) {
    const std::string text = fmt::format("{:>9}  {:.4f}  {:>9.3f}  {:>6.3f}", line.ef_search,
                                         line.recall, line.median_ms, line.p95_ms);
    fmt::print("{}\n", line.ef_search == suggested ? green(text) : text);
  }
  if (suggested == 0) {
    fmt::print("no ef_search of these reaches a recall of {}; try larger ones with --ef-search\n",
               arguments.target_recall);
  } else {
    fmt::print("for a recall of {}: ef_search = {}{}\n", arguments.target_recall, suggested,
               arguments.apply ? ", which is now the index's own" : "");
  }
}

}  // namespace

Result<int> run_bench(const BenchArguments& arguments) {
  NEARLITE_CLI_ASSIGN(Database database, open_database(arguments.database, !arguments.apply));
  const InterruptScope scope(database);
  NEARLITE_CLI_ASSIGN(const IndexTable table, find_index(database, arguments.table));
  Bench bench(database, table, arguments);
  NEARLITE_CLI_ASSIGN(const std::vector<Line> lines, bench.run());
  std::uint64_t suggested = 0;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (line->recall >= arguments.target_recall) suggested = line->ef_search;
  }
  if (arguments.apply && suggested != 0) NEARLITE_CLI_TRY(apply(database, table, suggested));
  if (!arguments.json) {
    fmt::print("{}: {} rows as queries, recall@{} against the exact scan\n", table.name,
               bench.query_count(), arguments.k);
    print_table(lines, suggested, arguments);
    return kExitOk;
  }
  using Json = nlohmann::ordered_json;
  Json json = {{"table", table.name},
               {"queries", bench.query_count()},
               {"k", arguments.k},
               {"target_recall", arguments.target_recall},
               {"suggested_ef_search", suggested == 0 ? Json() : Json(suggested)},
               {"results", Json::array()}};
  for (const Line& line : lines) {
    json["results"].push_back({{"ef_search", line.ef_search},
                               {"recall", line.recall},
                               {"median_ms", line.median_ms},
                               {"p95_ms", line.p95_ms}});
  }
  fmt::print("{}\n", json.dump());
  return kExitOk;
}

}  // namespace nearlite::cli
