#include "index/side_image.h"

#include <set>

#include "base/try.h"
#include "index/node_code.h"
#include "index/side_nodes.h"
#include "storage/side_file.h"

namespace nearlite {

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

Status Cache::write_image(
    const std::function<Status(const SideFileHeader&, const SideBodyWriter&)>& write) const {
  if (graph_->is_partial()) return {Code::kBusy, "nearlite: the graph is not all in memory"};
  SideFileHeader header = image_header();
  const std::vector<std::byte> directory = encode_side_directory(*graph_, at_.max_node_id);
  header.directory_bytes = directory.size();
  return write(header, [&](const SideFileSink& sink) -> Status {
    NEARLITE_TRY(sink(directory));
    std::uint64_t count = 0;
    for (NodeId id = 1; id <= at_.max_node_id; ++id) {
      if (!graph_->is_present(id)) continue;
      ++count;
      NEARLITE_TRY(sink(encode_side_record(header, *graph_, id)));
    }
    if (count == header.node_count) return {};
    return {Code::kInternal, "nearlite: the cache counts other nodes than its commit"};
  });
}

Status Cache::save(const std::string& path, unsigned mode) {
  const std::lock_guard lock(mutex_);  // nobody publishes meanwhile; searches go on
  return write_image([&](const SideFileHeader& header, const SideBodyWriter& write_body) {
    return write_side_file(path, mode, header, write_body);
  });
}

Result<std::vector<std::byte>> Cache::image() {
  const std::lock_guard lock(mutex_);
  std::vector<std::byte> bytes;
  NEARLITE_TRY(
      write_image([&](const SideFileHeader& header, const SideBodyWriter& write_body) -> Status {
        NEARLITE_ASSIGN(bytes, encode_side_image(header, write_body));
        return {};
      }));
  return bytes;
}

namespace {

// INVARIANT D1: who is deleted decides answers, so an image is not believed but compared with the
// rows. What was purged since has neither deletion nor links.
Status check_deletions(const SideImage& image, Store& store, const Graph& graph) {
  const CommitRecord& at = image.header().at;
  std::set<NodeId> dead;
  NEARLITE_TRY(store.scan_dead(0, at.seq, UINT64_MAX, [&](std::uint64_t seq, NodeId id) {
    dead.insert(id);
    return graph.is_present(id) && graph.delete_seq(id) == seq ? Status()
                                                               : image.damaged("misses a deletion");
  }));
  std::uint64_t dead_count = 0;
  for (NodeId id = 1; id <= at.max_node_id; ++id) {
    if (!graph.is_present(id) || graph.delete_seq(id) == 0) continue;
    ++dead_count;
    if (dead.contains(id)) continue;
    NEARLITE_ASSIGN(const auto row, store.find_links(id));
    if (row) return image.damaged("deletes a node that lives");
  }
  return dead_count == at.dead_count ? Status() : image.damaged("wrong number of deletions");
}

// The same, before the nodes are there: then they are read with what the rows say.
Status tell_deletions(const SideImage& image, Store& store, std::span<const std::uint64_t> ids,
                      Graph& graph) {
  const CommitRecord& at = image.header().at;
  std::uint64_t dead_count = 0;
  NEARLITE_TRY(store.scan_dead(0, at.seq, UINT64_MAX, [&](std::uint64_t seq, NodeId id) {
    if (id > at.max_node_id || (ids[id >> 6] >> (id & 63) & 1) == 0)
      return image.damaged("misses a deletion");
    graph.set_delete_seq(id, seq);
    ++dead_count;
    return Status();
  }));
  return dead_count == at.dead_count ? Status() : image.damaged("wrong number of deletions");
}

// INVARIANT C1, D5: the image must be of this index, and its commit in the history of this very
// file.
Status check_header(const SideImage& image, const GraphOptions& graph, Store& store,
                    const IndexOptions& options, const CommitRecord& snapshot) {
  const SideFileHeader& header = image.header();
  if (header.index_seed != options.seed || header.dim != options.dim || header.m != options.m ||
      header.code_bytes != graph.format.code_bytes ||
      header.residual_bytes != graph.format.residual_bytes) {
    return image.damaged("of another index");
  }
  if (header.at.seq > snapshot.seq) return image.damaged("ahead of the database");
  NEARLITE_ASSIGN(const auto commit, store.find_commit(header.at.seq));
  if (!commit || commit->commit_id != header.at.commit_id)
    return image.damaged("of another history");
  if (commit->max_node_id != header.at.max_node_id || commit->entry != header.at.entry ||
      commit->live_count != header.at.live_count || commit->dead_count != header.at.dead_count ||
      commit->purge_floor != header.at.purge_floor ||
      commit->unlink_floor != header.at.unlink_floor ||
      header.node_count != header.at.live_count + header.at.dead_count) {
    return image.damaged("does not agree with its commit");
  }
  return {};
}

// A cache from an image, with all nodes in memory or none yet. Whatever does not fit the index or
// the history of `snapshot` is corruption.
Result<std::shared_ptr<Cache>> load_image(std::unique_ptr<SideImage> image, Store& store,
                                          const IndexOptions& options, const CommitRecord& snapshot,
                                          bool is_partial) {
  GraphOptions graph_options;
  graph_options.m = options.m;
  graph_options.ef_construction = options.ef_construction;
  graph_options.seed = options.seed;
  graph_options.format = graph_code_format(options);
  NEARLITE_TRY(check_header(*image, graph_options, store, options, snapshot));
  const SideImage& opened = *image;
  const CommitRecord at = opened.header().at;
  NEARLITE_ASSIGN(auto quantizer, load_quantizer(store, options));
  NEARLITE_ASSIGN(auto graph, Graph::make(graph_options));
  if (at.max_node_id > 0) {
    if (!quantizer) return opened.damaged("no quantizer stored");
    NEARLITE_TRY(graph->reserve(at.max_node_id, is_partial ? Pages::kSmall : Pages::kHuge));
    NEARLITE_ASSIGN(auto nodes, open_side_nodes(std::move(image), *graph));
    NEARLITE_TRY(graph->begin(nodes, at.max_node_id, at.entry, is_partial));
    if (is_partial) {
      NEARLITE_TRY(tell_deletions(opened, store, nodes->ids(), *graph));
    } else {
      NEARLITE_TRY(graph->complete(effective_thread_count(options)));
      NEARLITE_TRY(check_deletions(opened, store, *graph));
    }
  }
  return std::make_shared<Cache>(std::move(graph), std::move(quantizer), at);
}

}  // namespace

Result<std::shared_ptr<Cache>> load_side_image(const std::string& path, Store& store,
                                               const IndexOptions& options,
                                               const CommitRecord& snapshot) {
  auto cache = [&]() -> Result<std::shared_ptr<Cache>> {
    NEARLITE_ASSIGN(auto image, SideImage::open(path));
    const CommitRecord& at = image->header().at;
    // What has to be caught up needs the whole graph.
    const bool is_partial = at.seq == snapshot.seq && at.commit_id == snapshot.commit_id &&
                            image->record_bytes() >= options.partial_bytes_min;
    return load_image(std::move(image), store, options, snapshot, is_partial);
  }();
  const Status status = cache.status();
  if (status.code() == Code::kNoMemory) return status;
  if (status.code() == Code::kSqlite || status.sqlite_code() != 0)
    return status;  // a row could not be read
  // Whatever else is wrong with the file: it is only a hint.
  return status.ok() ? std::move(*cache) : std::shared_ptr<Cache>();
}

Result<std::shared_ptr<Cache>> load_memory_image(std::span<const std::byte> bytes, Store& store,
                                                 const IndexOptions& options,
                                                 const CommitRecord& snapshot) {
  NEARLITE_ASSIGN(auto image, SideImage::of("snapshot", bytes));
  return load_image(std::move(image), store, options, snapshot, false);
}

}  // namespace nearlite
