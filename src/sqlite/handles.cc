// Owners of statements and blobs; see handles.h.
#include "sqlite/handles.h"

#include <limits>
#include <utility>

#include "base/try.h"
#include "sqlite/boundary.h"

namespace nearlite::sqlite {
namespace {

// SQLite takes a null pointer for SQL NULL; an empty text or blob needs any other address.
constexpr char kEmpty[1] = {};

int to_int(std::uint64_t value) noexcept {
  constexpr std::uint64_t kMax = std::numeric_limits<int>::max();
  return static_cast<int>(value < kMax ? value : kMax);
}

}  // namespace

Result<Statement> Statement::prepare(sqlite3* db, std::string_view sql, std::string context,
                                     unsigned flags) {
  Statement statement;
  const int rc =
      sqlite3_prepare_v3(db, sql.data(), to_int(sql.size()), flags, &statement.handle_, nullptr);
  if (rc != SQLITE_OK) return from_sqlite(db, rc, context);
  statement.context_ = std::move(context);
  return statement;
}

Statement::Statement(Statement&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), context_(std::move(other.context_)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  if (this != &other) {
    close();
    handle_ = std::exchange(other.handle_, nullptr);
    context_ = std::move(other.context_);
  }
  return *this;
}

void Statement::close() noexcept {
  if (in_use_) {
    closes_after_use_ = true;
    return;
  }
  closes_after_use_ = false;
  // The result repeats the error of the last step, which was reported then.
  sqlite3_finalize(std::exchange(handle_, nullptr));
}

StatementUse Statement::use() noexcept { return StatementUse(this); }

StatementUse::StatementUse(Statement* statement) noexcept
    : statement_(statement), owns_(!statement->in_use_ && statement->handle_ != nullptr) {
  if (owns_) statement_->in_use_ = true;
}

StatementUse::~StatementUse() {
  if (!owns_) return;
  sqlite3_reset(statement_->handle_);
  if (has_bindings_) sqlite3_clear_bindings(statement_->handle_);
  statement_->in_use_ = false;
  if (statement_->closes_after_use_) statement_->close();
}

StatementUse& StatementUse::bind(int index, std::int64_t value) noexcept {
  if (owns_) remember(sqlite3_bind_int64(statement_->handle_, index, value));
  return *this;
}

StatementUse& StatementUse::bind_double(int index, double value) noexcept {
  if (owns_) remember(sqlite3_bind_double(statement_->handle_, index, value));
  return *this;
}

StatementUse& StatementUse::bind_text(int index, std::string_view text) noexcept {
  const char* data = text.empty() ? kEmpty : text.data();
  if (owns_) {
    remember(sqlite3_bind_text64(statement_->handle_, index, data, text.size(), SQLITE_STATIC,
                                 SQLITE_UTF8));
  }
  return *this;
}

StatementUse& StatementUse::bind_blob(int index, std::span<const std::byte> bytes) noexcept {
  const void* data = bytes.empty() ? static_cast<const void*>(kEmpty) : bytes.data();
  if (owns_) {
    remember(sqlite3_bind_blob64(statement_->handle_, index, data, bytes.size(), SQLITE_STATIC));
  }
  return *this;
}

StatementUse& StatementUse::bind_zeroblob(int index, std::uint64_t size) noexcept {
  if (owns_) remember(sqlite3_bind_zeroblob64(statement_->handle_, index, size));
  return *this;
}

StatementUse& StatementUse::bind_null(int index) noexcept {
  if (owns_) remember(sqlite3_bind_null(statement_->handle_, index));
  return *this;
}

StatementUse& StatementUse::bind_value(int index, const sqlite3_value* value) noexcept {
  if (owns_) remember(sqlite3_bind_value(statement_->handle_, index, value));
  return *this;
}

Result<bool> StatementUse::step() {
  if (!owns_) {
    return Status(Code::kInternal,
                  "nearlite: " + statement_->context_ + ": internal statement used twice at once");
  }
  if (bind_rc_ != SQLITE_OK) return from_sqlite(db(), bind_rc_, statement_->context_);
  const int rc = sqlite3_step(statement_->handle_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  return from_sqlite(db(), rc, statement_->context_);
}

Status StatementUse::run() {
  for (;;) {
    NEARLITE_ASSIGN(const bool has_row, step());
    if (!has_row) return Status();
  }
}

int StatementUse::column_type(int index) const noexcept {
  return sqlite3_column_type(statement_->handle_, index);
}

std::int64_t StatementUse::column_int64(int index) const noexcept {
  return sqlite3_column_int64(statement_->handle_, index);
}

double StatementUse::column_double(int index) const noexcept {
  return sqlite3_column_double(statement_->handle_, index);
}

std::string_view StatementUse::column_text(int index) const noexcept {
  // The pointer first, then the size: the first call may convert the value.
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_->handle_, index));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_->handle_, index))};
}

