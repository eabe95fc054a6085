#include "api/session.h"

#include <algorithm>
#include <exception>
#include <limits>

#include "base/try.h"

namespace nearlite::api {
namespace {

constexpr const char* kBeginUnit = "SAVEPOINT nearlite_unit";
constexpr const char* kReleaseUnit = "RELEASE nearlite_unit";
constexpr const char* kUndoUnit = "ROLLBACK TO nearlite_unit";

std::string savepoint_name(std::uint64_t number) { return "nearlite_" + std::to_string(number); }

}  // namespace

Status callers_failure(const Status& status) {
  if (status.ok()) return status;
  Status known = sqlite::users_failure(status);
  const bool is_ours = known.message().starts_with("nearlite: ");
  if (!is_ours || known.sqlite_code() != SQLITE_ERROR) return known;
  return Status::from_sqlite(Code::kInvalidArgument, known.sqlite_code(), known.message());
}

Result<std::shared_ptr<Session>> Session::open(const std::string& path,
                                               const OpenOptions& options) {
  using Milliseconds = std::chrono::milliseconds;
  constexpr Milliseconds kLongest(std::numeric_limits<int>::max());
  const Milliseconds timeout = std::clamp(options.busy_timeout, Milliseconds(0), kLongest);
  sqlite::OpenFlags flags;
  flags.is_read_only = options.read_only;
  flags.may_create = options.create;
  flags.busy_timeout_ms = static_cast<int>(timeout.count());
  flags.mmap_bytes = options.mmap_bytes;
  flags.has_extension = options.extension;
  NEARLITE_ASSIGN(sqlite::OwnedConnection connection, sqlite::OwnedConnection::open(path, flags));
  return std::make_shared<Session>(std::move(connection), options);
}

Session::~Session() { ignore(flush(), "nobody is left to hear of it; close() reports"); }

Result<sqlite::Statement> Session::prepare(std::string_view sql) const {
  auto statement = connection_.prepare_next(sql);
  if (!statement.ok()) return callers_failure(statement.status());
  return statement;
}

Result<sqlite::Statement*> Session::kept(const std::string& sql) {
  const auto found = kept_.find(sql);
  if (found != kept_.end()) return &found->second;
  NEARLITE_ASSIGN(sqlite::Statement statement, prepare(sql));
  return &kept_.emplace(sql, std::move(statement)).first->second;
}

Status Session::execute(const std::string& sql) {
  NEARLITE_ASSIGN(sqlite::Statement * statement, kept(sql));
  return callers_failure(statement->use().run());
}

// A savepoint of ours: undone at the end of its scope unless it is kept, also when user code (a
// source of rows, a callback) throws.
class Session::Unit {
 public:
  explicit Unit(Session& session) : session_(session), pending_before_(session.pending_) {}
  ~Unit() {
    if (!is_kept_) session_.undo_unit(pending_before_);
  }
  Unit(const Unit&) = delete;
  Unit& operator=(const Unit&) = delete;
  void keep() noexcept { is_kept_ = true; }

