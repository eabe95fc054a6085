/// Nearlite: a SQLite database with vector search, and its statements.
///
/// A thin, safe layer over SQL, and the only way in: whatever can be done with an index is said in
/// SQL (docs/sql.md), whichever language says it.
///
/// For everything here: a Database and its Statements belong to one thread at a time (any number of
/// Databases may be open, each in a thread of its own, on the same file too). Failures are returned
/// with SQLite's extended result code in Status::sqlite_code(); running out of memory outside
/// SQLite throws std::bad_alloc, as everywhere in C++. A moved-from object may be destroyed or
/// assigned to, nothing else.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nearlite/status.h"

namespace nearlite {

namespace api {
class Session;
}
inline namespace v1 {
class Index;
class Transaction;
}  // namespace v1

/// How to open a database.
struct OpenOptions {
  /// Open without the right to write. The file must exist; searches work as ever.
  bool read_only = false;
  /// Create the file when there is none. Ignored when `read_only`.
  bool create = false;
  /// How long to wait for another connection's lock before kBusy; 0 or less: not at all.
  std::chrono::milliseconds busy_timeout{5000};
  /// Bytes of the file that SQLite may map into memory (PRAGMA mmap_size; SQLite has a limit of its
  /// own); 0 or less: its default, usually none. Searches that read distances take a seventh to a
  /// quarter less then, but an I/O error in a mapped page, or another program that truncates the
  /// file, is a signal that ends the process: https://sqlite.org/mmap.html.
  std::int64_t mmap_bytes = 0;
  /// Register Nearlite. Without it the connection is one of plain SQLite, as other programs would
  /// open the file: tables of the module hnsw cannot be used, everything else can.
  bool extension = true;
};

/// The SQL that a statement is written in. docs/dialect.md says what kPgvector takes.
enum class Dialect : std::uint8_t { kSqlite, kPgvector };

/// SQL of pgvector's dialect as SQLite takes it.
struct Translation {
  /// Unchanged, to the byte, where there was nothing to translate; a comment where there is nothing
  /// to do (CREATE EXTENSION vector).
  std::string sql;
  /// What the writer should know: settings that have no meaning here, say. Plain sentences.
  std::vector<std::string> notes;
};

/// What a column of the current row holds.
enum class ColumnType : std::uint8_t { kNull, kInt64, kDouble, kText, kBlob };

/// A prepared statement. Made by Database::prepare(), which it may outlive: the connection is
/// closed when the last of them is gone.
///
/// A *run* is a sequence of binds, then steps. It ends when step() returns false or fails, with
/// reset(), or when a value is bound after the first step; a new run starts with every parameter
/// NULL. While a run with rows left lasts, its read transaction lasts.
class Statement {
 public:
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// Sets a parameter for the current run.
  ///
  /// `index` counts from 1. Ownership: text, blobs and vectors are copied. Errors: an index out of
  /// range is remembered and returned by the next step(), so that binds can be chained.
  Statement& bind_int64(int index, std::int64_t value);
  Statement& bind_double(int index, double value);
  Statement& bind_text(int index, std::string_view value);
  Statement& bind_blob(int index, std::span<const std::byte> value);
  Statement& bind_null(int index);
  /// Binds a vector as SQL takes it: a blob of little-endian float32.
  Statement& bind_vector(int index, std::span<const float> value);

  /// Tells the number of parameters: the largest index that may be bound.
  [[nodiscard]] int parameter_count() const noexcept;

  /// Fetches the next row. True: there is one to read. False: the run is over.
  ///
  /// Errors: whatever SQLite and the index report; kInvalidArgument for vectors of the wrong length
  /// or with NaN is reported as SQLite's generic kSqlite, with the message that says what is wrong.
  /// Cost: of a search, see `ef_search` in docs/sql.md.
  [[nodiscard]] Result<bool> step();

  /// Steps to the end; rows, if any, are skipped. Errors: as step().
  Status run();

  /// Ends the run and forgets the parameters.
  void reset() noexcept;

  /// Tells the number of columns a row has; 0 for a statement that returns none.
  [[nodiscard]] int column_count() const noexcept;
  /// The column's name or alias. `index` counts from 0.
  [[nodiscard]] std::string_view column_name(int index) const;