std::span<const std::byte> StatementUse::column_blob(int index) const noexcept {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_->handle_, index));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_->handle_, index))};
}

sqlite3_value* StatementUse::column_value(int index) const noexcept {
  return sqlite3_column_value(statement_->handle_, index);
}

Result<std::int64_t> StatementUse::get_int64(int index) const {
  if (column_type(index) != SQLITE_INTEGER) {
    return corruption(statement_->context_, "a value that must be an integer is not");
  }
  return column_int64(index);
}

Result<std::span<const std::byte>> StatementUse::get_blob(int index) const {
  if (column_type(index) != SQLITE_BLOB) {
    return corruption(statement_->context_, "a value that must be a blob is not");
  }
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_->handle_, index));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_->handle_, index));
  // A large blob is assembled from its pages here: a failure of that shows as a null pointer only.
  if (data == nullptr && size != 0) return Status(Code::kNoMemory, "nearlite: out of memory");
  return std::span<const std::byte>(data, size);
}

sqlite3* StatementUse::db() const noexcept { return sqlite3_db_handle(statement_->handle_); }

Result<Blob> Blob::open(sqlite3* db, const std::string& schema, const std::string& table,
                        const char* column, std::int64_t rowid, bool is_writable) {
  Blob blob;
  const int rc = sqlite3_blob_open(db, schema.c_str(), table.c_str(), column, rowid,
                                   is_writable ? 1 : 0, &blob.handle_);
  if (rc != SQLITE_OK) return from_sqlite(db, rc, table);
  blob.db_ = db;
  blob.context_ = table;
  return blob;
}

Blob::Blob(Blob&& other) noexcept
    : db_(other.db_),
      handle_(std::exchange(other.handle_, nullptr)),
      context_(std::move(other.context_)) {}

Blob& Blob::operator=(Blob&& other) noexcept {
  if (this != &other) {
    close();
    db_ = other.db_;
    handle_ = std::exchange(other.handle_, nullptr);
    context_ = std::move(other.context_);
  }
  return *this;
}

Status Blob::reopen(std::int64_t rowid) {
  const int rc = sqlite3_blob_reopen(handle_, rowid);
  return rc == SQLITE_OK ? Status() : from_sqlite(db_, rc, context_);
}

std::uint64_t Blob::size() const noexcept {
  return handle_ == nullptr ? 0 : static_cast<std::uint64_t>(sqlite3_blob_bytes(handle_));
}

Status Blob::read(std::uint64_t offset, std::span<std::byte> out) {
  if (offset > size() || out.size() > size() - offset) {
    return corruption(context_, "a blob is shorter than it must be");
  }
  const int rc = sqlite3_blob_read(handle_, out.data(), to_int(out.size()), to_int(offset));
  return rc == SQLITE_OK ? Status() : from_sqlite(db_, rc, context_);
}

Status Blob::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (offset > size() || bytes.size() > size() - offset) {
    return corruption(context_, "a blob is shorter than it must be");
  }
  const int rc = sqlite3_blob_write(handle_, bytes.data(), to_int(bytes.size()), to_int(offset));
  return rc == SQLITE_OK ? Status() : from_sqlite(db_, rc, context_);
}

void Blob::close() noexcept {
  // The result repeats an error of a read or write, which was reported then; closing happens
  // regardless.
  sqlite3_blob_close(std::exchange(handle_, nullptr));
}

Status execute(sqlite3* db, std::string_view sql, std::string_view context) {
  NEARLITE_ASSIGN(Statement statement, Statement::prepare(db, sql, std::string(context), 0));
  if (!statement) return Status();  // Nothing but blanks or a comment.
  return statement.use().run();
}

}  // namespace nearlite::sqlite
