// kill -9 at random moments: no acknowledged commit is lost, nothing is torn, the index is the
// table.
//
// A child writes the history of history.h and marks each transaction in shared memory when COMMIT
// has returned. The parent kills it after some milliseconds: while it creates the tables, while it
// recovers from the kill before, within COMMIT, within VACUUM, a checkpoint or a write of the side
// file. Then the database must stand at some transaction n that is not older than the last
// acknowledged one (n, or n + 1 if the kill fell into COMMIT), and hold exactly its rows.
//
// NEARLITE_KILLS sets the number (208 by default, over eight modes); the seed and the mode repeat
// the history, although not the moments. The last two tests are controls: a harness that cannot
// fail proves nothing.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "crash/history.h"
#include "support/process.h"
#include "support/scratch.h"

namespace nearlite::test {
namespace {

enum class Phase : std::uint32_t {
  kStarting,
  kOpening,
  kBetween,
  kWriting,
  kCommitting,
  kMaintaining
};
constexpr std::size_t kPhaseCount = 6;

struct Page {
  std::atomic<std::int64_t> acknowledged;  ///< the last transaction whose COMMIT returned; 0: none
  std::atomic<std::uint32_t> created;  ///< the transaction that makes the tables was acknowledged
  std::atomic<Phase> phase;
};

struct Mode {
  std::string journal = "WAL";
  std::string synchronous = "FULL";
  bool side_file = false;
  bool torn = false;  ///< control: the writer commits documents and index one after the other
};

std::string describe(const Mode& mode) {
  return mode.journal + "/" + mode.synchronous + (mode.side_file ? "/path" : "");
}

Database open_database(const std::string& folder, const Mode& mode) {
  Database database(folder + "/kill.db", engine_of_run());
  if (engine_of_run() == Database::Engine::kPlain) register_stand_in(database);
  sqlite3_busy_timeout(database.handle(), 10'000);
  database.must("PRAGMA journal_mode=" + mode.journal + "; PRAGMA synchronous=" + mode.synchronous);
  return database;
}

// ---- the child

class Writer {
 public:
  Writer(const std::string& folder, const Mode& mode, std::uint64_t seed)
      : page_(folder + "/page"),
        mode_(mode),
        shape_(crash_shape(mode.side_file)),
        seed_(seed),
        history_(shape_, seed),
        folder_(folder) {}

  [[noreturn]] void run() {
    page_->phase = Phase::kOpening;
    database_ = open_database(folder_, mode_);
    create();
    const std::int64_t n = database_.number("SELECT n FROM progress");
    while (history_.n() < n) history_.advance();
    page_->acknowledged = n;  // seen by this process, so never to be lost again
    for (;;) {
      page_->phase = Phase::kBetween;
      maintain();
      write();
    }
  }

 private:
  void create() {
    database_.must("BEGIN IMMEDIATE");
    if (database_.number("SELECT count(*) FROM sqlite_schema WHERE name = 'progress'") == 0) {
      database_.must("CREATE TABLE progress(id INTEGER PRIMARY KEY CHECK(id=1), n)");
      database_.must("INSERT INTO progress VALUES(1, 0)");
      database_.must("CREATE TABLE documents(id INTEGER PRIMARY KEY, title TEXT)");
      database_.must(shape_.create_sql("vss", engine_of_run()));
    }
    database_.must("COMMIT");
    page_->created = 1;
  }

  void must(int code) {
    if (code == SQLITE_OK) return;
    std::fprintf(stderr, "writer: %s: %s\n", code_name(code).c_str(), database_.message().c_str());
    std::_Exit(3);
  }

  void commit() {
    page_->phase = Phase::kCommitting;
    must(database_.exec("COMMIT"));
  }

  void write() {
    const std::vector<Operation> operations = history_.advance();
    Random random(mix(seed_ + 1, static_cast<std::uint64_t>(history_.n())));
    page_->phase = Phase::kWriting;
    must(database_.exec("BEGIN IMMEDIATE"));
    for (const Operation& operation : operations) must(write_document(database_, operation));
    must(database_.run("UPDATE progress SET n = ?1", {history_.n()}));
    if (mode_.torn) {
      commit();
      must(database_.exec("BEGIN IMMEDIATE"));
    }
    for (const Operation& operation : operations) must(write_index(database_, shape_, operation));
    if (random.chance(20)) {
      must(
          database_.exec("SAVEPOINT s; DELETE FROM vss WHERE rowid % 3 = 0; DELETE FROM documents;"
                         " ROLLBACK TO s; RELEASE s"));
    }
    commit();
    page_->acknowledged = history_.n();
  }

  void maintain() {
    Random random(mix(seed_ + 2, static_cast<std::uint64_t>(history_.n())));
    page_->phase = Phase::kMaintaining;
    if (random.chance(2)) must(database_.exec("VACUUM"));
    if (random.chance(4)) must(database_.exec("PRAGMA wal_checkpoint(TRUNCATE)"));
    if (engine_of_run() == Database::Engine::kPlain) return;
    if (random.chance(3)) must(database_.exec("INSERT INTO vss(vss) VALUES('optimize')"));
    if (random.chance(2)) must(database_.exec("INSERT INTO vss(vss) VALUES('compact')"));
    if (random.chance(1)) must(database_.exec("INSERT INTO vss(vss) VALUES('rebuild')"));
    if (mode_.side_file && random.chance(3)) must(database_.exec("SELECT hnsw_save()"));
  }

  SharedPage<Page> page_;
  Mode mode_;
  TableShape shape_;
  std::uint64_t seed_;
  History history_;
  std::string folder_;
  Database database_;
};

// ---- the parent

/// Empty if the database stands at a transaction >= the acknowledged one and is whole. Advances
/// `history` to it.
std::string verify(const std::string& folder, const Mode& mode, History& history,
                   std::int64_t acknowledged, bool created, std::uint64_t seed) {
  const TableShape shape = crash_shape(mode.side_file);
  Database database = open_database(folder, mode);
  if (database.number("SELECT count(*) FROM sqlite_schema WHERE name = 'progress'") == 0) {
    return created ? "the tables are gone" : "";
  }
  const std::int64_t n = database.number("SELECT n FROM progress");
  if (n < acknowledged || n > acknowledged + 1) {
    return "transaction " + std::to_string(n) + " found, " + std::to_string(acknowledged) +
           " acknowledged";
  }
  while (history.n() < n) history.advance();
  Rows rows;
  database.run("SELECT id, title FROM documents ORDER BY id", {}, &rows);
  Rows expected;
  for (const auto& [rowid, record] : history.records()) expected.push_back({rowid, record.title});
  if (rows != expected) return "documents are not those of transaction " + std::to_string(n);
  CheckOptions options;
  options.engine = engine_of_run();
  options.seed = seed;
  const std::string fault = check_index(database, "vss", shape, history.records(), options);
  if (!fault.empty()) return "transaction " + std::to_string(n) + ": " + fault;
  return database.scalar("PRAGMA integrity_check") == Value("ok") ? "" : "PRAGMA integrity_check";
}

/// Loses, cuts or scribbles on the side file, which must never change an answer.
void damage_side_file(const std::string& folder, Random& random) {
  const std::string path = folder + "/kill.idx";
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path, ignored);
  if (ignored || size == 0) return;
  const std::uint64_t kind = random.below(3);
  if (kind == 0) std::filesystem::remove(path);
  if (kind == 1) std::filesystem::resize_file(path, random.below(size));
  if (kind != 2) return;
  if (FILE* file = std::fopen(path.c_str(), "r+b")) {
    std::fseek(file, static_cast<long>(random.below(size)), SEEK_SET);
    std::fputs("scribble", file);
    std::fclose(file);
  }
}

struct Tally {
  std::size_t kills = 0;
  std::size_t by_phase[kPhaseCount] = {};
  std::int64_t commits = 0;
  std::string fault;
};

std::vector<std::string> writer_arguments(const std::string& folder, const Mode& mode,
                                          std::uint64_t seed) {
  return {"--writer",
          folder,
          mode.journal,
          mode.synchronous,
          mode.side_file ? "1" : "0",
          mode.torn ? "1" : "0",
          std::to_string(seed)};
}

/// One database, killed `kill_count` times. `claim`: how many more commits the check believes to be
/// acknowledged.
void run_generation(const Mode& mode, std::uint64_t seed, std::size_t kill_count,
                    std::int64_t claim, Tally& tally) {
  const ScratchFolder folder;
  Random random(seed);
  SharedPage<Page> page(folder.file("page"));
  History history(crash_shape(mode.side_file), seed);
  std::unique_ptr<Database>
      observer;  // in half of the generations a connection of ours outlives the kills
  for (std::size_t i = 0; i < kill_count && tally.fault.empty(); ++i) {
    page->phase = Phase::kStarting;
    const pid_t writer = spawn_self(writer_arguments(folder.path(), mode, seed));
    // A third of the kills fall while the writer opens, creates or recovers, a third upon its first
    // transaction, a third after it has committed some.
    const std::uint64_t kind = random.below(3);
    const std::int64_t before = page->acknowledged;
    const auto is_due = [&] {
      if (kind == 0) return page->phase.load() >= Phase::kOpening;
      return page->phase.load() >= Phase::kWriting &&
             (kind == 1 || page->acknowledged > before + 1);
    };
    int code = 0;
    bool ended = false;
    while (!ended && !is_due()) {
      sleep_microseconds(100);
      ended = has_ended(writer, code);
    }
    sleep_microseconds(random.below(kind == 0 ? 1500 : 20'000));
    if (!ended) {
      kill(writer, SIGKILL);
      code = wait_for(writer);
    }
    if (code != -SIGKILL) tally.fault = "the writer ended by itself: " + std::to_string(code);
    ++tally.kills;
    ++tally.by_phase[static_cast<std::size_t>(page->phase.load())];
    if (!tally.fault.empty()) break;
    // Not under a process that has the file mapped: that is not a crash but an attack.
    if (mode.side_file && observer == nullptr && random.chance(30)) {
      damage_side_file(folder.path(), random);
    }
    if (random.chance(25)) continue;  // the next writer recovers, and may be killed at it
    tally.fault = verify(folder.path(), mode, history, page->acknowledged + claim,
                         page->created != 0, random.next());
    if (page->created != 0 && seed % 2 == 0 && observer == nullptr) {
      observer = std::make_unique<Database>(open_database(folder.path(), mode));
      observer->number("SELECT count(*) FROM vss");
    }
    // What was found is as good as acknowledged: a reader has seen it.
    if (tally.fault.empty()) page->acknowledged = std::max(page->acknowledged.load(), history.n());
  }
  tally.commits += history.n();
}

void expect_nothing_lost(const Mode& mode) {
  const std::uint64_t run_seed = seed_of_run(1);
  const std::size_t total = environment_number("NEARLITE_KILLS", 208) / 8;
  constexpr std::size_t kGeneration = 13;
  Tally tally;
  for (std::size_t done = 0; done < total && tally.fault.empty(); done += kGeneration) {
    run_generation(mode, mix(run_seed, done), std::min(kGeneration, total - done), 0, tally);
  }
  std::printf(
      "%-18s %zu kills: %zu within COMMIT, %zu while writing, %zu opening or recovering, "
      "%zu in maintenance; %lld commits\n",
      describe(mode).c_str(), tally.kills, tally.by_phase[4], tally.by_phase[3],
      tally.by_phase[0] + tally.by_phase[1], tally.by_phase[5],
      static_cast<long long>(tally.commits));
  EXPECT_EQ(tally.fault, "") << describe(mode) << ", after " << tally.kills
                             << " kills; again by\n  "
                             << "NEARLITE_KILLS=" << total * 8 << " " << replay_command(run_seed);
}

TEST(Kill, WalFull) { expect_nothing_lost({"WAL", "FULL", false, false}); }
TEST(Kill, WalNormal) { expect_nothing_lost({"WAL", "NORMAL", false, false}); }
TEST(Kill, DeleteFull) { expect_nothing_lost({"DELETE", "FULL", false, false}); }
TEST(Kill, DeleteNormal) { expect_nothing_lost({"DELETE", "NORMAL", false, false}); }
TEST(Kill, WalFullSideFile) { expect_nothing_lost({"WAL", "FULL", true, false}); }
TEST(Kill, WalNormalSideFile) { expect_nothing_lost({"WAL", "NORMAL", true, false}); }
TEST(Kill, DeleteFullSideFile) { expect_nothing_lost({"DELETE", "FULL", true, false}); }
TEST(Kill, DeleteNormalSideFile) { expect_nothing_lost({"DELETE", "NORMAL", true, false}); }

TEST(KillHarness, NoticesALostCommit) {
  Tally tally;
  run_generation({"WAL", "FULL", false, false}, seed_of_run(1), 40, 1, tally);
  EXPECT_NE(tally.fault, "") << "one more commit was expected than was made";
}
TEST(KillHarness, NoticesATornTransaction) {
  Tally tally;
  run_generation({"WAL", "FULL", false, true}, seed_of_run(1), 60, 0, tally);
  EXPECT_NE(tally.fault, "") << "documents and index were written in two transactions";
}

}  // namespace

int run_writer(char** words) {
  const Mode mode{words[1], words[2], words[3][0] == '1', words[4][0] == '1'};
  Writer(words[0], mode, std::strtoull(words[5], nullptr, 10)).run();
}

}  // namespace nearlite::test

int main(int argc, char** argv) {
  setenv("NEARLITE_PARTIAL_MIB", "0", 0);  // small side files are read in parts, too
  if (argc == 8 && std::string(argv[1]) == "--writer") return nearlite::test::run_writer(argv + 2);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
