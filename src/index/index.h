// One vector index as one connection sees it: rows (through Store), graph (through Cache), snapshot
// and transaction.
//
// State machine of a transaction, driven by the SQLite callbacks named in docs/concurrency.md:
//
//   reading --insert, erase--> writing --sync()--> synced --commit()--> reading
//
// From synced, more writes may follow (COMMIT was refused with BUSY) and lead back to writing.
// rollback() leads from anywhere to reading. rollback_to() marks the state stale: its next use
// reads it back from the rows.
//
// INVARIANT D1. Rows are the truth: whatever is returned was decided from the caller's own
// snapshot. INVARIANT D2. A row, its node and the commit record that covers it are written by the
// same SQLite transaction. INVARIANT D3. commit() runs no SQL, allocates nothing and cannot fail;
// whatever can fail has failed in sync(). INVARIANT D4. After rollback_to() nothing in memory is
// trusted: new nodes are read back from the rows.
//
// Threads: one at a time, the one that uses the connection. Several Index objects share one
// CacheSlot.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "index/cache.h"
#include "index/content.h"
#include "index/node_code.h"
#include "index/options.h"
#include "index/predicate.h"
#include "storage/store.h"

namespace nearlite {

/// A found row.
struct Hit {
  double distance = 0;  ///< in the index's metric
  RowId rowid = 0;
  NodeId id = kNodeNone;  ///< none: a row of external content that is not indexed as it is
  bool is_exact = true;   ///< false: `distance` is accurate to about 1e-5; see Index::measure()
  std::uint64_t fingerprint = 0;  ///< of the stored vector, if known; for measure()
};

/// The order of answers: by distance, equal ones by rowid.
[[nodiscard]] inline bool is_nearer(const Hit& a, const Hit& b) noexcept {
  return a.distance != b.distance ? a.distance < b.distance : a.rowid < b.rowid;
}

/// A place in the order of answers: behind the row `rowid` at `distance`, be there one or not.
struct Place {
  double distance = 0;
  RowId rowid = 0;
};
[[nodiscard]] inline bool is_beyond(const Hit& hit, const Place& place) noexcept {
  return hit.distance != place.distance ? hit.distance > place.distance : hit.rowid > place.rowid;
}

struct SearchRequest {
  std::span<const float> query;  ///< dim components
  std::size_t k = 10;            ///< how many rows; fewer come only if fewer qualify
  std::uint32_t ef_search = 0;   ///< 0 = the index's setting
  bool exact = false;            ///< scan all rows
  /// The order is exact in any case; distances may be left to measure(), which reads the rows.
  bool lazy_distances = false;
  /// Nodes that may be returned; null = all. Must outlive the call.
  const NodeSet* allowed = nullptr;
  /// Nodes that may not; null = none. Must outlive the call.
  const NodeSet* excluded = nullptr;
  /// Not one of the k nearest may be missed: all nodes are compared instead of a walk
  /// (complete.cc).
  bool complete = false;
  /// Only hits beyond this place count. Needs `complete` or `exact`.
  std::optional<Place> after;
  /// Rowids that may be returned, ascending: for external content, where a row need not have a
  /// node.
  const std::vector<RowId>* allowed_rows = nullptr;
};

/// How a search was answered.
enum class SearchPath : std::uint8_t {
  kNone,
  kGraph,             ///< a walk
  kGraphDropping,     ///< a wider walk, what does not match the filter dropped
  kGraphAmong,        ///< a walk among the nodes that match
  kMatching,          ///< all nodes that match compared
  kComplete,          ///< all nodes compared, or all that match
  kExact,             ///< all rows read
  kExactOldSnapshot,  ///< the same, because what is in memory is too new
};
[[nodiscard]] std::string_view name_of(SearchPath path) noexcept;

/// What the last search of a connection did.
struct SearchReport {
  SearchPath path = SearchPath::kNone;
  std::uint64_t node_count = 0;              ///< in the graph, dead ones included
  std::optional<std::uint64_t> match_count;  ///< nodes that match the filter
  std::uint64_t compared_count = 0;          ///< codes compared
  bool has_fallen_back = false;              ///< a walk did not yield enough or cost too much
};

/// How the conditions of this connection's searches were evaluated.
struct FilterStats {
  std::uint64_t scan_count = 0;      ///< by asking all rows
  std::uint64_t hit_count = 0;       ///< remembered as of the snapshot
  std::uint64_t catch_up_count = 0;  ///< remembered, and changed rows asked
};

struct IndexStats {
  std::uint64_t seq = 0;
  std::uint64_t live_count = 0;
  std::uint64_t dead_count = 0;
  NodeId max_node_id = 0;
  std::uint64_t memory_bytes = 0;
  bool cached = false;                 ///< a cache stands at this snapshot
  std::uint64_t load_count = 0;        ///< how often this connection loaded the whole index
  std::uint64_t image_load_count = 0;  ///< how often it started from the side file
  std::uint64_t save_count = 0;        ///< how often it wrote the side file
  std::uint64_t catch_up_count = 0;
  SearchReport last;
  FilterStats filters;
  PredicateStats predicates;  ///< remembered by the process
};

/// When and where the image of an index is written. `every` commits; 0 = at close only;
/// kSideFileAmortized = when an eighth of the rows has changed since the last image, so that the
/// cost stays in proportion to the change.
inline constexpr std::uint32_t kSideFileAmortized = UINT32_MAX;
struct SideFile {
  std::string path;
  unsigned mode = 0644;  ///< permission bits, those of the database file
  std::uint32_t every = kSideFileAmortized;
};

struct SearchScratch;
class ExactDistance;

class Index {
 public:
  Index(IndexOptions options, std::unique_ptr<Store> store, std::shared_ptr<CacheSlot> slot);
  ~Index();

