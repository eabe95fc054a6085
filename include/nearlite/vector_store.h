/// Nearlite: vectors in a file, for programs that want no SQL. Threads share one store.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nearlite/database.h"
#include "nearlite/index.h"
#include "nearlite/options.h"
#include "nearlite/status.h"

namespace nearlite {
inline namespace v1 {

/// How a store is opened.
struct StoreOptions {
  /// What the store is when it is made, and must be when it exists (dim 0: whatever it is). An
  /// empty `path` becomes "<database>-<name>.hnsw", so that opening does not grow with the store.
  IndexOptions index;
  /// The table that holds it.
  std::string name = "vectors";
  bool read_only = false;
  /// Create file and table when there are none. Ignored when `read_only`.
  bool create = true;
  /// How long to wait for another process; 0 or less: not at all.
  std::chrono::milliseconds busy_timeout{5000};
  /// As OpenOptions::mmap_bytes, for every connection of the store.
  std::int64_t mmap_bytes = 0;
  /// Read connections kept at most, 0 to 1,024: so many threads search at once. 0: one per
  /// processor.
  int reader_count = 0;
  SyncMode sync_mode = {};
};

/// A set of vectors with ids in a database file, kept by one writing and several reading
/// connections.
///
/// Saving and loading need no call: a built store is in the file when the call returns, and the
/// first search after opening loads the graph (from the side file, where there is one) and builds
/// nothing.
///
/// For everything here. Threads: all methods may be called by several threads at once, except the
/// destructor and moves; functions handed to a method must not use the store. Searches run side by
/// side, writes one after the other; a search sees what was acknowledged before it began. While
/// writes are unflushed (SyncMode), searches take turns with them on the one connection. Errors: as
/// those of Index, which has the same methods in the same words. close() flushes and reports; the
/// destructor flushes, too, and says nothing.
class VectorStore {
 public:
  /// Opens the store in the database file `path` (":memory:": in memory, with one connection).
  ///
  /// Errors: kNotFound when there is none and none is to be made; kInvalidArgument when it is not
  /// as `options.index` says. Cost: reads the schema; nothing grows with the store.
  [[nodiscard]] static Result<VectorStore> open(const std::string& path,
                                                const StoreOptions& options);
  /// Opens a store that exists, of `dim` components, for reading and writing: the reverse of
  /// save().
  [[nodiscard]] static Result<VectorStore> load(const std::string& path, int dim);
  /// Opens the index over column `column` of table `table` in the database file `path`, or builds
  /// and saves it when there is none: the first call reads every row, later ones, in any process,
  /// do not. It follows every later change of the table.
  ///
  /// The index is the table "<table>_<column>_hnsw", whatever `options.name` says. Rows are written
  /// through the table `table`, not through the store. Errors: kInterrupted when `watch` ended the
  /// building, which leaves nothing; kNotFound for an unknown table or column.
  [[nodiscard]] static Result<VectorStore> get_or_build(const std::string& path,
                                                        const std::string& table,
                                                        const std::string& column,
                                                        const StoreOptions& options,
                                                        const Watch& watch);

  ~VectorStore();
  VectorStore(VectorStore&& other) noexcept;
  VectorStore& operator=(VectorStore&& other) noexcept;
  VectorStore(const VectorStore&) = delete;
  VectorStore& operator=(const VectorStore&) = delete;

  /// Writes a copy of the database, complete or not at all, to the file `path`, replacing one that
  /// is there; with the store's own path: flushes, and writes the side file. Streams: memory does
  /// not grow with the store. Errors: kIo, kFull, kInterrupted.
  Status save(const std::string& path, const Watch& watch);

  [[nodiscard]] std::string_view path() const noexcept;
  [[nodiscard]] std::string_view name() const noexcept;
  [[nodiscard]] int dim() const noexcept;
  [[nodiscard]] Metric metric() const noexcept;
  [[nodiscard]] Element element() const noexcept;

  Status insert(std::int64_t id, std::span<const float> vector);
  Status insert(std::span<const std::int64_t> ids, std::span<const float> vectors);
  Status upsert(std::int64_t id, std::span<const float> vector);
  Status upsert(std::span<const std::int64_t> ids, std::span<const float> vectors);
  Result<bool> erase(std::int64_t id);
  Result<std::size_t> erase(std::span<const std::int64_t> ids);
  /// As Index::build(); then writes the side file.
  Result<std::uint64_t> build(const RowSource& source, std::uint64_t total, const Watch& watch);

  [[nodiscard]] Result<bool> contains(std::int64_t id) const;
  Status get(std::int64_t id, std::span<float> out) const;
  [[nodiscard]] Result<std::vector<float>> get(std::int64_t id) const;
  [[nodiscard]] Result<std::uint64_t> size() const;
  Status for_each(const RowSink& sink) const;

  [[nodiscard]] Result<std::size_t> search(std::span<const float> query, std::span<Hit> hits,
                                           const SearchOptions& options) const;
  [[nodiscard]] Result<std::vector<Hit>> search(std::span<const float> query, std::int64_t k,
                                                const SearchOptions& options) const;
  [[nodiscard]] Result<std::vector<std::vector<Hit>>> search_batch(
      std::span<const float> queries, std::int64_t k, int thread_count,
      const SearchOptions& options) const;
  [[nodiscard]] Result<std::vector<Hit>> search_range(std::span<const float> query, double radius,
                                                      const SearchOptions& options) const;
  Status search_each(std::span<const float> query, const SearchOptions& options,
                     const HitSink& sink) const;

  Status set_sync_mode(const SyncMode& mode);
  [[nodiscard]] SyncMode sync_mode() const;
  Status flush();
  [[nodiscard]] std::uint64_t pending() const;
  /// Waits for calls of other threads to end, flushes and closes all connections.
  Status close();

  Status optimize(const Watch& watch);
  Status compact(const Watch& watch);
  Status repair(const Watch& watch);
  Status rebuild(const Watch& watch);
  /// Of one of its connections.
  [[nodiscard]] Result<IndexStats> stats() const;
  [[nodiscard]] Result<std::vector<std::string>> check() const;

  /// Calls `use` with the writing connection, which no other thread uses meanwhile: for SQL on the
  /// same file. Flush first if `use` begins transactions. Returns what `use` returns.
  Status with_database(const std::function<Status(Database&)>& use);

 private:
  struct Impl;
  explicit VectorStore(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace v1
}  // namespace nearlite
