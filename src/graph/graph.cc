// Storage of the graph and the calls that do not walk it.
#include "graph/graph.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/try.h"
#include "graph/graph_impl.h"
#include "graph/partial.h"
#include "graph/walk.h"

namespace nearlite {

bool ZeroedBytes::allocate(std::size_t bytes, Pages pages) {
  if (bytes < kLargeMin && pages == Pages::kHuge) pages = Pages::kLazy;
  return buffer_.allocate(std::max<std::size_t>(bytes, 1), pages).ok();  // never null
}

namespace {

Status check_options(const GraphOptions& options) {
  const CodeFormat& format = options.format;
  if (options.m < kMMin || options.m > kMMax) {
    return {Code::kInvalidArgument, "m is " + std::to_string(options.m) + ", allowed are " +
                                        std::to_string(kMMin) + " to " + std::to_string(kMMax)};
  }
  if (options.ef_construction < 1 || options.ef_construction > kEfMax) {
    return {Code::kInvalidArgument, "ef_construction is " +
                                        std::to_string(options.ef_construction) +
                                        ", allowed are 1 to " + std::to_string(kEfMax)};
  }
  // The longest code is that of kDimMax float32 components.
  if (format.code_bytes == 0 || format.code_bytes % 64 != 0 || format.code_bytes > kDimMax * 4 ||
      format.residual_bytes > kDimMax * 4) {
    return {Code::kInvalidArgument,
            "code length " + std::to_string(format.code_bytes) + " is not possible"};
  }
  return {};
}

// Up to where the key of a head may lie, in 256ths of a whole key, for the node to be worth a whole
// comparison. Of a squared distance that is spread evenly over N components the first n hold n / N,
// with a relative deviation of sqrt(2 / n * (1 - n / N)); 1.6 of these lose a twentieth of those
// that lie at the very edge of the pool, and hardly any that lie further in.
std::uint32_t head_limit(const CodeFormat& format) noexcept {
  const double head = head_bytes(format);
  if (head == 0) return 0;
  const double share = head / format.code_bytes;
  const double deviation = std::sqrt(2 / head * (1 - share));
  return static_cast<std::uint32_t>((1U << kHeadLimitShift) * share * (1 + 1.6 * deviation));
}

Status no_memory() { return {Code::kNoMemory, "no memory for the graph"}; }

// Hands a zeroed array of `count` elements to `*target`.
template <class T>
bool add_block(std::vector<ZeroedBytes>& blocks, std::size_t count, Pages pages, T** target) {
  ZeroedBytes block;
  if (!block.allocate(count * sizeof(T), pages)) return false;
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
  constexpr Pages kPages = Pages::kLazy;
  if (!add_block(blocks, kChunkMax, kPages, &codes) ||
      !add_block(blocks, kChunkMax, kPages, &residuals) ||
      !add_block(blocks, kChunkMax, kPages, &infos) ||
      !add_block(blocks, kChunkMax, kPages, &links0) ||
      !add_block(blocks, kChunkMax, kPages, &uppers) ||
      !add_block(blocks, kChunkMax, kPages, &states)) {
    return no_memory();
  }
  return {};
}

Status Graph::Impl::add_chunks(std::size_t first, std::size_t count, Pages pages) {
  const std::size_t nodes = count * kChunkNodes;
  std::vector<std::uint8_t> levels(nodes);
  std::size_t upper_entries = 0;
  for (std::size_t i = 0; i < nodes; ++i) {
    const auto id = static_cast<NodeId>((first << kChunkShift) + i);
    levels[i] = static_cast<std::uint8_t>(nearlite::level_of(thresholds, options.seed, id));
    upper_entries += std::size_t{levels[i]} * options.m;
  }
  std::vector<ZeroedBytes> made;
  made.reserve(6);
  std::byte* new_codes = nullptr;
  std::byte* new_residuals = nullptr;
  CodeInfo* new_infos = nullptr;
  Link* new_links = nullptr;
  Link* new_uppers = nullptr;
  NodeState* new_states = nullptr;
  if (!add_block(made, nodes * options.format.code_bytes, pages, &new_codes) ||
      !add_block(made, nodes * options.format.residual_bytes, pages, &new_residuals) ||
      !add_block(made, nodes, pages, &new_infos) ||
      !add_block(made, nodes * capacity0, pages, &new_links) ||
      !add_block(made, upper_entries, pages, &new_uppers) ||
      !add_block(made, nodes, pages, &new_states)) {
    return no_memory();
  }
  blocks.reserve(blocks.size() + made.size());
  for (ZeroedBytes& block : made) blocks.push_back(std::move(block));
  std::uint32_t offset = 0;
  for (std::size_t i = 0; i < nodes; ++i) {
    if (i % kChunkNodes == 0) {
      const std::size_t chunk = first + i / kChunkNodes;
      codes[chunk] = new_codes + i * options.format.code_bytes;
      residuals[chunk] = new_residuals + i * options.format.residual_bytes;
      infos[chunk] = new_infos + i;
      links0[chunk] = new_links + i * capacity0;
      new_uppers += offset;  // what the chunk before it needed
      uppers[chunk] = new_uppers;
      offset = 0;
      states[chunk] = new_states + i;
    }
    if (levels[i] == 0) continue;
    new_states[i].level = levels[i];
    new_states[i].upper_offset = offset;
    offset += std::uint32_t{levels[i]} * options.m;
  }
  return {};
}

void Graph::Impl::make_huge(NodeId first, NodeId last) noexcept {
  const std::size_t count = std::size_t{last} - first + 1;
  const auto ask = [&](const void* address, std::size_t bytes) {
    for (ZeroedBytes& block : blocks) {
      if (block.has(address)) block.make_huge(address, bytes);
    }
  };
  const std::size_t slot = first & kSlotMask;
  const CodeFormat& format = options.format;
  ask(code(first), count * format.code_bytes);
  ask(residuals[first >> kChunkShift] + slot * format.residual_bytes,
      count * format.residual_bytes);
  ask(list0(first), count * capacity0 * sizeof(Link));
  ask(&state(first), count * sizeof(NodeState));
}

Result<std::unique_ptr<Graph>> Graph::make(const GraphOptions& options) {
  NEARLITE_TRY(check_options(options));
  try {
    auto impl = std::make_unique<Impl>();
    impl->options = options;
    impl->capacity0 = 2 * options.m;
    impl->head_bytes = head_bytes(options.format);
    impl->head_limit = head_limit(options.format);
    impl->thresholds = make_level_thresholds(options.m);
    impl->kernels = &graph_kernels(options.format.kind);
    NEARLITE_TRY(impl->make_directories());
    return std::unique_ptr<Graph>(new Graph(std::move(impl)));
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

Graph::Impl::Impl() = default;
Graph::Impl::~Impl() = default;
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
void Graph::prefetch_found(NodeId id) const noexcept {
  constexpr std::size_t kLine = 64;
  __builtin_prefetch(&impl_->state(id));
  const std::byte* const bytes = residual(id);
  for (std::size_t at = 0; at < impl_->options.format.residual_bytes; at += kLine) {
    __builtin_prefetch(bytes + at, 0, 2);  // into L2
  }
}
bool Graph::has_place(NodeId id) const noexcept {
  return id != kNodeNone && id <= max_id() && impl_->codes[id >> kChunkShift] != nullptr;
}
RowId Graph::rowid(NodeId id) const noexcept { return impl_->state(id).rowid; }
std::uint64_t Graph::delete_seq(NodeId id) const noexcept {
  return impl_->state(id).delete_seq.load(std::memory_order_acquire);
}
NodeId Graph::parent(NodeId id) const noexcept {
  return impl_->state(id).parent.load(std::memory_order_acquire);
}
std::size_t Graph::memory_bytes() const noexcept {
  return impl_->memory_bytes.load(std::memory_order_relaxed);
}

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

Status Graph::reserve(NodeId last, Pages pages) {
  if (last > kNodeIdMax) {
    return {Code::kFull,
            "node id " + std::to_string(last) + " is above " + std::to_string(kNodeIdMax)};
  }
  const std::size_t wanted = (std::size_t{last} >> kChunkShift) + 1;
  std::size_t first = (std::size_t{max_id()} + 1) >> kChunkShift;
  while (first < wanted && impl_->states[first] != nullptr) ++first;
  if (first < wanted) {
    // A third more than there is, so that a growing graph lies in few large blocks; what is not
    // touched costs nothing. Blocks that turn out not to be needed stay for the next call: a
    // failure changes nothing that can be seen.
    const std::size_t count =
        std::min(std::max(wanted - first, first / 3), Impl::kChunkMax - first);
    try {
      Status made = impl_->add_chunks(first, count, pages);
      if (!made.ok() && count > wanted - first) {
        made = impl_->add_chunks(first, wanted - first, pages);
      }
      NEARLITE_TRY(made);
    } catch (const std::bad_alloc&) {
      return no_memory();
    }
  }
  if (last > impl_->reserved_last) {
    impl_->reserved_last = last;
    // Lists above level 0 have m / (m - 1) <= 2 entries a node on average. Relaxed: a statistic
    // orders nothing.
    const std::size_t node_bytes = std::size_t{options().format.code_bytes} +
                                   options().format.residual_bytes + sizeof(CodeInfo) +
                                   sizeof(NodeState) + (impl_->capacity0 + 2) * sizeof(Link);
    impl_->memory_bytes.store((std::size_t{last} + 1) * node_bytes, std::memory_order_relaxed);
  }
  return {};
}

std::byte* Graph::mutable_code(NodeId id) noexcept {
  return impl_->codes[id >> kChunkShift] +
         std::size_t{id & Impl::kSlotMask} * impl_->options.format.code_bytes;
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

void Graph::set_delete_seq(NodeId id, std::uint64_t seq) noexcept {
  impl_->state(id).delete_seq.store(seq, std::memory_order_release);
}

}  // namespace nearlite
