// Readers and writers at the same time, in several processes and in several threads of one: nobody
// ever sees anything but a snapshot (groups.h tells how that is checked). Two writers, four
// readers, one reader with long transactions, and one that checkpoints, vacuums, optimizes and
// changes the schema; in one run a process is killed and replaced every second.
//
// NEARLITE_STRESS_SECONDS sets the time of a run (5 by default; there are four, and a short one).
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "stress/groups.h"
#include "support/scratch.h"

namespace nearlite::test {
namespace {

constexpr Role kCrew[] = {Role::kWriter, Role::kWriter, Role::kReader,     Role::kReader,
                          Role::kReader, Role::kReader, Role::kLongReader, Role::kKeeper};

using Clock = std::chrono::steady_clock;

std::chrono::seconds run_time() {
  return std::chrono::seconds(environment_number("NEARLITE_STRESS_SECONDS", 5));
}

void report(const char* what, const std::string& journal, const Board& board) {
  std::printf(
      "%s, %s: %llu commits, %llu rollbacks, %llu snapshots, %llu answers (%llu misses), %llu "
      "times busy, "
      "%llu tasks of the keeper\n",
      what, journal.c_str(), static_cast<unsigned long long>(board.commits),
      static_cast<unsigned long long>(board.rollbacks),
      static_cast<unsigned long long>(board.snapshots),
      static_cast<unsigned long long>(board.answers), static_cast<unsigned long long>(board.misses),
      static_cast<unsigned long long>(board.refusals),
      static_cast<unsigned long long>(board.repairs));
}

void judge_run(const std::string& path, const Board& board) {
  EXPECT_EQ(board.violations, 0U) << board.first << "\n  again by "
                                  << replay_command(seed_of_run(1));
  EXPECT_GT(board.commits, 10U);
  EXPECT_GT(board.snapshots, 10U);
  EXPECT_LE(static_cast<double>(board.misses), 0.005 * static_cast<double>(board.answers));
  Database database(path, engine_of_run());
  if (engine_of_run() == Database::Engine::kPlain) register_stand_in(database);
  const std::int64_t n = database.number("SELECT n FROM counter");
  CheckOptions options;
  options.engine = engine_of_run();
  EXPECT_EQ(check_index(database, "groups", group_shape(), group_records(n), options), "");
}

pid_t start(const ScratchFolder& folder, Role role, const std::string& journal,
            std::uint64_t seed) {
  return spawn_self({"--worker", folder.path(), std::to_string(static_cast<int>(role)), journal,
                     std::to_string(seed)});
}

void run_processes(const std::string& journal, bool with_kills) {
  const ScratchFolder folder;
  const std::string path = folder.file("stress.db");
  {
    Database database(path, engine_of_run());
    Worker::create(database, journal);
  }
  SharedPage<Board> board(folder.file("board"));
  Random random(seed_of_run(1));
  std::vector<std::pair<Role, pid_t>> crew;
  for (const Role role : kCrew)
    crew.emplace_back(role, start(folder, role, journal, random.next()));
  const Clock::time_point end = Clock::now() + run_time();
  Clock::time_point next_kill = Clock::now() + std::chrono::seconds(1);
  std::size_t kill_count = 0;
  while (Clock::now() < end && board->violations == 0) {
    sleep_microseconds(20'000);
    for (auto& [role, child] : crew) {
      int code = 0;
      if (has_ended(child, code)) {
        board->violation("a worker ended by itself: " + std::to_string(code));
        child = start(folder, role, journal, random.next());
      }
    }
    if (!with_kills || Clock::now() < next_kill) continue;
    next_kill = Clock::now() + std::chrono::seconds(1);
    auto& [role, child] = crew[random.below(crew.size())];
    kill(child, SIGKILL);
    wait_for(child);
    child = start(folder, role, journal, random.next());
    ++kill_count;
  }
  board->stop = 1;
  for (auto& [role, child] : crew) {
    const int code = wait_for(child);
    if (code != 0) board->violation("a worker ended with " + std::to_string(code));
  }
  report(with_kills ? "processes, one killed a second" : "processes", journal, *board);
  judge_run(path, *board);
  EXPECT_TRUE(!with_kills || kill_count > 0);
}

TEST(Processes, Wal) { run_processes("WAL", false); }
TEST(Processes, WalWithKills) { run_processes("WAL", true); }
TEST(Processes, RollbackJournal) { run_processes("DELETE", false); }

void run_threads(const std::string& path, Board& board) {
  {
    Database database(path, engine_of_run());
    Worker::create(database, "WAL");
  }
  Random random(seed_of_run(1));
  std::vector<std::thread> threads;
  for (const Role role : kCrew) {
    const std::uint64_t seed = random.next();
    threads.emplace_back([&, role, seed] { Worker(role, path, "WAL", seed, board).run(); });
  }
  const Clock::time_point end = Clock::now() + run_time();
  while (Clock::now() < end && board.violations == 0) sleep_microseconds(20'000);
  board.stop = 1;
  for (std::thread& thread : threads) thread.join();
}

TEST(Threads, Wal) {
  const ScratchFolder folder;
  SharedPage<Board> board(folder.file("board"));
  run_threads(folder.file("stress.db"), *board);
  report("threads", "WAL", *board);
  judge_run(folder.file("stress.db"), *board);
}

// The control: a writer that commits the counter first must be found out.
TEST(ThreadsHarness, NoticesATornTransaction) {
  const ScratchFolder folder;
  SharedPage<Board> board(folder.file("board"));
  board->torn = 1;
  run_threads(folder.file("stress.db"), *board);
  EXPECT_GT(board->violations, 0U);
}

}  // namespace

int run_worker(char** words) {
  const std::string folder = words[0];
  // Half of the processes keep no vectors in memory: they go on reading past SQLite.
  if (std::stoull(words[3]) % 2 == 0) setenv("NEARLITE_KEEP_MIB", "0", 1);
  SharedPage<Board> board(folder + "/board");
  const auto role = static_cast<Role>(std::stoi(words[1]));
  Worker(role, folder + "/stress.db", words[2], std::stoull(words[3]), *board).run();
  return 0;
}

}  // namespace nearlite::test

int main(int argc, char** argv) {
  if (argc == 6 && std::string(argv[1]) == "--worker") return nearlite::test::run_worker(argv + 2);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
