// Seeded random statements on several connections to one file, against plain maps.
//
// The connections are interleaved in one thread, so a run is a function of its seed: any failure is
// repeated by the line it prints, and is shrunk to a short list of statements first. What is
// compared: every result code (BUSY is the only one that may come unasked), every row, every
// answer. See session.h for the model, writes.h and reads.h for the statements.
//
//   model_model [--seed N] [--steps M] [--mode WAL|DELETE] [--sessions S]    or NEARLITE_SEED,
//   NEARLITE_STEPS
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <unistd.h>

#include "model/reads.h"
#include "model/writes.h"

namespace nearlite::test {
namespace {

struct Step {
  std::uint64_t seed;
};

struct Outcome {
  std::string fault;
  std::size_t step = 0;
  std::deque<std::string> log;
  std::map<std::string, std::size_t> outcomes;
  double recall = 1.0;
  double late_share = 0;
  std::size_t recall_count = 0;
  std::uint64_t commits = 0;
};

World* running_world = nullptr;  // for the signal handler only

class Play {
 public:
  Play(World& world, std::uint64_t seed)
      : world_(world), writes_(world, seed), reads_(world, writes_) {}

  void step(std::uint64_t seed) {
    Random random(seed);
    Session& session = pick_session(random);
    std::uint64_t ticket = random.below(1000);
    for (const Operation& operation : operations()) {
      if (ticket < operation.weight) {
        if (!is_skipped(operation.name)) operation.run(*this, session, random);
        return;
      }
      ticket -= operation.weight;
    }
  }

 private:
  struct Operation {
    const char* name;
    std::uint64_t weight;  ///< of 1000
    void (*run)(Play& play, Session& session, Random& random);
  };

  static const std::vector<Operation>& operations() {
    static const std::vector<Operation> all{
        {"search", 170, [](Play& p, Session& s, Random& r) { p.reads_.search(s, r); }},
        {"stream", 30, [](Play& p, Session& s, Random& r) { p.reads_.stream(s, r); }},
        {"page", 30, [](Play& p, Session& s, Random& r) { p.reads_.page(s, r); }},
        {"function", 30, [](Play& p, Session& s, Random& r) { p.reads_.by_function(s, r); }},
        {"rows", 40, [](Play& p, Session& s, Random& r) { p.reads_.rows(s, r); }},
        {"pause", 30, [](Play& p, Session& s, Random& r) { p.reads_.pause(s, r); }},
        {"insert", 120, [](Play& p, Session& s, Random& r) { p.writes_.insert(s, r); }},
        {"insert_auto", 25,
         [](Play& p, Session& s, Random& r) { p.writes_.insert_without_rowid(s, r); }},
        {"insert_select", 20,
         [](Play& p, Session& s, Random& r) { p.writes_.insert_select(s, r); }},
        {"insert_bad", 10,
         [](Play& p, Session& s, Random& r) { p.writes_.insert_bad_vector(s, r); }},
        {"update_vector", 60,
         [](Play& p, Session& s, Random& r) { p.writes_.update_vector(s, r); }},
        {"update_metadata", 20,
         [](Play& p, Session& s, Random& r) { p.writes_.update_metadata(s, r); }},
        {"update_rowid", 30, [](Play& p, Session& s, Random& r) { p.writes_.update_rowid(s, r); }},
        {"delete", 45, [](Play& p, Session& s, Random& r) { p.writes_.erase(s, r); }},
        {"delete_range", 10, [](Play& p, Session& s, Random& r) { p.writes_.erase_range(s, r); }},
        {"delete_nearest", 10,
         [](Play& p, Session& s, Random& r) { p.writes_.erase_nearest(s, r); }},
        {"begin", 60, [](Play& p, Session& s, Random& r) { p.begin(s, r); }},
        {"commit", 55, [](Play& p, Session& s, Random&) { p.finish(s, true); }},
        {"rollback", 25, [](Play& p, Session& s, Random&) { p.finish(s, false); }},
        {"savepoint", 40,
         [](Play& p, Session& s, Random& r) { p.savepoint(s, savepoint_name(r)); }},
        {"release", 30, [](Play& p, Session& s, Random& r) { p.release(s, savepoint_name(r)); }},
        {"rollback_to", 40,
         [](Play& p, Session& s, Random& r) { p.rollback_to(s, savepoint_name(r)); }},
        {"check", 14, [](Play& p, Session& s, Random& r) { p.reads_.check(s, r); }},
        {"command", 12, [](Play& p, Session& s, Random& r) { p.writes_.command(s, r); }},
        {"rename", 6, [](Play& p, Session& s, Random& r) { p.writes_.rename(s, r); }},
        {"create", 4, [](Play& p, Session& s, Random& r) { p.writes_.create(s, r); }},
        {"drop", 2, [](Play& p, Session& s, Random& r) { p.writes_.drop(s, r); }},
        {"reopen", 8, [](Play& p, Session& s, Random&) { p.reopen(s); }},
        {"vacuum", 6, [](Play& p, Session& s, Random&) { p.vacuum(s); }},
        {"checkpoint", 8, [](Play& p, Session& s, Random&) { p.checkpoint(s); }},
        {"foreign_ddl", 10, [](Play& p, Session& s, Random& r) { p.foreign_ddl(s, r); }},
    };
    return all;
  }