  /// Reads a column of the current row.
  ///
  /// `index` counts from 0. A value of another type is converted as SQLite does; NULL, an index out
  /// of range, or the want of a current row gives 0 or an empty span. Ownership: views and spans
  /// live until the next call of step(), reset() or a bind, and until the same column is read as
  /// another type.
  [[nodiscard]] ColumnType column_type(int index) const noexcept;
  [[nodiscard]] std::int64_t column_int64(int index) const noexcept;
  [[nodiscard]] double column_double(int index) const noexcept;
  [[nodiscard]] std::string_view column_text(int index) const noexcept;
  [[nodiscard]] std::span<const std::byte> column_blob(int index) const noexcept;

 private:
  friend class Database;
  struct Impl;
  explicit Statement(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// A connection to a SQLite database with Nearlite registered.
///
/// Indexes, statements and transactions made from it may outlive it: the connection is closed when
/// the last of them is gone. What an Index has not flushed by then is flushed (SyncMode).
class Database {
 public:
  /// Opens the database in the file `path` (":memory:": in memory).
  ///
  /// Errors: kIo when the file cannot be opened, or does not exist and is not to be created. That a
  /// file is no database (kCorruption) shows at the first statement.
  /// Cost: reads the schema; nothing grows with the size of an index.
  [[nodiscard]] static Result<Database> open(const std::string& path, const OpenOptions& options);

  ~Database();
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs every statement of `sql`, in order, until one fails; rows are skipped.
  ///
  /// Outside BEGIN … COMMIT each statement is a transaction of its own: what preceded the failing
  /// one stays. Errors: of the statement that failed.
  Status execute(std::string_view sql, Dialect dialect = Dialect::kSqlite);

  /// Prepares one statement. Errors: kInvalidArgument when `sql` holds none, or more than one.
  [[nodiscard]] Result<Statement> prepare(std::string_view sql, Dialect dialect = Dialect::kSqlite);

  /// Prepares the first statement of a script and cuts it, and what blanks and comments precede it,
  /// off the front of `script`. An empty script: none is left.
  ///
  /// Returns a Statement with no columns and nothing to do when only blanks or comments were left.
  [[nodiscard]] Result<Statement> prepare_next(std::string_view& script,
                                               Dialect dialect = Dialect::kSqlite);

  /// Translates SQL written for pgvector, against the schema as it is now; execute() and prepare()
  /// with Dialect::kPgvector do the same, and run the result.
  ///
  /// Errors: kInvalidArgument for what has no translation, with the line, the column and the place.
  [[nodiscard]] Result<Translation> translate(std::string_view sql);
  /// The same for the first statement of a script, which is cut off the front of `script`: a
  /// statement must be run before one that needs its tables is translated.
  [[nodiscard]] Result<Translation> translate_next(std::string_view& script);

  /// Counts the rows that the last INSERT, UPDATE or DELETE changed.
  [[nodiscard]] std::int64_t changes() const noexcept;
  /// Tells the rowid of the last row inserted.
  [[nodiscard]] std::int64_t last_insert_rowid() const noexcept;
  /// Says whether a transaction is open: begun and neither committed nor rolled back.
  [[nodiscard]] bool in_transaction() const noexcept;

  /// Makes the statements that run now fail with kInterrupted; without one nothing happens.
  ///
  /// Threads: any, and signal handlers too, while the Database lives and does not move.
  void interrupt() const noexcept;

  /// Gives SQL the function `get_embedding(text)`, which asks `function` for the text's vector and
  /// returns it as a float32 blob; NULL for NULL.
  ///
  /// Without this call there is no such function. Triggers, views and other parts of a schema
  /// cannot call it. A later call replaces `function`, an empty one takes the SQL function away.
  /// Ownership: `function` is kept until then, or until the connection is closed. Errors of
  /// `function` become those of the statement; kBusy while statements run.
  Status register_embedding(std::function<Result<std::vector<float>>(std::string_view)> function);

 private:
  friend class v1::Index;
  friend class v1::Transaction;
  [[nodiscard]] std::shared_ptr<api::Session> session() const noexcept;  // null when moved from
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// Says whether `sql` ends with a whole statement: with a semicolon that is not inside a string, a
/// comment or the body of a trigger. For shells, which ask for more lines until it does.
[[nodiscard]] bool is_complete_statement(std::string_view sql);

}  // namespace nearlite
