#include "index/side_image.h"

#include <cstring>
#include <set>

#include "base/bytes.h"
#include "base/try.h"
#include "index/node_code.h"
#include "storage/side_file.h"

namespace nearlite {

namespace {

// Body: for each node, ascending by id: id, parent, as_of, dirty (u32 each), rowid, delete_seq
// (u64), info (2 × u32), for each level a count and the ids (u32), then the code and the residual.
std::vector<std::byte> encode_node(const Graph& graph, NodeId id) {
  std::vector<std::byte> bytes;
  Writer writer(bytes);
  writer.u32(id);
  writer.u32(graph.parent(id));
  writer.u32(graph.as_of(id));
  writer.u32(graph.is_dirty(id) ? 1 : 0);
  writer.u64(static_cast<std::uint64_t>(graph.rowid(id)));
  writer.u64(graph.delete_seq(id));
  const CodeInfo info = graph.info(id);
  writer.u32(info.a);
  writer.u32(info.b);
  for (unsigned level = 0; level <= graph.level_of(id); ++level) {
    const std::vector<NodeId> list = graph.list(id, level);
    writer.u32(static_cast<std::uint32_t>(list.size()));
    for (const NodeId neighbor : list) writer.u32(neighbor);
  }
  return bytes;
}

struct NodeImage {
  NodeRecord record;
  bool dirty = false;
  std::uint64_t delete_seq = 0;
  CodeInfo info;
  std::span<const std::byte> code;
  std::span<const std::byte> residual;
};

bool decode_node(Reader& reader, const Graph& graph, NodeImage& node) {
  const CodeFormat& format = graph.options().format;
  NodeRecord& record = node.record;
  record.id = reader.u32();
  record.parent = reader.u32();
  record.as_of = reader.u32();
  node.dirty = reader.u32() != 0;
  record.rowid = reader.i64();
  node.delete_seq = reader.u64();
  node.info.a = reader.u32();
  node.info.b = reader.u32();
  if (!reader.ok() || record.id == kNodeNone || record.id > kNodeIdMax) return false;
  const unsigned level_count = graph.level_of(record.id) + 1;
  record.own.assign(level_count, {});
  record.links.assign(level_count, {});
  for (auto& list : record.links) {
    const std::uint32_t count = reader.u32();
    if (count > 2 * kMMax) return false;
    for (std::uint32_t i = 0; i < count; ++i) list.push_back(reader.u32());
  }
  node.code = reader.bytes(format.code_bytes);
  node.residual = reader.bytes(format.residual_bytes);
  return reader.ok();
}

Status damaged(const std::string& path, const char* what) {
  return {Code::kCorruption, "nearlite: side file " + path + ": " + what};
}

// The lists in an image are the current ones, whatever the rows say; as_of and dirty, which are
// about the rows, are set once the graph is loaded.
Status fill(const std::string& path, const SideFileHeader& header, std::span<const std::byte> body,
            Graph& graph) {
  struct RowState {
    NodeId id;
    NodeId as_of;
    bool dirty;
    std::uint64_t delete_seq;
  };
  std::vector<RowState> states;
  Reader reader(body);
  GraphLoader loader(graph);
  NEARLITE_TRY(graph.reserve(header.at.max_node_id));
  for (std::uint64_t i = 0; i < header.node_count; ++i) {
    NodeImage node;
    if (!decode_node(reader, graph, node) || node.record.id > header.at.max_node_id)
      return damaged(path, "bad node");
    const NodeId id = node.record.id;
    std::memcpy(graph.mutable_code(id), node.code.data(), node.code.size());
    if (!node.residual.empty())
      std::memcpy(graph.mutable_residual(id), node.residual.data(), node.residual.size());
    graph.set_node(id, node.record.rowid, node.info);
    if (node.record.as_of > header.at.max_node_id) return damaged(path, "bad as_of");
    states.push_back({id, node.record.as_of, node.dirty, node.delete_seq});
    node.record.as_of = header.at.max_node_id;
    NEARLITE_TRY(loader.add(node.record));
  }
  if (!reader.finished()) return damaged(path, "bytes behind the last node");
  NEARLITE_TRY(loader.finish(header.at.max_node_id, header.at.entry, 1));
  for (const RowState& state : states) {
    graph.set_row_state(state.id, state.as_of, state.dirty);
    if (state.delete_seq != 0) graph.set_delete_seq(state.id, state.delete_seq);
  }
  return {};
}

}  // namespace

SideFileHeader Cache::image_header() const {
  SideFileHeader header;
  const GraphOptions& options = graph_->options();
  header.index_seed = options.seed;
  header.dim = options.format.dim;
  header.m = options.m;
  header.code_bytes = options.format.code_bytes;
  header.residual_bytes = options.format.residual_bytes;
  header.at = at_;
  header.node_count = at_.live_count + at_.dead_count;
  return header;
}

Status Cache::write_image_body(const SideFileSink& sink) const {
  const CodeFormat& format = graph_->options().format;
  std::uint64_t count = 0;
  for (NodeId id = 1; id <= at_.max_node_id; ++id) {
    if (!graph_->is_present(id)) continue;
    ++count;
    NEARLITE_TRY(sink(encode_node(*graph_, id)));
    NEARLITE_TRY(sink({graph_->code(id), format.code_bytes}));
    if (format.residual_bytes != 0)
      NEARLITE_TRY(sink({graph_->residual(id), format.residual_bytes}));
  }
  if (count == at_.live_count + at_.dead_count) return {};
  return {Code::kInternal, "nearlite: the cache counts other nodes than its commit"};
}

Status Cache::save(const std::string& path, unsigned mode) {
  const std::lock_guard lock(mutex_);  // nobody publishes meanwhile; searches go on
  return write_side_file(path, mode, image_header(),
                         [&](const SideFileSink& sink) { return write_image_body(sink); });
}

Result<std::vector<std::byte>> Cache::image() {
  const std::lock_guard lock(mutex_);
  return encode_side_image(image_header(),
                           [&](const SideFileSink& sink) { return write_image_body(sink); });
}

namespace {

// INVARIANT D1: who is deleted decides answers, so an image is not believed but compared with the
// rows. What was purged since has neither deletion nor links.
Status check_deletions(const std::string& name, Store& store, const CommitRecord& at,
                       const Graph& graph) {
  std::set<NodeId> dead;
  NEARLITE_TRY(store.scan_dead(0, at.seq, UINT64_MAX, [&](std::uint64_t seq, NodeId id) {
    dead.insert(id);
    return graph.is_present(id) && graph.delete_seq(id) == seq ? Status()
                                                               : damaged(name, "misses a deletion");
  }));
  std::uint64_t dead_count = 0;
  for (NodeId id = 1; id <= at.max_node_id; ++id) {
    if (!graph.is_present(id) || graph.delete_seq(id) == 0) continue;
    ++dead_count;
    if (dead.contains(id)) continue;
    NEARLITE_ASSIGN(const auto row, store.find_links(id));
    if (row) return damaged(name, "deletes a node that lives");
  }
  return dead_count == at.dead_count ? Status() : damaged(name, "wrong number of deletions");
}

// Makes `cache` from a checked image; whatever does not fit the index or the history of `snapshot`
// is corruption.
Status load_image(const std::string& name, Store& store, const IndexOptions& options,
                  const CommitRecord& snapshot, const SideFileHeader& header,
                  std::span<const std::byte> body, std::shared_ptr<Cache>& cache) {
  GraphOptions graph_options;
  graph_options.m = options.m;
  graph_options.ef_construction = options.ef_construction;
  graph_options.seed = options.seed;
  graph_options.format = graph_code_format(options);
  if (header.index_seed != options.seed || header.dim != options.dim || header.m != options.m ||
      header.code_bytes != graph_options.format.code_bytes ||
      header.residual_bytes != graph_options.format.residual_bytes) {
    return damaged(name, "of another index");
  }
  // INVARIANT C1, D5: the image's commit must be in the history of this very file.
  if (header.at.seq > snapshot.seq) return damaged(name, "ahead of the database");
  NEARLITE_ASSIGN(const auto commit, store.find_commit(header.at.seq));
  if (!commit || commit->commit_id != header.at.commit_id)
    return damaged(name, "of another history");
  if (commit->max_node_id != header.at.max_node_id || commit->live_count != header.at.live_count ||
      commit->dead_count != header.at.dead_count || commit->purge_floor != header.at.purge_floor ||
      commit->unlink_floor != header.at.unlink_floor ||
      header.node_count != header.at.live_count + header.at.dead_count) {
    return damaged(name, "does not agree with its commit");
  }
  NEARLITE_ASSIGN(auto quantizer, load_quantizer(store, options));
  NEARLITE_ASSIGN(auto graph, Graph::make(graph_options));
  if (header.at.max_node_id > 0) {
    if (!quantizer) return damaged(name, "no quantizer stored");
    NEARLITE_TRY(fill(name, header, body, *graph));
    NEARLITE_TRY(check_deletions(name, store, header.at, *graph));
  }
  cache = std::make_shared<Cache>(std::move(graph), std::move(quantizer), header.at);
  return {};
}

}  // namespace

Result<std::shared_ptr<Cache>> load_side_image(const std::string& path, Store& store,
                                               const IndexOptions& options,
                                               const CommitRecord& snapshot) {
  std::shared_ptr<Cache> cache;
  const Status status =
      read_side_file(path, [&](const SideFileHeader& header, std::span<const std::byte> body) {
        return load_image(path, store, options, snapshot, header, body, cache);
      });
  if (status.code() == Code::kNoMemory) return status;
  if (status.code() == Code::kSqlite || status.sqlite_code() != 0)
    return status;  // a row could not be read
  return cache;     // whatever else is wrong with the file: it is only a hint
}

Result<std::shared_ptr<Cache>> load_memory_image(std::span<const std::byte> image, Store& store,
                                                 const IndexOptions& options,
                                                 const CommitRecord& snapshot) {
  std::shared_ptr<Cache> cache;
  NEARLITE_TRY(decode_side_image(
      "snapshot", image, [&](const SideFileHeader& header, std::span<const std::byte> body) {
        return load_image("snapshot", store, options, snapshot, header, body, cache);
      }));
  return cache;
}

}  // namespace nearlite
