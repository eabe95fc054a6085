// Time per operation of the vector layer, in cache: comparison keys, rescoring, encoding, exact
// distances, for each instruction set. Not part of the default build:
//   cmake --build <folder> --target micro_vector
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/aligned.h"
#include "vector/quantizer.h"
#include "vector/query_code.h"
#include "vector/simd_target.h"

namespace nearlite {
namespace {

std::vector<float> random_vector(std::mt19937_64& random, std::size_t dim) {
  std::normal_distribution<float> normal;
  std::vector<float> vector(dim);
  for (float& x : vector) x = normal(random);
  return vector;
}

/// Sixteen encoded vectors and a query: 6 KiB of codes at 384 dimensions, inside the first cache.
struct Fixture {
  static constexpr std::size_t kCount = 16;

  Fixture(Metric metric, Quantize quantize, std::uint32_t dim)
      : quantizer({metric, metric == Metric::kHamming ? ElementType::kBit : ElementType::kFloat32,
                   dim, quantize, 1}),
        format(quantizer.format()) {
    std::mt19937_64 random(1);
    EncodeScratch scratch;
    static_cast<void>(scratch.reserve(format));
    static_cast<void>(codes.allocate(kCount * format.code_bytes));
    static_cast<void>(residuals.allocate(kCount * format.code_bytes));
    for (std::size_t i = 0; i < kCount; ++i) {
      quantizer.encode(random_vector(random, dim), code(i), residual(i), infos[i], scratch);
    }
    vector = random_vector(random, dim);
    static_cast<void>(quantizer.prepare_search(vector, query));
  }
  std::byte* code(std::size_t i) { return codes.data() + i * format.code_bytes; }
  std::byte* residual(std::size_t i) { return residuals.data() + i * format.code_bytes; }

  Quantizer quantizer;
  CodeFormat format;
  AlignedBuffer codes;
  AlignedBuffer residuals;
  CodeInfo infos[kCount];
  std::vector<float> vector;
  SearchQuery query;
};

void key4(benchmark::State& state, Metric metric, Quantize quantize, SimdTarget target) {
  Fixture f(metric, quantize, static_cast<std::uint32_t>(state.range(0)));
  const KeyFunctions functions = key_functions(f.format.kind, target);
  std::uint32_t keys[4];
  for (auto _ : state) {
    for (std::size_t i = 0; i < Fixture::kCount; i += 4) {
      const std::byte* codes[4] = {f.code(i), f.code(i + 1), f.code(i + 2), f.code(i + 3)};
      functions.key4(f.query.code(), codes, f.infos + i, f.format, keys);
      benchmark::DoNotOptimize(keys);
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * Fixture::kCount);
}

void key1(benchmark::State& state, Metric metric, Quantize quantize, SimdTarget target) {
  Fixture f(metric, quantize, static_cast<std::uint32_t>(state.range(0)));
  const KeyFunctions functions = key_functions(f.format.kind, target);
  for (auto _ : state) {
    for (std::size_t i = 0; i < Fixture::kCount; ++i) {
      benchmark::DoNotOptimize(functions.key(f.query.code(), f.code(i), f.infos[i], f.format));
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * Fixture::kCount);
}

void rescore(benchmark::State& state, Metric metric, Quantize quantize, SimdTarget target) {
  Fixture f(metric, quantize, static_cast<std::uint32_t>(state.range(0)));
  const SimdTarget before = active_simd_target();
  force_simd_target(target);
  for (auto _ : state) {
    for (std::size_t i = 0; i < Fixture::kCount; ++i) {
      benchmark::DoNotOptimize(f.quantizer.rescore(f.query, f.code(i), f.residual(i), f.infos[i]));
    }
  }
  force_simd_target(before);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * Fixture::kCount);
}

void encode(benchmark::State& state, Metric metric, Quantize quantize, SimdTarget target) {
  Fixture f(metric, quantize, static_cast<std::uint32_t>(state.range(0)));
  EncodeScratch scratch;
  static_cast<void>(scratch.reserve(f.format));
  const SimdTarget before = active_simd_target();
  force_simd_target(target);
  for (auto _ : state) {
    f.quantizer.encode(f.vector, f.code(0), f.residual(0), f.infos[0], scratch);
    benchmark::ClobberMemory();
  }
  force_simd_target(before);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

struct Case {
  const char* name;
  Metric metric;
  Quantize quantize;
};

void register_all() {
  const Case cases[] = {
      {"int8_global", Metric::kCosine, Quantize::kInt8}, {"int8_l2", Metric::kL2, Quantize::kInt8},
      {"int8_dot", Metric::kIp, Quantize::kInt8},        {"float_l2", Metric::kL2, Quantize::kNone},
      {"float_dot", Metric::kIp, Quantize::kNone},       {"float_l1", Metric::kL1, Quantize::kNone},
      {"bits", Metric::kHamming, Quantize::kNone}};
  struct Operation {
    const char* name;
    void (*run)(benchmark::State&, Metric, Quantize, SimdTarget);
  };
  for (const Operation& operation : {Operation{"key4", key4}, Operation{"key", key1},
                                     Operation{"rescore", rescore}, Operation{"encode", encode}}) {
    for (const Case& c : cases) {
      for (const SimdTarget target : supported_simd_targets()) {
        const std::string name =
            std::string(operation.name) + "/" + c.name + "/" + std::string(name_of(target));
        benchmark::RegisterBenchmark(name.c_str(), operation.run, c.metric, c.quantize, target)
            ->Arg(384);
      }
    }
  }
}

}  // namespace
}  // namespace nearlite

int main(int argc, char** argv) {
  nearlite::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
