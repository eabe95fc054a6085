// Storage of the graph: what Graph::Impl holds, for the files of this layer only.
//
// Arrays are cut into chunks of kChunkNodes and found through directories that are allocated once,
// so nothing a reader may hold ever moves. The directories are parallel arrays instead of one array
// of chunk objects: the search loop then needs one load from a hot directory line to reach a code,
// an info or a list.
//
// A list is a fixed number of entries, sorted ascending, zero from its end on; there is no degree
// to keep in step. A reader that meets a list while it is rewritten sees valid ids, perhaps fewer
// than there are.
//
// Threads. `max_id`, `entry`, list entries and the atomic fields of NodeState are read by anybody.
// Everything else of a published node is constant, or (as_of, dirty, child_count, present_count,
// upper_nodes) belongs to the writer. A reader reaches a node through an acquire load of max_id,
// entry or a list entry that was stored with release after the node was complete.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/aligned.h"
#include "graph/graph.h"
#include "graph/level.h"

namespace nearlite {

struct GraphKernels;

inline constexpr unsigned kHeadLimitShift = 8;

/// One list entry.
using Link = std::atomic<NodeId>;
static_assert(sizeof(Link) == sizeof(NodeId) && Link::is_always_lock_free);

/// What is kept of a node beside its code and lists: 32 bytes, two to a cache line.
struct NodeState {
  RowId rowid = 0;
  std::atomic<std::uint64_t> delete_seq{0};
  std::atomic<NodeId> parent{kNodeNone};
  NodeId as_of = kNodeNone;        ///< back-links up to here are in the node's row
  std::uint32_t upper_offset = 0;  ///< of the list of level 1 in the chunk's upper array
  std::uint8_t level = 0;          ///< fixed when the chunk is made
  std::uint8_t child_count = 0;    ///< entries of the list at level 0 whose parent is this node
  std::atomic<std::uint8_t> present{0};
  std::uint8_t dirty = 0;  ///< the row misses back-links
};
static_assert(sizeof(NodeState) == 32);

/// Zeroed memory on a 64-byte boundary: in huge pages where it is large and they are asked for,
/// because it is read at random, else in pages that cost nothing until they are touched, because
/// most indexes are small.
class ZeroedBytes {
 public:
  /// False when there is no memory.
  [[nodiscard]] bool allocate(std::size_t bytes, Pages pages);
  [[nodiscard]] std::byte* data() noexcept { return buffer_.data(); }
  [[nodiscard]] bool has(const void* address) const noexcept {
    const auto* at = static_cast<const std::byte*>(address);
    return at >= buffer_.data() && at < buffer_.data() + buffer_.size();
  }
  /// REQUIRES: has(address).
  void make_huge(const void* address, std::size_t bytes) noexcept {
    const auto first =
        static_cast<std::size_t>(static_cast<const std::byte*>(address) - buffer_.data());
    buffer_.make_huge(first, first + bytes);
  }

 private:
  static constexpr std::size_t kLargeMin = std::size_t{4} << 20;
  AlignedBuffer buffer_;
};

struct Graph::Impl {
  Impl();
  ~Impl();

  static constexpr std::size_t kChunkMax = (std::size_t{kNodeIdMax} >> kChunkShift) + 1;
  static constexpr NodeId kSlotMask = kChunkNodes - 1;

  GraphOptions options;
  std::uint32_t capacity0 = 0;   ///< entries of a list at level 0: 2 m
  std::uint32_t head_bytes = 0;  ///< of a code, compared first; 0: all at once
  std::uint32_t head_limit = 0;  ///< largest hopeful key of a head, in 256ths of that of the whole
  LevelThresholds thresholds{};
  const GraphKernels* kernels = nullptr;

  // Directories, one pointer a chunk; null = not allocated.
  std::byte** codes = nullptr;
  std::byte** residuals = nullptr;
  CodeInfo** infos = nullptr;
  Link** links0 = nullptr;
  Link** uppers = nullptr;
  NodeState** states = nullptr;

