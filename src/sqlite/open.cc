#include "sqlite/open.h"

#include <limits>
#include <memory>

#include "base/try.h"
#include "sqlite/boundary.h"

extern "C" int sqlite3_nearlite_init(sqlite3* db, char** error,
                                     const sqlite3_api_routines* api) noexcept;

namespace nearlite::sqlite {
namespace {

// What from_sqlite() puts before SQLite's message for statements prepared here.
constexpr const char* kContext = "sql";
constexpr std::string_view kPrefix = "nearlite: sql: ";

Status register_extension(sqlite3* db) {
  char* text = nullptr;
  const int rc = sqlite3_nearlite_init(db, &text, nullptr);
  const std::unique_ptr<char, void (*)(void*)> error(text, sqlite3_free);
  if (rc == SQLITE_OK) return {};
  return Status::from_sqlite(code_of(rc), rc, error ? error.get() : "cannot register the module");
}

// A comment or a stray semicolon at the front; SQLite tells where it ends.
void cut_empty_statement(sqlite3* db, std::string_view& script) {
  sqlite3_stmt* none = nullptr;
  const char* tail = nullptr;
  const int rc =
      sqlite3_prepare_v3(db, script.data(), static_cast<int>(script.size()), 0, &none, &tail);
  sqlite3_finalize(none);
  const bool is_cut = rc == SQLITE_OK && none == nullptr && tail != nullptr && tail > script.data();
  script.remove_prefix(is_cut ? static_cast<std::size_t>(tail - script.data()) : script.size());
  // A NUL ends SQL for SQLite, and nothing is behind the end.
  if (!script.empty() && script.front() == '\0') script = {};
}

}  // namespace

Result<OwnedConnection> OwnedConnection::open(const std::string& path, const OpenFlags& flags) {
  int mode = flags.is_read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (flags.may_create && !flags.is_read_only) mode |= SQLITE_OPEN_CREATE;
  OwnedConnection connection;
  const int rc = sqlite3_open_v2(path.c_str(), &connection.handle_, mode, nullptr);
  if (connection.handle_ == nullptr) return Status(Code::kNoMemory, "nearlite: out of memory");
  if (rc != SQLITE_OK) return from_sqlite(connection.handle_, rc, path);
  sqlite3_extended_result_codes(connection.handle_, 1);
  sqlite3_busy_timeout(connection.handle_, flags.busy_timeout_ms);
  if (flags.has_extension) NEARLITE_TRY(register_extension(connection.handle_));
  return connection;
}

OwnedConnection& OwnedConnection::operator=(OwnedConnection&& other) noexcept {
  if (this != &other) {
    close();
    handle_ = std::exchange(other.handle_, nullptr);
  }
  return *this;
}

void OwnedConnection::close() noexcept {
  // Cannot fail: with statements left, SQLite closes when the last of them is finalised.
  sqlite3_close_v2(std::exchange(handle_, nullptr));
}

Result<Statement> OwnedConnection::prepare_next(std::string_view& script) const {
  if (script.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    return Status(Code::kInvalidArgument, "nearlite: a script may have at most 2 GiB");
  }
  for (;;) {
    auto statement = Statement::prepare(handle_, script, kContext, 0);
    if (!statement.ok()) return users_failure(statement.status());
    if (*statement) {
      // SQLite keeps the statement's text up to and with its semicolon: its length is the cut.
      script.remove_prefix(std::string_view(sqlite3_sql(statement->handle())).size());
      return statement;
    }
    cut_empty_statement(handle_, script);
    if (script.empty()) return statement;
  }
}

std::int64_t OwnedConnection::changes() const noexcept {
  // sqlite3_changes64 came with 3.37, which is before the oldest host.
  return sqlite3_changes64(handle_);
}

std::int64_t OwnedConnection::last_insert_rowid() const noexcept {
  return sqlite3_last_insert_rowid(handle_);
}

bool OwnedConnection::in_transaction() const noexcept {
  return sqlite3_get_autocommit(handle_) == 0;
}

int column_count(const Statement& statement) noexcept {
  return sqlite3_column_count(statement.handle());
}

std::string_view column_name(const Statement& statement, int index) noexcept {
  const char* name = sqlite3_column_name(statement.handle(), index);
  return name == nullptr ? std::string_view() : std::string_view(name);
}

int parameter_count(const Statement& statement) noexcept {
  return sqlite3_bind_parameter_count(statement.handle());
}

Status users_failure(const Status& status) {
  std::string_view text = status.message();
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  return Status::from_sqlite(status.code(), status.sqlite_code(), std::string(text));
}

}  // namespace nearlite::sqlite
