// The module behind the guard: an eponymous table without rows, to which writing does nothing.
#include "sqlite/transaction_guard.h"

#include <utility>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/handles.h"
#include "sqlite/table.h"

namespace nearlite::sqlite {

Status TransactionGuard::enlist(std::shared_ptr<Table> table) {
  for (const std::shared_ptr<Table>& known : tables_) {
    if (known == table) return {};
  }
  NEARLITE_TRY(
      execute(db_, std::string("INSERT INTO ") + module_name_ + " VALUES(NULL)", table->name()));
  tables_.push_back(std::move(table));
  return {};
}

Status TransactionGuard::sync() {
  for (const std::shared_ptr<Table>& table : tables_) NEARLITE_TRY(table->sync());
  return {};
}

void TransactionGuard::commit() noexcept {
  for (const std::shared_ptr<Table>& table : tables_) table->commit();
  tables_.clear();
}

void TransactionGuard::rollback() noexcept {
  for (const std::shared_ptr<Table>& table : tables_) table->rollback();
  tables_.clear();
}

void TransactionGuard::rollback_to() noexcept {
  for (const std::shared_ptr<Table>& table : tables_) table->rollback_to();
}

namespace {

struct Vtab : sqlite3_vtab {
  TransactionGuard* transaction_guard;
};

TransactionGuard& guard_of(sqlite3_vtab* vtab) {
  return *static_cast<Vtab*>(vtab)->transaction_guard;
}

int x_connect(sqlite3* db, void* user, int /*argc*/, const char* const* /*argv*/,
              sqlite3_vtab** out, char** error) noexcept {
  return guard(error, [&] {
    if (const int rc = sqlite3_declare_vtab(db, "CREATE TABLE x(ignored)"); rc != SQLITE_OK) {
      return from_sqlite(db, rc, "nearlite_transaction");
    }
    *out = new Vtab{sqlite3_vtab(), static_cast<std::shared_ptr<TransactionGuard>*>(user)->get()};
    return Status();
  });
}

int x_disconnect(sqlite3_vtab* vtab) noexcept {
  delete static_cast<Vtab*>(vtab);
  return SQLITE_OK;
}

int x_best_index(sqlite3_vtab* /*vtab*/, sqlite3_index_info* /*info*/) noexcept {
  return SQLITE_OK;
}

int x_open(sqlite3_vtab* vtab, sqlite3_vtab_cursor** out) noexcept {
  return guard(vtab, [&] {
    *out = new sqlite3_vtab_cursor();
    return Status();
  });
}

int x_close(sqlite3_vtab_cursor* cursor) noexcept {
  delete cursor;
  return SQLITE_OK;
}

int x_filter(sqlite3_vtab_cursor* /*cursor*/, int /*plan*/, const char* /*terms*/, int /*argc*/,
             sqlite3_value** /*argv*/) noexcept {
  return SQLITE_OK;
}

int x_next(sqlite3_vtab_cursor* /*cursor*/) noexcept { return SQLITE_OK; }
int x_eof(sqlite3_vtab_cursor* /*cursor*/) noexcept { return 1; }

int x_column(sqlite3_vtab_cursor* /*cursor*/, sqlite3_context* /*context*/,
             int /*column*/) noexcept {
  return SQLITE_OK;
}

int x_rowid(sqlite3_vtab_cursor* /*cursor*/, sqlite3_int64* rowid) noexcept {
  *rowid = 0;
  return SQLITE_OK;
}

int x_update(sqlite3_vtab* /*vtab*/, int /*argc*/, sqlite3_value** /*argv*/,
             sqlite3_int64* rowid) noexcept {
  *rowid = 0;
  return SQLITE_OK;
}

int x_begin(sqlite3_vtab* /*vtab*/) noexcept { return SQLITE_OK; }

int x_sync(sqlite3_vtab* vtab) noexcept {
  return guard(vtab, [&] { return guard_of(vtab).sync(); });
}

int x_commit(sqlite3_vtab* vtab) noexcept {
  guard_of(vtab).commit();
  return SQLITE_OK;
}

int x_rollback(sqlite3_vtab* vtab) noexcept {
  guard_of(vtab).rollback();
  return SQLITE_OK;
}

int x_savepoint(sqlite3_vtab* /*vtab*/, int /*level*/) noexcept { return SQLITE_OK; }
int x_release(sqlite3_vtab* /*vtab*/, int /*level*/) noexcept { return SQLITE_OK; }

int x_rollback_to(sqlite3_vtab* vtab, int /*level*/) noexcept {
  guard_of(vtab).rollback_to();
  return SQLITE_OK;
}

void x_delete_module(void* user) noexcept {
  delete static_cast<std::shared_ptr<TransactionGuard>*>(user);
}

sqlite3_module make_module() {
  sqlite3_module module{};
  module.iVersion = 2;
  module.xConnect = c_callback<&x_connect>();
  module.xBestIndex = c_callback<&x_best_index>();
  module.xDisconnect = c_callback<&x_disconnect>();
  module.xOpen = c_callback<&x_open>();
  module.xClose = c_callback<&x_close>();
  module.xFilter = c_callback<&x_filter>();
  module.xNext = c_callback<&x_next>();
  module.xEof = c_callback<&x_eof>();
  module.xColumn = c_callback<&x_column>();
  module.xRowid = c_callback<&x_rowid>();
  module.xUpdate = c_callback<&x_update>();
  module.xBegin = c_callback<&x_begin>();
  module.xSync = c_callback<&x_sync>();
  module.xCommit = c_callback<&x_commit>();
  module.xRollback = c_callback<&x_rollback>();
  module.xSavepoint = c_callback<&x_savepoint>();
  module.xRelease = c_callback<&x_release>();
  module.xRollbackTo = c_callback<&x_rollback_to>();
  return module;
}

}  // namespace

Status TransactionGuard::register_module(std::shared_ptr<TransactionGuard> self) {
  static const sqlite3_module module = make_module();
  auto user = std::make_unique<std::shared_ptr<TransactionGuard>>(std::move(self));
  // On failure, too, SQLite calls the destructor of what it was given.
  const int rc = sqlite3_create_module_v2(db_, module_name_, &module, user.release(),
                                          c_callback<&x_delete_module>());
  if (rc != SQLITE_OK) return from_sqlite(db_, rc, module_name_);
  is_registered_ = true;
  return {};
}

}  // namespace nearlite::sqlite
