// The same statements give the same index: nearlite_digest is equal for one and two threads, on
// every SIMD target, with connections closed in between, with two connections taking turns (so that
// each catches up with what the other linked), and after VACUUM. Each variant runs in a process of
// its own, because SIMD and threads are chosen once per process.
//
// NEARLITE_DIGEST_STEPS sets the length of the log (300 steps by default).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>

#include "support/check_index.h"
#include "support/process.h"
#include "support/scratch.h"

namespace nearlite::test {
namespace {

struct Variant {
  const char* name;
  const char* simd;
  const char* threads;
  int connection_count;
  int reopen_every;  ///< statements; 0: never
  int vacuum_every;
};

constexpr Variant kVariants[] = {
    {"plain", "", "1", 1, 0, 0},
    {"two threads", "", "2", 1, 0, 0},
    {"scalar", "scalar", "1", 1, 0, 0},
    {"avx2", "avx2", "1", 1, 0, 0},
    {"avx512", "avx512", "2", 1, 0, 0},
    {"reopened", "", "1", 1, 7, 0},
    {"two connections", "", "2", 2, 0, 0},
    {"vacuumed", "", "1", 1, 0, 50},
    {"everything", "scalar", "2", 2, 11, 60},
};

const TableShape kShapes[] = {
    {Element::kFloat, Metric::kCosine, 48,
     ", m=8, ef_construction=60, parallel_insert_threshold=8"},
    {Element::kFloat, Metric::kL2, 20, ", m=6, ef_construction=50, parallel_insert_threshold=1"},
    {Element::kFloat, Metric::kIp, 40, ", m=8, ef_construction=60, quantize=none"},
    {Element::kBit, Metric::kHamming, 128, ", m=8, ef_construction=60"},
};

class Replay {
 public:
  Replay(const std::string& path, const Variant& variant, const TableShape& shape)
      : path_(path),
        variant_(variant),
        shape_(shape),
        source_({.dim = shape.dim, .element = shape.element}, 5) {}

  std::string run(int step_count) {
    connections_.resize(static_cast<std::size_t>(variant_.connection_count));
    for (Database& connection : connections_) open(connection);
    connections_[0].must(shape_.create_sql("t", Database::Engine::kNearlite));
    Random random(seed_of_run(1));
    for (int i = 0; i < step_count; ++i) {
      Database& database = connections_[static_cast<std::size_t>(i) % connections_.size()];
      step(database, random);
      if (variant_.reopen_every != 0 && i % variant_.reopen_every == 0) open(database);
      if (variant_.vacuum_every != 0 && i % variant_.vacuum_every == 0) database.must("VACUUM");
    }
    Database& last = connections_[0];
    const std::string check = to_text(last.scalar("SELECT nearlite_check('t')"));
    return to_text(last.scalar("SELECT nearlite_digest('t')")) + " " +
           std::to_string(live_.size()) + (check == "'ok'" ? "" : " " + check);
  }

 private:
  void open(Database& database) {
    database.close();
    database = Database(path_);
    database.must("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF");
  }

  void must(Database& database, int code, const std::string& sql) {
    if (code == SQLITE_OK) return;
    throw std::runtime_error(sql + ": " + database.message());
  }

  void insert(Database& database, std::int64_t rowid) {
    const std::string sql = "INSERT OR REPLACE INTO t(rowid, embedding) VALUES(?1, ?2)";
    must(database, database.run(sql, {rowid, shape_.blob(source_.next())}), sql);
    live_[rowid] = true;
  }

  std::int64_t pick(Random& random) const {
    auto row = live_.begin();
    std::advance(row, static_cast<std::ptrdiff_t>(random.below(live_.size())));
    return row->first;
  }

