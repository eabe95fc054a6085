// The one exported symbol of nearlite.so: registers modules and functions on a connection.
//
// The Connection object lives as long as the connection: it is owned by a function of ours, which
// SQLite destroys last, when the connection closes.
#include <map>
#include <memory>
#include <mutex>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/dialect_schema.h"
#include "sqlite/functions_pgvector.h"
#include "sqlite/functions_sparse.h"
#include "sqlite/functions_vector.h"
#include "sqlite/handles.h"
#include "sqlite/host.h"
#include "sqlite/vec_each.h"

namespace nearlite::sqlite {

namespace {

// sqlite3_vtab_in and the LIMIT constraint came with 3.38.0.
constexpr int kOldestHost = 3'038'000;

void owner_function(sqlite3_context* context, int /*argc*/, sqlite3_value** /*argv*/) noexcept {
  sqlite3_result_null(context);
}

void delete_owner(void* owner) noexcept { delete static_cast<std::shared_ptr<Connection>*>(owner); }

// `<index>_knn` of the tables there are; a database that cannot be read yet (locked, encrypted, not
// there) is no failure.
void register_existing(Connection& connection) {
  const auto names = connection.list_table_names();
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    ignore(connection.register_knn(name), "vss_knn(…, 'index') still works");
  }
}

// Connections on which loading failed half-way, for lack of memory: what is registered there refers
// to the Connection, so the next try goes on with the same one.
class Unfinished {
 public:
  std::shared_ptr<Connection> find(sqlite3* db) {
    const std::lock_guard lock(mutex_);
    std::erase_if(connections_, [](const auto& entry) { return entry.second.expired(); });
    const auto found = connections_.find(db);
    return found == connections_.end() ? nullptr : found->second.lock();
  }
  void add(sqlite3* db, const std::shared_ptr<Connection>& connection) {
    const std::lock_guard lock(mutex_);
    connections_[db] = connection;
  }
  void remove(sqlite3* db) noexcept {
    const std::lock_guard lock(mutex_);
    connections_.erase(db);
  }

 private:
  std::mutex mutex_;
  std::map<sqlite3*, std::weak_ptr<Connection>> connections_;  // GUARDED BY mutex_
};

Unfinished& unfinished() {
  static Unfinished connections;
  return connections;
}

Status register_all(Connection& connection) {
  sqlite3* const db = connection.db();
  NEARLITE_TRY(connection.register_guard());
  NEARLITE_TRY(register_index_module(connection));
  // Tables of vec0.so can be used here, too, unless somebody else stands for that name.
  NEARLITE_ASSIGN(const bool has_vec0, has_module(db, "vec0"));
  if (!has_vec0) NEARLITE_TRY(register_vec0_module(connection, nullptr));
  NEARLITE_TRY(register_vector_functions(db));
  NEARLITE_TRY(register_sparse_functions(db));
  NEARLITE_TRY(register_vec_each(db));
  NEARLITE_TRY(register_index_functions(connection));
  NEARLITE_TRY(register_nearest_module(connection));
  NEARLITE_TRY(register_settings(connection));
  NEARLITE_TRY(register_pgvector_functions(db));
  NEARLITE_TRY(register_translate(db));
  NEARLITE_TRY(connection.register_knn_function());
  NEARLITE_TRY(register_libsql_functions(db));
  return register_top_k_module(connection);
}

Status initialise(sqlite3* db) {
  if (sqlite3_libversion_number() < kOldestHost) {
    return {Code::kInternal,
            std::string("nearlite needs SQLite 3.38 or newer, this is ") + sqlite3_libversion()};
  }
  NEARLITE_ASSIGN(const bool is_known, is_valid(db, "SELECT nearlite_connection()"));
  std::shared_ptr<Connection> connection = unfinished().find(db);
  // Loading twice is harmless: what is registered stays.
  if (is_known && !connection) return {};
  if (!connection) {
    connection = std::make_shared<Connection>(db, "nearlite_transaction");
    auto owner = std::make_unique<std::shared_ptr<Connection>>(connection);
    unfinished().add(db, connection);
    // SQLite calls the destructor when this fails, too.
    const int rc = sqlite3_create_function_v2(
        db, "nearlite_connection", 0, SQLITE_UTF8 | SQLITE_DIRECTONLY, owner.release(),
        c_callback<&owner_function>(), nullptr, nullptr, c_callback<&delete_owner>());
    if (rc != SQLITE_OK) return from_sqlite(db, rc, "extension");
  }
  NEARLITE_TRY(register_all(*connection));
  unfinished().remove(db);
  register_existing(*connection);
  return {};
}

}  // namespace

}  // namespace nearlite::sqlite

extern "C" __attribute__((visibility("default"))) int sqlite3_nearlite_init(
    sqlite3* db, char** error, const sqlite3_api_routines* api) noexcept {
  nearlite::sqlite::use_host(api);
  return nearlite::sqlite::guard(error, [&] { return nearlite::sqlite::initialise(db); });
}