  [[nodiscard]] IndexOptions& options() noexcept { return options_; }
  [[nodiscard]] Store& store() noexcept { return *store_; }

  /// Writes the commit record of the empty index. Called once, by CREATE.
  Status create();
  /// Where the vectors are. REQUIRES: options.is_external; called before the first search.
  void set_content(std::unique_ptr<Content> content) { content_ = std::move(content); }

  // ---- Reading (search.cc, exact.cc)
  /// The nearest rows of the caller's snapshot, ascending by (distance, rowid).
  Result<std::vector<Hit>> search(const SearchRequest& request);
  /// The nodes whose rows satisfy a condition in the caller's snapshot, and perhaps dead ones.
  /// Remembered, so that the same condition costs nothing the next time (predicate.cc).
  Result<std::shared_ptr<const NodeSet>> matching(Predicate& predicate);
  /// Makes the distances of `hits` exact, in the snapshot of the search that found them.
  Status measure(std::span<const float> query, std::span<Hit> hits);
  /// Rows alive in the caller's snapshot. With external content: nodes; rows may be fewer or more.
  Result<std::uint64_t> live_count();
  Result<IndexStats> stats();

  // ---- Writing (write.cc). A failure leaves nothing half done, or the transaction is poisoned.
  /// The id the next insert gets.
  Result<NodeId> next_id();
  /// `label_hash` is of the row's other columns.
  Status insert(NodeId id, RowId rowid, std::span<const float> values,
                std::uint64_t label_hash = 0);
  Status erase(NodeId id);
  /// The row of a node is about to change in columns that are not the vector.
  Status relabel(NodeId id, std::uint64_t label_hash);
  /// External content: is the node alive and of exactly this vector?
  Result<bool> holds(NodeId id, std::span<const std::byte> stored);
  /// External content: what the store knows of the vector of a node; nullopt without a code.
  Result<std::optional<std::uint64_t>> stored_fingerprint(NodeId id);
  [[nodiscard]] bool is_writing() const noexcept { return write_ != nullptr; }
  /// Makes every further write and the commit of this transaction fail: rows may be half written.
  void poison(std::string why);

  // ---- Transaction callbacks (sync.cc)
  Status sync();
  void commit() noexcept;
  void rollback() noexcept;
  void rollback_to() noexcept;

  // ---- Maintenance (maintain.cc), inside the caller's write transaction
  /// Folds every dirty row, repairs every list with dead neighbours, purges the dead.
  Status optimize();
  /// As optimize, and gives the space of purged vectors back.
  Status compact();
  /// Links all vectors afresh. `live` holds the (id, rowid) pairs the table knows, ascending by id;
  /// every other vector is dropped; with external content all are, and `live` must be empty. Needs
  /// no link row, deletion or commit record to be readable.
  Status rebuild(std::span<const std::pair<NodeId, RowId>> live);

