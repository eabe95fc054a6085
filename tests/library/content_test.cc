// The scenario of get-or-build: a table of the user's with a column of vectors; the first call
// builds and saves, later ones, in other processes, load and answer.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "library/store.h"
#include "support/process.h"

namespace nearlite::test {
namespace {

constexpr std::int64_t kRows = 2500;

struct Page {
  std::atomic<std::uint64_t> told;  ///< how often progress was told
};

StoreOptions documents_options() {
  StoreOptions options = store_options(8);
  options.index.ef_construction = 40;
  return options;
}

Result<VectorStore> get_or_build(const std::string& folder, const Watch& watch) {
  return VectorStore::get_or_build(folder + "/app.db", "documents", "embedding",
                                   documents_options(), watch);
}

// Another process: builds if need be and answers. Exit code 0: loaded, nothing was built or read.
int run_asker(const std::string& folder, std::int64_t wanted) {
  bool has_built = false;
  Watch watch;
  watch.on_progress = [&](const Progress&) { return has_built = true; };
  auto store = get_or_build(folder, watch);
  if (!store.ok()) return 3;
  const auto hits = store->search(vector_of(wanted), 1, {});
  if (!hits.ok() || hits->size() != 1 || (*hits)[0].id != wanted) return 4;
  const auto stats = store->stats();
  if (!stats.ok() || stats->image_loads != 1 || stats->loads != 0) return 5;
  return has_built ? 6 : 0;
}

// Builds, telling the parent how far it is, and never comes to an end of its own: progress blocks.
int run_builder(const std::string& folder) {
  SharedPage<Page> page(folder + "/page");
  Watch watch;
  watch.on_progress = [&](const Progress& progress) {
    ++page->told;
    while (progress.phase == Progress::Phase::kFinishing) sleep_microseconds(1000);
    return true;
  };
  static_cast<void>(get_or_build(folder, watch).ok());
  return 0;
}

class ContentTest : public testing::Test {
 protected:
  ContentTest() {
    OpenOptions open;
    open.create = true;
    db.emplace(take(Database::open(folder.file("app.db"), open)));
    EXPECT_TRUE(db->execute("PRAGMA journal_mode = WAL;"
                            "CREATE TABLE documents(id INTEGER PRIMARY KEY, lang TEXT,"
                            " embedding BLOB); BEGIN")
                    .ok());
    Statement insert = take(db->prepare("INSERT INTO documents VALUES (?1, ?2, ?3)"));
    for (std::int64_t id = 1; id <= kRows; ++id) {
      insert.bind_int64(1, id).bind_text(2, id % 2 == 0 ? "en" : "de");
      EXPECT_TRUE(insert.bind_vector(3, vector_of(id)).run().ok());
    }
    EXPECT_TRUE(db->execute("COMMIT").ok());
  }
  std::int64_t number(const char* sql) {
    Statement statement = take(db->prepare(sql));
    EXPECT_TRUE(statement.step().value());
    return statement.column_int64(0);
  }
  // Nothing of an index is there.
  void expect_untouched() {
    EXPECT_EQ(number("SELECT count(*) FROM sqlite_schema"), 1);
    EXPECT_EQ(number("SELECT count(*) FROM documents"), kRows);
  }

