// Reading a whole index into memory: vectors become codes, link rows become lists. Sequential, once
// per process; nothing is rebuilt. Damaged rows are reported as corruption, never followed.
#include <algorithm>
#include <thread>

#include "base/try.h"
#include "index/cache.h"
#include "index/node_code.h"
#include "index/stored_vector.h"

namespace nearlite {

namespace {
Status corruption(const IndexOptions& options, const std::string& what) {
  return {Code::kCorruption, "nearlite: " + options.label + ": " + what};
}
}  // namespace

unsigned effective_thread_count(const IndexOptions& options) noexcept {
  if (options.thread_count != 0) return std::min(options.thread_count, 64U);
  return std::clamp(std::thread::hardware_concurrency(), 1U, 64U);
}

QuantizerOptions quantizer_options(const IndexOptions& options) noexcept {
  QuantizerOptions result;
  result.metric = options.metric;
  result.element_type = options.element;
  result.dim = options.dim;
  result.quantize = options.quantize;
  result.seed = options.seed;
  return result;
}

Result<std::shared_ptr<const Quantizer>> load_quantizer(Store& store, const IndexOptions& options) {
  const QuantizerOptions quantizer = quantizer_options(options);
  if (code_format(quantizer).kind != CodeKind::kInt8ScaledL2) {
    return std::shared_ptr<const Quantizer>(std::make_shared<Quantizer>(quantizer));
  }
  NEARLITE_ASSIGN(const auto bytes, store.find_config(options.centre_key));
  if (!bytes) return std::shared_ptr<const Quantizer>();
  if (bytes->size() != std::size_t{options.dim} * sizeof(float)) {
    return corruption(options, "stored centre has " + std::to_string(bytes->size()) + " bytes");
  }
  std::vector<float> centre(options.dim);
  IndexOptions as_float = options;
  as_float.element = ElementType::kFloat32;
  NEARLITE_TRY(decode_stored(as_float, *bytes, centre));
  return std::shared_ptr<const Quantizer>(std::make_shared<Quantizer>(quantizer, centre));
}

namespace {

// The codes of every stored vector with id <= max_id.
Status load_codes(Store& store, const IndexOptions& options, const Quantizer& quantizer,
                  NodeId max_id, Graph& graph) {
  NodeCoder coder;
  NEARLITE_TRY(coder.prepare(options, quantizer));
  return store.scan_vectors(
      1, max_id, [&](NodeId id, RowId rowid, std::span<const std::byte> bytes) {
        NodeCoder::Place place{graph.mutable_code(id), graph.mutable_residual(id), {}};
        NEARLITE_TRY(coder.from_slot(bytes, place));
        graph.set_node(id, rowid, place.info);
        return Status();
      });
}

}  // namespace

Result<std::shared_ptr<Cache>> load_cache(Store& store, const IndexOptions& options,
                                          const CommitRecord& snapshot) {
  NEARLITE_ASSIGN(auto quantizer, load_quantizer(store, options));
  GraphOptions graph_options;
  graph_options.m = options.m;
  graph_options.ef_construction = options.ef_construction;
  graph_options.seed = options.seed;
  graph_options.format = graph_code_format(options);
  NEARLITE_ASSIGN(auto graph, Graph::make(graph_options));
  if (snapshot.max_node_id > 0) {
    if (!quantizer) return corruption(options, "no quantizer stored");
    NEARLITE_TRY(graph->reserve(snapshot.max_node_id));
    NEARLITE_TRY(load_codes(store, options, *quantizer, snapshot.max_node_id, *graph));
    GraphLoader loader(*graph);
    std::uint64_t node_count = 0;
    NEARLITE_TRY(store.scan_links(1, snapshot.max_node_id, [&](NodeRecord& record) {
      ++node_count;
      if (graph->rowid(record.id) != record.rowid) {
        return corruption(options, "links of node " + std::to_string(record.id) +
                                       " belong to another row than its vector");
      }
      return loader.add(record);
    }));
    if (node_count != snapshot.live_count + snapshot.dead_count) {
      return corruption(options, "expected " +
                                     std::to_string(snapshot.live_count + snapshot.dead_count) +
                                     " link rows, found " + std::to_string(node_count));
    }
    NEARLITE_TRY(
        loader.finish(snapshot.max_node_id, snapshot.entry, effective_thread_count(options)));
    std::uint64_t dead_count = 0;
    NEARLITE_TRY(store.scan_dead(0, snapshot.seq, UINT64_MAX, [&](std::uint64_t seq, NodeId id) {
      if (!graph->is_present(id))
        return corruption(options, "deleted node " + std::to_string(id) + " has no links");
      graph->set_delete_seq(id, seq);
      ++dead_count;
      return Status();
    }));
    if (dead_count != snapshot.dead_count) {
      return corruption(options, "expected " + std::to_string(snapshot.dead_count) +
                                     " deletions, found " + std::to_string(dead_count));
    }
  }
  return std::make_shared<Cache>(std::move(graph), std::move(quantizer), snapshot);
}

}  // namespace nearlite
