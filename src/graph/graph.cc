// Storage of the graph and the calls that do not walk it.
#include "graph/graph.h"

#include <new>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/try.h"
#include "graph/graph_impl.h"
#include "graph/walk.h"

namespace nearlite {

bool ZeroedBytes::allocate(std::size_t bytes) noexcept {
  constexpr std::size_t kLine = 64;
  block_.reset(std::calloc(1, bytes + kLine - 1));
  if (block_ == nullptr) return false;
  const auto address = reinterpret_cast<std::uintptr_t>(block_.get());
  data_ = static_cast<std::byte*>(block_.get()) + ((kLine - address % kLine) % kLine);
  size_ = bytes;
  return true;
}

namespace {

Status check_options(const GraphOptions& options) {
  const CodeFormat& format = options.format;
  if (options.m < kMMin || options.m > kMMax) {
    return {Code::kInvalidArgument, "m is " + std::to_string(options.m) + ", allowed are " + std::to_string(kMMin) +
                                        " to " + std::to_string(kMMax)};
  }
  if (options.ef_construction < 1 || options.ef_construction > kEfMax) {
    return {Code::kInvalidArgument, "ef_construction is " + std::to_string(options.ef_construction) +
                                        ", allowed are 1 to " + std::to_string(kEfMax)};
  }
  // The longest code is that of kDimMax float32 components.
  if (format.code_bytes == 0 || format.code_bytes % 64 != 0 || format.code_bytes > kDimMax * 4 ||
      format.residual_bytes > kDimMax * 4) {
    return {Code::kInvalidArgument, "code length " + std::to_string(format.code_bytes) + " is not possible"};
  }
  return {};
}

Status no_memory() { return {Code::kNoMemory, "no memory for the graph"}; }

// Hands a zeroed array of `count` elements to `*target`.
template <class T>
bool add_block(std::vector<ZeroedBytes>& blocks, std::size_t count, T** target) {
  ZeroedBytes block;
  if (!block.allocate(count * sizeof(T))) return false;
  *target = reinterpret_cast<T*>(block.data());
  blocks.push_back(std::move(block));
  return true;
}

}  // namespace

bool Graph::Impl::is_present(NodeId id) const noexcept {
  if (id == kNodeNone || id > max_id.load(std::memory_order_acquire)) return false;
  const NodeState* chunk = states[id >> kChunkShift];
  return chunk != nullptr && chunk[id & kSlotMask].present.load(std::memory_order_acquire) != 0;
}

Status Graph::Impl::make_directories() {
  blocks.reserve(6);
  if (!add_block(blocks, kChunkMax, &codes) || !add_block(blocks, kChunkMax, &residuals) ||
      !add_block(blocks, kChunkMax, &infos) || !add_block(blocks, kChunkMax, &links0) ||
      !add_block(blocks, kChunkMax, &uppers) || !add_block(blocks, kChunkMax, &states)) {
    return no_memory();
  }
  return {};
}

Status Graph::Impl::add_chunk(std::size_t chunk) {
  const NodeId first = static_cast<NodeId>(chunk) << kChunkShift;
  std::array<std::uint8_t, kChunkNodes> levels{};
  std::size_t upper_entries = 0;
  for (NodeId slot = 0; slot < kChunkNodes; ++slot) {
    levels[slot] = static_cast<std::uint8_t>(nearlite::level_of(thresholds, options.seed, first + slot));
    upper_entries += std::size_t{levels[slot]} * options.m;
  }
  std::vector<ZeroedBytes> made;
  made.reserve(6);
  std::byte* new_codes = nullptr;
  std::byte* new_residuals = nullptr;
  CodeInfo* new_infos = nullptr;
  Link* new_links = nullptr;
  Link* new_uppers = nullptr;
  NodeState* new_states = nullptr;
  if (!add_block(made, std::size_t{kChunkNodes} * options.format.code_bytes, &new_codes) ||
      !add_block(made, std::size_t{kChunkNodes} * options.format.residual_bytes, &new_residuals) ||
      !add_block(made, kChunkNodes, &new_infos) || !add_block(made, kChunkNodes * std::size_t{capacity0}, &new_links) ||
      !add_block(made, upper_entries, &new_uppers) || !add_block(made, kChunkNodes, &new_states)) {
    return no_memory();
  }
  blocks.reserve(blocks.size() + made.size());
  std::size_t bytes = 0;
  for (ZeroedBytes& block : made) {
    bytes += block.size();
    blocks.push_back(std::move(block));
  }
  std::uint32_t offset = 0;
  for (NodeId slot = 0; slot < kChunkNodes; ++slot) {
    if (levels[slot] == 0) continue;
    new_states[slot].level = levels[slot];
    new_states[slot].upper_offset = offset;
    offset += std::uint32_t{levels[slot]} * options.m;
  }
  codes[chunk] = new_codes;
  residuals[chunk] = new_residuals;
  infos[chunk] = new_infos;
  links0[chunk] = new_links;
  uppers[chunk] = new_uppers;
  states[chunk] = new_states;
  memory_bytes.fetch_add(bytes, std::memory_order_relaxed);  // a statistic, orders nothing
  return {};
}

Result<std::unique_ptr<Graph>> Graph::make(const GraphOptions& options) {
  NEARLITE_TRY(check_options(options));
  try {
    auto impl = std::make_unique<Impl>();
    impl->options = options;
    impl->capacity0 = 2 * options.m;
    impl->thresholds = make_level_thresholds(options.m);
    impl->kernels = &graph_kernels(options.format.kind);
    NEARLITE_TRY(impl->make_directories());
    return std::unique_ptr<Graph>(new Graph(std::move(impl)));
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

Graph::Graph(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Graph::~Graph() = default;

const GraphOptions& Graph::options() const noexcept { return impl_->options; }
unsigned Graph::level_of(NodeId id) const noexcept {
  return nearlite::level_of(impl_->thresholds, impl_->options.seed, id);
}
NodeId Graph::entry() const noexcept { return impl_->entry.load(std::memory_order_acquire); }
NodeId Graph::max_id() const noexcept { return impl_->max_id.load(std::memory_order_acquire); }
bool Graph::is_present(NodeId id) const noexcept { return impl_->is_present(id); }
const std::byte* Graph::code(NodeId id) const noexcept { return impl_->code(id); }
const std::byte* Graph::residual(NodeId id) const noexcept {
  return impl_->residuals[id >> kChunkShift] +
         std::size_t{id & Impl::kSlotMask} * impl_->options.format.residual_bytes;
}
CodeInfo Graph::info(NodeId id) const noexcept { return impl_->info(id); }
RowId Graph::rowid(NodeId id) const noexcept { return impl_->state(id).rowid; }
std::uint64_t Graph::delete_seq(NodeId id) const noexcept {
  return impl_->state(id).delete_seq.load(std::memory_order_acquire);
}
NodeId Graph::parent(NodeId id) const noexcept { return impl_->state(id).parent.load(std::memory_order_acquire); }
std::size_t Graph::memory_bytes() const noexcept { return impl_->memory_bytes.load(std::memory_order_relaxed); }

std::vector<NodeId> Graph::list(NodeId id, unsigned level) const {
  std::vector<NodeId> ids;
  if (level > impl_->state(id).level) return ids;
  const Link* list = impl_->list(id, level);
  for (std::uint32_t i = 0; i < impl_->capacity(level); ++i) {
    const NodeId entry = list[i].load(std::memory_order_acquire);
    if (entry == kNodeNone) break;
    ids.push_back(entry);
  }
  return ids;
}

Status Graph::reserve(NodeId last) {
  if (last > kNodeIdMax) {
    return {Code::kFull, "node id " + std::to_string(last) + " is above " + std::to_string(kNodeIdMax)};
  }
  // Chunks that turn out not to be needed stay for the next call: a failure changes nothing that can be seen.
  try {
    for (std::size_t chunk = (std::size_t{max_id()} + 1) >> kChunkShift; chunk <= (last >> kChunkShift); ++chunk) {
      if (impl_->states[chunk] == nullptr) NEARLITE_TRY(impl_->add_chunk(chunk));
    }
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
  if (last > impl_->reserved_last) impl_->reserved_last = last;
  return {};
}

std::byte* Graph::mutable_code(NodeId id) noexcept {
  return impl_->codes[id >> kChunkShift] + std::size_t{id & Impl::kSlotMask} * impl_->options.format.code_bytes;
}
std::byte* Graph::mutable_residual(NodeId id) noexcept {
  return impl_->residuals[id >> kChunkShift] +
         std::size_t{id & Impl::kSlotMask} * impl_->options.format.residual_bytes;
}
void Graph::set_node(NodeId id, RowId rowid, CodeInfo info) noexcept {
  NEARLITE_ASSERT(id > max_id() && id <= impl_->reserved_last);
  impl_->infos[id >> kChunkShift][id & Impl::kSlotMask] = info;
  impl_->state(id).rowid = rowid;
}
NodeId Graph::as_of(NodeId id) const noexcept { return impl_->state(id).as_of; }

bool Graph::is_dirty(NodeId id) const noexcept { return impl_->state(id).dirty != 0; }

void Graph::set_row_state(NodeId id, NodeId as_of, bool dirty) noexcept {
  NodeState& state = impl_->state(id);
  state.as_of = as_of;
  state.dirty = dirty ? 1 : 0;
}

void Graph::set_delete_seq(NodeId id, std::uint64_t seq) noexcept {
  impl_->state(id).delete_seq.store(seq, std::memory_order_release);
}

}  // namespace nearlite
