// The hot loops of the graph layer as function pointers, one set per kind of code and SIMD target.
// The loops are in search_loop.inl and neighbors_loop.inl; search_scalar.cc, search_avx2.cc and the
// like compile them. The choice is made once per graph, never per distance: a loop contains its
// kernel.
//
// A candidate is packed as key << 32 | id << 1 | expanded, so that comparing integers orders by
// (key, id).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph_impl.h"
#include "graph/id_map.h"

namespace nearlite {

[[nodiscard]] inline std::uint64_t pack(std::uint32_t key, NodeId id) noexcept {
  return std::uint64_t{key} << 32 | std::uint64_t{id} << 1;
}
[[nodiscard]] inline NodeId id_of(std::uint64_t packed) noexcept {
  return static_cast<NodeId>(packed & 0xFFFF'FFFF) >> 1;
}
[[nodiscard]] inline std::uint32_t key_of(std::uint64_t packed) noexcept {
  return static_cast<std::uint32_t>(packed >> 32);
}

/// Which lists a walk sees: the published ones, or those of a change where it has its own.
struct WalkView {
  const Graph::Impl* graph = nullptr;
  NodeId entry = kNodeNone;
  NodeId limit =
      kNodeNone;  ///< ids above are ignored: published after the walk began, or not linked
  const IdSlot* slots = nullptr;  ///< null without a change
  std::uint32_t slot_mask = 0;
  const Link* const* patches =
      nullptr;  ///< by slot value: lists of level 0, 1, … in a row; null = unchanged
  PartialNodes* missing = nullptr;  ///< where nodes come from that are not here yet; null: all are
  Code* failure = nullptr;          ///< with `missing`: why a walk stopped
};

/// REQUIRES: view.missing. Afterwards these nodes are here; false: they cannot be had, stop.
[[nodiscard]] bool fetch_nodes(const WalkView& view, const NodeId* ids, std::size_t count) noexcept;

/// The nodes a filtered walk looks for, and how far it goes.
struct NodeSubset {
  const std::uint64_t* bits = nullptr;  ///< a bit per id
  NodeId last = kNodeNone;              ///< ids above are not in it
  const NodeId* seeds = nullptr;        ///< members to start from; published
  std::uint32_t seed_count = 0;         ///< at most kSeedsMax
  std::uint64_t cost_max = 0;           ///< stop beyond this, in comparisons
};
inline constexpr std::uint32_t kSeedsMax = 256;

/// 64-byte aligned memory that grows and keeps its content undefined.
class CodeBuffer {
 public:
  void ensure(std::size_t bytes) {
    if (bytes > size_) {
      bytes_.resize(bytes + 63);
      size_ = bytes;
    }
  }
  [[nodiscard]] std::byte* data() noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(bytes_.data());
    return bytes_.data() + ((64 - address % 64) % 64);
  }

 private:
  std::vector<std::byte> bytes_;
  std::size_t size_ = 0;
};

/// The most nodes a walk expands in one round.
inline constexpr unsigned kExpandedMax = 8;
/// Places of the pool behind the last one that are read, but never used.
inline constexpr std::uint32_t kPoolPadding = 8;

/// Memory of one walk at a time. Between walks `visited` is all zero.
struct WalkScratch {
  /// Grows everything to what a walk of width `ef` over ids <= limit can need.
  void prepare(const Graph::Impl& graph, NodeId limit, std::uint32_t width);
  /// The same for a filtered walk.
  void prepare_among(const Graph::Impl& graph, NodeId limit, std::uint32_t width);

  std::uint32_t ef = 0;
  StopRule stop;           ///< none after prepare(); for walks of level 0
  bool had_limit = false;  ///< the last walk met enough for `stop` to set a limit
  std::uint32_t pool_size = 0;
  std::uint64_t compared_count = 0;    ///< codes the last walk compared
  std::uint64_t hop_count = 0;         ///< lists it read of nodes outside the set
  bool is_stopped = false;             ///< a filtered walk cost too much
  std::vector<std::uint64_t> pool;     ///< sorted; result of a walk
  std::vector<std::uint64_t> visited;  ///< a bit per id
  std::vector<NodeId> gathered;        ///< neighbours met, as far as there is place
};

/// The diversity heuristic (Malkov & Yashunin 2018, algorithm 4): input and output of one
/// selection.
struct Selection {
  /// Grows the buffers: `kept_max` is the most that can be kept, protected ones included.
  void prepare(const Graph::Impl& graph, std::uint32_t kept_limit);

