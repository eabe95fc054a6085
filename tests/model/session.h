// The model: what every connection must see, as plain maps.
//
// A State is the whole database as one value. The world holds the last committed one; a connection
// sees that, or the one its transaction started from plus its own changes. States are immutable and
// shared, so that a snapshot or a savepoint is a pointer. When a connection takes its snapshot is
// asked of SQLite (sqlite3_txn_state) and not guessed: the run has one thread, so the committed
// state of that moment is known.
//
// INVARIANT of the harness: whoever writes does so upon the last committed state. SQLite guarantees
// it (BUSY_SNAPSHOT); that it holds is checked at every statement.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/check_index.h"
#include "support/oracle.h"
#include "support/scratch.h"

namespace nearlite::test {

struct Table {
  TableShape shape;
  Records records;
  bool operator==(const Table&) const = default;
};
using State = std::map<std::string, Table>;
using StatePointer = std::shared_ptr<const State>;

/// What a statement ought to do.
struct Expected {
  int code = SQLITE_OK;       ///< primary code
  bool keeps_changes = true;  ///< after an error: OR FAIL keeps the rows before the offending one
  bool rolls_back = false;    ///< after an error: OR ROLLBACK ends the transaction
};

struct ModelConfig {
  Database::Engine engine = Database::Engine::kNearlite;
  std::string journal_mode = "WAL";
  std::size_t session_count = 3;
  std::size_t rows_max = 300;  ///< a table
  bool sabotage = false;       ///< ROLLBACK TO is not sent to SQLite: the harness must notice
};

struct Session {
  struct Savepoint {
    std::string name;
    StatePointer state;  ///< null: the transaction had no snapshot yet
  };
  /// A search that was stepped a little and left open.
  struct Cursor {
    Statement statement;
    Table table;
    Vector query;
    std::vector<Hit> hits;
    bool disturbed = false;  ///< its own connection wrote meanwhile: what comes is then not defined
    bool open = false;
  };

  std::size_t number = 0;
  Database database;
  StatePointer seen;  ///< what the connection sees, its own changes included
  StatePointer base;  ///< what its snapshot was
  std::uint64_t base_version = 0;
  bool has_snapshot = false;
  bool wrote = false;
  bool in_transaction = false;
  bool failed_to_create = false;  ///< in this transaction, see is_refusal
  std::vector<Savepoint> savepoints;
  Cursor cursor;
};

class World {
 public:
  World(const ModelConfig& config, const std::string& path) : config_(config), path_(path) {
    committed_ = std::make_shared<State>();
    sessions_.resize(config.session_count);
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
      sessions_[i].number = i;
      open(sessions_[i]);
      if (i == 0) sessions_[0].database.must("PRAGMA journal_mode=" + config.journal_mode);
    }
  }

  void open(Session& session) {
    session.cursor = {};
    session.database = Database(path_, config_.engine);
    if (config_.engine == Database::Engine::kPlain) register_stand_in(session.database);
    session.database.exec("PRAGMA synchronous=OFF");  // for speed; refused while another commits
    session.wrote = session.in_transaction = session.has_snapshot = false;
    session.failed_to_create = false;
    session.savepoints.clear();
    look(session);
  }

  /// Brings `seen` up to date: a connection without a snapshot sees the last commit.
  void look(Session& session) const {
    if (!session.has_snapshot) session.seen = committed_;
  }

  /// Runs a statement, checks its code, and brings the model in line. `next`: the state if it
  /// succeeds; null: it reads. BUSY is always legal and changes nothing. Returns SQLite's code.
  int run(Session& session, const std::string& sql, const std::vector<Value>& parameters,
          const Expected& expected, StatePointer next, Rows* rows = nullptr) {
    look(session);
    if (next != nullptr) session.cursor.disturbed = true;
    const int code = session.database.run(sql, parameters, rows);
    note(session, sql, parameters, code);
    if (code == SQLITE_ERROR && sql.starts_with("CREATE")) session.failed_to_create = true;
    const bool refused = is_refusal(session, code);
    if (!refused && (code & 0xff) != expected.code) {
      fail("expected " + code_name(expected.code) + ", got " + code_name(code) + " (" +
           session.database.message() + ")");
    }
    settle(session, expected,
           refused || (code != SQLITE_OK && !expected.keeps_changes) ? nullptr : next, refused);
    return code;
  }

  /// Runs COMMIT, ROLLBACK, BEGIN …, SAVEPOINT …, RELEASE …; the caller updates the savepoints.
  int control(Session& session, const std::string& sql, int expected_code) {
    look(session);
    const int code = session.database.exec(sql);
    note(session, sql, {}, code);
    if (!is_refusal(session, code) && (code & 0xff) != expected_code) {
      fail("expected " + code_name(expected_code) + ", got " + code_name(code) + " (" +
           session.database.message() + ")");
    }
    if (!session.has_snapshot && session.database.transaction_state() != SQLITE_TXN_NONE) {
      take_snapshot(session);
    }
    return code;
  }

