// One connection and what the objects of the C++ API that share it must agree on: the transaction
// that holds unflushed writes, the user's transaction with its savepoints, prepared statements, and
// the read connections of batch searches.
//
// States of the connection:
//
//   idle --write(), not due--> holding --flush()--> idle      `holding` = a transaction of ours
//   with idle --begin()--> user's --end()--> idle                  acknowledged, unflushed writes
//
// The user may also say BEGIN, COMMIT and ROLLBACK in SQL; each method looks at SQLite first and
// believes it, not what was remembered.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "nearlite/database.h"
#include "nearlite/options.h"
#include "nearlite/status.h"
#include "sqlite/handles.h"
#include "sqlite/open.h"

namespace nearlite::api {

/// Threads: one at a time, that of the Database.
class Session {
 public:
  using Body = std::function<Status()>;

  static Result<std::shared_ptr<Session>> open(const std::string& path, const OpenOptions& options);
  explicit Session(sqlite::OwnedConnection connection, const OpenOptions& options) noexcept
      : connection_(std::move(connection)), options_(options) {}
  /// Flushes as well as it can.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] sqlite::OwnedConnection& connection() noexcept { return connection_; }
  [[nodiscard]] const OpenOptions& options() const noexcept { return options_; }

  /// Prepares a statement of ours. Messages are SQLite's, without a prefix.
  Result<sqlite::Statement> prepare(std::string_view sql) const;
  /// The same statement each time; must not be in use while user code runs. For texts of which
  /// there are few.
  Result<sqlite::Statement*> kept(const std::string& sql);
  /// Runs a kept statement without parameters.
  Status execute(const std::string& sql);

  // ---- Unflushed writes
  /// Runs `body` as one undoable unit of `op_count` writes, and flushes as `mode` says. A failure
  /// of either leaves nothing of it; what was pending before stays pending.
  Status write(const SyncMode& mode, std::uint64_t op_count, const Body& body);
  /// Runs `body` in one transaction that is committed at once, or in the user's.
  Status transact(const Body& body);
  Status flush();
  [[nodiscard]] std::uint64_t pending() const noexcept { return is_holding() ? pending_ : 0; }
  /// A transaction is open and it is not the one of unflushed writes.
  [[nodiscard]] bool in_users_transaction() const noexcept {
    return connection_.in_transaction() && !is_holding_;
  }

  // ---- The user's transaction
  Status begin(bool immediate);
  /// COMMIT or ROLLBACK of the transaction with this serial.
  Status end(std::uint64_t serial, bool keep);
  [[nodiscard]] bool is_current(std::uint64_t serial) const noexcept {
    return serial == serial_ && in_users_transaction();
  }
  [[nodiscard]] std::uint64_t serial() const noexcept { return serial_; }
  /// Savepoints are numbered from 1, within and across transactions.
  Result<std::uint64_t> begin_savepoint(std::uint64_t serial);
  Status end_savepoint(std::uint64_t number, bool keep);
  [[nodiscard]] bool is_savepoint_open(std::uint64_t number) const noexcept;

 private:
  [[nodiscard]] bool is_holding() const noexcept {
    return is_holding_ && connection_.in_transaction();
  }
  class Unit;
  Status in_savepoint(const Body& body);
  void undo_unit(std::uint64_t pending_before) noexcept;
  Status commit();

  sqlite::OwnedConnection connection_;
  OpenOptions options_;
  std::unordered_map<std::string, sqlite::Statement> kept_;  // goes before the connection
  bool is_holding_ = false;
  std::uint64_t pending_ = 0;
  std::uint64_t serial_ = 0;
  std::uint64_t savepoint_count_ = 0;
  std::vector<std::uint64_t> savepoints_;  // open ones of the transaction `serial_`
};

/// As users_failure(); where the message is ours and SQLite knows no better than SQLITE_ERROR, it
/// was the caller's input.
[[nodiscard]] Status callers_failure(const Status& status);

}  // namespace nearlite::api
