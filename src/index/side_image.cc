#include "index/side_image.h"

#include <algorithm>
#include <set>

#include "base/bytes.h"
#include "base/try.h"
#include "graph/parallel.h"
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

// Nodes are read in groups, by several threads.
constexpr std::uint64_t kGroupNodes = 512;

Status damaged(const std::string& path, const char* what) {
  return {Code::kCorruption, "nearlite: side file " + path + ": " + what};
}

// Where each group begins. Checks the sizes of all nodes, and that their ids ascend: then no two
// threads meet in one place.
Status find_groups(const std::string& path, const SideFileHeader& header,
                   std::span<const std::byte> body, const Graph& graph,
                   std::vector<std::size_t>& begins) {
  const CodeFormat& format = graph.options().format;
  Reader reader(body);
  const auto skip = [&reader](std::size_t count) { static_cast<void>(reader.bytes(count)); };
  NodeId before = kNodeNone;
  for (std::uint64_t i = 0; i < header.node_count; ++i) {
    if (i % kGroupNodes == 0) begins.push_back(reader.offset());
    const NodeId id = reader.u32();
    if (id <= before || id > header.at.max_node_id) return damaged(path, "bad node");
    before = id;
    skip(3 * sizeof(std::uint32_t) + 2 * sizeof(std::uint64_t) + sizeof(CodeInfo));
    for (unsigned level = 0; level <= graph.level_of(id); ++level) {
      const std::uint32_t count = reader.u32();
      if (count > 2 * kMMax) return damaged(path, "bad node");
      skip(count * sizeof(NodeId));
    }
    skip(std::size_t{format.code_bytes} + format.residual_bytes);
    if (!reader.ok()) return damaged(path, "bad node");
  }
  return reader.finished() ? Status() : damaged(path, "bytes behind the last node");
}

// What of a node is about its row, and is set once the graph is loaded.
struct RowState {
  NodeId id;
  NodeId as_of;
  bool dirty;
  std::uint64_t delete_seq;
};

// Takes over a node, of which find_groups() has checked the size. The lists in an image are the
// current ones, whatever the rows say.
Status take_node(const std::string& path, Reader& reader, NodeId max_id, Graph& graph,
                 GraphLoader& loader, NodeRecord& record, RowState& state) {
  const CodeFormat& format = graph.options().format;
  record.id = state.id = reader.u32();
  record.parent = reader.u32();
  state.as_of = reader.u32();
  state.dirty = reader.u32() != 0;
  record.rowid = reader.i64();
  state.delete_seq = reader.u64();
  CodeInfo info;
  info.a = reader.u32();
  info.b = reader.u32();
  if (state.as_of > max_id) return damaged(path, "bad as_of");
  record.as_of = max_id;
  const std::size_t level_count = graph.level_of(record.id) + 1;
  record.own.resize(level_count);  // of nothing
  record.links.resize(level_count);
  for (auto& list : record.links) {
    list.resize(reader.u32());
    for (NodeId& neighbor : list) neighbor = reader.u32();
  }
  const auto code = reader.bytes(format.code_bytes);
  const auto residual = reader.bytes(format.residual_bytes);
  std::copy(code.begin(), code.end(), graph.mutable_code(record.id));
  std::copy(residual.begin(), residual.end(), graph.mutable_residual(record.id));
  graph.set_node(record.id, record.rowid, info);
  return loader.place(record);
}

Status fill(const std::string& path, const SideFileHeader& header, std::span<const std::byte> body,
            unsigned thread_count, Graph& graph) {
  std::vector<std::size_t> begins;
  NEARLITE_TRY(find_groups(path, header, body, graph, begins));
  NEARLITE_TRY(graph.reserve(header.at.max_node_id));
  GraphLoader loader(graph);
  std::vector<RowState> states(header.node_count);
  std::vector<Status> results(begins.size());
  const auto take_group = [&](std::size_t group, unsigned /*worker*/) {
    Reader reader(body.subspan(begins[group]));
    NodeRecord record;
    const std::uint64_t first = group * kGroupNodes;
    const std::uint64_t last = std::min(first + kGroupNodes, header.node_count);
    for (std::uint64_t i = first; i < last && results[group].ok(); ++i) {
      results[group] =
          take_node(path, reader, header.at.max_node_id, graph, loader, record, states[i]);
    }
  };
  // The kernel clears the memory a thread writes to: that is shared among them, too.
  NEARLITE_TRY(parallel_for(begins.size() < 4 ? 1 : thread_count, begins.size(), 1, take_group,
                            [] { return false; }));
  for (Status& result : results) NEARLITE_TRY(std::move(result));
  for (const RowState& state : states) NEARLITE_TRY(loader.list(state.id));
  NEARLITE_TRY(loader.finish(header.at.max_node_id, header.at.entry, thread_count));
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
    NEARLITE_TRY(fill(name, header, body, effective_thread_count(options), *graph));
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