  ScratchFolder folder;
  std::optional<Database> db;
};

TEST_F(ContentTest, BuiltOnceThenLoadedByOtherProcesses) {
  std::vector<Progress> told;
  Watch watch;
  watch.on_progress = [&](const Progress& progress) {
    told.push_back(progress);
    return true;
  };
  {
    VectorStore store = take(get_or_build(folder.path(), watch));
    EXPECT_EQ(store.name(), "documents_embedding_hnsw");
    EXPECT_EQ(take(store.size()), static_cast<std::uint64_t>(kRows));
    EXPECT_EQ(take(store.search(vector_of(77), 1, {}))[0].id, 77);
  }
  ASSERT_GE(told.size(), 2U);
  EXPECT_EQ(told.back().phase, Progress::Phase::kFinishing);
  EXPECT_EQ(told.back().done, static_cast<std::uint64_t>(kRows));
  EXPECT_EQ(told.back().total, static_cast<std::uint64_t>(kRows));
  EXPECT_EQ(wait_for(spawn_self({"--ask", folder.path(), "1234"})), 0);
  // The table goes on living, and what changed is caught up, not built again.
  Statement insert = take(db->prepare("INSERT INTO documents VALUES (?1, 'en', ?2)"));
  ASSERT_TRUE(insert.bind_int64(1, 9000).bind_vector(2, vector_of(9000)).run().ok());
  EXPECT_EQ(wait_for(spawn_self({"--ask", folder.path(), "9000"})), 0);
}

TEST_F(ContentTest, FollowsTheTableWhileItIsOpen) {
  VectorStore store = take(get_or_build(folder.path(), {}));
  ASSERT_TRUE(db->execute("DELETE FROM documents WHERE id = 5").ok());
  EXPECT_NE(take(store.search(vector_of(5), 1, {}))[0].id, 5);
  EXPECT_FALSE(take(store.contains(5)));
  EXPECT_EQ(take(store.get(6)), vector_of(6));
  SearchOptions german;
  german.filter = "lang = ?1 AND id > 100";
  german.parameters = {std::string("de")};
  const auto hits = take(store.search(vector_of(200), 20, german));
  EXPECT_EQ(hits.size(), 20U);
  for (const Hit& hit : hits) EXPECT_TRUE(hit.id % 2 == 1 && hit.id > 100) << hit.id;
  EXPECT_EQ(take(store.search_batch(vectors_of(10, 13), 1, 2, {}))[3][0].id, 13);
  EXPECT_EQ(store.insert(1, vector_of(1)).code(), Code::kInvalidArgument) << "rows are the table's";
  EXPECT_EQ(take(store.check()), std::vector<std::string>());
  std::int64_t count = 0;
  EXPECT_TRUE(store
                  .for_each([&](std::int64_t id, std::span<const float> vector) {
                    EXPECT_EQ(Floats(vector.begin(), vector.end()), vector_of(id));
                    return ++count < 10;
                  })
                  .ok());
}

TEST_F(ContentTest, AnInterruptedBuildLeavesNothing) {
  for (const auto phase : {Progress::Phase::kReading, Progress::Phase::kFinishing}) {
    Watch watch;
    watch.on_progress = [&](const Progress& progress) { return progress.phase != phase; };
    EXPECT_EQ(get_or_build(folder.path(), watch).status().code(), Code::kInterrupted);
    expect_untouched();
  }
  EXPECT_TRUE(get_or_build(folder.path(), {}).ok());
}

TEST_F(ContentTest, AKilledBuildLeavesNothing) {
  SharedPage<Page> page(folder.file("page"));
  const pid_t child = spawn_self({"--build", folder.path()});
  while (page->told < 2) sleep_microseconds(1000);
  kill(child, SIGKILL);
  EXPECT_EQ(wait_for(child), -SIGKILL);
  expect_untouched();
  EXPECT_EQ(take(take(get_or_build(folder.path(), {})).search(vector_of(9), 1, {}))[0].id, 9);
}

TEST_F(ContentTest, TwoAtOnceBuildOnce) {
  std::atomic<int> built = 0;
  const auto build = [&] {
    StoreOptions options = documents_options();
    options.busy_timeout = std::chrono::minutes(2);  // the second waits for the first
    Watch watch;
    watch.on_progress = [&](const Progress& progress) {
      if (progress.phase == Progress::Phase::kFinishing && progress.done > 0) built = built + 1;
      return true;
    };
    auto store =
        VectorStore::get_or_build(folder.file("app.db"), "documents", "embedding", options, watch);
    EXPECT_TRUE(store.ok()) << store.status().message();
    if (store.ok()) {
      EXPECT_EQ(take(store->search(vector_of(3), 1, {}))[0].id, 3);
    }
  };
  std::thread first(build);
  std::thread second(build);
  first.join();
  second.join();
  EXPECT_GE(built, 1);
  EXPECT_EQ(number("SELECT count(*) FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL%'"), 1);
}

TEST_F(ContentTest, FinishesWhatWasLeftToLater) {
  ASSERT_TRUE(db->execute("CREATE VIRTUAL TABLE documents_embedding_hnsw USING hnsw("
                          "content='documents', content_vector='embedding', dim=8, metric=l2,"
                          " build='deferred')")
                  .ok());
  VectorStore store = take(get_or_build(folder.path(), {}));
  const IndexStats stats = take(store.stats());
  EXPECT_TRUE(stats.is_built);
  EXPECT_EQ(stats.live, static_cast<std::uint64_t>(kRows));
  EXPECT_EQ(stats.content_table, "documents");
  EXPECT_EQ(stats.content_rowid, "id");
}

TEST_F(ContentTest, RefusesWhatIsNotThere) {
  const std::string path = folder.file("app.db");
  const StoreOptions options = documents_options();
  const auto code = [&](const char* table, const char* column, const StoreOptions& chosen) {
    return VectorStore::get_or_build(path, table, column, chosen, {}).status().code();
  };
  EXPECT_EQ(code("nothing", "embedding", options), Code::kNotFound);
  EXPECT_EQ(code("documents", "nothing", options), Code::kNotFound);
  EXPECT_EQ(VectorStore::get_or_build(folder.file("none.db"), "documents", "embedding", options, {})
                .status()
                .code(),
            Code::kNotFound);
  StoreOptions reading = options;
  reading.read_only = true;
  EXPECT_EQ(code("documents", "embedding", reading), Code::kNotFound) << "nothing can be built";
  StoreOptions wrong = options;
  wrong.index.dim = 9;
  EXPECT_EQ(code("documents", "embedding", wrong), Code::kInvalidArgument);
  expect_untouched();
  EXPECT_TRUE(get_or_build(folder.path(), {}).ok());
  EXPECT_EQ(code("documents", "embedding", wrong), Code::kInvalidArgument) << "it has 8";
  EXPECT_EQ(code("documents", "embedding", reading), Code::kOk);
}

}  // namespace
}  // namespace nearlite::test

int main(int argc, char** argv) {
  using namespace nearlite::test;  // NOLINT: the child's entry
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 3 && words[0] == "--ask") return run_asker(words[1], std::stoll(words[2]));
  if (words.size() == 2 && words[0] == "--build") return run_builder(words[1]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
