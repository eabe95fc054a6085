// The demo's second and third act: what is found, and how well and fast against the exact scan.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/demo.h"
#include "cli/try.h"

namespace nearlite::cli {
namespace {

constexpr std::size_t kQueriesShown = 7;
constexpr std::int64_t kSentencesShown = 3;
constexpr std::size_t kGlossWidth = 66;
constexpr std::size_t kWordWidth = 24;
constexpr std::int64_t kEfSearches[] = {32, 64, 100, 200};

constexpr const char* kShownQuery =
    "SELECT d.word, d.gloss, k.distance FROM vss_knn(:query, 3) AS k\n"
    "   JOIN documents AS d ON d.id = k.rowid ORDER BY k.distance";

// The answers to all queries by one way of searching, and how long each took.
struct Run {
  std::vector<std::vector<std::int64_t>> ids;
  std::vector<double> milliseconds;  // sorted

  [[nodiscard]] double percentile(std::size_t percent) const {
    return milliseconds[std::min(milliseconds.size() - 1, milliseconds.size() * percent / 100)];
  }
};

Result<Run> run_queries(Demo& demo, const std::string& sql) {
  NEARLITE_CLI_ASSIGN(Statement search, demo.database.prepare(sql));
  Run run;
  ProgressBar bar("searching", demo.queries.rows.size());
  for (const Sentence& query : demo.queries.rows) {
    const Stopwatch watch;
    search.bind_vector(1, query.vector);
    auto& ids = run.ids.emplace_back();
    for (;;) {
      NEARLITE_CLI_ASSIGN(const bool has_row, search.step());
      if (!has_row) break;
      ids.push_back(search.column_int64(0));
    }
    run.milliseconds.push_back(watch.milliseconds());
    if (run.ids.size() % 16 == 0) bar.show(run.ids.size());
  }
  std::sort(run.milliseconds.begin(), run.milliseconds.end());
  return run;
}

std::string search_sql(const std::string& how) {
  return fmt::format(
      "SELECT rowid FROM vss WHERE embedding MATCH ?1 AND k = {} AND {} ORDER BY distance",
      kNearest, how);
}

double recall_of(const Run& run, const Run& exact) {
  std::size_t found = 0;
  std::size_t total = 0;
  for (std::size_t i = 0; i < exact.ids.size(); ++i) {
    total += exact.ids[i].size();
    for (const std::int64_t id : exact.ids[i]) {
      found += std::find(run.ids[i].begin(), run.ids[i].end(), id) != run.ids[i].end() ? 1U : 0U;
    }
  }
  return total == 0 ? 0 : static_cast<double>(found) / static_cast<double>(total);
}

void print_run(const std::string& name, double recall, const Run& run) {
  fmt::print("   {:>9}  {:>8.2f} %  {:>8.2f} ms  {:>8.2f} ms\n", name, 100 * recall,
             run.percentile(50), run.percentile(95));
}

// How often the row that a query means is among those found. What is missing here is the model's
// doing, not the search's.
void print_meant(const Demo& demo, const Run& run) {
  std::size_t labelled = 0;
  std::size_t found = 0;
  for (std::size_t i = 0; i < run.ids.size(); ++i) {
    const std::string& label = demo.queries.rows[i].label;
    std::int64_t id = 0;
    std::from_chars(label.data(), label.data() + label.size(), id);
    if (id < 1 || static_cast<std::size_t>(id) > demo.sentences.rows.size()) continue;
    ++labelled;
    found += std::find(run.ids[i].begin(), run.ids[i].end(), id) != run.ids[i].end() ? 1U : 0U;
  }
  if (labelled == 0) return;
  fmt::print("   {} queries describe a word of the table: {:.0f} % find it among their {}\n",
             labelled, 100.0 * static_cast<double>(found) / static_cast<double>(labelled),
             kNearest);
}

}  // namespace

Status show_queries(Demo& demo) {
  print_heading(2, "Search by meaning");
  fmt::print("   {}\n", faint(kShownQuery));
  NEARLITE_CLI_ASSIGN(Statement search, demo.database.prepare(kShownQuery));
  const std::size_t count = std::min(kQueriesShown, demo.queries.rows.size());
  for (std::size_t i = 0; i < count; ++i) {
    const Sentence& query = demo.queries.rows[i];
    fmt::print("   {}\n", bold("“" + query.text + "”"));
    search.bind_vector(1, query.vector);
    for (;;) {
      NEARLITE_CLI_ASSIGN(const bool has_row, search.step());
      if (!has_row) break;
      const std::string word = fit(search.column_text(0), kWordWidth);
      fmt::print("     {:.3f}  {}{}  {}\n", search.column_double(2), word,
                 std::string(kWordWidth - width_of(word), ' '),
                 faint(fit(search.column_text(1), kGlossWidth)));
    }
  }
  return {};
}

Status measure_recall(Demo& demo) {
  print_heading(3, fmt::format("Recall@{} against the exact scan, and time per query ({} queries)",
                               kNearest, demo.queries.rows.size()));
  NEARLITE_CLI_ASSIGN(const Run exact, run_queries(demo, search_sql("exact = 1")));
  fmt::print("   {}\n", bold("ef_search      recall       median          p95"));
  double recall_at_64 = 0;
  double recall_at_200 = 0;
  Run last;
  for (const std::int64_t ef_search : kEfSearches) {
    NEARLITE_CLI_ASSIGN(last,
                        run_queries(demo, search_sql(fmt::format("ef_search = {}", ef_search))));
    const double recall = recall_of(last, exact);
    if (ef_search == 64) recall_at_64 = recall;
    if (ef_search == 200) recall_at_200 = recall;
    print_run(std::to_string(ef_search), recall, last);
  }
  print_run("exact", 1, exact);
  print_meant(demo, last);
  demo.promise(recall_at_64 >= 0.95 && recall_at_200 >= 0.99,
               "recall is at least 95 % at ef_search 64, 99 % at 200");
  return {};
}

}  // namespace nearlite::cli