  std::atomic<NodeId> entry{kNodeNone};
  std::atomic<NodeId> max_id{kNodeNone};
  std::atomic<std::size_t> memory_bytes{0};

  // Writer only.
  NodeId reserved_last = kNodeNone;  ///< chunks up to this id exist
  std::uint64_t present_count = 0;
  std::vector<NodeId> upper_nodes;  ///< published ids of level > 0, ascending; purged ones included
  std::vector<ZeroedBytes> blocks;  ///< owns all memory above

  /// What a walk asks for nodes that may not be here yet; null when all are.
  std::atomic<PartialNodes*> missing{nullptr};
  std::unique_ptr<PartialNodes> partial;  ///< as long as the graph: walks may still hold it

  [[nodiscard]] const std::byte* code(NodeId id) const noexcept {
    return codes[id >> kChunkShift] + std::size_t{id & kSlotMask} * options.format.code_bytes;
  }
  [[nodiscard]] const CodeInfo& info(NodeId id) const noexcept {
    return infos[id >> kChunkShift][id & kSlotMask];
  }
  [[nodiscard]] NodeState& state(NodeId id) const noexcept {
    return states[id >> kChunkShift][id & kSlotMask];
  }
  [[nodiscard]] Link* list0(NodeId id) const noexcept {
    return links0[id >> kChunkShift] + std::size_t{id & kSlotMask} * capacity0;
  }
  /// REQUIRES: 0 < level <= state(id).level.
  [[nodiscard]] Link* upper_list(NodeId id, unsigned level) const noexcept {
    return uppers[id >> kChunkShift] + state(id).upper_offset + std::size_t{level - 1} * options.m;
  }
  [[nodiscard]] Link* list(NodeId id, unsigned level) const noexcept {
    return level == 0 ? list0(id) : upper_list(id, level);
  }
  [[nodiscard]] std::uint32_t capacity(unsigned level) const noexcept {
    return level == 0 ? capacity0 : options.m;
  }
  /// Entries of all lists of a node of this level.
  [[nodiscard]] std::size_t list_entries(unsigned level) const noexcept {
    return capacity0 + std::size_t{level} * options.m;
  }
  [[nodiscard]] bool is_present(NodeId id) const noexcept;

  Status make_directories();
  /// Allocates `count` chunks in a row that are not there yet.
  Status add_chunks(std::size_t first, std::size_t count, Pages pages);
  /// Many of these nodes are about to be put into their places. REQUIRES: they were reserved at
  /// once.
  void make_huge(NodeId first, NodeId last) noexcept;
};

/// Number of entries up to the terminating zero.
[[nodiscard]] inline std::uint32_t list_size(const Link* list, std::uint32_t capacity) noexcept {
  std::uint32_t size = 0;
  while (size < capacity && list[size].load(std::memory_order_relaxed) != kNodeNone) ++size;
  return size;
}

[[nodiscard]] inline bool list_has(const Link* list, std::uint32_t capacity, NodeId id) noexcept {
  for (std::uint32_t i = 0; i < capacity; ++i) {
    const NodeId entry = list[i].load(std::memory_order_relaxed);
    if (entry == id) return true;
    if (entry == kNodeNone) return false;
  }
  return false;
}

/// Copies a whole list. Release: whoever reads an entry sees the complete node it names.
inline void store_list(Link* target, const Link* source, std::uint32_t capacity) noexcept {
  for (std::uint32_t i = 0; i < capacity; ++i) {
    const NodeId entry = source[i].load(std::memory_order_relaxed);
    if (target[i].load(std::memory_order_relaxed) != entry)
      target[i].store(entry, std::memory_order_release);
  }
}

/// Writes `count` <= capacity ids and zeros behind them; not for lists that readers can see.
inline void write_list(Link* target, const NodeId* ids, std::size_t count,
                       std::uint32_t capacity) noexcept {
  for (std::uint32_t i = 0; i < capacity; ++i) {
    target[i].store(i < count ? ids[i] : kNodeNone, std::memory_order_relaxed);
  }
}

}  // namespace nearlite