  NodeId center = kNodeNone;                  ///< whose list is chosen
  const std::uint64_t* candidates = nullptr;  ///< packed, ascending, without the centre
  const std::uint8_t* is_protected =
      nullptr;  ///< per candidate: keep it whatever it costs; null = none
  std::uint32_t candidate_count = 0;
  std::uint32_t kept_max = 0;  ///< protected ones count, but are kept beyond it
  std::uint32_t fill_to = 0;   ///< discarded ones are taken back up to this many

  std::uint32_t kept_count = 0;
  std::uint32_t group_first = 0;  ///< among the kept: those before it lie before the last jump
  std::vector<NodeId> kept;       ///< the first kept_count are the result, in no useful order
  std::vector<NodeId> discarded;
  std::vector<const std::byte*> kept_codes;
  std::vector<const CodeInfo*> kept_infos;
  CodeBuffer query;
};

/// Equal codes in one list (key 0 to the centre): more would push out all links that lead
/// elsewhere.
inline constexpr std::uint32_t kEqualCodesMax = 2;

struct GraphKernels {
  /// Best-first search on one level from `start`; fills scratch.pool (prepared). Result: the ef
  /// nearest met.
  void (*walk)(const WalkView& view, const QueryCode& query, unsigned level, std::uint64_t start,
               WalkScratch& scratch) noexcept;
  /// The same on level 0, of members of a set only, whatever surrounds them.
  void (*walk_among)(const WalkView& view, const QueryCode& query, const NodeSubset& subset,
                     std::uint64_t start, WalkScratch& scratch) noexcept;
  /// Greedy descent on levels from > level > to, from `start` (packed); returns the nearest node
  /// met.
  std::uint64_t (*descend)(const WalkView& view, const QueryCode& query, unsigned from, unsigned to,
                           std::uint64_t start) noexcept;
  /// out[i] = key of ids[i].
  void (*keys)(const Graph::Impl& graph, const QueryCode& query, const NodeId* ids,
               std::size_t count, std::uint32_t* out) noexcept;
  /// keys[q * stride + i] = key of ids[i] to queries[q].
  void (*keys_of_many)(const Graph::Impl& graph, std::span<const QueryCode> queries,
                       std::span<const NodeId> ids, std::uint32_t* keys,
                       std::size_t stride) noexcept;
  void (*select)(const Graph::Impl& graph, Selection& selection) noexcept;
  /// The code of a node as a query; `buffer` is 64-byte aligned and code_bytes long, used or not.
  QueryCode (*prepare)(const Graph::Impl& graph, NodeId id, std::byte* buffer) noexcept;
};

/// The loops for this kind of code on the active SIMD target.
[[nodiscard]] const GraphKernels& graph_kernels(CodeKind kind) noexcept;

// Those of one target: search_<target>.cc.
#define NEARLITE_TARGET_KERNELS(target)                                    \
  namespace target {                                                       \
  [[nodiscard]] const GraphKernels& graph_kernels(CodeKind kind) noexcept; \
  }
NEARLITE_TARGET_KERNELS(scalar)
NEARLITE_TARGET_KERNELS(avx2)
NEARLITE_TARGET_KERNELS(avx512)
NEARLITE_TARGET_KERNELS(avx512vnni)    // REQUIRES: is_int8(kind)
NEARLITE_TARGET_KERNELS(avx512popcnt)  // REQUIRES: kind == kBits
NEARLITE_TARGET_KERNELS(neon)
NEARLITE_TARGET_KERNELS(dotprod)  // REQUIRES: is_int8(kind)
#undef NEARLITE_TARGET_KERNELS

}  // namespace nearlite
