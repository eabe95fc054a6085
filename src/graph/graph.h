// The published HNSW graph of one index in memory (Malkov & Yashunin 2018): one writer, many
// lock-free readers.
//
// Nodes are addressed by id in chunks of kChunkNodes, so that ids purged long ago cost nothing. A
// node's code, residual, info, rowid and level never change once it is published. Neighbour lists
// change in place, entry by entry, with release stores; a reader may see a mixture of an old and a
// new list, which is still a list of valid nodes. All changes come from GraphChange::publish,
// GraphLoader or apply(), whose callers hold the cache's writer mutex; nodes of an image that is
// read in parts come one by one (partial.h). A search decides only what is near; who is visible is
// decided per result by the index layer.
//
// INVARIANT G1. Every link of a published node leads to a published node on that level, never to
// itself, no two alike. INVARIANT G2. degree(level 0) <= 2 m, degree(level > 0) <= m. INVARIANT G3.
// Every node except the root has a parent at level 0 and both link to each other; parents lead to
// the root. INVARIANT G4. A list is a pure function of the row's base list and the ids appended
// since, in ascending order.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/aligned.h"
#include "graph/stop_rule.h"
#include "graph/types.h"
#include "nearlite/status.h"

namespace nearlite {

class GraphChange;
class PartialNodes;

/// A node as somebody else keeps it, with the lists it has in memory, whatever its row says.
struct NodeImage {
  NodeId id = kNodeNone;
  NodeId parent = kNodeNone;
  NodeId as_of = kNodeNone;
  bool is_dirty = false;
  RowId rowid = 0;
  std::uint64_t delete_seq = 0;
  CodeInfo info;
  const std::byte* code = nullptr;
  const std::byte* residual = nullptr;
  /// 2 m places for level 0, then m for each further one; zeros behind the last entry.
  const NodeId* links = nullptr;
};

/// Where the nodes come from of a graph that is searched before all of it is in memory. Threads:
/// any.
class NodeSource {
 public:
  NodeSource() = default;
  virtual ~NodeSource() = default;
  NodeSource(const NodeSource&) = delete;
  NodeSource& operator=(const NodeSource&) = delete;
  /// A bit per id, 64 to a word: which nodes there are.
  [[nodiscard]] virtual std::span<const std::uint64_t> ids() const noexcept = 0;
  /// Calls `take` with each of these nodes, in any order; quicker when they ascend. REQUIRES: they
  /// are in ids().
  virtual Status read(std::span<const NodeId> wanted,
                      const std::function<Status(const NodeImage&)>& take) = 0;
};

class Graph {
 public:
  static constexpr unsigned kChunkShift = 13;
  static constexpr NodeId kChunkNodes = NodeId{1} << kChunkShift;

  static Result<std::unique_ptr<Graph>> make(const GraphOptions& options);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  [[nodiscard]] const GraphOptions& options() const noexcept;
  /// Number of levels above 0 that a node of this id has: a hash of (seed, id), P(level >= l) =
  /// m^-l, at most kLevelMax.
  [[nodiscard]] unsigned level_of(NodeId id) const noexcept;

  // ---- What readers may call at any time for published nodes.
  [[nodiscard]] NodeId entry() const noexcept;              ///< kNodeNone when empty
  [[nodiscard]] NodeId max_id() const noexcept;             ///< highest published id
  [[nodiscard]] bool is_present(NodeId id) const noexcept;  ///< published and not purged
  /// The id is published, or was: its code may be read, though a purged node's says nothing.
  [[nodiscard]] bool has_place(NodeId id) const noexcept;
  [[nodiscard]] const std::byte* code(NodeId id) const noexcept;
  [[nodiscard]] const std::byte* residual(NodeId id) const noexcept;
  [[nodiscard]] CodeInfo info(NodeId id) const noexcept;
  [[nodiscard]] RowId rowid(NodeId id) const noexcept;
  /// Fetches into the cache what is read of a found node: residual, rowid, deletion. Its code is
  /// there since the walk.
  void prefetch_found(NodeId id) const noexcept;
  /// Commit that deleted the node; 0 while it lives.
  [[nodiscard]] std::uint64_t delete_seq(NodeId id) const noexcept;
  /// A copy of a list (for checks and tests, not for the search loop).
  [[nodiscard]] std::vector<NodeId> list(NodeId id, unsigned level) const;
  [[nodiscard]] NodeId parent(NodeId id) const noexcept;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