  // NEARLITE_MODEL_SKIP=command,rename leaves operations out, to look for a second fault behind a
  // known one.
  static bool is_skipped(const std::string& name) {
    static const char* const skipped = std::getenv("NEARLITE_MODEL_SKIP");
    if (skipped == nullptr) return false;
    return ("," + std::string(skipped) + ",").find("," + name + ",") != std::string::npos;
  }

  // Who holds the write lock goes on more often than not; otherwise most statements would be BUSY.
  Session& pick_session(Random& random) {
    const std::size_t chosen = random.below(world_.sessions().size());
    if (random.chance(60)) {
      for (Session& session : world_.sessions()) {
        if (session.wrote) return session;
      }
    }
    return world_.sessions()[chosen];
  }

  static std::string savepoint_name(Random& random) {
    return std::string(1, static_cast<char>('a' + random.below(3)));
  }

  void begin(Session& session, Random& random) {
    static const char* const kinds[] = {"BEGIN", "BEGIN DEFERRED", "BEGIN IMMEDIATE"};
    const bool legal = !session.in_transaction;
    const int code =
        world_.control(session, kinds[random.below(3)], legal ? SQLITE_OK : SQLITE_ERROR);
    if (code == SQLITE_OK) session.in_transaction = true;
  }

  void finish(Session& session, bool commit) {
    const bool legal = session.in_transaction;
    if (!commit) session.cursor.disturbed = true;
    const int code =
        world_.control(session, commit ? "COMMIT" : "ROLLBACK", legal ? SQLITE_OK : SQLITE_ERROR);
    if (code == SQLITE_OK) {
      world_.end_transaction(session, commit);
    } else if (legal && !session.database.in_transaction()) {
      world_.end_transaction(session, false);
    }
  }

  void savepoint(Session& session, const std::string& name) {
    if (world_.control(session, "SAVEPOINT " + name, SQLITE_OK) != SQLITE_OK) return;
    session.in_transaction = true;
    session.savepoints.push_back({name, session.has_snapshot ? session.seen : nullptr});
  }

  // The position of the innermost savepoint of that name, or the count if there is none.
  static std::size_t find_savepoint(const Session& session, const std::string& name) {
    for (std::size_t i = session.savepoints.size(); i > 0; --i) {
      if (session.savepoints[i - 1].name == name) return i - 1;
    }
    return session.savepoints.size();
  }

  void release(Session& session, const std::string& name) {
    const std::size_t at = find_savepoint(session, name);
    const bool known = at < session.savepoints.size();
    const int code = world_.control(session, "RELEASE " + name, known ? SQLITE_OK : SQLITE_ERROR);
    if (code != SQLITE_OK) {
      if (session.in_transaction && !session.database.in_transaction()) {
        world_.end_transaction(session, false);
      }
      return;
    }
    session.savepoints.resize(std::min(at, session.savepoints.size()));
    if (!session.database.in_transaction()) world_.end_transaction(session, true);
  }

  void rollback_to(Session& session, const std::string& name) {
    const std::size_t at = find_savepoint(session, name);
    const bool known = at < session.savepoints.size();
    session.cursor.disturbed = true;
    const std::string sql = known && world_.config().sabotage ? "SELECT 1" : "ROLLBACK TO " + name;
    const int code = world_.control(session, sql, known ? SQLITE_OK : SQLITE_ERROR);
    if (code != SQLITE_OK) return;
    if (session.savepoints[at].state != nullptr) session.seen = session.savepoints[at].state;
    session.savepoints.resize(at + 1);
  }

  void reopen(Session& session) {
    world_.note("#" + std::to_string(session.number) + " closes and opens");
    world_.open(session);
  }