  // ---- Side file (side_file.cc)
  /// Where the image is kept; empty = none.
  void set_side_file(SideFile side_file) { side_file_ = std::move(side_file); }
  [[nodiscard]] const SideFile& side_file() const noexcept { return side_file_; }
  /// Writes the image of the last committed state now.
  Status save();
  /// The table is dropped: the image has no use any more (and, if that is rolled back, is only a
  /// hint).
  void remove_side_file() noexcept;
  /// The image as bytes, of the caller's snapshot; and the way back: takes it as the cache if it is
  /// of this index and in the history of the caller's snapshot, catching up from the rows. Errors:
  /// kCorruption when it does not fit.
  Result<std::vector<std::byte>> image();
  Status take_image(std::span<const std::byte> image);
  /// The connection closes: writes the image if this connection changed rows since the last one.
  void close() noexcept;

  // ---- Evidence (check.cc)
  /// Compares index and table; `live` as in rebuild(). Problems found, at most `limit`, one line
  /// each.
  Result<std::vector<std::string>> check(std::span<const std::pair<NodeId, RowId>> live,
                                         std::size_t limit);
  /// A hash of the content, the same for equal content however it is laid out in pages and folded
  /// into rows.
  Result<std::uint64_t> digest();

 private:
  struct View;
  struct Write;

  // acquire.cc: a cache usable for the snapshot, or none (exact scan). A search that walks can do
  // with one whose graph is not all in memory yet.
  enum class Need : std::uint8_t { kWhole, kPart };
  Result<std::shared_ptr<Cache>> acquire(const CommitRecord& snapshot, Need need = Need::kWhole);
  Result<CommitRecord> snapshot();
  Result<std::shared_ptr<Cache>> load(const CommitRecord& snapshot);
  void save_after_commit(std::uint64_t changed_count) noexcept;

  [[nodiscard]] Status check_query(std::span<const float> query) const;
  // nullopt: the graph does not have enough rows, scan.
  Result<std::optional<std::vector<Hit>>> search_graph(const View& view,
                                                       const SearchRequest& request);
  static std::uint64_t rescore_limit(const View& view, const Candidate& kth);
  [[nodiscard]] bool is_tied(std::uint64_t kth_key, std::span<const Candidate> walked) const;
  [[nodiscard]] static bool is_row_wanted(const View& view, const SearchRequest& request,
                                          RowId rowid);
  void keep_near_pending(const View& view, const SearchRequest& request, std::size_t first,
                         std::size_t keep, std::size_t keep_max);
  bool collect_candidates(const View& view, const SearchRequest& request, std::size_t wanted);
  bool collect_near(const View& view, const SearchRequest& request);
  [[nodiscard]] std::uint32_t ef_search_of(const SearchRequest& request) const;
  [[nodiscard]] static std::uint64_t hidden_count(const View& view, const SearchRequest& request);
  [[nodiscard]] std::uint32_t width_of(const View& view, const SearchRequest& request) const;
  [[nodiscard]] std::pair<std::size_t, std::size_t> kept_counts(const View& view,
                                                                const SearchRequest& request) const;
  struct Taken;
  Taken take_candidates(const View& view, const SearchRequest& request,
                        std::span<const Candidate> walked);
  [[nodiscard]] bool is_node_allowed(const View& view, const SearchRequest& request,
                                     NodeId id) const;
  void take_pending(const View& view, const SearchRequest& request);

  // search_filtered.cc
  Result<std::optional<std::vector<Hit>>> search_filtered(const View& view,
                                                          const SearchRequest& request);
  bool walk_filtered(const View& view, const SearchRequest& request, SearchPath path);
  bool compare_matching(const View& view, const SearchRequest& request);

  // search_coarse.cc
  void narrow_coarse(const View& view, const SearchRequest& request);
  Result<std::vector<Hit>> settle_coarse(const View& view, const SearchRequest& request);