  // ---- Writer side: one thread at a time, on unpublished ids.
  /// Allocates the chunks that hold ids (max_id(), last]. Fails with kNoMemory or kFull and changes
  /// nothing then.
  Status reserve(NodeId last, Pages pages = Pages::kHuge);
  /// Where to write the code and residual of an unpublished, reserved node.
  [[nodiscard]] std::byte* mutable_code(NodeId id) noexcept;
  [[nodiscard]] std::byte* mutable_residual(NodeId id) noexcept;
  void set_node(NodeId id, RowId rowid, CodeInfo info) noexcept;
  /// Marks a published node as deleted by commit `seq` (catch-up from rows).
  void set_delete_seq(NodeId id, std::uint64_t seq) noexcept;

  /// What the node's row covers, for images: see NodeRecord::as_of and GraphChange::is_dirty.
  [[nodiscard]] NodeId as_of(NodeId id) const noexcept;
  [[nodiscard]] bool is_dirty(NodeId id) const noexcept;

  // ---- A graph that is not all in memory yet (partial.h).
  /// Publishes the ids of `source`, whose nodes are read when search() meets them. Until complete()
  /// only search() and what concerns nodes it found, or fetch() was asked for, may be called, and
  /// set_delete_seq().
  /// `knows_deletions`: set_delete_seq() tells them, and an image that says otherwise is damaged;
  /// else those of the images are taken. On an empty graph, reserved with small pages.
  Status begin(std::shared_ptr<NodeSource> source, NodeId max_id, NodeId entry,
               bool knows_deletions);
  [[nodiscard]] bool is_partial() const noexcept;
  /// A node could not be read, or did not fit: the graph must be thrown away.
  [[nodiscard]] bool is_damaged() const noexcept;
  /// Reads those of `ids` that are nodes and not here yet. REQUIRES: has_place(id) of all of them.
  /// Errors: as complete().
  Status fetch(std::span<const NodeId> ids);
  /// Reads some more nodes in a row, in proportion to those that searches have read since the last
  /// call: so that reading one by one takes no longer than reading all at once, twice. Without
  /// effect while another thread does it.
  void read_ahead(unsigned thread_count) noexcept;
  /// Reads all that are missing. Without effect on a graph that is whole. Threads: any. Errors:
  /// kNoMemory; kCorruption and kIo damage the graph.
  Status complete(unsigned thread_count);

  /// Catch-up: takes over what other connections committed. `changed` holds the rows of all nodes
  /// in (max_id(), new_max] (their codes are set already) and of older nodes whose row was
  /// rewritten otherwise than by folding; ascending by id. The result is exactly what a full load
  /// of the same rows gives. On failure the graph must be thrown away.
  Status apply(std::span<const NodeRecord> changed, NodeId new_max, NodeId entry);

  /// Catch-up: takes out a published node that another connection purged. Call it before apply() of
  /// the same commits, whose rows no longer lead to it.
  void forget(NodeId id) noexcept;

  /// Opaque to other layers.
  struct Impl;
  [[nodiscard]] Impl& impl() noexcept { return *impl_; }
  [[nodiscard]] const Impl& impl() const noexcept { return *impl_; }

