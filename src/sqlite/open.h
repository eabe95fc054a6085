// A connection of our own making: for the C++ API, which must not call SQLite itself.
//
// As a loadable extension Nearlite is a guest on its host's connections and none of this runs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "nearlite/status.h"
#include "sqlite/api.h"
#include "sqlite/handles.h"

namespace nearlite::sqlite {

struct OpenFlags {
  bool is_read_only = false;
  bool may_create = false;
  int busy_timeout_ms = 0;
  std::int64_t mmap_bytes = 0;
  bool has_extension = true;
};

/// The owner of a connection. Its statements may outlive it: SQLite closes when the last is gone.
/// Threads: one at a time.
class OwnedConnection {
 public:
  /// Opens `path` and registers the extension. Errors: SQLite's own, with `path` in the message.
  static Result<OwnedConnection> open(const std::string& path, const OpenFlags& flags);

  OwnedConnection() noexcept = default;
  ~OwnedConnection() { close(); }
  OwnedConnection(OwnedConnection&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)) {}
  OwnedConnection& operator=(OwnedConnection&& other) noexcept;
  OwnedConnection(const OwnedConnection&) = delete;
  OwnedConnection& operator=(const OwnedConnection&) = delete;

  [[nodiscard]] sqlite3* handle() const noexcept { return handle_; }
  void close() noexcept;

  /// Prepares the first statement of `script` and cuts it off the script's front. The statement is
  /// empty when there is only a comment. Messages are SQLite's, without a prefix.
  Result<Statement> prepare_next(std::string_view& script) const;

  [[nodiscard]] std::int64_t changes() const noexcept;
  [[nodiscard]] std::int64_t last_insert_rowid() const noexcept;
  [[nodiscard]] bool in_transaction() const noexcept;
  /// Threads: any.
  void interrupt() const noexcept;
  /// The file of the main database as SQLite resolved it; empty in memory.
  [[nodiscard]] std::string file() const;
  [[nodiscard]] bool is_read_only() const noexcept;

 private:
  sqlite3* handle_ = nullptr;
};

/// While it lives, `should_stop` is asked every few hundred instructions of SQLite's machine, so
/// also in the middle of linking (Store::check_interrupt); true, or an exception, interrupts the
/// statement with kInterrupted. One at a time on a connection, which must outlive it.
class InterruptScope {
 public:
  InterruptScope(const OwnedConnection& connection, std::function<bool()> should_stop);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  sqlite3* db_;
  std::function<bool()> should_stop_;
};

/// The columns and parameters of a prepared statement, as against those of a row.
[[nodiscard]] int column_count(const Statement& statement) noexcept;
[[nodiscard]] std::string_view column_name(const Statement& statement, int index) noexcept;
[[nodiscard]] int parameter_count(const Statement& statement) noexcept;

/// Whether `sql` ends with a whole statement (sqlite3_complete).
[[nodiscard]] bool is_complete_statement(std::string_view sql);

/// The failure of a statement of the user's: its message without the name of ours.
[[nodiscard]] Status users_failure(const Status& status);

}  // namespace nearlite::sqlite
