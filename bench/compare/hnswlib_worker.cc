// hnswlib, called as its makers call it: in C++, no SQL, no disk, compiled for this machine.
//
//   bench_hnswlib_native <data set folder>
//
// Inner product on unit vectors, its cheapest distance with the order of the cosine.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "driver/data_set.h"
#include "driver/process_memory.h"
#include "driver/search_run.h"
#include "driver/worker.h"
#include "hnswlib/hnswlib.h"

namespace bench {
namespace {

constexpr std::size_t kM = 16;
constexpr std::size_t kEfConstruction = 200;

class Hnswlib {
 public:
  explicit Hnswlib(const DataSet& data) : data_(data), space_(data.dim()) {}

  Json build(const Json& request) {
    const std::size_t threads = request.at("threads");
    const double cpu_start = process_seconds();
    const Clock::time_point start = Clock::now();
    index_ = std::make_unique<hnswlib::HierarchicalNSW<float>>(&space_, data_.row_count(), kM,
                                                               kEfConstruction);
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      for (std::size_t i = next++; i < data_.row_count(); i = next++) {
        index_->addPoint(data_.row(i).data(), i);
      }
    };
    std::vector<std::thread> helpers;
    for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back(work);
    work();
    for (std::thread& helper : helpers) helper.join();
    return {{"seconds", seconds_since(start)}, {"cpu_seconds", process_seconds() - cpu_start}};
  }

  Json save(const Json& request) {
    const Clock::time_point start = Clock::now();
    index_->saveIndex(request.at("path").get<std::string>());
    return {{"seconds", seconds_since(start)}};
  }

  Json load(const Json& request) {
    const Clock::time_point start = Clock::now();
    index_ = std::make_unique<hnswlib::HierarchicalNSW<float>>(
        &space_, request.at("path").get<std::string>());
    return {{"seconds", seconds_since(start)}};
  }

  Json search(const Json& request) {
    index_->setEf(request.at("ef"));
    return run_searches(data_, request,
                        [&](std::span<const float> query, std::span<std::int64_t> out) {
                          auto found = index_->searchKnn(query.data(), kNeighbors);
                          std::size_t count = 0;
                          for (; !found.empty(); found.pop()) {
                            out[count++] = static_cast<std::int64_t>(found.top().second);
                          }
                          return count;
                        });
  }

 private:
  const DataSet& data_;
  hnswlib::InnerProductSpace space_;
  std::unique_ptr<hnswlib::HierarchicalNSW<float>> index_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: bench_hnswlib <data set>\n", stderr), 2;
  const bench::DataSet data(argv[1]);
  bench::Hnswlib engine(data);
  using bench::Json;
  return bench::serve({
      {"build", [&](const Json& request) { return engine.build(request); }},
      {"save", [&](const Json& request) { return engine.save(request); }},
      {"load", [&](const Json& request) { return engine.load(request); }},
      {"search", [&](const Json& request) { return engine.search(request); }},
      {"memory", [&](const Json&) { return bench::process_memory(); }},
      {"about",
       [&](const Json&) {
         return Json{{"simd", BENCH_SIMD}};
       }},
  });
}
