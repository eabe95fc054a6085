#include "sql/session.h"

#include <algorithm>

#include "driver/process_memory.h"
#include "driver/search_run.h"

namespace bench {

Database Session::connect() const {
  Database db(path_, extension_);
  db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = " + synchronous_ + ";" + pragmas_);
  return db;
}

Json Session::open(const Json& request) {
  path_ = request.at("path");
  synchronous_ = request.value("synchronous", "NORMAL");
  pragmas_ = request.value("pragmas", "");
  dialect_ = dialect_of(engine_, data_.dim(), data_.row_count(), request.value("options", ""),
                        request.value("form", "match"));
  db_.emplace(connect());
  return about(request);
}

Json Session::about(const Json&) {
  Json result{{"sqlite", sqlite3_libversion()}, {"synchronous", synchronous_}};
  if (engine_ == "nearlite") result["version"] = db_->text("SELECT nearlite_version()");
  if (engine_ == "vectorlite") result["version"] = db_->text("SELECT vectorlite_info()");
  if (engine_ == "sqlite-vec") result["version"] = db_->text("SELECT vec_version()");
  return result;
}

Json Session::build(const Json& request) {
  const std::size_t first = request.value("first", std::size_t{0});
  const std::size_t rows = request.value("rows", data_.row_count() - first);
  db_->execute(dialect_.create);
  const double cpu_start = process_seconds();
  const Clock::time_point start = Clock::now();
  db_->execute("BEGIN");
  Statement insert = db_->prepare(dialect_.insert);
  for (std::size_t i = 0; i < rows; ++i) {
    insert.bind(1, static_cast<std::int64_t>(i + 1)).bind(2, data_.row(first + i)).run();
  }
  const double inserted = seconds_since(start);
  db_->execute("COMMIT");
  const double committed = seconds_since(start);
  const double cpu_seconds = process_seconds() - cpu_start;
  db_->execute("PRAGMA wal_checkpoint(TRUNCATE)");
  return {{"rows", rows},
          {"seconds", committed},
          {"cpu_seconds", cpu_seconds},
          {"insert_seconds", inserted},
          {"commit_seconds", committed - inserted},
          {"checkpoint_seconds", seconds_since(start) - committed}};
}

std::size_t Session::search_once(Statement& statement, std::span<const float> query,
                                 std::int64_t ef, std::span<std::int64_t> out) const {
  statement.bind(1, query);
  if (statement.takes_parameter(2)) statement.bind(2, ef);
  std::size_t count = 0;
  const bool has_distance = statement.column_count() > 1;
  volatile double distance = 0;  // a caller reads it, so we do
  while (statement.step()) {
    if (has_distance) distance = statement.real(1);
    if (count < out.size()) out[count++] = statement.integer(0) - 1;
  }
  statement.reset();
  static_cast<void>(distance);
  return count;
}

std::string Session::search_sql(const Json& request) const {
  return dialect_.search + request.value("where", "");
}

Json Session::search(const Json& request) {
  const std::int64_t ef = request.at("ef");
  const std::string sql = search_sql(request);
  if (request.value("prepare", false)) {
    return run_searches(data_, request, [&](std::span<const float> query, auto out) {
      Statement statement = db_->prepare(sql);
      return search_once(statement, query, ef, out);
    });
  }
  Statement statement = db_->prepare(sql);
  return run_searches(data_, request, [&](std::span<const float> query, auto out) {
    return search_once(statement, query, ef, out);
  });
}

Json Session::find_themselves(const Json& request) {
  const std::size_t first = request.at("first");
  const std::size_t rows = request.at("rows");
  Statement statement = db_->prepare(dialect_.search);
  std::size_t lost = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    std::int64_t found[kNeighbors];
    const std::size_t count = search_once(statement, data_.row(first + i), request.at("ef"), found);
    lost += std::count(found, found + count, static_cast<std::int64_t>(i)) == 0;
  }
  return {{"rows", rows}, {"lost", lost}};
}

Json Session::recall_now(const Json& request) {
  const std::size_t count = request.at("count");
  Statement search = db_->prepare(search_sql(request));
  Statement exact =
      db_->prepare("SELECT rowid, distance FROM t WHERE embedding MATCH ?1 AND k = " +
                   std::to_string(kNeighbors) + " AND exact = 1" + request.value("where", ""));
  std::size_t hits = 0;
  std::size_t right = 0;  // with a condition fewer than ten rows may match
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t found[kNeighbors];
    std::int64_t truth[kNeighbors];
    std::int64_t* found_end = found + search_once(search, data_.query(i), request.at("ef"), found);
    std::int64_t* truth_end = truth + search_once(exact, data_.query(i), 0, truth);
    right += static_cast<std::size_t>(truth_end - truth);
    for (const std::int64_t* row = truth; row != truth_end; ++row) {
      hits += std::count(found, found_end, *row) != 0;
    }
  }
  return {{"recall", right == 0 ? 1.0 : double(hits) / double(right)}};
}

Json Session::add_texts(const Json&) {
  db_->execute(
      "CREATE TABLE IF NOT EXISTS texts(id INTEGER PRIMARY KEY, body TEXT);"
      "INSERT INTO texts SELECT rowid, printf('%0100d', rowid) FROM t");
  return {{"rows", db_->integer("SELECT count(*) FROM texts")}};
}

Json Session::state(const Json&) {
  Json result{{"memory", process_memory()},
              {"disk", db_->integer("PRAGMA page_count") * db_->integer("PRAGMA page_size")}};
  if (engine_ == "nearlite") {
    result["stats"] = Json::parse(db_->text("SELECT nearlite_stats('t')"));
  }
  return result;
}

}  // namespace bench
