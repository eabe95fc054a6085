// Linking of new nodes: INSERT of Malkov & Yashunin 2018 (algorithm 1) for batches of nodes.
//
// A batch is linked in three steps, so that the result does not depend on threads:
//  1. Choose (parallel): every node searches the graph as it stood before the batch, and is
//     compared with all nodes of the batch before it. The heuristic picks its own lists.
//  2. Place (one thread, ascending ids): every node gets a parent in the spanning tree and its
//     own lists.
//  3. Answer (parallel by list): every list that was named gets the back-links, in ascending order.
// Batches grow with the graph: a node searches at least 8/9 of what it would see if all were linked
// one by one.
//
// INVARIANT G6. The graph depends on the rows and their order only: not on threads, instruction
// set or reopening in between.
//
// Who replays this from rows (load.cc, apply.cc) starts with the own lists and does step 3 only.
#include <algorithm>
#include <limits>
#include <new>
#include <vector>

#include "base/try.h"
#include "graph/change_impl.h"
#include "graph/neighbors.h"
#include "graph/parallel.h"
#include "graph/search_context.h"
#include "graph/tree.h"

namespace nearlite {

namespace {

constexpr std::size_t kBatchMax = 1024;
/// Nodes of a batch that are compared with its other nodes together: each code is read once for
/// all.
constexpr std::size_t kTileMax = 8;
constexpr std::uint64_t kOneByOneBelow = 16;  ///< a graph this small is grown node by node

std::size_t batch_size(std::uint64_t linked, std::size_t remaining) {
  if (linked < kOneByOneBelow) return 1;
  return std::min(remaining,
                  static_cast<std::size_t>(std::min<std::uint64_t>(linked / 8, kBatchMax)));
}

// A node is linked to at most m others, and named by some more: what lies well beyond three times
// as many need not be expanded. But it is kept, for the heuristic needs far candidates, too:
// without them lists lead nowhere else. Measured (docs/decisions.md, 2026-11-29).
StopRule stop_rule(const GraphOptions& options) {
  constexpr std::uint32_t kRankPerLink = 3;
  constexpr std::uint64_t kSlackPerDoubling = 34;
  StopRule stop;
  stop.rank = kRankPerLink * options.m;
  stop.slack = static_cast<std::uint32_t>(
      doublings(options.ef_construction, stop.rank) * kSlackPerDoubling >> kStopSlackShift);
  stop.keeps_rest = true;
  return stop;
}

// What step 1 decides for one node.
struct Choice {
  std::vector<std::vector<NodeId>> own;   // per level
  std::vector<std::uint64_t> candidates;  // level 0, packed, ascending: for the parent
};

struct Worker {
  WalkScratch walk;
  PruneScratch prune;
  Selection selection;
  // Of a tile of nodes: their codes as queries, and a row each of keys of the batch.
  CodeBuffer buffer;
  std::vector<QueryCode> queries;
  std::vector<std::uint32_t> keys;
  std::vector<std::uint64_t> candidates;
};

// One list that gets back-links: tasks [first, last) of the batch.
struct Group {
  std::size_t first = 0;
  std::size_t last = 0;
  Link* list = nullptr;
};

struct Answer {
  NodeId target = kNodeNone;
  unsigned level = 0;
  NodeId added = kNodeNone;
  friend auto operator<=>(const Answer&, const Answer&) = default;
};

class Linker {
 public:
  Linker(GraphChange::Impl& change, const LinkOptions& options)
      : change_(change), options_(options) {}
  Status run();

 private:
  void choose_tile(std::span<const NodeId> batch, std::size_t first, std::size_t last,
                   Worker& worker);
  void choose(std::span<const NodeId> earlier, NodeId node, const QueryCode& query,
              const std::uint32_t* mate_keys, Worker& worker, Choice& choice);
  void collect(std::span<const NodeId> earlier, const std::uint32_t* mate_keys, unsigned level,
               bool was_walked, Worker& worker) const;
  void select_own(NodeId node, Worker& worker, std::vector<NodeId>& own) const;
  void place(NodeId node, Choice& choice);
  Status answer(std::span<const NodeId> batch, unsigned thread_count);
  Status link_batch(std::span<const NodeId> batch);

