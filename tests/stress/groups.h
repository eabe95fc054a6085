// The snapshot checker: what a reader may see while others write, so arranged that every reader can
// tell by itself.
//
// Transaction n puts a group of g vectors at a point of its own, P(n), in the place of the group of
// transaction n - W, and sets the counter row to n. A reader that sees counter c must find at P(t)
// exactly g rows if c - W < t <= c, and none otherwise, as often as it asks within one transaction.
// A stale graph, a torn commit or a lost invalidation shows as a wrong number. The replacement is
// made by turns as DELETE + INSERT of the same rowids, as UPDATE, and as INSERT OR REPLACE, so that
// the number of rows never changes.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "support/check_index.h"
#include "support/process.h"

namespace nearlite::test {

inline constexpr std::int64_t kGroupSize = 5;
inline constexpr std::int64_t kWindow = 40;
inline constexpr double kRadius =
    0.5;  ///< members are within 0.1 of their point, other points 3 and more away

inline TableShape group_shape() {
  return {Element::kFloat, Metric::kL2, 24, ", m=8, ef_construction=80"};
}

inline Vector group_point(std::int64_t n) {
  Random random(mix(0x9001, static_cast<std::uint64_t>(n)));
  Vector point(group_shape().dim);
  for (float& value : point) value = static_cast<float>(random.normal());
  return point;
}

inline Vector group_member(std::int64_t n, std::int64_t i) {
  Vector vector = group_point(n);
  vector[static_cast<std::size_t>(i)] += 0.05F;
  return vector;
}

inline std::int64_t group_rowid(std::int64_t n, std::int64_t i) {
  return (n % kWindow) * kGroupSize + i + 1;
}

/// The table after transaction n.
inline Records group_records(std::int64_t n) {
  Records records;
  for (std::int64_t t = std::max<std::int64_t>(1, n - kWindow + 1); t <= n; ++t) {
    for (std::int64_t i = 0; i < kGroupSize; ++i) {
      Record record;
      record.embedding = group_member(t, i);
      record.year = t;
      records[group_rowid(t, i)] = std::move(record);
    }
  }
  return records;
}

/// What the workers tell the parent; in memory shared by all.
struct Board {
  std::atomic<int> stop;
  std::atomic<std::uint64_t> commits, rollbacks, refusals, snapshots, answers, misses, violations,
      repairs;
  std::atomic<int> torn;  ///< control: the counter is committed before its group
  std::atomic<int> told;
  char first[800];

  void violation(const std::string& text) {
    ++violations;
    if (told.exchange(1) == 0) std::strncpy(first, text.c_str(), sizeof first - 1);
  }
};

enum class Role { kWriter, kReader, kLongReader, kKeeper };

class Worker {
 public:
  Worker(Role role, const std::string& path, const std::string& journal, std::uint64_t seed,
         Board& board)
      : role_(role), journal_(journal), random_(seed), board_(board), shape_(group_shape()) {
    database_ = Database(path, engine_of_run());
    if (engine_of_run() == Database::Engine::kPlain) register_stand_in(database_);
    sqlite3_busy_timeout(database_.handle(), 100);
    database_.exec("PRAGMA synchronous=NORMAL");
  }

  void run() {
    while (board_.stop == 0) {
      switch (role_) {
        case Role::kWriter: write(); break;
        case Role::kReader: read(2); break;
        case Role::kLongReader: read(journal_ == "WAL" ? 60 : 4); break;
        case Role::kKeeper: keep(); break;
      }
    }
  }

  /// Makes the tables; to be called once, before the workers start.
  static void create(Database& database, const std::string& journal) {
    database.must("PRAGMA journal_mode=" + journal);
    database.must("CREATE TABLE counter(id INTEGER PRIMARY KEY CHECK(id=1), n)");
    database.must("INSERT INTO counter VALUES(1, 0)");
    database.must(group_shape().create_sql("groups", engine_of_run()));
  }

 private:
  // BUSY is fine and tried again; anything else is a violation.
  bool ok(int code, const std::string& what) {
    if (code == SQLITE_OK) return true;
    if (is_busy(code)) {
      ++board_.refusals;
    } else {
      board_.violation(what + ": " + code_name(code) + ": " + database_.message());
    }
    return false;
  }

  void write() {
    if (!ok(database_.exec("BEGIN IMMEDIATE"), "BEGIN IMMEDIATE")) return;
    if (!write_group() || random_.chance(5)) {
      database_.exec("ROLLBACK");
      ++board_.rollbacks;
      return;
    }
    for (int attempt = 0; attempt < 50; ++attempt) {
      const int code = database_.exec("COMMIT");
      if (code == SQLITE_OK) {
        ++board_.commits;
        return;
      }
      if (!ok(code, "COMMIT") && !is_busy(code)) break;
    }
    database_.exec("ROLLBACK");
    ++board_.rollbacks;
  }

