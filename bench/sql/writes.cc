// The workloads that change rows, and the one that reads while they change.
#include <atomic>
#include <thread>

#include "driver/search_run.h"
#include "sql/session.h"

namespace bench {

namespace {

constexpr std::size_t kRowsPerTransaction = 1'000;

// Runs change(0 … count-1), a transaction for each thousand; returns the figures.
Json in_transactions(Database& db, std::size_t count, const auto& change) {
  const double cpu_start = process_seconds();
  const Clock::time_point start = Clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    if (i % kRowsPerTransaction == 0) db.execute("BEGIN IMMEDIATE");
    change(i);
    if (i % kRowsPerTransaction == kRowsPerTransaction - 1 || i == count - 1) db.execute("COMMIT");
  }
  const double seconds = seconds_since(start);
  return {{"rows", count},
          {"seconds", seconds},
          {"cpu_seconds", process_seconds() - cpu_start},
          {"rows_per_second", double(count) / seconds}};
}

}  // namespace

Json Session::insert_singly(const Json& request) {
  const std::size_t first = request.at("first");
  const std::size_t count = request.at("count");
  const std::int64_t base = db_->integer("SELECT coalesce(max(rowid), 0) FROM t");
  Statement insert = db_->prepare(dialect_.insert);
  Latencies latencies;
  const double cpu_start = process_seconds();
  const Clock::time_point start = Clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    const Clock::time_point before = Clock::now();
    insert.bind(1, base + 1 + static_cast<std::int64_t>(i)).bind(2, data_.row(first + i)).run();
    latencies.add(Clock::now() - before);
  }
  Json result = latencies.summary();
  result["rows_per_second"] = double(count) / seconds_since(start);
  result["cpu_rows_per_second"] = double(count) / (process_seconds() - cpu_start);
  return result;
}

Json Session::append(const Json& request) {
  const std::size_t first = request.at("first");
  const std::int64_t base = db_->integer("SELECT coalesce(max(rowid), 0) FROM t");
  Statement insert = db_->prepare(dialect_.insert);
  return in_transactions(*db_, request.at("count").get<std::size_t>(), [&](std::size_t i) {
    insert.bind(1, base + 1 + static_cast<std::int64_t>(i)).bind(2, data_.row(first + i)).run();
  });
}

Json Session::remove(const Json& request) {
  const std::size_t count = request.at("count");
  const std::size_t rows = request.at("rows");
  Statement remove = db_->prepare(dialect_.remove);
  return in_transactions(*db_, count, [&](std::size_t i) {
    remove.bind(1, static_cast<std::int64_t>(i * rows / count + 1)).run();
  });
}

Json Session::update(const Json& request) {
  const std::size_t first = request.at("first");
  Statement update = db_->prepare(dialect_.update);
  return in_transactions(*db_, request.at("count").get<std::size_t>(), [&](std::size_t i) {
    update.bind(1, static_cast<std::int64_t>(i + 1)).bind(2, data_.row(first + i)).run();
  });
}

Json Session::mixed(const Json& request) {
  const std::int64_t ef = request.at("ef");
  const double seconds = request.at("seconds");
  Database reader = connect();
  Statement search = reader.prepare(dialect_.search);
  const auto read_for_a_while = [&] {
    Latencies latencies;
    const Clock::time_point start = Clock::now();
    for (std::size_t i = 0; seconds_since(start) < seconds; ++i) {
      std::int64_t found[kNeighbors];
      const Clock::time_point before = Clock::now();
      search_once(search, data_.query(i % data_.query_count()), ef, found);
      latencies.add(Clock::now() - before);
    }
    return latencies.summary();
  };
  read_for_a_while();  // warm-up: loads the graph, meets every query
  Json result{{"alone", read_for_a_while()}};

  std::atomic<bool> stop = false;
  std::atomic<std::size_t> written = 0;
  const std::size_t first = request.at("first");
  const std::int64_t base = db_->integer("SELECT coalesce(max(rowid), 0) FROM t");
  std::thread writer([&] {
    Statement insert = db_->prepare(dialect_.insert);
    while (!stop && first + written < data_.row_count()) {
      insert.bind(1, base + 1 + static_cast<std::int64_t>(written))
          .bind(2, data_.row(first + written))
          .run();
      ++written;
    }
  });
  const Clock::time_point start = Clock::now();
  result["beside_writer"] = read_for_a_while();
  const double elapsed = seconds_since(start);
  result["rows_per_second"] = double(written) / elapsed;
  stop = true;
  writer.join();
  result["written"] = written.load();
  return result;
}

}  // namespace bench
