#include "driver/search_run.h"

#include <time.h>

#include <algorithm>
#include <cmath>

namespace bench {

namespace {

// Enough to bring back what other engines' turns pushed out of the caches.
constexpr std::size_t kWarmUp = 200;

double read_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

double thread_seconds() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

double process_seconds() { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

void Latencies::append(const Latencies& other) {
  times_.insert(times_.end(), other.times_.begin(), other.times_.end());
}

Json Latencies::summary() const {
  std::vector<Clock::duration> sorted = times_;
  std::sort(sorted.begin(), sorted.end());
  const auto microseconds = [&](double quantile) {
    if (sorted.empty()) return 0.0;
    const auto last = static_cast<double>(sorted.size() - 1);
    const auto at = static_cast<std::size_t>(std::ceil(quantile * last));
    return std::chrono::duration<double, std::micro>(sorted[at]).count();
  };
  return {{"p50_us", microseconds(0.50)},
          {"p95_us", microseconds(0.95)},
          {"p99_us", microseconds(0.99)},
          {"max_us", microseconds(1.00)},
          {"count", sorted.size()}};
}

Json run_searches(const DataSet& data, const Json& request, const Search& search) {
  const std::size_t count = request.value("count", data.query_count());
  const std::size_t warm_up = request.value("warm_up", std::min(count, kWarmUp));
  std::vector<std::int64_t> found(count * kNeighbors);
  std::vector<std::size_t> found_count(count);
  const auto query_of = [&](std::size_t i) { return i % data.query_count(); };
  for (std::size_t i = 0; i < warm_up; ++i) {
    search(data.query(query_of(count - 1 - i)), std::span(found).first(kNeighbors));
  }
  Latencies latencies;
  const double cpu_start = thread_seconds();
  const Clock::time_point start = Clock::now();
  Clock::time_point before = start;
  for (std::size_t i = 0; i < count; ++i) {
    found_count[i] =
        search(data.query(query_of(i)), std::span(found).subspan(i * kNeighbors, kNeighbors));
    const Clock::time_point after = Clock::now();
    latencies.add(after - before);
    before = after;
  }
  const double seconds = seconds_since(start);
  const double cpu_seconds = thread_seconds() - cpu_start;
  std::size_t hits = 0;
  for (std::size_t i = 0; i < count; ++i) {
    hits += data.hits(query_of(i), std::span(found).subspan(i * kNeighbors, found_count[i]));
  }
  Json result = latencies.summary();
  result["qps"] = static_cast<double>(count) / seconds;
  result["cpu_qps"] = static_cast<double>(count) / cpu_seconds;
  result["recall"] = static_cast<double>(hits) / static_cast<double>(count * kNeighbors);
  return result;
}

}  // namespace bench