 private:
  explicit Graph(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Fills an empty graph from rows. Codes, infos and rowids are set through Graph before finish().
class GraphLoader {
 public:
  explicit GraphLoader(Graph& graph);
  ~GraphLoader();
  /// Takes one row; rows come in ascending id order. Links to ids that never come are corruption.
  Status add(const NodeRecord& row);
  /// Instead of all this: takes over nodes that are in their places and visible already, with their
  /// current lists (partial.cc). `ids` ascend.
  Status adopt(std::vector<NodeId> ids, unsigned thread_count);
  /// Derives back-links (on up to `thread_count` threads, same result for any) and publishes ids <=
  /// max_id.
  Status finish(NodeId max_id, NodeId entry, unsigned thread_count);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Scratch of one search at a time; reuse it: after the first search of a size nothing is
/// allocated.
class SearchContext {
 public:
  SearchContext();
  ~SearchContext();
  SearchContext(SearchContext&&) noexcept;
  SearchContext& operator=(SearchContext&&) noexcept;
  /// Codes the last search compared on level 0.
  [[nodiscard]] std::uint64_t compared_count() const noexcept;
  /// Whether the last search() had met enough for its StopRule to leave out what is farther: then
  /// fewer than `ef` candidates do not mean that there are no more.
  [[nodiscard]] bool had_limit() const noexcept;
  struct Impl;
  [[nodiscard]] Impl& impl() noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Finds about the `ef` nodes nearest to `query`, ascending by (key, id), dead and too-new nodes
/// included: the caller filters. With `change` the walk also sees the changed lists and the linked
/// new nodes of that transaction. The returned span lives in `context` until its next use. Threads:
/// any number at once, each with its own context. Errors: kNoMemory. Cost: about ef * m
/// comparisons, fewer with a rule.
Result<std::span<const Candidate>> search(const Graph& graph, const GraphChange* change,
                                          const QueryCode& query, std::uint32_t ef,
                                          SearchContext& context, const StopRule& stop = {});

/// The nodes a filtered search looks for.
struct SubsetView {
  std::span<const std::uint64_t> bits;  ///< a bit per id, 64 to a word
  std::span<const NodeId> seeds;        ///< some members to start from; at most 256 are used
  /// Give up when this many comparisons would have been cheaper spent otherwise.
  std::uint64_t cost_max = UINT64_MAX;
};
/// As search(), among the nodes of a set only. nullopt: given up.
Result<std::optional<std::span<const Candidate>>> search_among(const Graph& graph,
                                                               const SubsetView& subset,
                                                               const QueryCode& query,
                                                               std::uint32_t ef,
                                                               SearchContext& context);
/// keys[i] = that of ids[i]. REQUIRES: graph.has_place(id) of all of them.
void compare_codes(const Graph& graph, const QueryCode& query, std::span<const NodeId> ids,
                   std::span<std::uint32_t> keys) noexcept;

struct LinkOptions {
  unsigned thread_count = 1;
  std::uint32_t parallel_threshold = 256;  ///< batches below this size use the calling thread only
  /// Called on the calling thread between batches and during long ones; true stops with
  /// kInterrupted.
  std::function<bool()> should_stop;
};

/// What one write transaction changes: new nodes, changed lists of published nodes, deletions.
/// Private to the transaction until publish(). INVARIANT G5. Until publish() no published node
/// changes.
class GraphChange {
 public:
  explicit GraphChange(Graph& graph);
  ~GraphChange();

  /// Declares a new node: its code, residual, info and rowid are set in `graph` already. Ids
  /// ascend, all above graph.max_id().
  Status add_node(NodeId id);
  /// Forgets a declared node that was not linked (deleted in the transaction that inserted it).
  void remove_node(NodeId id);
  /// Deletes a published node in this transaction. Idempotent.
  Status mark_dead(NodeId id);
  [[nodiscard]] bool is_dead(NodeId id) const noexcept;  ///< by this transaction or before

  /// Links all declared nodes that are not linked yet, in batches (brief: the result does not
  /// depend on threads).
  Status link(const LinkOptions& options);

  /// Removes from v's lists all nodes deleted at or before commit `dead_as_of`, putting live
  /// neighbours of theirs in their place, and gives v a live parent. Returns whether anything
  /// changed. Nodes changed besides v (old and new parent) are in touched() too.
  Result<bool> repair(NodeId v, std::uint64_t dead_as_of);
  /// Forgets a dead node that no list leads to any more.
  Status purge(NodeId id);

  /// True when the row of `id` misses back-links that its list in memory has.
  [[nodiscard]] bool is_dirty(NodeId id) const noexcept;
  /// Content to write for a node now: links = current lists as of `as_of`; own = as chosen (empty
  /// for a published node: keep the row's).
  [[nodiscard]] Result<NodeRecord> record(NodeId id) const;
  /// Records that the row of `id` was (or will be, in this transaction) written with links as of
  /// `as_of`.
  Status mark_folded(NodeId id, NodeId as_of);

  /// New nodes in ascending order; linked ones after link().
  [[nodiscard]] std::span<const NodeId> new_nodes() const noexcept;
  /// Published nodes whose lists or parent changed otherwise than by back-links of new nodes;
  /// ascending. Their rows must be written.
  [[nodiscard]] std::vector<NodeId> touched() const;
  [[nodiscard]] NodeId entry() const noexcept;   ///< after this change
  [[nodiscard]] NodeId max_id() const noexcept;  ///< after this change

  /// Makes everything visible to readers; deletions get `seq`. Allocates nothing, cannot fail. The
  /// change is empty afterwards.
  void publish(std::uint64_t seq) noexcept;

  struct Impl;
  [[nodiscard]] const Impl& impl() const noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Verifies G1–G3 and reachability on level 0 over all published, not purged nodes (and, if given,
/// the change). Returns problems found, at most `limit`, each one line naming node, level and
/// value.
std::vector<std::string> check_graph(const Graph& graph, std::size_t limit);

}  // namespace nearlite
