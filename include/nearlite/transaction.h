/// Nearlite: transactions and savepoints that roll back unless they are ended otherwise.
#pragma once

#include <cstdint>
#include <memory>

#include "nearlite/database.h"
#include "nearlite/status.h"

namespace nearlite {
inline namespace v1 {

/// When a transaction takes SQLite's locks.
enum class TransactionKind : std::uint8_t {
  kDeferred = 0,   ///< at the first read and the first write; a write may then fail with kBusy
  kImmediate = 1,  ///< the writer's lock at once
};

class Savepoint;

/// A transaction on one connection; every statement, Index and Savepoint of the Database is part of
/// it while it lasts. One at a time on a Database.
///
/// Ownership: keeps the connection open. Destroyed while open, it rolls back. A moved-from or ended
/// one answers kInvalidArgument. Threads: that of the Database.
class Transaction {
 public:
  /// Begins a transaction; first flushes what an Index of the same Database has not flushed yet.
  ///
  /// Errors: kBusy when another connection has the lock longer than the busy timeout;
  /// kInvalidArgument when one is open already.
  [[nodiscard]] static Result<Transaction> begin(Database& database, TransactionKind kind);

  ~Transaction();
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&& other) noexcept;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  /// Makes all changes durable and visible, and ends the transaction.
  ///
  /// Errors: with kBusy the transaction is still open: try again, or roll back. After any other
  /// failure it is rolled back. Cost: links the new vectors; see docs/sql.md.
  Status commit();
  /// Undoes everything since begin(), and ends the transaction.
  Status rollback();
  /// Begins a part that can be undone alone. Errors: kInvalidArgument when the transaction is over.
  [[nodiscard]] Result<Savepoint> savepoint();
  /// Says whether it can still be committed. False also after COMMIT or ROLLBACK in SQL.
  [[nodiscard]] bool is_open() const noexcept;

 private:
  struct Impl;
  explicit Transaction(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// A part of a transaction that can be undone alone. Destroyed while open, it is undone.
///
/// Savepoints nest: the end of one ends those made after it, and the end of the transaction ends
/// all. An ended one answers kInvalidArgument. Threads: that of the Database.
class Savepoint {
 public:
  ~Savepoint();
  Savepoint(Savepoint&& other) noexcept;
  Savepoint& operator=(Savepoint&& other) noexcept;
  Savepoint(const Savepoint&) = delete;
  Savepoint& operator=(const Savepoint&) = delete;

  /// Keeps the changes as part of what surrounds it.
  Status release();
  /// Undoes the changes made since it began.
  Status rollback();
  [[nodiscard]] bool is_open() const noexcept;

 private:
  friend class Transaction;
  struct Impl;
  explicit Savepoint(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace v1
}  // namespace nearlite
