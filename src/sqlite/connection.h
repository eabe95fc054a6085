// What one connection knows of its hnsw tables. It outlives the sqlite3_vtab objects, which SQLite
// destroys and makes anew at VACUUM, ALTER and foreign DDL: tables are kept by (schema, uuid), not
// by vtab.
//
// Threads: those of the connection, one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nearlite/status.h"
#include "sqlite/api.h"
#include "sqlite/settings.h"
#include "sqlite/transaction_guard.h"

namespace nearlite::sqlite {

class Table;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// `guard_name`: of the table behind transaction_guard.h.
  Connection(sqlite3* db, const char* guard_name)
      : db_(db), transaction_guard_(db, guard_name), settings_(db) {}

  [[nodiscard]] sqlite3* db() const noexcept { return db_; }

  /// The table of this uuid, or null when this connection has not met it.
  [[nodiscard]] std::shared_ptr<Table> find(const std::string& schema,
                                            const std::string& uuid) const;
  /// A table met before under the same uuid is retired: it was made by this transaction and rolled
  /// back, or the same statement would not give the same uuid.
  void add(std::shared_ptr<Table> table);
  void remove(const Table& table) noexcept;
  /// Keeps a dropped table in its transaction; see TransactionGuard::enlist().
  Status enlist(std::shared_ptr<Table> table);
  /// Makes the table behind enlist(), which would be made when first needed.
  Status register_guard();
  [[nodiscard]] Settings& settings() noexcept { return settings_; }

  /// Finds the table called `name` ("docs", "main.docs"), connecting it when it has not been used
  /// yet. An empty name means the one called vss, else the only one, those of hnsw before those of
  /// vec0; otherwise the message lists those there are.
  Result<std::shared_ptr<Table>> resolve(std::string_view name);

  /// Registers vss_knn.
  Status register_knn_function();
  /// Names of all tables of the module hnsw, attached databases included.
  Result<std::vector<std::string>> list_table_names();
  /// Registers "<table>_knn" on this connection, unless that name is taken by us already.
  Status register_knn(const std::string& table_name);

 private:
  struct Name {
    std::string schema;
    std::string table;
    bool is_vec0 = false;
  };
  Result<std::vector<Name>> list_names();
  /// The table of this name that is in use and in the file, or null; of any schema, main before
  /// others, when `schema` is empty.
  Result<std::shared_ptr<Table>> in_use(const std::string& schema, const std::string& name) const;
  Result<std::shared_ptr<Table>> connect(const Name& name);

  sqlite3* db_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Table>>
      tables_;  // by (schema, uuid)
  std::set<std::string> knn_modules_;
  TransactionGuard transaction_guard_;
  Settings settings_;
};

/// The modules and functions of other files, registered by extension.cc.
Status register_index_module(Connection& connection);
/// USING vec0(…). The module keeps `owner`, if it has one, alive.
Status register_vec0_module(Connection& connection, std::shared_ptr<Connection> owner);
/// Whether `sql` can be prepared, with what the connection knows now. Errors: kNoMemory, which must
/// not be taken for an answer: something would stay unregistered, and nobody would be told.
Result<bool> is_valid(sqlite3* db, const char* sql);
/// Whether `db` has a module of this name; true where it cannot be asked. Errors: kNoMemory.
Result<bool> has_module(sqlite3* db, std::string_view name);
Status register_knn_module(Connection& connection, const std::string& module_name,
                           const std::string& table_name);
/// libSQL's vector_top_k, where no module of that name is known yet.
Status register_top_k_module(Connection& connection);
Status register_index_functions(Connection& connection);
Status register_nearest_module(Connection& connection);

}  // namespace nearlite::sqlite