  /// After a control statement that ended the transaction (or found that SQLite had ended it).
  void end_transaction(Session& session, bool commit) {
    if (commit && session.wrote) publish(session);
    if (!commit && session.has_snapshot) session.seen = session.base;
    session.savepoints.clear();
    session.wrote = session.in_transaction = session.failed_to_create = false;
    session.has_snapshot = session.database.transaction_state() != SQLITE_TXN_NONE;
    look(session);
  }

  void settle(Session& session, const Expected& expected, StatePointer next, bool refused) {
    const bool in_transaction = session.database.in_transaction();
    const int state = session.database.transaction_state();
    if (!session.has_snapshot && (state != SQLITE_TXN_NONE || next != nullptr))
      take_snapshot(session);
    if (session.in_transaction && !in_transaction) {
      if (!refused && !expected.rolls_back) fail("the transaction is gone");
      end_transaction(session, false);
      return;
    }
    // A statement that changes no row (a command, CREATE … IF NOT EXISTS) need not have written.
    if (next == session.seen && (!in_transaction || state != SQLITE_TXN_WRITE)) next = nullptr;
    if (next != nullptr) {
      // A commit that wrote no page leaves others' snapshots current: it is the content that
      // counts.
      if (session.base_version != version_ && *session.base != *committed_) {
        fail("wrote upon a snapshot that was not the last commit");
      }
      session.seen = std::move(next);
      session.wrote = true;
      if (!in_transaction) publish(session);
    }
    if (!in_transaction) session.wrote = false;
    session.has_snapshot = state != SQLITE_TXN_NONE;
    look(session);
  }

  bool is_refusal(const Session& session, int code) const {
    const int primary = code & 0xff;
    if (primary == SQLITE_BUSY || (primary == SQLITE_LOCKED && session.cursor.open)) return true;
    const bool is_unknown = session.database.message().starts_with("no such table");
    if (primary != SQLITE_ERROR || !is_unknown) return false;
    // A CREATE that fails because the schema was read too long ago, then ROLLBACK TO: SQLite has
    // forgotten the tables until the transaction ends (3.40.1 to 3.54.1; plain tables likewise).
    if (session.failed_to_create) return true;
    // While a writer waits to commit (PENDING, also when its only statement failed and changed
    // nothing), a connection that has not read the schema yet cannot, and SQLite says "no such
    // table" instead of BUSY.
    if (config_.journal_mode != "DELETE") return false;
    for (const Session& other : sessions_) {
      if (other.number == session.number) continue;
      if (sqlite3_txn_state(other.database.handle(), "main") == SQLITE_TXN_WRITE) return true;
    }
    return false;
  }

  void fail(const std::string& what) {
    if (fault_.empty()) fault_ = what;
  }
  void note(const Session& session, const std::string& sql, const std::vector<Value>& parameters,
            int code) {
    std::string line = "#" + std::to_string(session.number) + " " + sql;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      line += (i == 0 ? "   -- " : ", ") + to_text(parameters[i]);
    }
    note(line + "   → " + code_name(code));
    ++outcomes_[code_name(code)];
  }
  void note(const std::string& line) {
    log_.push_back(line);
    if (log_.size() > 60) log_.pop_front();
  }
  void count_recall(double recall) {
    recall_sum_ += recall;
    ++recall_count_;
  }

  void count_late(std::size_t late, std::size_t all) {
    late_sum_ += late;
    streamed_sum_ += all;
  }

  [[nodiscard]] const ModelConfig& config() const { return config_; }
  [[nodiscard]] const std::string& fault() const { return fault_; }
  [[nodiscard]] const std::deque<std::string>& log() const { return log_; }
  [[nodiscard]] const std::map<std::string, std::size_t>& outcomes() const { return outcomes_; }
  [[nodiscard]] StatePointer committed() const { return committed_; }
  [[nodiscard]] std::uint64_t version() const { return version_; }
  [[nodiscard]] double recall() const {
    return recall_count_ == 0 ? 1.0 : recall_sum_ / static_cast<double>(recall_count_);
  }
  /// Share of the rows of streams without k that came out of order.
  [[nodiscard]] double late_share() const {
    return static_cast<double>(late_sum_) /
           static_cast<double>(std::max<std::size_t>(1, streamed_sum_));
  }
  [[nodiscard]] std::size_t recall_count() const { return recall_count_; }
  std::vector<Session>& sessions() { return sessions_; }

 private:
  void take_snapshot(Session& session) {
    session.has_snapshot = true;
    session.base = session.seen = committed_;
    session.base_version = version_;
    for (auto& savepoint : session.savepoints) {
      if (savepoint.state == nullptr) savepoint.state = committed_;
    }
  }
  void publish(Session& session) {
    committed_ = session.base = session.seen;
    session.base_version = ++version_;
  }

  ModelConfig config_;
  std::string path_;
  StatePointer committed_;
  std::uint64_t version_ = 0;
  std::vector<Session> sessions_;
  std::string fault_;
  std::deque<std::string> log_;
  std::map<std::string, std::size_t> outcomes_;
  std::size_t late_sum_ = 0, streamed_sum_ = 0;
  double recall_sum_ = 0;
  std::size_t recall_count_ = 0;
};

}  // namespace nearlite::test
