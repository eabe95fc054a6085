// Time per search of the graph layer alone, with recall: no SQL, no rows. Not part of the default
// build:
//   cmake --build <folder> --target micro_graph
//   micro_graph <data folder> <graph file> [rounds] [ef | ef:slack ...]
// The data folder holds rows.f32 and queries.f32 (float32, row after row) and truth.i32 (ten row
// numbers a query); the graph file keeps the lists between runs and is made when it is missing.
// With a slack (StopRule, in 1/1024) a walk ends where what is left is too far, as walks of an
// index do: src/index/walk_plan.h says which ef and slack stand for an ef_search. Prints the median
// and the fastest time of a walk, of the same walk once more (all it reads is in the cache then),
// and of a whole search in memory: query prepared, walk, candidates rescored; and how many codes a
// walk compares.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "vector/quantizer.h"
#include "vector/simd_target.h"

namespace nearlite {
namespace {

constexpr std::size_t kDim = 384;
constexpr std::uint32_t kWanted = 10;
constexpr std::size_t kRescored = 14;
constexpr std::uint64_t kSeed = 7;
using Clock = std::chrono::steady_clock;

template <class T>
std::vector<T> read_array(const std::filesystem::path& path) {
  std::vector<T> values(std::filesystem::file_size(path) / sizeof(T));
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(T)));
  return values;
}

void check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

/// All lists of a graph as numbers: id, parent, then a length and the ids for every level.
std::vector<std::uint32_t> lists_of(const Graph& graph) {
  std::vector<std::uint32_t> numbers{graph.entry()};
  for (NodeId id = 1; id <= graph.max_id(); ++id) {
    numbers.insert(numbers.end(), {id, graph.parent(id)});
    for (unsigned level = 0; level <= graph.level_of(id); ++level) {
      const std::vector<NodeId> list = graph.list(id, level);
      numbers.push_back(static_cast<std::uint32_t>(list.size()));
      numbers.insert(numbers.end(), list.begin(), list.end());
    }
  }
  return numbers;
}

void load_lists(Graph& graph, const std::vector<std::uint32_t>& numbers, NodeId last) {
  GraphLoader loader(graph);
  for (std::size_t at = 1; at < numbers.size();) {
    NodeRecord row;
    row.id = numbers[at++];
    row.rowid = row.id;
    row.parent = numbers[at++];
    row.as_of = last;
    for (unsigned level = 0; level <= graph.level_of(row.id); ++level) {
      const std::size_t size = numbers[at++];
      const auto first = numbers.begin() + static_cast<std::ptrdiff_t>(at);
      row.links.emplace_back(first, first + static_cast<std::ptrdiff_t>(size));
      row.own.emplace_back();
      at += size;
    }
    check(loader.add(row));
  }
  check(loader.finish(last, numbers[0], 1));
}

struct Fixture {
  Fixture(const std::filesystem::path& data, const std::filesystem::path& file)
      : quantizer({Metric::kCosine, ElementType::kFloat32, kDim, Quantize::kInt8, kSeed}),
        queries(read_array<float>(data / "queries.f32")),
        truth(read_array<std::int32_t>(data / "truth.i32")) {
    const std::vector<float> rows = read_array<float>(data / "rows.f32");
    const auto last = static_cast<NodeId>(rows.size() / kDim);
    GraphOptions options;
    options.seed = kSeed;
    options.format = quantizer.format();
    auto made = Graph::make(options);
    check(made.status());
    graph = std::move(*made);
    check(graph->reserve(last));
    EncodeScratch scratch;
    check(scratch.reserve(options.format));
    for (NodeId id = 1; id <= last; ++id) {
      CodeInfo info;
      quantizer.encode({rows.data() + std::size_t{id - 1} * kDim, kDim}, graph->mutable_code(id),
                       graph->mutable_residual(id), info, scratch);
      graph->set_node(id, id, info);
    }
    if (std::filesystem::exists(file)) {
      load_lists(*graph, read_array<std::uint32_t>(file), last);
    } else {
      build(last);
      const std::vector<std::uint32_t> numbers = lists_of(*graph);
      std::ofstream(file, std::ios::binary)
          .write(reinterpret_cast<const char*>(numbers.data()),
                 static_cast<std::streamsize>(numbers.size() * sizeof(std::uint32_t)));
    }
  }

  void build(NodeId last) {
    const auto start = Clock::now();
    GraphChange change(*graph);
    for (NodeId id = 1; id <= last; ++id) check(change.add_node(id));
    check(change.link({}));
    change.publish(1);
    std::printf("built in %.1f s\n", std::chrono::duration<double>(Clock::now() - start).count());
  }

