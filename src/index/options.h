// What one vector index is: fixed at creation, except the settings at the end, which commands may
// change.
#pragma once

#include <cstdint>
#include <string>

#include "graph/types.h"
#include "vector/quantizer.h"
#include "vector/types.h"

namespace nearlite {

struct IndexOptions {
  std::string label;  ///< "docs.embedding", for messages
  ElementType element = ElementType::kFloat32;
  Metric metric = Metric::kCosine;
  std::uint32_t dim = 384;
  std::uint32_t m = 16;
  std::uint32_t ef_construction = 200;
  Quantize quantize = Quantize::kInt8;
  std::uint64_t seed = 0;  ///< decides levels and the rotation; stored, derived from the index uuid

  /// The vectors are rows of somebody else's table (content.h): only codes are stored.
  bool is_external = false;

  std::string centre_key = "centre";  ///< where the store keeps the centre of an l2 index

  // Settings.
  std::uint32_t ef_search = 200;
  std::uint64_t exact_up_to = 0;             ///< rows; an index this small is compared whole
  std::uint32_t tombstone_rebuild_pct = 30;  ///< 0..100; 100 = never repair on our own
  std::uint32_t parallel_insert_threshold =
      256;                         ///< batches below this size are linked by one thread
  std::uint32_t thread_count = 0;  ///< 0 = as many as there are cores; results do not depend on it
  /// An index whose vectors fit in as much keeps those it has read (kept_vectors.h). 0 = none does.
  std::uint64_t kept_bytes_max = std::uint64_t{16} << 20;
  /// A side file this large is not read before the first search, but by it and those after it, as
  /// far as they need it (graph/partial.h). A smaller one is read faster than it is told apart.
  std::uint64_t partial_bytes_min = std::uint64_t{4} << 20;
};

/// What the codes of such an index are made from.
[[nodiscard]] QuantizerOptions quantizer_options(const IndexOptions& options) noexcept;

/// The number of threads to link with: options.thread_count, or the machine's cores, at most 64.
[[nodiscard]] unsigned effective_thread_count(const IndexOptions& options) noexcept;

}  // namespace nearlite
