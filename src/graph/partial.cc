#include "graph/partial.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>
#include <vector>

#include "base/try.h"
#include "graph/graph_impl.h"
#include "graph/parallel.h"
#include "graph/replay.h"
#include "graph/walk.h"

namespace nearlite {

namespace {

Status no_memory() { return {Code::kNoMemory, "no memory to load the graph"}; }

// The ids of some words of a set, the first of which is word `first`.
std::vector<NodeId> ids_of(std::span<const std::uint64_t> words, std::size_t first) {
  std::vector<NodeId> ids;
  for (std::size_t i = 0; i < words.size(); ++i) {
    for (std::uint64_t bits = words[i]; bits != 0; bits &= bits - 1) {
      const auto bit = static_cast<NodeId>(std::countr_zero(bits));
      ids.push_back(static_cast<NodeId>((first + i) * 64) + bit);
    }
  }
  return ids;
}

}  // namespace

PartialNodes::PartialNodes(Graph& graph, std::shared_ptr<NodeSource> source, bool knows_deletions)
    : graph_(graph),
      knows_deletions_(knows_deletions),
      ids_(source->ids().begin(), source->ids().end()),
      source_(std::move(source)) {}

// What is wrong with the source is wrong for good; memory may be there the next time.
Status PartialNodes::note(Status status) noexcept {
  if (!status.ok() && status.code() != Code::kNoMemory)
    damaged_.store(true, std::memory_order_release);
  return status;
}

Code PartialNodes::fetch(const NodeId* ids, std::size_t count) noexcept {
  if (is_damaged()) return Code::kCorruption;
  try {
    std::vector<NodeId> wanted;
    for (std::size_t i = 0; i < count; ++i) {
      if (graph_.impl().state(ids[i]).present.load(std::memory_order_acquire) == 0 && has(ids[i]))
        wanted.push_back(ids[i]);
    }
    if (wanted.empty()) return Code::kOk;
    fetched_count_.fetch_add(wanted.size(), std::memory_order_relaxed);
    return note(read(wanted)).code();
  } catch (const std::bad_alloc&) {
    return Code::kNoMemory;
  }
}

Status PartialNodes::read(std::span<const NodeId> wanted) {
  const std::shared_lock lock(source_lock_);
  if (!source_) return {};  // all are here since we looked
  return source_->read(wanted, [this](const NodeImage& node) { return place(node); });
}

// Strictly ascending, not the node itself, all of them nodes on this level.
bool PartialNodes::is_list(const NodeImage& node, unsigned level) const noexcept {
  const Graph::Impl& graph = graph_.impl();
  const std::uint32_t capacity = graph.capacity(level);
  const NodeId* const list = node.links + (level == 0 ? 0 : graph.list_entries(level - 1));
  NodeId before = kNodeNone;
  std::uint32_t i = 0;
  for (; i < capacity && list[i] != kNodeNone; ++i) {
    const NodeId entry = list[i];
    if (entry <= before || entry == node.id || !has(entry)) return false;
    if (level > 0 && graph.state(entry).level < level) return false;
    before = entry;
  }
  return std::all_of(list + i, list + capacity, [](NodeId entry) { return entry == kNodeNone; });
}

const char* PartialNodes::find_fault(const NodeImage& node) const noexcept {
  const NodeId max_id = graph_.max_id();
  if (node.as_of < node.id || node.as_of > max_id) return "as_of out of range";
  const NodeState& state = graph_.impl().state(node.id);
  for (unsigned level = 0; level <= state.level; ++level) {
    if (!is_list(node, level)) return "impossible link";
  }
  const NodeId* const end = node.links + graph_.impl().capacity0;
  if (node.parent != kNodeNone && node.parent != node.id &&
      std::find(node.links, end, node.parent) == end) {
    return "no link to the parent";
  }
  if (knows_deletions_ && state.delete_seq.load(std::memory_order_relaxed) != node.delete_seq)
    return "deleted otherwise than in the rows";
  return nullptr;
}

Status PartialNodes::place(const NodeImage& node) {
  const std::lock_guard lock(place_locks_[node.id % kLockCount]);
  Graph::Impl& graph = graph_.impl();
  NodeState& state = graph.state(node.id);
  if (state.present.load(std::memory_order_relaxed) != 0) return {};
  if (const char* fault = find_fault(node)) return damaged(node.id, fault);
  const CodeFormat& format = graph.options.format;
  std::copy_n(node.code, format.code_bytes, graph_.mutable_code(node.id));
  std::copy_n(node.residual, format.residual_bytes, graph_.mutable_residual(node.id));
  graph.infos[node.id >> Graph::kChunkShift][node.id & Graph::Impl::kSlotMask] = node.info;
  const NodeId* list = node.links;
  for (unsigned level = 0; level <= state.level; list += graph.capacity(level), ++level) {
    write_list(graph.list(node.id, level), list, graph.capacity(level), graph.capacity(level));
  }
  state.rowid = node.rowid;
  state.parent.store(node.parent, std::memory_order_relaxed);
  state.as_of = node.as_of;
  state.dirty = node.is_dirty ? 1 : 0;
  if (!knows_deletions_) state.delete_seq.store(node.delete_seq, std::memory_order_relaxed);
  state.present.store(1, std::memory_order_release);
  return {};
}

Status PartialNodes::read_group(std::size_t group) {
  const std::size_t first = group * kGroupWords;
  std::vector<NodeId> wanted =
      ids_of(std::span(ids_).subspan(first, std::min(kGroupWords, ids_.size() - first)), first);
  std::erase_if(wanted, [&](NodeId id) {
    return graph_.impl().state(id).present.load(std::memory_order_acquire) != 0;
  });
  return wanted.empty() ? Status() : note(read(wanted));
}

// From now on no walk needs to look for what is missing.
void PartialNodes::close_source() noexcept {
  graph_.impl().missing.store(nullptr, std::memory_order_release);
  const std::unique_lock lock(source_lock_);
  source_.reset();
}

void PartialNodes::read_ahead(unsigned thread_count) noexcept {
  const std::unique_lock lock(completing_, std::try_to_lock);
  if (!lock.owns_lock() || is_damaged() || next_group_ == group_count()) return;
  const std::uint64_t fetched = fetched_count_.exchange(0, std::memory_order_relaxed);
  const std::uint64_t wanted = (fetched * kAheadFactor + kGroupWords * 64 - 1) / (kGroupWords * 64);
  const auto last = std::min<std::uint64_t>(next_group_ + wanted, group_count());
  try {
    const Status status = read_groups(static_cast<std::size_t>(last), thread_count);
    if (status.ok() && next_group_ == group_count()) close_source();
  } catch (const std::bad_alloc&) {
    return;  // another time
  }
}

// The next groups up to `last`; errors: that of the lowest.
Status PartialNodes::read_groups(std::size_t last, unsigned thread_count) {
  if (next_group_ == last) return {};
  const std::size_t first = next_group_;
  constexpr std::size_t kGroupIds = kGroupWords * 64;
  graph_.impl().make_huge(static_cast<NodeId>(first * kGroupIds),
                          static_cast<NodeId>(std::min<std::size_t>(last * kGroupIds - 1,
                                                                    graph_.max_id())));
  std::vector<Status> results(last - first);
  // The kernel clears the memory a thread writes to: that is shared among them, too.
  NEARLITE_TRY(parallel_for(
      results.size() < 4 ? 1 : thread_count, results.size(), 1,
      [&](std::size_t i, unsigned /*worker*/) { results[i] = read_group(first + i); },
      [] { return false; }));
  for (Status& result : results) NEARLITE_TRY(std::move(result));
  next_group_ = last;
  return {};
}

Status PartialNodes::complete(unsigned thread_count) {
  if (is_whole()) return {};
  const std::lock_guard lock(completing_);
  if (is_whole()) return {};
  if (is_damaged()) return {Code::kCorruption, "the image of the graph is damaged"};
  try {
    NEARLITE_TRY(read_groups(group_count(), thread_count));
    GraphLoader loader(graph_);
    NEARLITE_TRY(note(loader.adopt(ids_of(ids_, 0), thread_count)));
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
  close_source();
  whole_.store(true, std::memory_order_release);
  return {};
}

bool fetch_nodes(const WalkView& view, const NodeId* ids, std::size_t count) noexcept {
  const Code code = count == 0 ? Code::kOk : view.missing->fetch(ids, count);
  if (code != Code::kOk) *view.failure = code;
  return code == Code::kOk;
}

Status Graph::begin(std::shared_ptr<NodeSource> source, NodeId max_id, NodeId entry,
                    bool knows_deletions) {
  Impl& impl = *impl_;
  if (this->max_id() != kNodeNone) return {Code::kInternal, "a graph is loaded once"};
  if (max_id > impl.reserved_last) return damaged(max_id, "id above the highest one");
  const auto ids = source->ids();
  const auto has = [&](NodeId id) {
    return id >> 6 < ids.size() && (ids[id >> 6] >> (id & 63) & 1) != 0;
  };
  for (std::size_t word = 0; word < ids.size(); ++word) {
    if (ids[word] == 0) continue;
    if (entry == kNodeNone || word * 64 + std::bit_width(ids[word]) > std::size_t{max_id} + 1)
      return damaged(entry, "not a possible entry point");
  }
  if (has(kNodeNone) || (entry != kNodeNone && !has(entry)))
    return damaged(entry, "not a possible entry point");
  try {
    impl.partial = std::make_unique<PartialNodes>(*this, std::move(source), knows_deletions);
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
  impl.missing.store(impl.partial.get(), std::memory_order_relaxed);
  impl.max_id.store(max_id, std::memory_order_release);
  impl.entry.store(entry, std::memory_order_release);
  return {};
}

bool Graph::is_partial() const noexcept { return impl_->partial && !impl_->partial->is_whole(); }
bool Graph::is_damaged() const noexcept { return impl_->partial && impl_->partial->is_damaged(); }
Status Graph::fetch(std::span<const NodeId> ids) {
  PartialNodes* const missing = impl_->missing.load(std::memory_order_acquire);
  if (missing == nullptr) return {};
  const Code code = missing->fetch(ids.data(), ids.size());
  return code == Code::kOk ? Status() : Status(code, "a node of the graph could not be read");
}
void Graph::read_ahead(unsigned thread_count) noexcept {
  if (impl_->missing.load(std::memory_order_acquire) != nullptr)
    impl_->partial->read_ahead(thread_count);
}
Status Graph::complete(unsigned thread_count) {
  return impl_->partial ? impl_->partial->complete(thread_count) : Status();
}

}  // namespace nearlite