  Quantizer quantizer;
  std::unique_ptr<Graph> graph;
  std::vector<float> queries;
  std::vector<std::int32_t> truth;
};

struct Point {
  std::vector<double> walk;  // microseconds
  std::vector<double> again;
  std::vector<double> whole;
  double recall = 0;
  double compared = 0;
};

double quantile(std::vector<double> times, double part) {
  std::sort(times.begin(), times.end());
  return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
}

struct Width {
  std::uint32_t ef = 0;
  StopRule stop;
};

Width width_of(const std::string& text) {
  const std::size_t colon = text.find(':');
  Width width;
  width.ef = static_cast<std::uint32_t>(std::stoul(text));
  if (colon != std::string::npos)
    width.stop = {kWanted, static_cast<std::uint32_t>(std::stoul(text.substr(colon + 1)))};
  return width;
}

void run(const Fixture& f, const Width& width, SearchContext& context, Point& point) {
  const auto microseconds = [](auto from, auto to) {
    return std::chrono::duration<double, std::micro>(to - from).count();
  };
  SearchQuery query;
  std::vector<std::pair<float, NodeId>> best;
  const std::size_t count = f.queries.size() / kDim;
  std::size_t found = 0;
  point.compared = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto start = Clock::now();
    check(f.quantizer.prepare_search({f.queries.data() + i * kDim, kDim}, query));
    const auto prepared = Clock::now();
    const auto walked = search(*f.graph, nullptr, query.code(), width.ef, context, width.stop);
    const auto end = Clock::now();
    check(walked.status());
    best.clear();
    const auto kept_codes = walked->first(std::min(walked->size(), kRescored));
    for (const Candidate& candidate : kept_codes) f.graph->prefetch_found(candidate.id);
    for (const Candidate& candidate : kept_codes) {
      const NodeId id = candidate.id;
      best.emplace_back(
          f.quantizer.rescore(query, f.graph->code(id), f.graph->residual(id), f.graph->info(id)),
          id);
    }
    const std::size_t kept = std::min<std::size_t>(kWanted, best.size());
    std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(kept), best.end());
    point.walk.push_back(microseconds(prepared, end));
    point.whole.push_back(microseconds(start, Clock::now()));
    point.compared += static_cast<double>(context.compared_count()) / static_cast<double>(count);
    const auto warm = Clock::now();
    check(search(*f.graph, nullptr, query.code(), width.ef, context, width.stop).status());
    point.again.push_back(microseconds(warm, Clock::now()));
    for (std::size_t j = 0; j < kept; ++j) {
      const auto row = static_cast<std::int32_t>(best[j].second - 1);
      const auto* const first = f.truth.data() + i * kWanted;
      found += std::find(first, first + kWanted, row) != first + kWanted ? 1 : 0;
    }
  }
  point.recall = static_cast<double>(found) / static_cast<double>(count * kWanted);
}

}  // namespace
}  // namespace nearlite

int main(int argc, char** argv) {
  using namespace nearlite;
  if (argc < 3) {
    std::fprintf(stderr,
                 "usage: micro_graph <data folder> <graph file> [rounds] [ef | ef:slack ...]\n");
    return 2;
  }
  const Fixture fixture(argv[1], argv[2]);
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 5;
  std::vector<Width> widths;
  for (int i = 4; i < argc; ++i) widths.push_back(width_of(argv[i]));
  if (widths.empty()) {
    for (const char* const text :
         {"28:56", "32:72", "48:107", "64:131", "96:168", "128:193", "256:256"})
      widths.push_back(width_of(text));
  }
  std::vector<Point> points(widths.size());
  SearchContext context;
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < widths.size(); ++i) run(fixture, widths[i], context, points[i]);
  }
  for (std::size_t i = 0; i < widths.size(); ++i) {
    std::printf(
        "ef %4u slack %4u  recall %.4f  compared %6.0f  walk p50 %6.2f p10 %6.2f  again p50 %6.2f  "
        "whole p50 %6.2f p10 %6.2f us\n",
        widths[i].ef, widths[i].stop.slack, points[i].recall, points[i].compared,
        quantile(points[i].walk, 0.5), quantile(points[i].walk, 0.1),
        quantile(points[i].again, 0.5), quantile(points[i].whole, 0.5),
        quantile(points[i].whole, 0.1));
  }
}