 private:
  Session& session_;
  std::uint64_t pending_before_;
  bool is_kept_ = false;
};

void Session::undo_unit(std::uint64_t pending_before) noexcept {
  if (!connection_.in_transaction()) return;  // SQLite has undone everything
  try {
    // Fail only where SQLite has undone everything.
    ignore(execute(kUndoUnit), "the failure that led here is what counts");
    ignore(execute(kReleaseUnit), "the same");
    if (!is_holding_) return;
    pending_ = pending_before;
    if (pending_before != 0) return;
    ignore(execute("ROLLBACK"), "the same");  // nothing is left to hold the writer's lock for
    is_holding_ = false;
  } catch (const std::exception&) {
    // Out of memory: the transaction stays open, and the next call of SQLite's will say so.
  }
}

Status Session::in_savepoint(const Body& body) {
  NEARLITE_TRY(execute(kBeginUnit));
  Unit unit(*this);
  NEARLITE_TRY(body());
  NEARLITE_TRY(execute(kReleaseUnit));
  unit.keep();
  return {};
}

Status Session::write(const SyncMode& mode, std::uint64_t op_count, const Body& body) {
  if (in_users_transaction()) return in_savepoint(body);
  if (!is_holding()) {
    NEARLITE_TRY(execute("BEGIN IMMEDIATE"));
    is_holding_ = true;
    pending_ = 0;
  }
  Unit unit(*this);
  NEARLITE_TRY(execute(kBeginUnit));
  NEARLITE_TRY(body());
  pending_ += op_count;
  const bool is_due = mode.kind == SyncMode::Kind::kPerOp ||
                      (mode.kind == SyncMode::Kind::kEveryN && pending_ >= mode.n);
  // Where a commit is due the savepoint stays open until it has succeeded.
  NEARLITE_TRY(is_due ? flush() : execute(kReleaseUnit));
  unit.keep();
  return {};
}

Status Session::transact(const Body& body) {
  if (in_users_transaction()) return in_savepoint(body);
  NEARLITE_TRY(flush());
  return write(SyncMode::per_op(), 1, body);
}

// Never a kept statement: SQLite asks the progress handler after so many instructions of a
// statement's life, and one that has lived long may be interrupted when its commit is done already.
Status Session::commit() {
  return callers_failure(sqlite::execute(connection_.handle(), "COMMIT", "sql"));
}

Status Session::flush() {
  if (!is_holding()) {
    is_holding_ = false;  // ended by the user, in SQL
    return {};
  }
  const std::uint64_t count = pending_;
  const Status status = commit();
  if (status.ok()) {
    is_holding_ = false;
    pending_ = 0;
    return status;
  }
  if (connection_.in_transaction()) return status;
  is_holding_ = false;
  pending_ = 0;
  return Status::from_sqlite(
      status.code(), status.sqlite_code(),
      status.message() + "; " + std::to_string(count) + " unflushed write(s) were rolled back");
}

Status Session::begin(bool immediate) {
  NEARLITE_TRY(flush());
  if (connection_.in_transaction()) {
    return Status(Code::kInvalidArgument, "nearlite: a transaction is open already");
  }
  NEARLITE_TRY(execute(immediate ? "BEGIN IMMEDIATE" : "BEGIN"));
  ++serial_;
  savepoints_.clear();
  return {};
}

Status Session::end(std::uint64_t serial, bool keep) {
  if (!is_current(serial)) {
    return Status(Code::kInvalidArgument, "nearlite: the transaction is over");
  }
  const Status status = keep ? commit() : execute("ROLLBACK");
  if (!status.ok() && connection_.in_transaction()) {
    if (status.code() == Code::kBusy) return status;  // the caller may try again
    ignore(execute("ROLLBACK"), "the failure of the COMMIT is what counts");
  }
  ++serial_;
  savepoints_.clear();
  return status;
}

Result<std::uint64_t> Session::begin_savepoint(std::uint64_t serial) {
  if (!is_current(serial)) {
    return Status(Code::kInvalidArgument, "nearlite: the transaction is over");
  }
  const std::uint64_t number = savepoint_count_ + 1;
  // Not kept: each has a name of its own.
  NEARLITE_TRY(sqlite::execute(connection_.handle(), "SAVEPOINT " + savepoint_name(number), "sql"));
  savepoints_.push_back(number);
  return savepoint_count_ = number;
}

bool Session::is_savepoint_open(std::uint64_t number) const noexcept {
  return in_users_transaction() &&
         std::find(savepoints_.begin(), savepoints_.end(), number) != savepoints_.end();
}

Status Session::end_savepoint(std::uint64_t number, bool keep) {
  if (!is_savepoint_open(number)) {
    return Status(Code::kInvalidArgument, "nearlite: the savepoint is over");
  }
  const std::string name = savepoint_name(number);
  sqlite3* db = connection_.handle();
  if (!keep) NEARLITE_TRY(sqlite::execute(db, "ROLLBACK TO " + name, "sql"));
  NEARLITE_TRY(sqlite::execute(db, "RELEASE " + name, "sql"));
  savepoints_.erase(std::find(savepoints_.begin(), savepoints_.end(), number), savepoints_.end());
  return {};
}

}  // namespace nearlite::api
