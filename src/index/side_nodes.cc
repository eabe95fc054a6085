#include "index/side_nodes.h"

#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/try.h"

namespace nearlite {

namespace {

// Of 64 ids in the directory: a bit for each that has a record (u64), where the first of these
// begins (u64).
constexpr std::size_t kEntryBytes = 16;
// Of a record before code, residual and links: check, rowid, delete_seq (u64), parent, as_of (u32),
// info (2 × u32), dirty, 0 (u32).
constexpr std::size_t kRecordHeadBytes = kSideCheckBytes + 8 + 8 + 4 + 4 + sizeof(CodeInfo) + 8;
// Records that lie behind one another are read together, up to so many bytes.
constexpr std::uint64_t kRunBytesMax = std::uint64_t{1} << 20;

std::size_t entry_count(NodeId max_id) { return (std::size_t{max_id} >> 6) + 1; }

// Records of a graph, by level.
std::uint64_t record_bytes(const GraphOptions& options, unsigned level) {
  return kRecordHeadBytes + options.format.code_bytes + options.format.residual_bytes +
         (std::uint64_t{2} + level) * options.m * sizeof(NodeId);
}

struct Stretch {
  std::uint64_t offset;
  std::uint64_t size;
};

// Wanted nodes whose records lie behind one another.
struct Run {
  std::size_t first;
  std::size_t last;
  Stretch place;
};

class SideNodes final : public NodeSource {
 public:
  SideNodes(std::unique_ptr<SideImage> image, const Graph& graph)
      : image_(std::move(image)), graph_(graph) {}

  Status read_directory();
  [[nodiscard]] std::span<const std::uint64_t> ids() const noexcept override { return ids_; }
  Status read(std::span<const NodeId> wanted,
              const std::function<Status(const NodeImage&)>& take) override;

 private:
  [[nodiscard]] std::uint64_t size_of(NodeId id) const noexcept {
    return record_bytes(graph_.options(), graph_.level_of(id));
  }
  [[nodiscard]] Stretch stretch_of(NodeId id) const noexcept;
  [[nodiscard]] std::vector<Run> runs_of(std::span<const NodeId> wanted) const;
  Status take_run(std::span<const NodeId> nodes, std::span<const std::byte> bytes,
                  const std::function<Status(const NodeImage&)>& take) const;
  Status take_record(NodeId id, std::span<const std::byte> bytes,
                     const std::function<Status(const NodeImage&)>& take) const;

  std::unique_ptr<SideImage> image_;
  const Graph& graph_;  // its options and levels only
  std::vector<std::uint64_t> ids_;
  std::vector<std::uint64_t> offsets_;
};

Status SideNodes::read_directory() {
  const SideFileHeader& header = image_->header();
  const std::size_t count = entry_count(header.at.max_node_id);
  if (header.directory_bytes != count * kEntryBytes) return image_->damaged("bad directory");
  ids_.resize(count);
  offsets_.resize(count);
  Reader reader(image_->directory());
  std::uint64_t node_count = 0;
  std::uint64_t end = 0;  // at least
  const std::uint64_t node_bytes = record_bytes(graph_.options(), 0);
  for (std::size_t i = 0; i < count; ++i) {
    ids_[i] = reader.u64();
    offsets_[i] = reader.u64();
    if (offsets_[i] < end || offsets_[i] > image_->record_bytes())
      return image_->damaged("bad directory");
    const auto here = static_cast<std::uint64_t>(std::popcount(ids_[i]));
    node_count += here;
    end = offsets_[i] + here * node_bytes;
  }
  if (node_count != header.node_count || end > image_->record_bytes())
    return image_->damaged("bad directory");
  return {};
}

Stretch SideNodes::stretch_of(NodeId id) const noexcept {
  std::uint64_t offset = offsets_[id >> 6];
  const std::uint64_t below = ids_[id >> 6] & ((std::uint64_t{1} << (id & 63)) - 1);
  const NodeId first = id & ~NodeId{63};
  for (std::uint64_t bits = below; bits != 0; bits &= bits - 1) {
    const auto before = first + static_cast<NodeId>(std::countr_zero(bits));
    offset += size_of(before);
  }
  return {offset, size_of(id)};
}

std::vector<Run> SideNodes::runs_of(std::span<const NodeId> wanted) const {
  std::vector<Run> runs;
  std::uint64_t end = 0;  // of the record before
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const NodeId id = wanted[i];
    const bool is_next = i > 0 && id - 1 == wanted[i - 1] && (id & 63) != 0;
    const Stretch place = is_next ? Stretch{end, size_of(id)} : stretch_of(id);
    end = place.offset + place.size;
    if (!runs.empty() && runs.back().place.offset + runs.back().place.size == place.offset &&
        runs.back().place.size + place.size <= kRunBytesMax) {
      runs.back().last = i + 1;
      runs.back().place.size += place.size;
    } else {
      runs.push_back({i, i + 1, place});
    }
  }
  return runs;
}

Status SideNodes::read(std::span<const NodeId> wanted,
                       const std::function<Status(const NodeImage&)>& take) {
  const std::vector<Run> runs = runs_of(wanted);
  const auto nodes_of = [&](const Run& run) {
    return wanted.subspan(run.first, run.last - run.first);
  };
  std::vector<std::byte> bytes;
  std::vector<Run> waiting;
  for (const Run& run : runs) {
    bytes.resize(static_cast<std::size_t>(run.place.size));
    NEARLITE_ASSIGN(const bool is_here, image_->read_now(run.place.offset, bytes));
    if (is_here) {
      NEARLITE_TRY(take_run(nodes_of(run), bytes, take));
    } else {
      waiting.push_back(run);
    }
  }
  for (const Run& run : waiting) {
    bytes.resize(static_cast<std::size_t>(run.place.size));
    NEARLITE_TRY(image_->read(run.place.offset, bytes));
    NEARLITE_TRY(take_run(nodes_of(run), bytes, take));
  }
  return {};
}

Status SideNodes::take_run(std::span<const NodeId> nodes, std::span<const std::byte> bytes,
                           const std::function<Status(const NodeImage&)>& take) const {
  for (const NodeId id : nodes) {
    const auto size = static_cast<std::size_t>(size_of(id));
    NEARLITE_TRY(take_record(id, bytes.first(size), take));
    bytes = bytes.subspan(size);
  }
  return {};
}

Status SideNodes::take_record(NodeId id, std::span<const std::byte> bytes,
                              const std::function<Status(const NodeImage&)>& take) const {
  const CodeFormat& format = graph_.options().format;
  Reader reader(bytes);
  if (reader.u64() != side_record_check(image_->header(), id, bytes.subspan(kSideCheckBytes)))
    return image_->damaged("a record does not check");
  NodeImage node;
  node.id = id;
  node.rowid = reader.i64();
  node.delete_seq = reader.u64();
  node.parent = reader.u32();
  node.as_of = reader.u32();
  node.info.a = reader.u32();
  node.info.b = reader.u32();
  const std::uint32_t dirty = reader.u32();
  if (dirty > 1 || reader.u32() != 0) return image_->damaged("bad record");
  node.is_dirty = dirty == 1;
  node.code = reader.bytes(format.code_bytes).data();
  node.residual = reader.bytes(format.residual_bytes).data();
  // Copied, for they need not be aligned.
  std::array<NodeId, (2 + kLevelMax) * kMMax> links;
  const auto stored = reader.bytes(reader.remaining());
  std::memcpy(links.data(), stored.data(), stored.size());
  node.links = links.data();
  return take(node);
}

}  // namespace

