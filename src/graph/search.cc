// The search call: entry point, descent, walk of level 0. The loops themselves are in
// search_loop.inl.
#include <algorithm>
#include <memory>
#include <new>
#include <string>

#include "graph/change_impl.h"
#include "graph/search_context.h"
#include "graph/walk.h"
#include "vector/simd_target.h"

namespace nearlite {

const GraphKernels& graph_kernels(CodeKind kind) noexcept {
  if (is_bits(kind)) kind = CodeKind::kBits;
  const SimdTarget target = active_simd_target();
  static_cast<void>(target);
#if NEARLITE_X86
  if (target >= SimdTarget::kAvx512Popcnt && kind == CodeKind::kBits)
    return avx512popcnt::graph_kernels(kind);
  if (target >= SimdTarget::kAvx512Vnni && is_int8(kind)) return avx512vnni::graph_kernels(kind);
  if (target >= SimdTarget::kAvx512) return avx512::graph_kernels(kind);
  if (target >= SimdTarget::kAvx2) return avx2::graph_kernels(kind);
#elif NEARLITE_ARM64
  if (target >= SimdTarget::kDotProd && is_int8(kind)) return dotprod::graph_kernels(kind);
  if (target >= SimdTarget::kNeon) return neon::graph_kernels(kind);
#endif
  return scalar::graph_kernels(kind);
}

void WalkScratch::prepare(const Graph::Impl& graph, NodeId limit, std::uint32_t width) {
  ef = width;
  stop = {};
  const std::size_t words = (std::size_t{limit} >> 6) + 1;
  if (pool.size() < width + kPoolPadding) pool.resize(width + kPoolPadding);
  if (visited.size() < words) {
    // A tenth more than needed, so that a growing index does not allocate in every search.
    visited.resize(words + words / 8 + 16);
  }
  // Three rounds, so that two that follow each other never overlap when a walk starts over at the
  // front, and what a usual walk meets in all.
  const std::size_t round_max = std::size_t{kExpandedMax} * graph.capacity0 + 1;
  const std::size_t gathered_max = 3 * round_max + 24 * std::size_t{width};
  if (gathered.size() < gathered_max) gathered.resize(gathered_max);
}

void WalkScratch::prepare_among(const Graph::Impl& graph, NodeId limit, std::uint32_t width) {
  prepare(graph, limit, width);
  // Two halves, each for what one round gathers: lists of twice their length, and the seeds.
  const std::size_t half = std::size_t{kExpandedMax + 1} * 2 * graph.capacity0 + kSeedsMax;
  if (gathered.size() < 2 * half) gathered.resize(2 * half);
}

WalkView published_view(const Graph::Impl& graph) noexcept {
  WalkView view;
  view.graph = &graph;
  // In this order: an entry is published after its id, so the limit is never below it.
  view.entry = graph.entry.load(std::memory_order_acquire);
  view.limit = graph.max_id.load(std::memory_order_acquire);
  view.missing = graph.missing.load(std::memory_order_acquire);
  return view;
}

std::uint64_t nearest_entry(const WalkView& view, const QueryCode& query,
                            unsigned to_level) noexcept {
  const Graph::Impl& graph = *view.graph;
  std::uint32_t key = 0;
  graph.kernels->keys(graph, query, &view.entry, 1, &key);
  return graph.kernels->descend(view, query, graph.state(view.entry).level, to_level,
                                pack(key, view.entry));
}

namespace {

// The pool of a walk as candidates.
std::span<const Candidate> unpack(SearchContext::Impl& scratch) {
  for (std::uint32_t i = 0; i < scratch.walk.pool_size; ++i) {
    const std::uint64_t packed = scratch.walk.pool[i];
    scratch.results[i] = {key_of(packed), id_of(packed)};
  }
  return {scratch.results.data(), scratch.walk.pool_size};
}

}  // namespace

std::uint64_t SearchContext::compared_count() const noexcept { return impl_->walk.compared_count; }
bool SearchContext::had_limit() const noexcept { return impl_->walk.had_limit; }

SearchContext::SearchContext() : impl_(std::make_unique<Impl>()) {}
SearchContext::~SearchContext() = default;
SearchContext::SearchContext(SearchContext&&) noexcept = default;
SearchContext& SearchContext::operator=(SearchContext&&) noexcept = default;

Result<std::span<const Candidate>> search(const Graph& graph, const GraphChange* change,
                                          const QueryCode& query, std::uint32_t ef,
                                          SearchContext& context, const StopRule& stop) {
  WalkView view = change != nullptr ? change->impl().view() : published_view(graph.impl());
  if (view.entry == kNodeNone) return std::span<const Candidate>();
  const std::uint32_t width = std::clamp<std::uint32_t>(ef, 1, kEfMax);
  Code failure = Code::kOk;
  view.failure = &failure;
  try {
    SearchContext::Impl& scratch = context.impl();
    scratch.walk.prepare(graph.impl(), view.limit, width);
    scratch.walk.stop = stop;
    if (scratch.results.size() < width) scratch.results.resize(width);
    if (view.missing == nullptr || fetch_nodes(view, &view.entry, 1)) {
      const std::uint64_t start = nearest_entry(view, query, 0);
      if (failure == Code::kOk) graph.impl().kernels->walk(view, query, 0, start, scratch.walk);
    }
    if (failure != Code::kOk) return Status(failure, "a node of the graph could not be read");
    return unpack(scratch);
  } catch (const std::bad_alloc&) {
    return Status(Code::kNoMemory, "no memory for a search of width " + std::to_string(width));
  }
}

Result<std::optional<std::span<const Candidate>>> search_among(const Graph& graph,
                                                               const SubsetView& subset,
                                                               const QueryCode& query,
                                                               std::uint32_t ef,
                                                               SearchContext& context) {
  using Found = std::optional<std::span<const Candidate>>;
  const WalkView view = published_view(graph.impl());
  if (view.entry == kNodeNone || subset.bits.empty()) return Found(std::span<const Candidate>());
  const std::uint32_t width = std::clamp<std::uint32_t>(ef, 1, kEfMax);
  NodeSubset among;
  among.bits = subset.bits.data();
  among.last =
      static_cast<NodeId>(std::min<std::uint64_t>(subset.bits.size() * 64 - 1, kNodeIdMax));
  among.seeds = subset.seeds.data();
  among.seed_count =
      static_cast<std::uint32_t>(std::min<std::size_t>(subset.seeds.size(), kSeedsMax));
  among.cost_max = subset.cost_max;
  try {
    SearchContext::Impl& scratch = context.impl();
    scratch.walk.prepare_among(graph.impl(), view.limit, width);
    if (scratch.results.size() < width) scratch.results.resize(width);
    graph.impl().kernels->walk_among(view, query, among, nearest_entry(view, query, 0),
                                     scratch.walk);
    if (scratch.walk.is_stopped) return Found();
    return Found(unpack(scratch));
  } catch (const std::bad_alloc&) {
    return Status(Code::kNoMemory, "no memory for a search of width " + std::to_string(width));
  }
}

void compare_codes(const Graph& graph, const QueryCode& query, std::span<const NodeId> ids,
                   std::span<std::uint32_t> keys) noexcept {
  const Graph::Impl& impl = graph.impl();
  impl.kernels->keys(impl, query, ids.data(), ids.size(), keys.data());
}

}  // namespace nearlite
