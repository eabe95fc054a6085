// One engine's database during a benchmark, and the workloads on it. Each takes a request (see
// driver/worker.h) and returns its figures.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "driver/data_set.h"
#include "driver/worker.h"
#include "sql/database.h"
#include "sql/dialect.h"

namespace bench {

class Session {
 public:
  Session(std::string engine, std::string extension, const DataSet& data)
      : engine_(std::move(engine)), extension_(std::move(extension)), data_(data) {}

  /// {"path", "options"?, "form"?, "synchronous"?, "pragmas"?}: opens or creates the file, in WAL
  /// mode.
  Json open(const Json& request);
  /// {"first"?, "rows"?}: creates the index and inserts that part of the data set in one
  /// transaction.
  Json build(const Json& request);
  /// {"ef", "count"?, "warm_up"?, "prepare"?, "where"?}: "prepare" compiles the statement for each
  /// query, "where" goes behind its text.
  Json search(const Json& request);
  /// {"first", "count"}: inserts rows of the data set one by one, each a durable transaction.
  Json insert_singly(const Json& request);
  /// {"first", "count"}: inserts rows of the data set, in transactions of 1,000.
  Json append(const Json& request);
  /// {"rows", "count"}: deletes `count` of the first `rows` rows, spread evenly, in transactions
  /// of 1,000.
  Json remove(const Json& request);
  /// {"first", "count"}: gives rows another vector of the data set, in transactions of 1,000.
  Json update(const Json& request);
  /// {"ef", "rows", "first"}: of `rows` rows whose vectors begin at `first`, how many do not find
  /// themselves.
  Json find_themselves(const Json& request);
  /// {"ef", "seconds", "first"}: a reader alone; then beside a writer of single rows.
  Json mixed(const Json& request);
  /// {"ef", "count"}: recall against the engine's own exact search, for tables whose rows are no
  /// longer the data set's.
  Json recall_now(const Json& request);
  /// Makes the table that searches of the form "join" take their text from.
  Json add_texts(const Json& request);
  /// Memory, pages of the file, what the engine says of itself.
  Json state(const Json& request);
  Json about(const Json& request);

 private:
  [[nodiscard]] std::string search_sql(const Json& request) const;
  Database connect() const;
  std::size_t search_once(Statement& statement, std::span<const float> query, std::int64_t ef,
                          std::span<std::int64_t> out) const;

  std::string engine_;
  std::string extension_;
  const DataSet& data_;
  std::string path_;
  std::string synchronous_ = "NORMAL";
  std::string pragmas_;
  Dialect dialect_;
  std::optional<Database> db_;
};

}  // namespace bench