  // One statement or one transaction.
  void step(Database& database, Random& random) {
    const std::uint64_t kind = live_.size() < 30 ? 0 : random.below(100);
    if (kind < 25) {  // a batch, linked at once and perhaps in parallel
      const bool rolled_back = random.chance(10);
      const auto before = live_;
      database.must("BEGIN");
      for (std::uint64_t count = 1 + random.below(120); count > 0; --count)
        insert(database, random.between(1, 3000));
      database.must(rolled_back ? "ROLLBACK" : "COMMIT");
      if (rolled_back) live_ = before;
    } else if (kind < 60) {
      insert(database, random.between(1, 3000));
    } else if (kind < 75) {
      const std::string sql = "UPDATE t SET embedding = ?1 WHERE rowid = ?2";
      must(database, database.run(sql, {shape_.blob(source_.next()), pick(random)}), sql);
    } else if (kind < 97) {
      const std::int64_t rowid = pick(random), last = rowid + random.between(0, 20);
      must(database, database.run("DELETE FROM t WHERE rowid BETWEEN ?1 AND ?2", {rowid, last}),
           "DELETE");
      live_.erase(live_.lower_bound(rowid), live_.upper_bound(last));
    } else {
      static const char* const commands[] = {"optimize", "compact", "rebuild"};
      database.must(std::string("INSERT INTO t(t) VALUES('") + commands[random.below(3)] + "')");
    }
  }

  std::string path_;
  Variant variant_;
  TableShape shape_;
  VectorSource source_;
  std::vector<Database> connections_;
  std::map<std::int64_t, bool> live_;
};

std::string digest_of(std::size_t variant, std::size_t shape) {
  const ScratchFolder folder;
  const pid_t child =
      spawn_self({"--replay", folder.path(), std::to_string(variant), std::to_string(shape)});
  const int code = wait_for(child);
  std::string text;
  std::getline(std::ifstream(folder.file("digest")), text);
  return code == 0 ? text : "exit code " + std::to_string(code) + " " + text;
}

void expect_equal_digests(std::size_t shape) {
  const std::string first = digest_of(0, shape);
  EXPECT_NE(first.find(' '), std::string::npos) << first;
  EXPECT_EQ(first.find("exit"), std::string::npos) << first;
  for (std::size_t i = 1; i < std::size(kVariants); ++i) {
    EXPECT_EQ(digest_of(i, shape), first)
        << kVariants[i].name << "; again by\n  " << replay_command(seed_of_run(1));
  }
}

TEST(Digest, Cosine) { expect_equal_digests(0); }
TEST(Digest, L2) { expect_equal_digests(1); }
TEST(Digest, InnerProductUnquantized) { expect_equal_digests(2); }
TEST(Digest, Hamming) { expect_equal_digests(3); }

// The control: other statements give another digest.
TEST(Digest, DiffersForOtherContent) {
  const ScratchFolder folder;
  const Variant plain = kVariants[0];
  const std::string longer = Replay(folder.file("a.db"), plain, kShapes[0]).run(60);
  const std::string shorter = Replay(folder.file("b.db"), plain, kShapes[0]).run(59);
  EXPECT_NE(longer, shorter);
}

}  // namespace

int run_replay(char** words) {
  const std::string folder = words[0];
  const Variant& variant = kVariants[std::stoul(words[1])];
  const TableShape& shape = kShapes[std::stoul(words[2])];
  if (*variant.simd != '\0') setenv("NEARLITE_SIMD", variant.simd, 1);
  setenv("NEARLITE_THREADS", variant.threads, 1);
  std::string text;
  try {
    const auto steps = static_cast<int>(environment_number("NEARLITE_DIGEST_STEPS", 300));
    text = Replay(folder + "/digest.db", variant, shape).run(steps);
  } catch (const std::exception& error) {
    text = error.what();
  }
  std::ofstream(folder + "/digest") << text << "\n";
  return 0;
}

}  // namespace nearlite::test

int main(int argc, char** argv) {
  if (argc == 5 && std::string(argv[1]) == "--replay") return nearlite::test::run_replay(argv + 2);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
