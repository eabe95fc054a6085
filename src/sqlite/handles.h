// The only owners of sqlite3 statements and blobs: move-only, closed by their destructors.
//
// A nested statement that stays un-reset keeps a read transaction open and makes VACUUM and COMMIT
// fail. Hence a Statement is run only through a StatementUse, which resets it and clears its
// bindings when it goes out of scope, on every path. A Blob is open for the length of a scope, for
// the same reason.
//
// Messages of failures read "nearlite: <context>: <SQLite's message>".
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/text.h"
#include "nearlite/status.h"
#include "sqlite/api.h"

namespace nearlite::sqlite {

class StatementUse;

/// A prepared statement; empty when default constructed. Threads: that of the connection.
class Statement {
 public:
  /// For statements over our own shadow tables: kept for long, and never to be led to a virtual
  /// table by a hostile schema.
  static constexpr unsigned kShadow = SQLITE_PREPARE_PERSISTENT | SQLITE_PREPARE_NO_VTAB;

  /// Prepares the first statement of `sql`. `context` goes into messages. `flags`:
  /// SQLITE_PREPARE_….
  static Result<Statement> prepare(sqlite3* db, std::string_view sql, std::string context,
                                   unsigned flags = kShadow);

  Statement() noexcept = default;
  ~Statement() { close(); }
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  [[nodiscard]] explicit operator bool() const noexcept { return handle_ != nullptr; }
  [[nodiscard]] sqlite3_stmt* handle() const noexcept { return handle_; }
  /// While it is in use, only at the end of that use: preparing a statement again, which a step may
  /// do when the schema has changed, makes SQLite disconnect tables, which then drop what they
  /// keep.
  void close() noexcept;

  /// Begins a use of the statement, which ends with the returned object's scope. One use at a time:
  /// a second one, made while the first lasts, fails in step() with kInternal and leaves the first
  /// alone. The statement must neither move nor close meanwhile.
  [[nodiscard]] StatementUse use() noexcept;

 private:
  friend class StatementUse;
  sqlite3_stmt* handle_ = nullptr;
  bool in_use_ = false;
  bool closes_after_use_ = false;
  std::string context_;
};

/// One run of a statement: bind, step, read columns; reset and unbound at the end of the scope.
/// A failed bind is remembered and reported by the next step(), so binds can be chained.
class StatementUse {
 public:
  ~StatementUse();
  StatementUse(const StatementUse&) = delete;
  StatementUse& operator=(const StatementUse&) = delete;

  // Parameters count from 1. Text and blobs are not copied: they must live until the end of the
  // use.
  StatementUse& bind(int index, std::int64_t value) noexcept;
  StatementUse& bind_double(int index, double value) noexcept;
  StatementUse& bind_text(int index, std::string_view text) noexcept;
  StatementUse& bind_blob(int index, std::span<const std::byte> bytes) noexcept;
  StatementUse& bind_zeroblob(int index, std::uint64_t size) noexcept;
  StatementUse& bind_null(int index) noexcept;
  /// Copies a value that SQLite gave us (an argument of xUpdate, a column of another statement).
  StatementUse& bind_value(int index, const sqlite3_value* value) noexcept;

  /// True when there is a row to read, false at the end.
  Result<bool> step();
  /// Steps to the end of a statement whose rows, if any, do not matter.
  Status run();

  // Columns count from 0. REQUIRES: the last step() returned true. Spans live until the next step.
  [[nodiscard]] int column_type(int index) const noexcept;
  [[nodiscard]] std::int64_t column_int64(int index) const noexcept;
  [[nodiscard]] double column_double(int index) const noexcept;
  /// Content of a text or blob as it is (a number is converted to text by SQLite).
  [[nodiscard]] std::string_view column_text(int index) const noexcept;
  [[nodiscard]] std::span<const std::byte> column_blob(int index) const noexcept;
  /// For sqlite3_result_value and the like; see sqlite3_column_value on its unprotected nature.
  [[nodiscard]] sqlite3_value* column_value(int index) const noexcept;

  // As above, but a value of another storage class (hostile or damaged file) is corruption.
  Result<std::int64_t> get_int64(int index) const;
  Result<std::span<const std::byte>> get_blob(int index) const;

  [[nodiscard]] sqlite3* db() const noexcept;

 private:
  friend class Statement;
  explicit StatementUse(Statement* statement) noexcept;
  void remember(int rc) noexcept {
    has_bindings_ = true;
    if (bind_rc_ == SQLITE_OK) bind_rc_ = rc;
  }
  Statement* statement_;
  int bind_rc_ = SQLITE_OK;
  bool owns_ = false;
  bool has_bindings_ = false;
};

/// An open incremental blob. Threads: that of the connection.
class Blob {
 public:
  /// Opens `column` of row `rowid` of "schema"."table". Errors: SQLite's own; a missing row is
  /// SQLITE_ERROR.
  static Result<Blob> open(sqlite3* db, const std::string& schema, const std::string& table,
                           const char* column, std::int64_t rowid, bool is_writable);

  Blob() noexcept = default;
  ~Blob() { close(); }
  Blob(Blob&& other) noexcept;
  Blob& operator=(Blob&& other) noexcept;
  Blob(const Blob&) = delete;
  Blob& operator=(const Blob&) = delete;

  /// Moves to another row of the same table and column, much cheaper than open(). After a failure
  /// only close() works.
  Status reopen(std::int64_t rowid);
  [[nodiscard]] std::uint64_t size() const noexcept;
  Status read(std::uint64_t offset, std::span<std::byte> out);
  Status write(std::uint64_t offset, std::span<const std::byte> bytes);
  void close() noexcept;

 private:
  sqlite3* db_ = nullptr;
  sqlite3_blob* handle_ = nullptr;
  std::string context_;
};

/// Nested INSERTs change last_insert_rowid(); what the user sees is set by SQLite from xUpdate's
/// result or stays.
class KeepLastRowid {
 public:
  explicit KeepLastRowid(sqlite3* db) : db_(db), rowid_(sqlite3_last_insert_rowid(db)) {}
  ~KeepLastRowid() { sqlite3_set_last_insert_rowid(db_, rowid_); }
  KeepLastRowid(const KeepLastRowid&) = delete;
  KeepLastRowid& operator=(const KeepLastRowid&) = delete;

 private:
  sqlite3* db_;
  sqlite3_int64 rowid_;
};

/// Runs one statement to its end. `context` goes into messages.
Status execute(sqlite3* db, std::string_view sql, std::string_view context);

}  // namespace nearlite::sqlite
