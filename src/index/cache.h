// What is in memory of one vector index, for which snapshot, until when.
//
// A Cache holds the published graph as of one commit (its state) and remembers the ids of the
// commits it has been through. It is shared by all connections of the process that have the same
// database file open (CacheSlot), or private to one connection. It is only ever a hint: any of it
// can be thrown away and rebuilt from the rows.
//
// INVARIANT C1. Every search first reads the last commit row of its own snapshot; the cache is used
// only if that commit is one the cache knows by its commit_id. A store may give the row that it
// read before while SQLite says that nothing can have changed (sqlite/read_version.h).
// INVARIANT C2. No lock of ours is held while a statement runs: rows are read first, then applied
// under the mutex, and only if the cache still stands where the reading began.
// INVARIANT C3. Nothing read inside a connection's own write transaction enters a shared cache.
// INVARIANT C4. A reader whose snapshot is older than what the graph has forgotten (unlink_floor)
// is answered by the exact scan of its own snapshot.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "index/kept_vectors.h"
#include "index/options.h"
#include "index/predicate.h"
#include "storage/side_file.h"
#include "storage/store.h"
#include "vector/quantizer.h"

namespace nearlite {

/// How a snapshot relates to a cache.
enum class Standing : std::uint8_t {
  kCurrent,  ///< the cache stands at exactly this commit
  kOlder,    ///< the snapshot is older, known, and can be searched with the visibility test
  kTooOld,   ///< the snapshot is older and not known or already forgotten: exact scan
  kNewer,    ///< the snapshot is newer: catch up
  kForked,   ///< same or older seq, another history: throw the cache away
};

class Cache {
 public:
  Cache(std::unique_ptr<Graph> graph, std::shared_ptr<const Quantizer> quantizer,
        const CommitRecord& at);

  [[nodiscard]] Graph& graph() noexcept { return *graph_; }
  [[nodiscard]] const Graph& graph() const noexcept { return *graph_; }

  [[nodiscard]] Standing standing(const CommitRecord& snapshot) const;
  /// (seq, commit_id) the cache stands at.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> position() const;
  [[nodiscard]] std::uint64_t live_count() const;
  [[nodiscard]] std::shared_ptr<const Quantizer> quantizer() const;
  /// True while no node with delete_seq > seq has been unlinked.
  [[nodiscard]] bool remembers(std::uint64_t seq) const;
  /// Where the vectors of a small index are kept; null when it is large, or there is no memory.
  [[nodiscard]] std::shared_ptr<KeptVectors> kept_vectors(std::size_t vector_bytes,
                                                          std::uint64_t bytes_max) noexcept;
  /// Of the graph and of what is kept.
  [[nodiscard]] std::size_t memory_bytes() const;
  /// Allocates ids up to `last` for a writer.
  Status reserve(NodeId last);

  /// Publishes a transaction's change if the cache still stands at `base`; false otherwise. Cannot
  /// fail, allocates nothing.
  bool publish(const CommitRecord& base, const CommitRecord& next, GraphChange& change,
               const std::shared_ptr<const Quantizer>& quantizer) noexcept;
  /// Orders a writer's plain writes to unpublished nodes before whatever another thread does under
  /// the mutex later.
  void fence() noexcept;

  /// Writes an image of the graph as it stands (side_image.cc). Holds the mutex while writing:
  /// others cannot publish. kBusy while the graph is not all in memory.
  Status save(const std::string& path, unsigned mode);
  /// The same image as bytes.
  Result<std::vector<std::byte>> image();

  /// Brings the cache from where it stands to `snapshot`, reading rows of the caller's snapshot.
  /// False when that is not possible (forked, rows trimmed, purged meanwhile): the cache must be
  /// replaced. True: look at standing() again. Completes the graph first.
  Result<bool> catch_up(Store& store, const IndexOptions& options, const CommitRecord& snapshot);

 private:
  // Of the image; the mutex is held.
  [[nodiscard]] SideFileHeader image_header() const;
  Status write_image(
      const std::function<Status(const SideFileHeader&, const SideBodyWriter&)>& write) const;

  struct Delta;
  Result<bool> read_delta(Store& store, const CommitRecord& from, const CommitRecord& to,
                          Delta& delta) const;
  Status apply_delta(Delta& delta, const CommitRecord& to, const IndexOptions& options);

  mutable std::mutex mutex_;
  std::unique_ptr<Graph> graph_;  // lists: one writer under mutex_, lock-free readers
  // GUARDED BY mutex_
  std::shared_ptr<const Quantizer> quantizer_;
  std::shared_ptr<KeptVectors> kept_vectors_;
  CommitRecord at_;  // without its lists
  // (seq, commit_id) of the commits the cache has been through, ascending; capacity reserved once.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> history_;
  void remember(const CommitRecord& record) noexcept;
};

/// Where the connections of a process find the cache of one index. Threads: any.
class CacheSlot {
 public:
  [[nodiscard]] std::shared_ptr<Cache> get() const;
  /// Replaces the cache if it still is `expected`.
  void replace(const std::shared_ptr<Cache>& expected, std::shared_ptr<Cache> cache);
  /// The conditions asked lately. They outlive a cache: each knows the commit it is of.
  [[nodiscard]] PredicateCache& predicates() noexcept { return predicates_; }

 private:
  PredicateCache predicates_;
  mutable std::mutex mutex_;
  std::shared_ptr<Cache> cache_;  // GUARDED BY mutex_
};

/// The process-wide slot of `key` (index uuid and database file); lives as long as somebody holds
/// it.
std::shared_ptr<CacheSlot> shared_cache_slot(const std::string& key);

/// Reads the whole index as of `snapshot` (rows above snapshot.max_node_id are left out).
Result<std::shared_ptr<Cache>> load_cache(Store& store, const IndexOptions& options,
                                          const CommitRecord& snapshot);

/// The quantizer of an index: needs the stored centre where the metric has one; null until the
/// first vector is known.
Result<std::shared_ptr<const Quantizer>> load_quantizer(Store& store, const IndexOptions& options);

}  // namespace nearlite