std::uint64_t side_record_check(const SideFileHeader& header, NodeId id,
                                std::span<const std::byte> bytes) noexcept {
  return hash64(bytes, mix64(mix64(mix64(header.index_seed) ^ header.at.commit_id) ^ id));
}

std::vector<std::byte> encode_side_directory(const Graph& graph, NodeId max_id) {
  std::vector<std::byte> bytes;
  bytes.reserve(entry_count(max_id) * kEntryBytes);
  Writer writer(bytes);
  std::uint64_t offset = 0;
  for (std::size_t entry = 0; entry < entry_count(max_id); ++entry) {
    const std::uint64_t begin = offset;
    std::uint64_t bits = 0;
    for (std::size_t bit = 0; bit < 64; ++bit) {
      const auto id = static_cast<NodeId>(entry * 64 + bit);
      if (id > max_id || !graph.is_present(id)) continue;
      bits |= std::uint64_t{1} << bit;
      offset += record_bytes(graph.options(), graph.level_of(id));
    }
    writer.u64(bits);
    writer.u64(begin);
  }
  return bytes;
}

std::vector<std::byte> encode_side_record(const SideFileHeader& header, const Graph& graph,
                                          NodeId id) {
  const GraphOptions& options = graph.options();
  std::vector<std::byte> bytes;
  bytes.reserve(static_cast<std::size_t>(record_bytes(options, graph.level_of(id))));
  Writer writer(bytes);
  writer.u64(0);  // the check, known at the end
  writer.u64(static_cast<std::uint64_t>(graph.rowid(id)));
  writer.u64(graph.delete_seq(id));
  writer.u32(graph.parent(id));
  writer.u32(graph.as_of(id));
  const CodeInfo info = graph.info(id);
  writer.u32(info.a);
  writer.u32(info.b);
  writer.u32(graph.is_dirty(id) ? 1 : 0);
  writer.u32(0);
  writer.bytes({graph.code(id), options.format.code_bytes});
  writer.bytes({graph.residual(id), options.format.residual_bytes});
  for (unsigned level = 0; level <= graph.level_of(id); ++level) {
    std::vector<NodeId> list = graph.list(id, level);
    list.resize(level == 0 ? 2 * options.m : options.m, kNodeNone);
    for (const NodeId neighbor : list) writer.u32(neighbor);
  }
  const std::uint64_t check =
      side_record_check(header, id, std::span<const std::byte>(bytes).subspan(kSideCheckBytes));
  std::memcpy(bytes.data(), &check, sizeof check);
  return bytes;
}

Result<std::shared_ptr<NodeSource>> open_side_nodes(std::unique_ptr<SideImage> image,
                                                    const Graph& graph) {
  auto nodes = std::make_shared<SideNodes>(std::move(image), graph);
  NEARLITE_TRY(nodes->read_directory());
  return std::shared_ptr<NodeSource>(std::move(nodes));
}

}  // namespace nearlite
