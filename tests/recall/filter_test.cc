// Recall of filtered searches: on the demo's 20,000 definitions, at every share of matching rows
// from 0.01 % to 100 %, spread evenly, near the query or away from it, and after deletions: always
// k rows when k match, every one of them matches, recall@10 at least 0.97 at the default ef_search.
//
// NEARLITE_RECALL_ROWS: synthetic rows instead.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "recall/data.h"
#include "support/scratch.h"

namespace nearlite::test {
namespace {

constexpr std::size_t kQueries = 25;

Data data_of_run() {
  const std::size_t rows = environment_number("NEARLITE_RECALL_ROWS", 0);
  return rows == 0 ? demo_data() : synthetic_data(rows);
}

class FilterRecall : public testing::Test {
 protected:
  FilterRecall() : data_(data_of_run()), database_(folder_.file("recall.db")) {
    database_.must("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF");
    database_.must(
        "CREATE VIRTUAL TABLE t USING hnsw(embedding float[384] metric=cosine, part integer, "
        "side real, label text)");
    database_.must("BEGIN");
    Statement insert(database_,
                     "INSERT INTO t(embedding, part, side, label) VALUES(?1, ?2, ?3, ?4)");
    for (std::size_t i = 0; i < data_.rows.size(); ++i) {
      insert.bind(1, encode(Element::kFloat, data_.rows[i]));
      insert.bind(2, static_cast<std::int64_t>(i * 7919 % 10'000));
      insert.bind(3, static_cast<double>(data_.rows[i][0]));
      insert.bind(4, i % 3 == 0 ? Value() : Value("label " + std::to_string(i % 50)));
      EXPECT_EQ(insert.step(), SQLITE_DONE) << database_.message();
      insert.reset();
    }
    database_.must("COMMIT");
  }

  std::vector<std::int64_t> ask(const Vector& query, const std::string& where) {
    Rows rows;
    const int code = database_.run("SELECT rowid FROM t WHERE embedding MATCH ?1 AND k = 10 AND " +
                                       where + " ORDER BY distance",
                                   {encode(Element::kFloat, query)}, &rows);
    EXPECT_EQ(code, SQLITE_OK) << database_.message();
    std::vector<std::int64_t> rowids;
    for (const Row& row : rows) rowids.push_back(std::get<std::int64_t>(row[0]));
    return rowids;
  }

  void expect_recall(const std::string& where, bool (*is_asked)(const Vector&) = nullptr) {
    std::size_t right = 0;
    std::size_t count = 0;
    std::size_t asked = 0;
    for (const Vector& query : data_.queries) {
      if (is_asked != nullptr && !is_asked(query)) continue;
      if (++asked > kQueries) break;
      const std::vector<std::int64_t> truth = ask(query, "exact = 1 AND " + where);
      const std::vector<std::int64_t> found = ask(query, where);
      EXPECT_EQ(found.size(), truth.size()) << where;
      count += truth.size();
      for (const std::int64_t rowid : found)
        right += static_cast<std::size_t>(std::count(truth.begin(), truth.end(), rowid));
    }
    ASSERT_GT(asked, 5U) << where;
    const double recall = count == 0 ? 1 : static_cast<double>(right) / static_cast<double>(count);
    const Value path = database_.scalar(
        "SELECT json_extract(nearlite_stats('t'), '$.indexes[0].last_search.path')");
    std::printf("%-40s recall@10 %.4f  %s\n", where.c_str(), recall,
                std::get<std::string>(path).c_str());
    std::fflush(stdout);
    EXPECT_GE(recall, 0.97) << where;
  }

  void expect_all() {
    for (const int share : {1, 10, 100, 300, 1'000, 2'200, 3'000, 5'000, 8'000, 9'900, 10'000})
      expect_recall("part < " + std::to_string(share));
    expect_recall("label IS NULL");
    expect_recall("label LIKE '%7'");
    expect_recall("part < 8000 AND label NOT NULL");
    const auto is_positive = [](const Vector& query) { return query[0] > 0; };
    expect_recall("side > 0", is_positive);
    expect_recall("side < 0", is_positive);
    expect_recall("side < 0 AND part < 5000", is_positive);
  }

  Data data_;
  ScratchFolder folder_;
  Database database_;
};

TEST_F(FilterRecall, EveryShareAndAfterDeletions) {
  ASSERT_GT(data_.rows.size(), 1000U) << "NEARLITE_SOURCE_DIR must name the repository";
  expect_all();
  database_.must("DELETE FROM t WHERE rowid % 4 = 0");
  expect_all();
}

}  // namespace
}  // namespace nearlite::test