  void vacuum(Session& session) {
    const bool legal = !session.in_transaction && !session.cursor.open;
    world_.run(session, "VACUUM", {}, {legal ? SQLITE_OK : SQLITE_ERROR, false, false}, nullptr);
  }

  void checkpoint(Session& session) {
    // In a transaction the answer is LOCKED, with readers a row that says "busy": all are fine, if
    // nothing changes.
    world_.look(session);
    session.database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    world_.note("#" + std::to_string(session.number) + " checkpoint");
    world_.settle(session, {}, nullptr, true);
  }

  void foreign_ddl(Session& session, Random& random) {
    static const char* const statements[] = {
        "CREATE TABLE IF NOT EXISTS other(x, y)", "CREATE INDEX IF NOT EXISTS other_x ON other(x)",
        "DROP TABLE IF EXISTS other", "CREATE VIEW IF NOT EXISTS seen AS SELECT 1"};
    const std::uint64_t which = random.below(4);
    world_.look(session);
    const std::string sql =
        which == 1 ? "CREATE TABLE IF NOT EXISTS more(x UNIQUE)" : statements[which];
    world_.run(session, sql, {}, {}, session.seen);
  }

  World& world_;
  Writes writes_;
  Reads reads_;
};

Outcome play(const ModelConfig& config, std::uint64_t seed, const std::vector<Step>& steps) {
  Outcome outcome;
  const ScratchFolder folder;
  World world(config, folder.file("model.db"));
  running_world = &world;
  Play game(world, seed);
  for (outcome.step = 0; outcome.step < steps.size() && world.fault().empty(); ++outcome.step) {
    game.step(steps[outcome.step].seed);
  }
  if (world.fault().empty()) {  // what is on disk, seen by a newcomer
    Session newcomer;
    newcomer.number = 9;
    for (Session& session : world.sessions()) {
      session.cursor = {};  // before its connection
      session = Session();
    }
    world.open(newcomer);
    Random random(seed);
    Writes writes(world, seed);
    Reads(world, writes).check(newcomer, random);
  }
  outcome.fault = world.fault();
  outcome.log = world.log();
  outcome.outcomes = world.outcomes();
  outcome.recall = world.recall();
  outcome.late_share = world.late_share();
  outcome.recall_count = world.recall_count();
  outcome.commits = world.version();
  running_world = nullptr;
  return outcome;
}

// A fault without its numbers and names, so that shrinking does not end at another fault.
std::string kind_of(const std::string& fault) {
  std::string kind;
  for (const char letter : fault) {
    const bool is_number = (letter >= '0' && letter <= '9') || letter == '.' || letter == '-';
    const bool is_name = letter == 't' || letter == 'u';
    if (!is_number && !is_name) kind += letter;
  }
  return kind;
}

// Leaves out ever smaller parts as long as the run still fails (delta debugging), within a time
// budget.
std::vector<Step> shrink(const ModelConfig& config, std::uint64_t seed, std::vector<Step> steps,
                         const std::string& fault) {
  const auto deadline = std::chrono::steady_clock::now() +
                        std::chrono::seconds(environment_number("NEARLITE_SHRINK_SECONDS", 40));
  for (std::size_t part = steps.size() / 2; part > 0; part /= 2) {
    for (std::size_t from = 0; from < steps.size();) {
      if (std::chrono::steady_clock::now() > deadline) return steps;
      std::vector<Step> fewer(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(from));
      fewer.insert(fewer.end(),
                   steps.begin() + static_cast<std::ptrdiff_t>(std::min(steps.size(), from + part)),
                   steps.end());
      const Outcome outcome = play(config, seed, fewer);
      if (kind_of(outcome.fault) != kind_of(fault)) {
        from += part;
      } else {
        fewer.resize(std::min(fewer.size(), outcome.step));
        steps = std::move(fewer);
      }
    }
  }
  return steps;
}

std::vector<Step> make_steps(std::uint64_t seed, std::size_t count) {
  Random random(seed);
  std::vector<Step> steps(count);
  for (Step& step : steps) step.seed = random.next();
  return steps;
}

std::string report(const char* title, const Outcome& outcome) {
  std::string text = std::string(title) + ": " + outcome.fault + "\n";
  for (const std::string& line : outcome.log) text += "  " + line + "\n";
  return text;
}

void expect_no_fault(const ModelConfig& config, std::uint64_t salt, std::size_t step_count) {
  const std::uint64_t run_seed = seed_of_run(1);
  const std::uint64_t seed = mix(run_seed, salt);
  std::vector<Step> steps = make_steps(seed, step_count);
  const Outcome outcome = play(config, seed, steps);
  std::printf(
      "run seed %llu, %s, %zu sessions: %zu steps, %llu commits, recall %.4f over %zu searches, "
      "%.4f of streamed rows late;",
      static_cast<unsigned long long>(run_seed), config.journal_mode.c_str(), config.session_count,
      outcome.step, static_cast<unsigned long long>(outcome.commits), outcome.recall,
      outcome.recall_count, outcome.late_share);
  for (const auto& [name, count] : outcome.outcomes) std::printf(" %s %zu", name.c_str(), count);
  std::printf("\n");
  std::fflush(stdout);
  if (outcome.fault.empty()) {
    EXPECT_GE(outcome.recall, 0.95) << replay_command(run_seed);
    EXPECT_LE(outcome.late_share, 0.01) << replay_command(run_seed);
    return;
  }
  steps.resize(outcome.step);
  ADD_FAILURE() << report("failed", outcome) << "  step " << outcome.step << "; again by\n  "
                << replay_command(run_seed) << " --steps " << step_count;
  const std::vector<Step> fewer = shrink(config, seed, steps, outcome.fault);
  const Outcome small = play(config, seed, fewer);
  ADD_FAILURE() << report(("shrunk to " + std::to_string(fewer.size()) + " steps").c_str(), small);
}

std::size_t steps_a_run() { return environment_number("NEARLITE_STEPS", 12'000); }

ModelConfig config_of(const char* journal_mode, std::size_t sessions) {
  ModelConfig config;
  config.journal_mode = journal_mode;
  config.session_count = sessions;
  return config;
}

TEST(Model, OneConnection) { expect_no_fault(config_of("WAL", 1), 1, steps_a_run()); }
TEST(Model, TwoConnectionsWal) { expect_no_fault(config_of("WAL", 2), 2, steps_a_run()); }
TEST(Model, FourConnectionsWal) { expect_no_fault(config_of("WAL", 4), 3, steps_a_run()); }
TEST(Model, TwoConnectionsRollbackJournal) {
  expect_no_fault(config_of("DELETE", 2), 4, steps_a_run());
}
TEST(Model, ThreeConnectionsRollbackJournal) {
  expect_no_fault(config_of("DELETE", 3), 5, steps_a_run());
}
TEST(Model, LargerTables) {
  ModelConfig config = config_of("WAL", 2);
  config.rows_max = 3000;
  expect_no_fault(config, 6, steps_a_run());
}

// A statement that the engine leaves prepared would keep the connection, its memory and its files
// for ever.
TEST(Model, ConnectionsCloseCleanly) {
  const int before = Database::unclosed();
  const Outcome outcome =
      play(config_of("WAL", 2), seed_of_run(1), make_steps(seed_of_run(1), 500));
  EXPECT_EQ(Database::unclosed(), before) << outcome.fault;
}

// The harness itself: on ordinary tables it must find nothing, and a lost ROLLBACK TO must not
// escape it.
TEST(ModelHarness, FindsNothingOnOrdinaryTables) {
  for (const char* mode : {"WAL", "DELETE"}) {
    ModelConfig config = config_of(mode, 3);
    config.engine = Database::Engine::kPlain;
    expect_no_fault(config, 7, 4000);
  }
}
TEST(ModelHarness, NoticesALostRollback) {
  ModelConfig config = config_of("WAL", 2);
  config.engine = Database::Engine::kPlain;
  config.sabotage = true;
  const Outcome outcome = play(config, 1, make_steps(1, 4000));
  EXPECT_FALSE(outcome.fault.empty());
}

// A crash of the process leaves at least the last statements.
void on_crash(int signal) {
  static const char head[] = "\nthe process crashed; the last statements:\n";
  [[maybe_unused]] ssize_t ignored = write(2, head, sizeof head - 1);
  if (running_world != nullptr) {
    for (const std::string& line : running_world->log()) {
      ignored = write(2, line.data(), line.size());
      ignored = write(2, "\n", 1);
    }
  }
  std::signal(signal, SIG_DFL);
  raise(signal);
}

}  // namespace
}  // namespace nearlite::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seed") == 0) setenv("NEARLITE_SEED", argv[i + 1], 1);
    if (std::strcmp(argv[i], "--steps") == 0) setenv("NEARLITE_STEPS", argv[i + 1], 1);
  }
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE}) {
    std::signal(signal, nearlite::test::on_crash);
  }
  return RUN_ALL_TESTS();
}
