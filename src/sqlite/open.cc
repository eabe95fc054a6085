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

// Fewer than the instructions of one Store::check_interrupt.
constexpr int kInstructionsBetweenQuestions = 100;

int ask(void* should_stop) noexcept {
  // guard() turns an exception into a code other than 0, which interrupts too.
  return guard(
      [&]() -> int { return (*static_cast<const std::function<bool()>*>(should_stop))() ? 1 : 0; });
}

Status register_extension(sqlite3* db) {
  char* text = nullptr;
  const int rc = sqlite3_nearlite_init(db, &text, nullptr);
  const std::unique_ptr<char, void (*)(void*)> error(text, sqlite3_free);
  if (rc == SQLITE_OK) return {};
  return Status::from_sqlite(code_of(rc), rc, error ? error.get() : "cannot register the module");
}

}  // namespace

Result<OwnedConnection> OwnedConnection::open(const std::string& path, const OpenFlags& flags) {
  int mode = flags.is_read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (flags.may_create && !flags.is_read_only) mode |= SQLITE_OPEN_CREATE;
  OwnedConnection connection;
  const int rc = sqlite3_open_v2(path.c_str(), &connection.handle_, mode, nullptr);
  if (connection.handle_ == nullptr) return Status(Code::kNoMemory, "nearlite: out of memory");
  if (rc != SQLITE_OK) return from_sqlite(connection.handle_, rc, path);
  sqlite3_busy_timeout(connection.handle_, flags.busy_timeout_ms);
  if (flags.has_extension) NEARLITE_TRY(register_extension(connection.handle_));
  if (flags.mmap_bytes > 0) {
    // By the statement: SQLITE_FCNTL_MMAP_SIZE would not tell the pager, which unmaps in time.
    const std::string sql = "PRAGMA main.mmap_size = " + std::to_string(flags.mmap_bytes);
    const int set = sqlite3_exec(connection.handle_, sql.c_str(), nullptr, nullptr, nullptr);
    if (set != SQLITE_OK) return from_sqlite(connection.handle_, set, path);
  }
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
  auto statement = Statement::prepare(handle_, script, kContext, 0);
  if (!statement.ok()) return users_failure(statement.status());
  // SQLite skips comments and stray semicolons in front of a statement, so when there is none,
  // nothing is left. Otherwise it keeps the text up to and with the semicolon: that is the cut.
  const char* text = *statement ? sqlite3_sql(statement->handle()) : nullptr;
  script.remove_prefix(text == nullptr ? script.size() : std::string_view(text).size());
  return statement;
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

void OwnedConnection::interrupt() const noexcept { sqlite3_interrupt(handle_); }

bool is_complete_statement(std::string_view sql) {
  return sqlite3_complete(std::string(sql).c_str()) == 1;
}

std::string OwnedConnection::file() const {
  const char* name = sqlite3_db_filename(handle_, "main");
  return name == nullptr ? std::string() : std::string(name);
}

bool OwnedConnection::is_read_only() const noexcept {
  return sqlite3_db_readonly(handle_, "main") == 1;
}

InterruptScope::InterruptScope(const OwnedConnection& connection, std::function<bool()> should_stop)
    : db_(connection.handle()), should_stop_(std::move(should_stop)) {
  sqlite3_progress_handler(db_, kInstructionsBetweenQuestions, c_callback<&ask>(), &should_stop_);
}

InterruptScope::~InterruptScope() { sqlite3_progress_handler(db_, 0, nullptr, nullptr); }

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
