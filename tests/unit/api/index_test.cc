#include "nearlite/index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stop_token>

#include "nearlite/transaction.h"

namespace nearlite {
namespace {

static_assert(std::is_nothrow_move_constructible_v<Index>);
static_assert(!std::is_copy_constructible_v<Index>);

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
using Floats = std::vector<float>;
using Ids = std::vector<std::int64_t>;

template <class T>
T take(Result<T> result) {
  return std::move(result.value());
}

Database in_memory() {
  OpenOptions options;
  options.create = true;
  return take(Database::open(":memory:", options));
}

IndexOptions plane() {
  IndexOptions options = IndexOptions::of(2);
  options.metric = Metric::kL2;
  options.columns = "lang text, year integer, +title text";
  return options;
}

Ids ids_of(const std::vector<Hit>& hits) {
  Ids ids;
  for (const Hit& hit : hits) ids.push_back(hit.id);
  return ids;
}

// Points (i, 0) for i = 1 to n, with columns.
class IndexTest : public testing::Test {
 protected:
  void fill(std::int64_t n) {
    for (std::int64_t i = 1; i <= n; ++i) {
      ASSERT_TRUE(index.insert(i, Floats{static_cast<float>(i), 0}).ok());
    }
    ASSERT_TRUE(db.execute("UPDATE docs SET year = 2000 + rowid, title = 't' || rowid,"
                           " lang = iif(rowid % 2, 'en', 'de')")
                    .ok());
  }
  Ids nearest(const Floats& query, std::int64_t k, const SearchOptions& options = {}) {
    return ids_of(take(index.search(query, k, options)));
  }

