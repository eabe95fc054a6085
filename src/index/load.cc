// Reading a whole index into memory: vectors become codes, link rows become lists. Once per
// process, in the order of the rows; threads help with what takes longer than reading. Nothing is
// rebuilt. Damaged rows are reported as corruption, never followed.
#include <algorithm>
#include <thread>

#include "base/try.h"
#include "graph/parallel.h"
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
  // Asked once: the C library opens a file of the kernel's each time.
  static const unsigned processor_count = std::thread::hardware_concurrency();
  return std::clamp(processor_count, 1U, 64U);
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

// Makes the codes of stored vectors, of some thousand at a time on several threads.
class CodeLoader {
 public:
  CodeLoader(const IndexOptions& options, Graph& graph)
      : slot_bytes_(slot_content_bytes(options)),
        count_max_(std::clamp<std::size_t>(kBytesMax / slot_bytes_, 1, kCountMax)),
        graph_(graph) {}

  Status prepare(const IndexOptions& options, const Quantizer& quantizer) {
    coders_.resize(effective_thread_count(options));
    for (NodeCoder& coder : coders_) NEARLITE_TRY(coder.prepare(options, quantizer));
    return {};
  }

  Status add(NodeId id, RowId rowid, std::span<const std::byte> slot) {
    nodes_.push_back({id, rowid, {}});
    slots_.insert(slots_.end(), slot.begin(), slot.end());
    return nodes_.size() < count_max_ ? Status() : finish();
  }

  /// Codes what was added since. Errors: that of the lowest id.
  Status finish() {
    const auto code_one = [&](std::size_t index, unsigned worker) {
      auto& [id, rowid, result] = nodes_[index];
      NodeCoder::Place place{graph_.mutable_code(id), graph_.mutable_residual(id), {}};
      result = coders_[worker].from_slot({&slots_[index * slot_bytes_], slot_bytes_}, place);
      if (result.ok()) graph_.set_node(id, rowid, place.info);
    };
    const unsigned thread_count =
        nodes_.size() < 4 * kGrain ? 1 : static_cast<unsigned>(coders_.size());
    NEARLITE_TRY(parallel_for(thread_count, nodes_.size(), kGrain, code_one, [] { return false; }));
    for (const Node& node : nodes_) NEARLITE_TRY(node.result);
    nodes_.clear();
    slots_.clear();
    return {};
  }

 private:
  static constexpr std::size_t kBytesMax = std::size_t{4} << 20;
  static constexpr std::size_t kCountMax = 8192;
  static constexpr std::size_t kGrain = 64;
  struct Node {
    NodeId id;
    RowId rowid;
    Status result;
  };

  std::size_t slot_bytes_;
  std::size_t count_max_;
  Graph& graph_;
  std::vector<NodeCoder> coders_;
  std::vector<Node> nodes_;
  std::vector<std::byte> slots_;  // behind one another
};

// The codes of every stored vector with id <= max_id.
Status load_codes(Store& store, const IndexOptions& options, const Quantizer& quantizer,
                  NodeId max_id, Graph& graph) {
  CodeLoader loader(options, graph);
  NEARLITE_TRY(loader.prepare(options, quantizer));
  NEARLITE_TRY(
      store.scan_vectors(1, max_id, [&](NodeId id, RowId rowid, std::span<const std::byte> bytes) {
        return loader.add(id, rowid, bytes);
      }));
  return loader.finish();
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
