// Times searches one by one, in one thread, and counts what they found.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "driver/data_set.h"
#include "driver/worker.h"

namespace bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Processor time of the calling thread, and of the whole process: what the work itself took,
/// whoever else the machine serves.
double thread_seconds();
double process_seconds();

/// Times of single operations, of which a quantile can be told.
class Latencies {
 public:
  void add(Clock::duration time) { times_.push_back(time); }
  void append(const Latencies& other);
  std::size_t count() const { return times_.size(); }
  /// p50_us, p95_us, p99_us, max_us and count.
  Json summary() const;

 private:
  std::vector<Clock::duration> times_;
};

/// Searches for the ten nearest of a query; writes row numbers (from 0), returns how many.
using Search =
    std::function<std::size_t(std::span<const float> query, std::span<std::int64_t> out)>;

/// Runs `warm_up` queries unmeasured, then `count` measured ones (the whole set, over and over,
/// from the first). Returns qps, cpu_qps (per second of processor time), recall and the latencies.
Json run_searches(const DataSet& data, const Json& request, const Search& search);

}  // namespace bench
