// Keeps a dropped table in its transaction until that ends.
//
// DROP TABLE takes a virtual table out of SQLite's list of those to be called at the end of the
// transaction, and ROLLBACK TO may bring its rows back, changes of this transaction included: then
// somebody must link them at COMMIT. So DROP enlists another virtual table in the transaction, one
// that cannot be dropped, whose callbacks reach the tables dropped meanwhile.
#pragma once

#include <memory>
#include <vector>

#include "nearlite/status.h"
#include "sqlite/api.h"

namespace nearlite::sqlite {

class Table;

/// One per connection. Threads: that of the connection.
class TransactionGuard {
 public:
  /// `module_name`: of the table that cannot be dropped, one for each owner of tables.
  TransactionGuard(sqlite3* db, const char* module_name) : db_(db), module_name_(module_name) {}

  /// Registers the module, which keeps `self`, that is: this object.
  Status register_module(std::shared_ptr<TransactionGuard> self);
  [[nodiscard]] bool is_registered() const noexcept { return is_registered_; }

  /// REQUIRES: is_registered(). To be called by DROP for a table with uncommitted changes, before
  /// anything is dropped. The guard joins the transaction by writing to a table of schema main,
  /// hence the errors: those of beginning a write transaction there.
  Status enlist(std::shared_ptr<Table> table);

  // Transaction callbacks; see Table.
  Status sync();
  void commit() noexcept;
  void rollback() noexcept;
  void rollback_to() noexcept;

 private:
  sqlite3* db_;
  const char* module_name_;
  bool is_registered_ = false;
  std::vector<std::shared_ptr<Table>> tables_;
};

}  // namespace nearlite::sqlite
