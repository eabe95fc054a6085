// The history that the crash test writes: transaction n is a function of the seed and of n (and of
// the state that transactions 1 … n - 1 left), so that nobody needs to log what was written:
// whoever knows n knows the whole database.
//
// One transaction changes the index, an ordinary table `documents` with the same rowids, and the
// row in `progress` that carries n. After a crash the three must agree, and n must not be less than
// what was acknowledged.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "support/check_index.h"

namespace nearlite::test {

inline TableShape crash_shape(bool with_side_file) {
  TableShape shape{Element::kFloat, Metric::kCosine, 32, ", m=8, ef_construction=60"};
  if (with_side_file) shape.options += ", path='kill.idx'";
  return shape;
}

struct Operation {
  enum class Kind { kInsert, kReplace, kVector, kTitle, kMove, kDelete };
  Kind kind = Kind::kInsert;
  std::int64_t rowid = 0;
  std::int64_t to = 0;  ///< the new rowid of a move
  Record record;
};

class History {
 public:
  History(const TableShape& shape, std::uint64_t seed)
      : seed_(seed), source_(VectorSource::Shape{.dim = shape.dim}, seed) {}

  [[nodiscard]] std::int64_t n() const { return n_; }
  [[nodiscard]] const Records& records() const { return records_; }

  /// The operations of transaction n() + 1; afterwards n() is that transaction.
  std::vector<Operation> advance() {
    ++n_;
    Random random(mix(seed_, static_cast<std::uint64_t>(n_)));
    const std::uint64_t count = n_ % 25 == 20 ? 40 : 1 + random.below(6);
    std::vector<Operation> operations;
    for (std::uint64_t i = 0; i < count; ++i) {
      operations.push_back(choose(random));
      apply(operations.back());
    }
    return operations;
  }

 private:
  Operation choose(Random& random) {
    Operation operation;
    operation.record.embedding = source_.next();
    operation.record.title = "text of " + std::to_string(n_);
    operation.record.year = static_cast<std::int64_t>(n_);
    const std::uint64_t kind = random.below(records_.size() > 250 ? 200 : 100);
    if (records_.empty() || kind < 45) {
      do operation.rowid = random.between(1, 2000);
      while (records_.contains(operation.rowid));
      return operation;
    }
    auto row = records_.begin();
    std::advance(row, static_cast<std::ptrdiff_t>(random.below(records_.size())));
    operation.rowid = row->first;
    if (kind < 55) {
      operation.kind = Operation::Kind::kReplace;
    } else if (kind < 75) {
      operation.kind = Operation::Kind::kVector;
    } else if (kind < 80) {
      operation.kind = Operation::Kind::kTitle;
    } else if (kind < 85) {
      operation.kind = Operation::Kind::kMove;
      do operation.to = random.between(1, 2000);
      while (records_.contains(operation.to));
    } else {
      operation.kind = Operation::Kind::kDelete;
    }
    return operation;
  }

  void apply(const Operation& operation) {
    switch (operation.kind) {
      case Operation::Kind::kInsert:
      case Operation::Kind::kReplace: records_[operation.rowid] = operation.record; break;
      case Operation::Kind::kVector:
        records_.at(operation.rowid).embedding = operation.record.embedding;
        break;
      case Operation::Kind::kTitle:
        records_.at(operation.rowid).title = operation.record.title;
        break;
      case Operation::Kind::kMove: {
        auto node = records_.extract(operation.rowid);
        node.key() = operation.to;
        records_.insert(std::move(node));
        break;
      }
      case Operation::Kind::kDelete: records_.erase(operation.rowid); break;
    }
  }

  std::uint64_t seed_;
  VectorSource source_;
  std::int64_t n_ = 0;
  Records records_;
};

/// Runs an operation on the index; SQLite's code.
inline int write_index(Database& database, const TableShape& shape, const Operation& operation) {
  const Record& record = operation.record;
  const Value blob = shape.blob(*record.embedding);
  switch (operation.kind) {
    case Operation::Kind::kInsert:
    case Operation::Kind::kReplace:
      return database.run(
          std::string(operation.kind == Operation::Kind::kInsert ? "INSERT" : "INSERT OR REPLACE") +
              " INTO vss(rowid, embedding, lang, year, title) VALUES (?,?,?,?,?)",
          {operation.rowid, blob, record.lang, record.year, record.title});
    case Operation::Kind::kVector:
      return database.run("UPDATE vss SET embedding = ?1 WHERE rowid = ?2",
                          {blob, operation.rowid});
    case Operation::Kind::kTitle:
      return database.run("UPDATE vss SET title = ?1 WHERE rowid = ?2",
                          {record.title, operation.rowid});
    case Operation::Kind::kMove:
      return database.run("UPDATE vss SET rowid = ?1 WHERE rowid = ?2",
                          {operation.to, operation.rowid});
    case Operation::Kind::kDelete:
      return database.run("DELETE FROM vss WHERE rowid = ?1", {operation.rowid});
  }
  return SQLITE_MISUSE;
}

/// The same on the ordinary table.
inline int write_document(Database& database, const Operation& operation) {
  switch (operation.kind) {
    case Operation::Kind::kInsert:
    case Operation::Kind::kReplace:
      return database.run("INSERT OR REPLACE INTO documents(id, title) VALUES (?,?)",
                          {operation.rowid, operation.record.title});
    case Operation::Kind::kVector: return SQLITE_OK;
    case Operation::Kind::kTitle:
      return database.run("UPDATE documents SET title = ?1 WHERE id = ?2",
                          {operation.record.title, operation.rowid});
    case Operation::Kind::kMove:
      return database.run("UPDATE documents SET id = ?1 WHERE id = ?2",
                          {operation.to, operation.rowid});
    case Operation::Kind::kDelete:
      return database.run("DELETE FROM documents WHERE id = ?1", {operation.rowid});
  }
  return SQLITE_MISUSE;
}

}  // namespace nearlite::test
