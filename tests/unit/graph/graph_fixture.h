// Codes, graphs and reference answers for the tests of the graph layer. Seeds are printed with
// failures and replaced by NEARLITE_SEED.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "vector/quantizer.h"
#include "vector/query_code.h"
#include "vector/simd_target.h"

namespace nearlite {

inline std::uint64_t test_seed(std::uint64_t seed_default) {
  const char* text = std::getenv("NEARLITE_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : seed_default;
}

#define NEARLITE_SEEDED(name, seed_default)                       \
  const std::uint64_t name = ::nearlite::test_seed(seed_default); \
  SCOPED_TRACE("repeat with NEARLITE_SEED=" + std::to_string(name))

#define ASSERT_OK(expr)                                         \
  do {                                                          \
    const ::nearlite::Status assert_status = (expr);            \
    ASSERT_TRUE(assert_status.ok()) << assert_status.message(); \
  } while (false)

inline void check_ok(const Status& status) { EXPECT_TRUE(status.ok()) << status.message(); }

/// An int8 code (bytes = value + 128) with its sum of squares.
struct TestCode {
  std::vector<std::byte> bytes;
  CodeInfo info;
  friend bool operator==(const TestCode& a, const TestCode& b) { return a.bytes == b.bytes; }
};

inline CodeFormat int8_format(std::uint32_t dim) {
  CodeFormat format;
  format.kind = CodeKind::kInt8Global;
  format.dim = dim;
  format.code_bytes = (dim + 63) / 64 * 64;
  format.residual_bytes = format.code_bytes;
  return format;
}

inline GraphOptions graph_options(std::uint32_t dim, std::uint32_t m = 16,
                                  std::uint32_t ef_construction = 200) {
  GraphOptions options;
  options.m = m;
  options.ef_construction = ef_construction;
  options.seed = 7;
  options.format = int8_format(dim);
  return options;
}

/// One global scale, as for cosine.
inline TestCode encode(const std::vector<float>& vector) {
  const std::size_t bytes = (vector.size() + 63) / 64 * 64;
  TestCode code;
  code.bytes.assign(bytes, std::byte{128});
  const double scale = 127.0 / std::min(1.0, 5.5 / std::sqrt(static_cast<double>(bytes)));
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const int value = static_cast<int>(std::lround(std::clamp(vector[i] * scale, -127.0, 127.0)));
    code.bytes[i] = static_cast<std::byte>(value + 128);
    code.info.b += static_cast<std::uint32_t>(value * value);
  }
  const auto dim = static_cast<std::uint32_t>(vector.size());
  code.info.a = head_squares(int8_format(dim), code.bytes.data());
  return code;
}

inline std::uint32_t key_between(const TestCode& a, const TestCode& b) {
  std::uint32_t key = 0;
  for (std::size_t i = 0; i < a.bytes.size(); ++i) {
    const int difference = static_cast<int>(a.bytes[i]) - static_cast<int>(b.bytes[i]);
    key += static_cast<std::uint32_t>(difference * difference);
  }
  return key;
}

/// Unit vectors from a mixture of clusters in a space of few, unequally important dimensions: like
/// embeddings.
class ClusteredVectors {
 public:
  ClusteredVectors(std::uint64_t seed, std::uint32_t dim, std::size_t clusters, float spread,
                   std::uint32_t rank = 0)
      : random_(seed), dim_(dim), rank_(rank != 0 ? rank : std::max(2U, dim / 8)), spread_(spread) {
    basis_.resize(std::size_t{rank_} * dim_);
    for (std::uint32_t r = 0; r < rank_; ++r) {
      const float weight = 1.0f / std::sqrt(1.0f + static_cast<float>(r) * 0.25f);
      for (std::uint32_t i = 0; i < dim_; ++i)
        basis_[std::size_t{r} * dim_ + i] = weight * normal_(random_);
    }
    for (std::size_t c = 0; c < clusters; ++c) centers_.push_back(latent(1.0f));
  }

  std::vector<float> next() {
    const std::vector<float>& center = centers_[random_() % centers_.size()];
    return vector_at(center);
  }
  std::vector<float> in_cluster(std::size_t cluster) {
    return vector_at(centers_[cluster % centers_.size()]);
  }