  GraphChange::Impl& change_;
  const LinkOptions& options_;
  std::vector<Worker> workers_;
  std::vector<Choice> choices_;
  std::vector<Answer> answers_;
};

// Candidates of one level, live ones if there is any: what the walk met, and the nodes of the batch
// with a lower id.
void Linker::collect(std::span<const NodeId> earlier, const std::uint32_t* mate_keys,
                     unsigned level, bool was_walked, Worker& worker) const {
  const Graph::Impl& graph = change_.graph;
  std::vector<std::uint64_t>& candidates = worker.candidates;
  candidates.clear();
  std::uint64_t bound = std::numeric_limits<std::uint64_t>::max();
  if (was_walked) {
    // Their states are anywhere in memory, which is asked for all of them at once.
    for (std::uint32_t i = 0; i < worker.walk.pool_size; ++i)
      __builtin_prefetch(&graph.state(id_of(worker.walk.pool[i])));
    for (std::uint32_t i = 0; i < worker.walk.pool_size; ++i) {
      const std::uint64_t packed = worker.walk.pool[i] & ~std::uint64_t{1};
      if (!change_.is_dead(id_of(packed))) candidates.push_back(packed);
    }
    if (worker.walk.pool_size == worker.walk.ef || worker.walk.had_limit)
      bound = worker.walk.pool[worker.walk.pool_size - 1];
  }
  const bool all = candidates.empty();  // a far mate that lives is better than none
  const auto walked_count = static_cast<std::ptrdiff_t>(candidates.size());
  for (std::size_t i = 0; i < earlier.size(); ++i) {
    if (level > 0 && graph.state(earlier[i]).level < level) continue;
    const std::uint64_t packed = pack(mate_keys[i], earlier[i]);
    if (all || packed < bound) candidates.push_back(packed);
  }
  const auto middle = candidates.begin() + walked_count;  // a walk's pool is sorted
  std::sort(middle, candidates.end());
  std::inplace_merge(candidates.begin(), middle, candidates.end());
  if (candidates.empty() && was_walked) {  // all dead: they still route
    for (std::uint32_t i = 0; i < worker.walk.pool_size; ++i) {
      candidates.push_back(worker.walk.pool[i] & ~std::uint64_t{1});
    }
  }
}

void Linker::select_own(NodeId node, Worker& worker, std::vector<NodeId>& own) const {
  const Graph::Impl& graph = change_.graph;
  Selection& selection = worker.selection;
  selection.prepare(graph, graph.capacity0 + 1);
  selection.center = node;
  selection.candidates = worker.candidates.data();
  selection.candidate_count = static_cast<std::uint32_t>(worker.candidates.size());
  selection.is_protected = nullptr;
  selection.kept_max = graph.options.m;
  // Filled to the brim: measured on clustered data against m / 2, recall at ef 10 rises from .964
  // to .984 and no search takes longer, for links that lead to nearer nodes end it sooner.
  selection.fill_to = graph.options.m;
  graph.kernels->select(graph, selection);
  own.assign(selection.kept.begin(), selection.kept.begin() + selection.kept_count);
  std::sort(own.begin(), own.end());
}

void Linker::choose(std::span<const NodeId> earlier, NodeId node, const QueryCode& query,
                    const std::uint32_t* mate_keys, Worker& worker, Choice& choice) {
  const Graph::Impl& graph = change_.graph;
  const unsigned level_max = graph.state(node).level;
  const WalkView view = change_.view();
  unsigned walk_levels = 0;  // levels below this one are walked
  std::uint64_t start = 0;
  if (view.entry != kNodeNone) {
    walk_levels = std::min<unsigned>(level_max, graph.state(view.entry).level) + 1;
    start = nearest_entry(view, query, walk_levels - 1);
    worker.walk.prepare(graph, view.limit, graph.options.ef_construction);
    worker.walk.stop = stop_rule(graph.options);
  }
  choice.own.assign(level_max + 1, {});
  for (unsigned level = level_max + 1; level-- > 0;) {
    const bool is_walked = level < walk_levels;
    if (is_walked) {
      graph.kernels->walk(view, query, level, start, worker.walk);
      start = worker.walk.pool[0] & ~std::uint64_t{1};
    }
    collect(earlier, mate_keys, level, is_walked, worker);
    select_own(node, worker, choice.own[level]);
  }
  choice.candidates.assign(worker.candidates.begin(), worker.candidates.end());
}

void Linker::choose_tile(std::span<const NodeId> batch, std::size_t first, std::size_t last,
                         Worker& worker) {
  const Graph::Impl& graph = change_.graph;
  const std::size_t code_bytes = graph.options.format.code_bytes;
  worker.buffer.ensure(kTileMax * code_bytes);
  worker.queries.clear();
  for (std::size_t i = first; i < last; ++i) {
    worker.queries.push_back(
        graph.kernels->prepare(graph, batch[i], worker.buffer.data() + (i - first) * code_bytes));
  }
  const std::size_t stride = last + 3;  // keys come four at a time
  worker.keys.resize(kTileMax * stride);
  graph.kernels->keys_of_many(graph, worker.queries, batch.first(last - 1), worker.keys.data(),
                              stride);
  for (std::size_t i = first; i < last; ++i) {
    choose(batch.first(i), batch[i], worker.queries[i - first],
           worker.keys.data() + (i - first) * stride, worker, choices_[i]);
  }
}

void Linker::place(NodeId node, Choice& choice) {
  Graph::Impl& graph = change_.graph;
  NodeState& state = graph.state(node);
  NodeId parent = kNodeNone;
  if (!choice.candidates.empty()) {
    parent = choose_parent(change_, node, choice.candidates);
    ++change_.writable_state(parent).child_count;
    change_.placed.push_back({node, change_.placed_latest.find(parent)});
    change_.placed_latest.assign(parent, static_cast<std::uint32_t>(change_.placed.size() - 1));
    std::vector<NodeId>& own = choice.own[0];
    const auto at = std::lower_bound(own.begin(), own.end(), parent);
    if (at == own.end() || *at != parent) own.insert(at, parent);
  }
  state.parent.store(parent, std::memory_order_relaxed);
  state.child_count = 0;
  state.as_of = node;
  state.dirty = 0;
  change_.own_offsets.push_back(change_.own_ids.size());
  for (unsigned level = 0; level <= state.level; ++level) {
    const std::vector<NodeId>& own = choice.own[level];
    write_list(graph.list(node, level), own.data(), own.size(), graph.capacity(level));
    change_.own_ids.push_back(static_cast<NodeId>(own.size()));
    change_.own_ids.insert(change_.own_ids.end(), own.begin(), own.end());
    for (const NodeId target : own) answers_.push_back({target, level, node});
  }
}

Status Linker::answer(std::span<const NodeId> batch, unsigned thread_count) {
  const Graph::Impl& graph = change_.graph;
  std::sort(answers_.begin(), answers_.end());
  std::vector<Group> groups;
  for (std::size_t first = 0, last = 0; first < answers_.size(); first = last) {
    const Answer& link = answers_[first];
    while (last < answers_.size() && answers_[last].target == link.target &&
           answers_[last].level == link.level) {
      ++last;
    }
    change_.writable_state(link.target).dirty = 1;
    groups.push_back({first, last, change_.writable_list(link.target, link.level)});
  }
  for (Worker& worker : workers_) worker.prune.prepare(graph);
  const TreeView tree{&graph, &change_};
  constexpr std::size_t kGrain = 16;
  NEARLITE_TRY(parallel_for(
      thread_count, groups.size(), kGrain,
      [&](std::size_t index, unsigned worker) {
        const Group& group = groups[index];
        for (std::size_t i = group.first; i < group.last; ++i) {
          const Answer& link = answers_[i];
          append_link(tree, link.target, link.level, link.added, group.list,
                      workers_[worker].prune);
        }
      },
      [] { return false; }));
  for (const NodeId node : batch) {
    if (change_.entry == kNodeNone || graph.state(node).level > graph.state(change_.entry).level) {
      change_.entry = node;
    }
  }
  return {};
}

Status Linker::link_batch(std::span<const NodeId> batch) {
  unsigned thread_count = 1;
  if (batch.size() >= options_.parallel_threshold)
    thread_count = std::max(1U, options_.thread_count);
  thread_count = static_cast<unsigned>(std::min<std::size_t>(thread_count, batch.size()));
  if (workers_.size() < thread_count) workers_.resize(thread_count);
  if (choices_.size() < batch.size()) choices_.resize(batch.size());
  const std::size_t tile =
      std::clamp<std::size_t>(batch.size() / (std::size_t{4} * thread_count), 1, kTileMax);
  NEARLITE_TRY(parallel_for(
      thread_count, (batch.size() + tile - 1) / tile, 1,
      [&](std::size_t index, unsigned worker) {
        const std::size_t first = index * tile;
        choose_tile(batch, first, std::min(first + tile, batch.size()), workers_[worker]);
      },
      [&] { return options_.should_stop && options_.should_stop(); }));

  // From here on lists change: a failure leaves a change that can only be dropped.
  change_.is_broken = true;
  answers_.clear();
  for (std::size_t i = 0; i < batch.size(); ++i) place(batch[i], choices_[i]);
  change_.placed.clear();
  change_.placed_latest.clear();
  NEARLITE_TRY(answer(batch, thread_count));
  change_.linked_count += batch.size();
  change_.linked_max = batch.back();
  change_.present_count += batch.size();
  change_.holders_known = false;
  change_.is_broken = false;
  return {};
}

Status Linker::run() {
  while (change_.linked_count < change_.new_ids.size()) {
    if (options_.should_stop && options_.should_stop()) return {Code::kInterrupted, "interrupted"};
    const std::span<const NodeId> pending =
        std::span<const NodeId>(change_.new_ids).subspan(change_.linked_count);
    NEARLITE_TRY(link_batch(pending.first(batch_size(change_.present_count, pending.size()))));
  }
  // publish() may not allocate.
  change_.graph.upper_nodes.reserve(change_.graph.upper_nodes.size() + change_.new_ids.size());
  return {};
}

}  // namespace

Status GraphChange::link(const LinkOptions& options) {
  if (impl_->is_broken) return broken_change();
  try {
    return Linker(*impl_, options).run();
  } catch (const std::bad_alloc&) {
    return {Code::kNoMemory, "no memory to link new nodes"};
  }
}

}  // namespace nearlite