  bool write_group() {
    Rows rows;
    if (!ok(database_.run("SELECT n FROM counter", {}, &rows), "counter")) return false;
    const std::int64_t n = std::get<std::int64_t>(rows[0][0]) + 1;
    if (board_.torn != 0) {
      database_.run("UPDATE counter SET n = ?1", {n});
      database_.exec("COMMIT; BEGIN IMMEDIATE");
    }
    const bool first = n <= kWindow;
    if (!first && n % 3 == 0) {
      if (!ok(database_.run("DELETE FROM groups WHERE rowid BETWEEN ?1 AND ?2",
                            {group_rowid(n, 0), group_rowid(n, kGroupSize - 1)}),
              "DELETE"))
        return false;
    }
    for (std::int64_t i = 0; i < kGroupSize; ++i) {
      const Value blob = shape_.blob(group_member(n, i));
      const char* const sql =
          first || n % 3 == 0 ? "INSERT INTO groups(embedding, year, rowid) VALUES(?1, ?2, ?3)"
          : n % 3 == 1        ? "UPDATE groups SET embedding = ?1, year = ?2 WHERE rowid = ?3"
                       : "INSERT OR REPLACE INTO groups(embedding, year, rowid) VALUES(?1, ?2, ?3)";
      if (!ok(database_.run(sql, {blob, n, group_rowid(n, i)}), sql)) return false;
    }
    if (random_.chance(10)) {
      const int code = database_.exec(
          "SAVEPOINT s; DELETE FROM groups WHERE rowid % 2; ROLLBACK TO s; RELEASE s");
      if (!ok(code, "SAVEPOINT … ROLLBACK TO")) return false;
    }
    if (random_.chance(20)) {  // its own transaction shows its own group
      std::vector<Hit> hits;
      if (!ask(n, false, hits)) return false;
      if (hits.size() != static_cast<std::size_t>(kGroupSize)) {
        board_.violation("the writer does not see its own group " + std::to_string(n));
      }
    }
    return ok(database_.run("UPDATE counter SET n = ?1", {n}), "counter");
  }

  /// The rows at P(t); false when refused.
  bool ask(std::int64_t t, bool exact, std::vector<Hit>& hits) {
    Rows rows;
    const std::string sql = shape_.knn_sql("groups", engine_of_run(), exact);
    if (!ok(database_.run(sql, {shape_.blob(group_point(t)), kGroupSize}, &rows), sql))
      return false;
    std::vector<Hit> all;
    const std::string fault = to_hits(rows, all);
    if (!fault.empty()) board_.violation(fault);
    for (const Hit& hit : all) {
      if (hit.distance < kRadius) hits.push_back(hit);
    }
    ++board_.answers;
    return true;
  }

  void read(int round_count) {
    if (!ok(database_.exec("BEGIN"), "BEGIN")) return;
    Rows rows;
    if (ok(database_.run("SELECT n FROM counter", {}, &rows), "counter")) {
      const std::int64_t c = std::get<std::int64_t>(rows[0][0]);
      for (int round = 0; round < round_count && board_.stop == 0; ++round) {
        if (!read_once(c)) break;
        if (round > 0 || random_.chance(50))
          sleep_microseconds(random_.below(role_ == Role::kReader ? 5000 : 50'000));
      }
      ++board_.snapshots;
    }
    database_.exec("COMMIT");
  }

  bool read_once(std::int64_t c) {
    for (int i = 0; i < 4; ++i) {
      const std::int64_t t = c - kWindow - 3 + random_.between(0, kWindow + 6);
      const bool exact = random_.chance(30);
      std::vector<Hit> hits;
      if (t <= 0) continue;
      if (!ask(t, exact, hits)) return false;
      const bool alive = t <= c && t > c - kWindow;
      const std::size_t expected = alive ? static_cast<std::size_t>(kGroupSize) : 0;
      if (hits.size() == expected) continue;
      const std::string text = std::to_string(hits.size()) + " rows of transaction " +
                               std::to_string(t) + " seen at counter " + std::to_string(c) +
                               (exact ? " (exact)" : "");
      if (exact || hits.size() > expected) {
        board_.violation(text);
      } else {
        ++board_.misses;  // an approximate search may miss a row, rarely
      }
    }
    Rows rows;
    if (!ok(database_.run("SELECT count(*), max(year) FROM groups", {}, &rows), "count"))
      return false;
    const std::int64_t count = std::min(c, kWindow) * kGroupSize;
    const Value newest = c == 0 ? Value() : Value(c);
    if (rows[0][0] != Value(count) || rows[0][1] != newest) {
      board_.violation(to_text(rows[0][0]) + " rows up to " + to_text(rows[0][1]) + " at counter " +
                       std::to_string(c));
    }
    return true;
  }

  void keep() {
    static const char* const tasks[] = {"PRAGMA wal_checkpoint(PASSIVE)",
                                        "PRAGMA wal_checkpoint(TRUNCATE)",
                                        "PRAGMA wal_checkpoint(RESTART)",
                                        "INSERT INTO groups(groups) VALUES('optimize')",
                                        "INSERT INTO groups(groups) VALUES('compact')",
                                        "VACUUM",
                                        "CREATE TABLE IF NOT EXISTS other(x)",
                                        "DROP TABLE IF EXISTS other"};
    const std::uint64_t which = random_.below(std::size(tasks));
    const bool is_command = which == 3 || which == 4;
    if (is_command && engine_of_run() == Database::Engine::kPlain) return;
    if (ok(database_.exec(tasks[which]), tasks[which])) ++board_.repairs;
    sleep_microseconds(20'000 + random_.below(100'000));
  }

  Role role_;
  std::string journal_;
  Random random_;
  Board& board_;
  TableShape shape_;
  Database database_;
};

}  // namespace nearlite::test
