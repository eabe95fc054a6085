// SQLite for tests: a connection with the engine registered, and statements as one call each.
//
// Result codes are SQLite's extended ones and are returned, never thrown: most tests are about
// which code comes. What only a broken set-up can cause (a file that does not open) throws
// std::runtime_error.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace nearlite::test {

using Blob = std::vector<std::byte>;
using Value = std::variant<std::monostate, std::int64_t, double, std::string, Blob>;
using Row = std::vector<Value>;
using Rows = std::vector<Row>;

/// For failure messages: NULL, 7, 0.5, 'text', x'00ff…'.
std::string to_text(const Value& value);

class Statement;

class Database {
 public:
  enum class Engine {
    kNearlite,  ///< the engine, linked statically
    kPlain,     ///< nothing registered: the harness itself is tried on ordinary tables
  };

  Database() = default;
  /// Opens read-write, creating the file, unless `flags` says otherwise.
  explicit Database(const std::string& path, Engine engine = Engine::kNearlite,
                    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  ~Database() { close(); }
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;

  void close();
  /// How many connections of this process could not be closed because a statement was left open:
  /// must be 0.
  static int unclosed();
  [[nodiscard]] bool is_open() const { return handle_ != nullptr; }
  [[nodiscard]] sqlite3* handle() const { return handle_; }
  /// For sqlite3_open_v2 by a test that opens by itself; the connection is closed as any other.
  [[nodiscard]] sqlite3** address() { return &handle_; }

  /// Runs every statement of `sql` without parameters; stops at the first error.
  int exec(const std::string& sql);
  /// Runs one statement to its end and returns its code (SQLITE_OK or the error); rows go to `rows`
  /// if given.
  int run(const std::string& sql, std::span<const Value> parameters, Rows* rows = nullptr);
  int run(const std::string& sql, std::initializer_list<Value> parameters, Rows* rows = nullptr) {
    return run(sql, std::span<const Value>(parameters.begin(), parameters.size()), rows);
  }
  /// As `exec`, but an error is thrown with its message: for set-up.
  void must(const std::string& sql);
  /// The single value of a query that must succeed.
  Value scalar(const std::string& sql, std::initializer_list<Value> parameters = {});
  std::int64_t number(const std::string& sql, std::initializer_list<Value> parameters = {});

  [[nodiscard]] std::string message() const { return sqlite3_errmsg(handle_); }
  [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }
  [[nodiscard]] int transaction_state() const { return sqlite3_txn_state(handle_, "main"); }

 private:
  sqlite3* handle_ = nullptr;
};

/// NEARLITE_ENGINE=plain runs a crash or stress test on ordinary tables, to try the harness itself.
Database::Engine engine_of_run();

/// A prepared statement, for tests that pause one or repeat it often.
class Statement {
 public:
  Statement() = default;
  Statement(Database& database, const std::string& sql);
  ~Statement() { finalize(); }
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  /// SQLITE_OK, or why it could not be prepared.
  [[nodiscard]] int code() const { return code_; }
  void bind(int index, const Value& value);
  int step() { return handle_ == nullptr ? code_ : sqlite3_step(handle_); }
  void reset() {
    if (handle_ != nullptr) sqlite3_reset(handle_);
  }
  int finalize();
  [[nodiscard]] Value column(int index) const;
  [[nodiscard]] Row row() const;
  [[nodiscard]] std::int64_t integer(int index) const {
    return sqlite3_column_int64(handle_, index);
  }
  [[nodiscard]] double real(int index) const { return sqlite3_column_double(handle_, index); }
  [[nodiscard]] sqlite3_stmt* handle() const { return handle_; }

 private:
  sqlite3_stmt* handle_ = nullptr;
  int code_ = SQLITE_MISUSE;
};

/// Registers the engine on a connection, as a host that links it does.
int register_engine(sqlite3* handle, char** error);

/// True for SQLITE_BUSY and its extended forms: legal whenever another connection is at work.
inline bool is_busy(int code) { return (code & 0xff) == SQLITE_BUSY; }
/// "SQLITE_BUSY_SNAPSHOT" and so on.
std::string code_name(int code);

}  // namespace nearlite::test
