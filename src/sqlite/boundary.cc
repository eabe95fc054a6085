// Result codes and messages across the boundary; see boundary.h.
#include "sqlite/boundary.h"

namespace nearlite::sqlite {

Code code_of(int rc) noexcept {
  if (rc == SQLITE_IOERR_NOMEM) return Code::kNoMemory;
  switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return Code::kOk;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Code::kBusy;
    case SQLITE_FULL: return Code::kFull;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: return Code::kIo;
    case SQLITE_NOMEM: return Code::kNoMemory;
    case SQLITE_INTERRUPT: return Code::kInterrupted;
    case SQLITE_READONLY: return Code::kReadOnly;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Code::kCorruption;
    case SQLITE_CONSTRAINT: return Code::kConstraint;
    default: return Code::kSqlite;
  }
}

int to_sqlite(const Status& status) noexcept {
  if (status.ok()) return SQLITE_OK;
  if (status.sqlite_code() != SQLITE_OK) return status.sqlite_code();
  switch (status.code()) {
    case Code::kBusy: return SQLITE_BUSY;
    case Code::kFull: return SQLITE_FULL;
    case Code::kIo: return SQLITE_IOERR;
    case Code::kNoMemory: return SQLITE_NOMEM;
    case Code::kInterrupted: return SQLITE_INTERRUPT;
    case Code::kReadOnly: return SQLITE_READONLY;
    case Code::kCorruption: return SQLITE_CORRUPT_VTAB;
    case Code::kConstraint: return SQLITE_CONSTRAINT_VTAB;
    default: return SQLITE_ERROR;
  }
}

Status from_sqlite(sqlite3* db, int rc, std::string_view context) {
  // A call returns the primary code unless the host asked for extended ones; the connection
  // remembers the latter. It may remember that of another call (a failed bind leaves no trace),
  // hence the comparison.
  const int remembered = sqlite3_extended_errcode(db);
  const bool is_same = (remembered & 0xff) == (rc & 0xff);
  const int extended = is_same && (rc >> 8) == 0 ? remembered : rc;
  const char* text = is_same ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
  const std::string_view told(text == nullptr ? "unknown error" : text);
  std::string message;
  // What a statement over one of our tables says has said whose it is.
  if (!told.starts_with("nearlite: ")) message.append("nearlite: ").append(context).append(": ");
  message.append(told);
  return Status::from_sqlite(code_of(rc), extended, std::move(message));
}

Status bare_code(int rc) { return Status::from_sqlite(code_of(rc), rc, std::string()); }

Status corruption(std::string_view what, std::string_view problem) {
  std::string message = "nearlite: ";
  message.append(what).append(": ").append(problem);
  return Status(Code::kCorruption, std::move(message));
}

void set_error(char** error, const Status& status) noexcept {
  if (error == nullptr || status.message().empty()) return;
  sqlite3_free(*error);
  *error = sqlite3_mprintf("%s", status.message().c_str());
}

void set_error(sqlite3_vtab* vtab, const Status& status) noexcept {
  if (vtab != nullptr) set_error(&vtab->zErrMsg, status);
}

void result_error(sqlite3_context* context, const Status& status) noexcept {
  const int rc = to_sqlite(status);
  if (rc == SQLITE_NOMEM) {
    sqlite3_result_error_nomem(context);
    return;
  }
  // The message first: setting the code alone would put SQLite's standard text in its place.
  if (!status.message().empty()) sqlite3_result_error(context, status.message().c_str(), -1);
  sqlite3_result_error_code(context, rc);
}

}  // namespace nearlite::sqlite