 private:
  std::vector<float> latent(float scale) {
    std::vector<float> z(rank_);
    for (float& x : z) x = scale * normal_(random_);
    return z;
  }
  std::vector<float> vector_at(const std::vector<float>& center) {
    const std::vector<float> noise = latent(spread_);
    std::vector<float> x(dim_, 0.0f);
    for (std::uint32_t r = 0; r < rank_; ++r) {
      const float z = center[r] + noise[r];
      for (std::uint32_t i = 0; i < dim_; ++i) x[i] += z * basis_[std::size_t{r} * dim_ + i];
    }
    double norm = 0;
    for (float& value : x) {
      value += 0.3f * spread_ * normal_(random_);
      norm += static_cast<double>(value) * static_cast<double>(value);
    }
    for (float& value : x) value = static_cast<float>(value / std::sqrt(norm));
    return x;
  }

  std::mt19937_64 random_;
  std::normal_distribution<float> normal_;
  std::uint32_t dim_;
  std::uint32_t rank_;
  float spread_;
  std::vector<float> basis_;
  std::vector<std::vector<float>> centers_;
};

/// A prepared query that owns its memory.
class TestQuery {
 public:
  TestQuery(const CodeFormat& format, const TestCode& code) : buffer_(code.bytes.size() + 64) {
    const auto address = reinterpret_cast<std::uintptr_t>(buffer_.data());
    query_ = prepare_query(format, code.bytes.data(), code.info,
                           buffer_.data() + ((64 - address % 64) % 64));
  }
  [[nodiscard]] const QueryCode& get() const { return query_; }

 private:
  std::vector<std::byte> buffer_;
  QueryCode query_;
};

inline void write_node(Graph& graph, NodeId id, const TestCode& code) {
  check_ok(graph.reserve(id));
  std::memcpy(graph.mutable_code(id), code.bytes.data(), code.bytes.size());
  std::memset(graph.mutable_residual(id), 0, graph.options().format.residual_bytes);
  graph.set_node(id, static_cast<RowId>(id) * 10, code.info);
}

inline std::unique_ptr<Graph> make_graph(const GraphOptions& options) {
  auto graph = Graph::make(options);
  check_ok(graph.status());
  return graph.ok() ? std::move(*graph) : nullptr;
}

/// Adds codes as ids max_id() + 1, … in one transaction.
inline void insert_all(Graph& graph, const std::vector<TestCode>& codes,
                       const LinkOptions& options = {}) {
  GraphChange change(graph);
  NodeId id = graph.max_id();
  for (const TestCode& code : codes) {
    write_node(graph, ++id, code);
    check_ok(change.add_node(id));
  }
  check_ok(change.link(options));
  change.publish(1);
}

inline std::vector<NodeId> search_ids(const Graph& graph, const TestCode& code, std::uint32_t ef,
                                      SearchContext& context, const GraphChange* change = nullptr) {
  const TestQuery query(graph.options().format, code);
  const auto found = search(graph, change, query.get(), ef, context);
  check_ok(found.status());
  std::vector<NodeId> ids;
  if (found.ok()) {
    for (const Candidate& candidate : *found) ids.push_back(candidate.id);
  }
  return ids;
}

/// The k nearest of `ids` by (key, id), by comparison with all; codes[id - 1] is the code of id.
inline std::vector<NodeId> exact_ids(const std::vector<TestCode>& codes,
                                     const std::vector<NodeId>& ids, const TestCode& query,
                                     std::size_t k) {
  std::vector<std::pair<std::uint32_t, NodeId>> all;
  all.reserve(ids.size());
  for (const NodeId id : ids) all.emplace_back(key_between(codes[id - 1], query), id);
  k = std::min(k, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(k), all.end());
  std::vector<NodeId> nearest;
  for (std::size_t i = 0; i < k; ++i) nearest.push_back(all[i].second);
  return nearest;
}

inline std::vector<TestCode> encode_many(ClusteredVectors& source, std::size_t count) {
  std::vector<TestCode> codes;
  codes.reserve(count);
  for (std::size_t i = 0; i < count; ++i) codes.push_back(encode(source.next()));
  return codes;
}

}  // namespace nearlite