  // search_complete.cc
  Result<std::optional<std::vector<Hit>>> search_complete(const View& view,
                                                          const SearchRequest& request);
  void collect_all(const View& view, const SearchRequest& request);
  [[nodiscard]] float distance_error(const View& view, const SearchRequest& request, NodeId id,
                                     float distance) const;

  // predicate.cc
  Result<std::shared_ptr<const NodeSet>> matching_here(Predicate& predicate, std::uint64_t seq,
                                                       std::uint64_t commit_id);
  Result<NodeSet> evaluate(Predicate& predicate);
  Result<std::shared_ptr<const NodeSet>> catch_up(Predicate& predicate,
                                                  const PredicateCache::Entry& entry,
                                                  const CommitRecord& to);
  Result<bool> relabelled_since(const PredicateCache::Entry& from, const CommitRecord& to,
                                std::vector<NodeId>& ids);
  void approximate(const View& view);
  Result<std::optional<std::vector<Hit>>> rescore(const View& view, const SearchRequest& request);
  [[nodiscard]] float rescore_error(const View& view, const SearchRequest& request, NodeId id,
                                    float distance) const;
  void keep_nearest(const View& view, const SearchRequest& request);
  Result<std::vector<Hit>> settle(const View& view, const SearchRequest& request);
  Status order_run(const SearchRequest& request, std::span<Hit> run);
  [[nodiscard]] std::shared_ptr<KeptVectors> kept_vectors() const;
  Status measure_kept(ExactDistance& distance, std::span<Hit> hits, KeptVectors& kept);
  Status measure_known(ExactDistance& distance, std::span<Hit> hits, KeptVectors* kept);
  Result<std::vector<Hit>> search_exact(const SearchRequest& request);

  // search_content.cc: both ways over somebody else's rows.
  Result<std::optional<std::vector<Hit>>> search_content(const View& view,
                                                         const SearchRequest& request);
  Result<std::vector<Hit>> scan_content(const SearchRequest& request);

  Status begin_write();
  Status resync();
  Status start_from(const CommitRecord& base, Write& write);
  Status read_back();
  Result<NodeCoder::Place> new_place(NodeId id);
  Status stage(NodeId id, RowId rowid, const NodeCoder::Place& place, std::uint64_t vector_hash);
  Status stage(NodeId id, RowId rowid, std::span<const std::byte> slot);
  Status ensure_quantizer(std::span<const float> first);

  Status link();
  Status maintain();
  [[nodiscard]] Result<bool> new_nodes_lead_to_dead() const;
  void begin_repair();
  Status fold_window(std::uint64_t id_count);
  Status repair_window(std::uint64_t repair_count);
  Status purge_window(std::uint64_t count);
  Status clear_strays(std::span<const std::pair<NodeId, RowId>> live);
  Status rebuild_rows(std::span<const std::pair<NodeId, RowId>> live, const CommitRecord& previous);
  [[nodiscard]] bool is_pending(NodeId id) const;
  Status optimize_rows();
  Status write_all();
  Status or_poison(Status status);
  Status write_rows();
  Status write_commit();
  Status put_record(NodeId id, bool fresh);

  [[nodiscard]] Status error(Code code, const std::string& what) const;

  IndexOptions options_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Content> content_;  // null: the vectors are in the store
  std::shared_ptr<CacheSlot> slot_;
  std::unique_ptr<Write> write_;
  std::unique_ptr<Write> retired_;  // rolled back; see rollback()
  SearchContext context_;
  std::unique_ptr<SearchScratch> scratch_;
  SideFile side_file_;
  std::uint64_t unsaved_rows_ = 0;  // changed by this connection since the last image
  std::uint64_t unsaved_commits_ = 0;
  bool has_image_ = false;  // one was read or written
  std::uint64_t load_count_ = 0;
  std::uint64_t image_load_count_ = 0;
  std::uint64_t save_count_ = 0;
  std::uint64_t catch_up_count_ = 0;
  SearchReport report_;
  FilterStats filter_stats_;
  // Of a write transaction or an old snapshot: nobody else's.
  PredicateCache own_predicates_{16, std::size_t{4} << 20};
  std::uint64_t change_count_ = 0;  // rises with whatever changes what this connection sees
};

}  // namespace nearlite
