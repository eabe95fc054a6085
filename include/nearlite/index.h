/// Nearlite: one vector index of a database, with vectors as spans of float.
///
/// A seat-belt round the SQL of docs/sql.md on one connection: nothing here can be done that a
/// statement could not do, and statements and methods may be mixed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nearlite/database.h"
#include "nearlite/options.h"
#include "nearlite/status.h"

namespace nearlite {
inline namespace v1 {

/// A table whose rows are indexed in place; see "external content" in docs/sql.md.
struct Content {
  std::string table;            ///< its name, in the main database
  std::string rowid = {};       ///< its INTEGER PRIMARY KEY; empty: found
  std::string vector;           ///< the column with vectors: float32 blobs or JSON text
  std::string sync = "strict";  ///< "strict" or "log"
};

/// A vector column of a virtual table of the module hnsw.
///
/// For everything here. Ownership: keeps the connection open, may outlive its Database. Arguments
/// are copied or used during the call only. Threads: that of the Database; search_batch() starts
/// threads of its own. Errors: kInvalidArgument for a vector of the wrong length or with NaN or
/// infinity, a closed or moved-from object, and values out of range; kBusy when another connection
/// holds the lock longer than the busy timeout; kReadOnly for writes where that is so; otherwise
/// whatever SQLite reports. A call that fails has changed nothing. Inside a Transaction everything
/// is part of it, and the sync mode rests.
///
/// close() flushes and tells whether that worked; the destructor flushes too, but nobody hears of a
/// failure.
class Index {
 public:
  /// Makes a table `name` with one vector column. Errors: kConstraint or kSqlite when the name is
  /// taken.
  [[nodiscard]] static Result<Index> create(Database& database, std::string_view name,
                                            const IndexOptions& options);
  /// Makes an index over a table that exists, whose rows stay where they are, and builds it, all in
  /// one transaction. The triggers that keep it in step are made too.
  ///
  /// Of `options`, `column` and `columns` are not used; with dim 0 the table tells. Filters speak
  /// of the columns of the table. Writing through the Index is kInvalidArgument: write to the
  /// table. Errors: kNotFound for an unknown table or column; kInterrupted when `watch` ended it,
  /// which leaves nothing. Cost: reads every row once and links it; see docs/benchmarks.md.
  [[nodiscard]] static Result<Index> create_over(Database& database, std::string_view name,
                                                 const Content& content,
                                                 const IndexOptions& options, const Watch& watch);
  /// Takes in the rows that an index over a table has not taken in yet (SQL's build=deferred), in
  /// one transaction. Nothing to do: ok.
  Status finish_build(const Watch& watch);
  /// Opens a table that exists: its first vector column, or `column`. Errors: kNotFound.
  /// Cost: reads the schema and one row; the graph is loaded by the first search.
  [[nodiscard]] static Result<Index> open(Database& database, std::string_view name);
  [[nodiscard]] static Result<Index> open(Database& database, std::string_view name,
                                          std::string_view column);
  /// Opens it, or makes it when there is none. Errors: kInvalidArgument when the one that exists
  /// has another dim, metric, element or column; other options of it are left as they are.
  [[nodiscard]] static Result<Index> open_or_create(Database& database, std::string_view name,
                                                    const IndexOptions& options);

  ~Index();
  Index(Index&& other) noexcept;
  Index& operator=(Index&& other) noexcept;
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  // ---- What it is. Of a closed or moved-from index: empty, 0, the defaults.
  [[nodiscard]] std::string_view name() const noexcept;
  [[nodiscard]] std::string_view column() const noexcept;
  [[nodiscard]] int dim() const noexcept;
  [[nodiscard]] Metric metric() const noexcept;
  [[nodiscard]] Element element() const noexcept;

  // ---- Writing
  /// Adds a row. Errors: kConstraint when the id exists.
  Status insert(std::int64_t id, std::span<const float> vector);
  /// Adds ids.size() rows, all or none. `vectors`: one after the other, ids.size() * dim() floats.
  Status insert(std::span<const std::int64_t> ids, std::span<const float> vectors);
  /// Adds rows, or replaces the vectors of those that exist; their other columns stay. All or none.
  Status upsert(std::int64_t id, std::span<const float> vector);
  Status upsert(std::span<const std::int64_t> ids, std::span<const float> vectors);
  /// Deletes the row. False: there was none.
  Result<bool> erase(std::int64_t id);
  /// Deletes rows, all or none; unknown ids are passed over. Returns how many there were.
  Result<std::size_t> erase(std::span<const std::int64_t> ids);
  /// Adds every row of `source` in one transaction. `total`: for progress; 0: not known.
  ///
  /// Errors: of `source`, unchanged; kInterrupted when `watch` ended it. Nothing is added then.
  /// Memory: grows by what the graph needs, not by the vectors.
  Result<std::uint64_t> build(const RowSource& source, std::uint64_t total, const Watch& watch);

  // ---- Reading rows
  /// Says whether there is a row `id` with a vector.
  [[nodiscard]] Result<bool> contains(std::int64_t id) const;
  /// Reads a vector into `out`, of dim() floats. Errors: kNotFound.
  Status get(std::int64_t id, std::span<float> out) const;
  [[nodiscard]] Result<std::vector<float>> get(std::int64_t id) const;
  /// Counts the rows that have a vector.
  [[nodiscard]] Result<std::uint64_t> size() const;
  /// Calls `sink` with every row that has a vector, ascending by id, in one snapshot.
  Status for_each(const RowSink& sink) const;

  // ---- Searching. Nearest first; equal distances by ascending id. Fewer than k hits come only if
  // fewer rows qualify. Cost: about ef_search * m comparisons of codes, and k rows read.
  /// Finds the hits.size() nearest rows and returns how many there are. No allocation grows with k.
  [[nodiscard]] Result<std::size_t> search(std::span<const float> query, std::span<Hit> hits,
                                           const SearchOptions& options) const;
  /// Finds the `k` nearest rows. `k` from 0, without upper limit.
  [[nodiscard]] Result<std::vector<Hit>> search(std::span<const float> query, std::int64_t k,
                                                const SearchOptions& options) const;
  /// Answers many queries, one after the other in `queries` (a multiple of dim() floats), all from
  /// one snapshot, on `thread_count` threads (0: one per processor).
  ///
  /// Each thread has a read-only connection of its own, kept until close(). In memory, inside a
  /// transaction and while writes are unflushed, one thread does it all on this connection. Where
  /// others commit without a pause, the writer's lock is taken for a moment. Errors: the first
  /// failure; kBusy when a snapshot cannot be shared.
  [[nodiscard]] Result<std::vector<std::vector<Hit>>> search_batch(
      std::span<const float> queries, std::int64_t k, int thread_count,
      const SearchOptions& options) const;
  /// Finds all rows with a distance of at most `radius`. Errors: kInvalidArgument for NaN.
  /// The search widens until it meets rows beyond; one that the graph hides is missed unless
  /// `options.exact`.
  [[nodiscard]] Result<std::vector<Hit>> search_range(std::span<const float> query, double radius,
                                                      const SearchOptions& options) const;
  /// Hands hits to `sink`, near ones first, until it returns false or all rows have come. One that
  /// the graph missed may come late, with its true distance; none is lost.
  Status search_each(std::span<const float> query, const SearchOptions& options,
                     const HitSink& sink) const;

  // ---- Durability; see SyncMode
  /// Changes the mode. A stricter one flushes what is pending. Errors: kInvalidArgument for
  /// every(0), kReadOnly.
  Status set_sync_mode(const SyncMode& mode);
  [[nodiscard]] SyncMode sync_mode() const noexcept;
  /// Makes every acknowledged write of this Database durable. Errors: with kBusy they are still
  /// pending: try again. After another failure the message says whether they are lost.
  Status flush();
  /// Counts the acknowledged writes of this Database that are not flushed.
  [[nodiscard]] std::uint64_t pending() const noexcept;
  /// Flushes and lets go of the connection. Errors: as flush(), and then it stays open.
  Status close();

  // ---- Upkeep. Each flushes first and is a transaction of its own, or part of the open one.
  Status optimize(const Watch& watch);  ///< folds, repairs and purges everything now
  Status compact(const Watch& watch);   ///< and gives the space back
  Status repair(const Watch& watch);    ///< mends differences between rows and index
  Status rebuild(const Watch& watch);   ///< links all vectors afresh
  /// Writes the side file now. Without one there is nothing to do.
  Status save();
  [[nodiscard]] Result<IndexStats> stats() const;
  /// Compares rows and index. Empty: all is well; else a line for each difference.
  [[nodiscard]] Result<std::vector<std::string>> check() const;

 private:
  friend class VectorStore;
  Status copy_database(const std::string& path, const Watch& watch);
  struct Impl;
  explicit Index(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace v1
}  // namespace nearlite