  Database db = in_memory();
  Index index = take(Index::create(db, "docs", plane()));
};

TEST_F(IndexTest, TellsWhatItIs) {
  EXPECT_EQ(index.name(), "docs");
  EXPECT_EQ(index.column(), "embedding");
  EXPECT_EQ(index.dim(), 2);
  EXPECT_EQ(index.metric(), Metric::kL2);
  EXPECT_EQ(index.element(), Element::kFloat32);
}

TEST_F(IndexTest, WritesReadsAndFinds) {
  EXPECT_TRUE(index.insert(Ids{1, 2, 3}, Floats{0, 0, 3, 4, 6, 8}).ok());
  EXPECT_EQ(take(index.size()), 3U);
  EXPECT_EQ(take(index.get(2)), (Floats{3, 4}));
  EXPECT_TRUE(take(index.contains(3)));
  EXPECT_FALSE(take(index.contains(4)));
  const auto hits = take(index.search(Floats{0, 0}, 2, {}));
  ASSERT_EQ(hits.size(), 2U);
  EXPECT_EQ(hits[0], (Hit{1, 0.0}));
  EXPECT_EQ(hits[1], (Hit{2, 5.0}));
  EXPECT_TRUE(take(index.erase(2)));
  EXPECT_FALSE(take(index.erase(2)));
  EXPECT_EQ(take(index.erase(Ids{1, 2, 3})), 2U);
  EXPECT_EQ(take(index.size()), 0U);
  EXPECT_EQ(nearest({0, 0}, 5), Ids{});
}

TEST_F(IndexTest, FillsTheCallersBuffer) {
  fill(5);
  std::array<Hit, 3> hits;
  EXPECT_EQ(take(index.search(Floats{0, 0}, hits, {})), 3U);
  EXPECT_EQ(hits[2], (Hit{3, 3.0}));
  std::array<Hit, 9> more;
  EXPECT_EQ(take(index.search(Floats{0, 0}, more, {})), 5U);
  EXPECT_EQ(take(index.search(Floats{0, 0}, std::span<Hit>(), {})), 0U);
}

TEST_F(IndexTest, TakesAnyKFromZero) {
  fill(3);
  EXPECT_EQ(nearest({0, 0}, 0), Ids{});
  EXPECT_EQ(nearest({0, 0}, std::numeric_limits<std::int64_t>::max()), (Ids{1, 2, 3}));
  EXPECT_EQ(index.search(Floats{0, 0}, -1, {}).status().code(), Code::kInvalidArgument);
}

TEST_F(IndexTest, RefusesBadVectorsEverywhere) {
  fill(1);
  for (const Floats& bad : {Floats{}, Floats{1}, Floats{1, 2, 3}, Floats{1, kNan},
                            Floats{kInfinity, 0}, Floats{-kInfinity, 0}}) {
    std::array<Hit, 1> hits;
    const auto ignored = [](const Hit& /*hit*/) { return true; };
    for (const Status& status :
         {index.insert(9, bad), index.upsert(1, bad), index.insert(Ids{9}, bad),
          index.upsert(Ids{1}, bad), index.search(bad, 1, {}).status(),
          index.search(bad, hits, {}).status(), index.search_range(bad, 1, {}).status(),
          index.search_each(bad, {}, ignored)}) {
      EXPECT_EQ(status.code(), Code::kInvalidArgument) << status.message();
      EXPECT_TRUE(status.message().starts_with("nearlite: docs.embedding: ")) << status.message();
    }
    if (bad.size() % 2 != 0 || bad.size() == 2) {
      EXPECT_EQ(index.search_batch(bad, 1, 2, {}).status().code(), Code::kInvalidArgument);
    }
  }
  EXPECT_EQ(index.insert(Ids{7, 8, 9}, Floats{1, 1, 2, 2, 3, kNan}).message(),
            "nearlite: docs.embedding: vector 2: component 2 is nan");
  EXPECT_EQ(take(index.size()), 1U);
  EXPECT_EQ(take(index.get(1)), (Floats{1, 0}));
}

TEST_F(IndexTest, ABatchIsAllOrNothing) {
  fill(2);
  EXPECT_EQ(index.insert(Ids{5, 6, 2}, Floats{5, 5, 6, 6, 7, 7}).code(), Code::kConstraint);
  EXPECT_EQ(take(index.size()), 2U);
  EXPECT_FALSE(db.in_transaction());
  EXPECT_TRUE(index.insert(Ids{}, Floats{}).ok());
  EXPECT_EQ(take(index.erase(Ids{})), 0U);
}

TEST_F(IndexTest, UpsertKeepsTheOtherColumns) {
  fill(2);
  EXPECT_TRUE(index.upsert(Ids{2, 3}, Floats{0, 9, 0, 8}).ok());
  EXPECT_EQ(take(index.get(2)), (Floats{0, 9}));
  EXPECT_EQ(take(index.get(3)), (Floats{0, 8}));
  SearchOptions german;
  german.filter = "lang = 'de' AND title = 't2'";
  EXPECT_EQ(nearest({0, 9}, 3, german), Ids{2});
}

TEST_F(IndexTest, GetSaysWhatIsMissing) {
  fill(1);
  ASSERT_TRUE(db.execute("INSERT INTO docs(rowid, lang) VALUES (2, 'en')").ok());
  Floats out(2);
  Floats small(1);
  EXPECT_EQ(index.get(3, out).code(), Code::kNotFound);
  EXPECT_EQ(index.get(2, out).code(), Code::kNotFound) << "a row without a vector";
  EXPECT_EQ(index.get(1, small).code(), Code::kInvalidArgument);
  EXPECT_FALSE(take(index.contains(2)));
  EXPECT_EQ(take(index.size()), 1U);
}

TEST_F(IndexTest, EveryElementTypeIsReadBack) {
  const struct {
    const char* name;
    Element element;
    Metric metric;
  } cases[] = {{"a", Element::kFloat32, Metric::kCosine},
               {"b", Element::kFloat16, Metric::kIp},
               {"c", Element::kBfloat16, Metric::kL1},
               {"d", Element::kInt8, Metric::kL2},
               {"e", Element::kBit, Metric::kHamming}};
  const Floats vector{1, 0, 0, 1, 1, 0, 0, 0};
  for (const auto& one : cases) {
    IndexOptions options = IndexOptions::of(8);
    options.element = one.element;
    options.metric = one.metric;
    Index typed = take(Index::create(db, one.name, options));
    EXPECT_EQ(typed.element(), one.element);
    EXPECT_EQ(typed.metric(), one.metric);
    ASSERT_TRUE(typed.insert(1, vector).ok()) << one.name;
    EXPECT_EQ(take(typed.get(1)), vector) << one.name;
    EXPECT_EQ(take(typed.search(vector, 1, {})).size(), 1U);
  }
  Index bytes = take(Index::open(db, "d"));
  EXPECT_EQ(bytes.insert(2, Floats{0.5F, 0, 0, 0, 0, 0, 0, 0}).code(), Code::kInvalidArgument);
}

TEST_F(IndexTest, EveryQuantize) {
  const struct {
    Quantize quantize;
    const char* name;
  } cases[] = {{Quantize::kInt8, "int8"}, {Quantize::kBit, "bit"}, {Quantize::kNone, "none"}};
  for (const auto& one : cases) {
    IndexOptions options = IndexOptions::of(24);
    options.quantize = one.quantize;
    Index quantized = take(Index::create(db, one.name, options));
    for (std::int64_t id = 1; id <= 24; ++id) {
      Floats vector(24);
      vector[static_cast<std::size_t>(id) - 1] = 1;
      ASSERT_TRUE(quantized.insert(id, vector).ok());
    }
    EXPECT_EQ(take(quantized.search(take(quantized.get(7)), 1, {}))[0].id, 7) << one.name;
    const std::string name = one.name;
    Statement stats =
        take(db.prepare("SELECT nearlite_stats('" + name + "') ->> '$.indexes[0].quantize'"));
    ASSERT_TRUE(take(stats.step()));
    EXPECT_EQ(stats.column_text(0), name);
  }
}

TEST_F(IndexTest, PagesHoldEveryRowOnce) {
  fill(60);
  ASSERT_TRUE(index.upsert(Ids{61, 62, 63}, Floats{0, 5, 0, 5, 0, 5}).ok());  // equally far
  SearchOptions options;
  const std::vector<Hit> all = take(index.search(Floats{0, 0}, 100, options));
  ASSERT_EQ(all.size(), 63U);
  options.after = Hit{INT64_MIN, -std::numeric_limits<double>::infinity()};
  std::vector<Hit> pages;
  for (int page = 0; page < 100; ++page) {
    const std::vector<Hit> hits = take(index.search(Floats{0, 0}, 2, options));
    if (hits.empty()) break;
    pages.insert(pages.end(), hits.begin(), hits.end());
    options.after = hits.back();
  }
  EXPECT_EQ(pages, all);
  options.filter = "lang = ?1";
  options.parameters = {std::string("en")};
  options.after = all[3];
  for (const Hit& hit : take(index.search(Floats{0, 0}, 3, options)))
    EXPECT_GT(hit.distance, all[3].distance);
}

TEST_F(IndexTest, StatsTellOfRecall) {
  fill(60);
  EXPECT_EQ(take(index.stats()).target_recall, 0);
  ASSERT_TRUE(db.execute("INSERT INTO docs(docs, k) VALUES ('target_recall', 0.9)").ok());
  const IndexStats stats = take(index.stats());
  EXPECT_EQ(stats.target_recall, 0.9);
  EXPECT_GE(stats.measured_recall, 0.9);
  EXPECT_EQ(stats.ef_search, 16);
  EXPECT_EQ(stats.recall_warning, "");
}

TEST_F(IndexTest, FiltersByAnyExpressionAndKeepsItsCount) {
  fill(60);
  SearchOptions options;
  options.filter = "year % 7 = 0 OR title = 't9' -- and a comment";
  EXPECT_EQ(nearest({0, 0}, 4, options), (Ids{2, 9, 16, 23}));
  options.filter = "lang = ?1 AND year > ?2";
  options.parameters = {std::string("en"), std::int64_t{2050}};
  EXPECT_EQ(nearest({0, 0}, 3, options), (Ids{51, 53, 55}));
  EXPECT_EQ(nearest({0, 0}, 100, options).size(), 5U);
  EXPECT_EQ(take(index.search_range(Floats{0, 0}, 53, options)).size(), 2U);
  options.exact = true;
  options.ef_search = 7;
  EXPECT_EQ(nearest({0, 0}, 3, options), (Ids{51, 53, 55}));
  options.parameters.pop_back();
  EXPECT_EQ(index.search(Floats{0, 0}, 1, options).status().code(), Code::kInvalidArgument);
  for (const char* bad : {"nothing = 1", "year >", "year > 1; SELECT 1", "1)) ; --", "lang = '"}) {
    SearchOptions broken;
    broken.filter = bad;
    EXPECT_FALSE(index.search(Floats{0, 0}, 1, broken).ok()) << bad;
  }
  SearchOptions narrow;
  for (const int ef : {-1, 100'001}) {
    narrow.ef_search = ef;
    EXPECT_EQ(index.search(Floats{0, 0}, 1, narrow).status().code(), Code::kInvalidArgument);
  }
}

TEST_F(IndexTest, RangeIsEverythingWithin) {
  fill(40);
  EXPECT_EQ(ids_of(take(index.search_range(Floats{0, 0}, 3, {}))), (Ids{1, 2, 3}));
  EXPECT_EQ(take(index.search_range(Floats{0, 0}, 0.5, {})).size(), 0U);
  EXPECT_EQ(take(index.search_range(Floats{0, 0}, kInfinity, {})).size(), 40U);
  EXPECT_EQ(index.search_range(Floats{0, 0}, kNan, {}).status().code(), Code::kInvalidArgument);
}

TEST_F(IndexTest, HandsOutHitsUntilTold) {
  fill(30);
  Ids seen;
  EXPECT_TRUE(index
                  .search_each(Floats{0, 0}, {},
                               [&](const Hit& hit) {
                                 seen.push_back(hit.id);
                                 // The index may be used meanwhile.
                                 EXPECT_EQ(nearest({0, 0}, 1), Ids{1});
                                 return seen.size() < 4;
                               })
                  .ok());
  EXPECT_EQ(seen, (Ids{1, 2, 3, 4}));
  EXPECT_EQ(index.search_each(Floats{0, 0}, {}, nullptr).code(), Code::kInvalidArgument);
  seen.clear();
  EXPECT_TRUE(index
                  .for_each([&](std::int64_t id, std::span<const float> vector) {
                    EXPECT_EQ(vector[0], static_cast<float>(id));
                    seen.push_back(id);
                    return id < 3;
                  })
                  .ok());
  EXPECT_EQ(seen, (Ids{1, 2, 3}));
  EXPECT_EQ(index.for_each(nullptr).code(), Code::kInvalidArgument);
}

TEST_F(IndexTest, BatchGivesWhatSingleQueriesGive) {
  fill(20);
  const auto answers = take(index.search_batch(Floats{0, 0, 9, 0, 100, 0}, 2, 3, {}));
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(ids_of(answers[1]), nearest({9, 0}, 2));
  EXPECT_EQ(ids_of(answers[2]), (Ids{20, 19}));
  EXPECT_EQ(take(index.search_batch({}, 2, 0, {})).size(), 0U);
  EXPECT_EQ(index.search_batch(Floats{0, 0}, 2, -1, {}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(index.search_batch(Floats{0, 0}, -2, 1, {}).status().code(), Code::kInvalidArgument);
  EXPECT_FALSE(db.in_transaction());
}

RowSource count_to(std::int64_t n, std::int64_t& next) {
  return [n, &next](std::int64_t& id, std::span<float> vector) -> Result<bool> {
    if (next == n) return false;
    id = ++next;
    vector[0] = static_cast<float>(id);
    vector[1] = 0;
    return true;
  };
}

TEST_F(IndexTest, BuildsFromASourceAndTellsHowFar) {
  std::int64_t next = 0;
  std::vector<Progress> told;
  Watch watch;
  watch.on_progress = [&](const Progress& progress) {
    told.push_back(progress);
    return true;
  };
  EXPECT_EQ(take(index.build(count_to(500, next), 500, watch)), 500U);
  EXPECT_EQ(nearest({0, 0}, 2), (Ids{1, 2}));
  ASSERT_GE(told.size(), 2U);
  EXPECT_EQ(told.front().phase, Progress::Phase::kReading);
  EXPECT_EQ(told.back().phase, Progress::Phase::kFinishing);
  EXPECT_EQ(told.back().done, 500U);
  EXPECT_EQ(told.back().total, 500U);
}

TEST_F(IndexTest, BuildsFromATableOfTheSameDatabase) {
  ASSERT_TRUE(db.execute("CREATE TABLE points(id INTEGER PRIMARY KEY, v BLOB);"
                         "INSERT INTO points VALUES (4, vec_f32('[4, 0]')), (7, vec_f32('[7, 0]'))")
                  .ok());
  Statement points = take(db.prepare("SELECT id, v FROM points"));
  const auto source = [&](std::int64_t& id, std::span<float> vector) -> Result<bool> {
    const auto row = points.step();
    if (!row.ok() || !*row) return row;
    id = points.column_int64(0);
    const auto bytes = points.column_blob(1);
    std::copy(bytes.begin(), bytes.end(), std::as_writable_bytes(vector).begin());
    return true;
  };
  EXPECT_EQ(take(index.build(source, 0, {})), 2U);
  EXPECT_EQ(nearest({0, 0}, 9), (Ids{4, 7}));
}

TEST_F(IndexTest, AnInterruptedBuildLeavesNothing) {
  fill(3);
  for (const int when : {0, 1, 2, 3}) {
    std::int64_t next = 3;
    std::stop_source stop;
    Watch watch;
    watch.stop = stop.get_token();
    watch.on_progress = [&](const Progress& progress) {
      return !(when == 3 && progress.phase == Progress::Phase::kFinishing);
    };
    if (when == 0) stop.request_stop();
    const auto source = [&](std::int64_t& id, std::span<float> vector) -> Result<bool> {
      if (when == 1 && next == 100) stop.request_stop();
      if (when == 2 && next == 100) return Status(Code::kIo, "the source is dry");
      return count_to(400, next)(id, vector);
    };
    const Status status = index.build(source, 0, watch).status();
    EXPECT_EQ(status.code(), when == 2 ? Code::kIo : Code::kInterrupted) << when;
    EXPECT_EQ(take(index.size()), 3U) << when;
    EXPECT_FALSE(db.in_transaction());
    EXPECT_EQ(take(index.check()), std::vector<std::string>()) << when;
  }
  std::int64_t next = 3;
  EXPECT_TRUE(index.build(count_to(10, next), 0, {}).ok()) << "and it works afterwards";
  EXPECT_EQ(index.build(nullptr, 0, {}).status().code(), Code::kInvalidArgument);
  const auto thrower = [](std::int64_t& /*id*/, std::span<float> /*v*/) -> Result<bool> {
    throw std::runtime_error("user code");
  };
  EXPECT_THROW(static_cast<void>(index.build(thrower, 0, {})), std::runtime_error);
  EXPECT_FALSE(db.in_transaction()) << "an exception undoes it, too";
  EXPECT_EQ(take(index.size()), 10U);
}

// Progress is told every so often, so a fast machine needs more rows to be asked while it links.
TEST_F(IndexTest, IsInterruptedWhileItLinks) {
  for (std::int64_t rows = 3000;; rows *= 2) {
    ASSERT_LT(rows, 100'000) << "never asked while it linked";
    Index wide = take(Index::create(db, "wide" + std::to_string(rows), IndexOptions::of(16)));
    int questions = 0;
    Watch watch;
    std::stop_source stop;
    watch.stop = stop.get_token();
    watch.on_progress = [&](const Progress& progress) {
      if (progress.phase == Progress::Phase::kFinishing) ++questions;
      return questions < 2;  // the first is asked before the commit, the second inside it
    };
    std::int64_t next = 0;
    const auto source = [&](std::int64_t& id, std::span<float> vector) -> Result<bool> {
      if (next == rows) return false;
      id = ++next;
      for (std::size_t i = 0; i < vector.size(); ++i) {
        vector[i] = static_cast<float>(std::sin(static_cast<double>(next) * (1.3 + double(i))));
      }
      return true;
    };
    const Status status = wide.build(source, static_cast<std::uint64_t>(rows), watch).status();
    if (questions < 2) continue;
    EXPECT_EQ(status.code(), Code::kInterrupted);
    EXPECT_EQ(take(wide.size()), 0U);
    EXPECT_EQ(take(wide.check()), std::vector<std::string>());
    break;
  }
}

TEST_F(IndexTest, UpkeepRunsAndCanBeStopped) {
  fill(50);
  EXPECT_TRUE(take(index.erase(7)));
  int told = 0;
  Watch watch;
  watch.on_progress = [&](const Progress& progress) {
    EXPECT_EQ(progress.phase, Progress::Phase::kMaintaining);
    return ++told > 0;
  };
  EXPECT_TRUE(index.optimize(watch).ok());
  EXPECT_TRUE(index.compact(watch).ok());
  EXPECT_TRUE(index.repair(watch).ok());
  EXPECT_TRUE(index.rebuild(watch).ok());
  EXPECT_GE(told, 4);
  EXPECT_TRUE(index.save().ok()) << "without a side file there is nothing to do";
  EXPECT_EQ(take(index.check()), std::vector<std::string>());
  const IndexStats stats = take(index.stats());
  EXPECT_EQ(stats.live, 49U);
  EXPECT_EQ(stats.dead, 0U);
  EXPECT_EQ(stats.dim, 2);
  std::stop_source stop;
  stop.request_stop();
  watch.stop = stop.get_token();
  EXPECT_EQ(index.rebuild(watch).code(), Code::kInterrupted);
  EXPECT_EQ(nearest({0, 0}, 1), Ids{1});
}

TEST_F(IndexTest, CheckNamesWhatIsWrong) {
  fill(5);
  ASSERT_TRUE(db.execute("DELETE FROM docs_links WHERE node_id = 3").ok());
  EXPECT_FALSE(take(index.check()).empty());
  EXPECT_TRUE(index.repair({}).ok());
  EXPECT_EQ(take(index.check()), std::vector<std::string>());
}

TEST_F(IndexTest, IsMadeAndOpenedByName) {
  EXPECT_EQ(Index::open(db, "nothing").status().code(), Code::kNotFound);
  ASSERT_TRUE(db.execute("CREATE TABLE plain(embedding)").ok());
  EXPECT_EQ(Index::open(db, "plain").status().code(), Code::kNotFound);
  EXPECT_EQ(take(Index::open(db, "DOCS")).dim(), 2);
  EXPECT_EQ(Index::open(db, "docs", "other").status().code(), Code::kNotFound);
  EXPECT_FALSE(Index::create(db, "docs", plane()).ok());
  EXPECT_FALSE(Index::create(db, "plain", plane()).ok());
  EXPECT_TRUE(Index::open_or_create(db, "docs", plane()).ok());
  EXPECT_TRUE(Index::open_or_create(db, "a \"strange\" name", plane()).ok());
  IndexOptions other = plane();
  other.dim = 3;
  const Status status = Index::open_or_create(db, "docs", other).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "nearlite: docs.embedding: it is float[2] metric=l2, not float[3] metric=l2");
}

TEST_F(IndexTest, OptionsAreCheckedByTheEngine) {
  const auto refuses = [&](const std::function<void(IndexOptions&)>& change, const char* what) {
    IndexOptions options = plane();
    change(options);
    const Status status = Index::create(db, "bad", options).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << what << ": " << status.message();
    EXPECT_FALSE(Index::open(db, "bad").ok()) << what;
  };
  refuses([](IndexOptions& options) { options.dim = 0; }, "dim 0");
  refuses([](IndexOptions& options) { options.dim = -3; }, "dim -3");
  refuses([](IndexOptions& options) { options.dim = 16'385; }, "dim 16385");
  refuses([](IndexOptions& options) { options.m = 1; }, "m");
  refuses([](IndexOptions& options) { options.ef_construction = 0; }, "ef_construction");
  refuses([](IndexOptions& options) { options.ef_search = -1; }, "ef_search");
  refuses([](IndexOptions& options) { options.tombstone_rebuild_pct = 101; }, "tombstones");
  refuses([](IndexOptions& options) { options.metric = Metric::kHamming; }, "hamming of floats");
  refuses([](IndexOptions& options) { options.metric = static_cast<Metric>(9); }, "metric 9");
  refuses([](IndexOptions& options) { options.quantize = static_cast<Quantize>(3); }, "quantize 3");
  refuses([](IndexOptions& options) { options.columns = "lang text); DROP TABLE docs; --"; },
          "a second statement");
  refuses([](IndexOptions& options) { options.path = "../elsewhere"; }, "a path");
  EXPECT_TRUE(Index::open(db, "docs").ok());
}

TEST(IndexOptionsTest, PresetsCarryTheSameTombstoneShare) {
  EXPECT_EQ(IndexOptions::high_recall(3).ef_construction, 400);
  EXPECT_EQ(IndexOptions::high_recall(3).ef_search, 200);
  EXPECT_EQ(IndexOptions::fast(3).ef_construction, 100);
  EXPECT_EQ(IndexOptions::fast(3).ef_search, 40);
  EXPECT_EQ(IndexOptions::fast(3).tombstone_rebuild_pct, 30);
  EXPECT_EQ(IndexOptions::high_recall(3).tombstone_rebuild_pct, 30);
  Database db = in_memory();
  EXPECT_TRUE(Index::create(db, "a", IndexOptions::fast(3)).ok());
  EXPECT_TRUE(Index::create(db, "b", IndexOptions::high_recall(3)).ok());
}

// Every method of an index that is closed or moved from fails, and says nothing false.
void expect_closed(Index& index) {
  const Floats v{1, 2};
  Floats out(2);
  std::array<Hit, 1> hits;
  const auto row = [](std::int64_t /*id*/, std::span<const float> /*vector*/) { return true; };
  const auto hit = [](const Hit& /*hit*/) { return true; };
  std::int64_t next = 0;
  for (const Status& status : {index.insert(1, v),
                               index.insert(Ids{1}, v),
                               index.upsert(1, v),
                               index.upsert(Ids{1}, v),
                               index.erase(1).status(),
                               index.erase(Ids{1}).status(),
                               index.build(count_to(1, next), 0, {}).status(),
                               index.contains(1).status(),
                               index.get(1, out),
                               index.get(1).status(),
                               index.size().status(),
                               index.for_each(row),
                               index.search(v, hits, {}).status(),
                               index.search(v, 1, {}).status(),
                               index.search_batch(v, 1, 1, {}).status(),
                               index.search_range(v, 1, {}).status(),
                               index.search_each(v, {}, hit),
                               index.set_sync_mode({}),
                               index.flush(),
                               index.close(),
                               index.optimize({}),
                               index.compact({}),
                               index.repair({}),
                               index.rebuild({}),
                               index.save(),
                               index.stats().status(),
                               index.check().status()}) {
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_EQ(status.message(), "nearlite: the index is closed");
  }
  EXPECT_EQ(index.pending(), 0U);
  EXPECT_EQ(index.dim(), 0);
  EXPECT_EQ(index.name(), "");
  EXPECT_EQ(index.sync_mode(), SyncMode());
}

TEST_F(IndexTest, ClosedAndMovedFromAnswerSo) {
  Index other = std::move(index);
  expect_closed(index);
  EXPECT_TRUE(other.insert(1, Floats{1, 2}).ok());
  EXPECT_TRUE(other.close().ok());
  expect_closed(other);
  Database moved = std::move(db);
  EXPECT_EQ(Index::open(db, "docs").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Index::create(db, "x", plane()).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Index::open_or_create(db, "x", plane()).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Transaction::begin(db, TransactionKind::kDeferred).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(take(take(Index::open(moved, "docs")).size()), 1U);
}

TEST(IndexLifeTest, OutlivesItsDatabase) {
  std::optional<Database> db(in_memory());
  Index index = take(Index::create(*db, "docs", plane()));
  db.reset();
  EXPECT_TRUE(index.insert(1, Floats{1, 2}).ok());
  EXPECT_EQ(take(index.size()), 1U);
}

}  // namespace
}  // namespace nearlite
