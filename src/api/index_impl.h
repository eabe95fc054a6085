// What an Index is made of. One file per verb: index.cc (create, open, close), index_write.cc,
// index_read.cc, index_search.cc, index_batch.cc, index_upkeep.cc.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/session.h"
#include "api/watching.h"
#include "nearlite/index.h"

namespace nearlite {
inline namespace v1 {

struct Index::Impl {
  std::shared_ptr<api::Session> session;
  std::string name;    // as the table is called
  std::string column;  // as the vector column is called
  std::string table;   // both as SQL identifiers
  std::string vector;
  int dim = 0;
  Metric metric = Metric::kCosine;
  Element element = Element::kFloat32;
  // What a filter speaks of: the index itself, or the table it is over.
  std::string filter_table;
  std::string filter_rowid = "rowid";
  SyncMode mode;
  bool writes = false;                          // has unflushed writes of its own, perhaps
  std::vector<std::unique_ptr<Index>> readers;  // of batch searches

  ~Impl();

  // ---- index.cc
  static Result<std::unique_ptr<Impl>> open(std::shared_ptr<api::Session> session,
                                            std::string_view name, std::string_view column);
  static Result<bool> exists(api::Session& session, std::string_view name);
  static Status run_create(api::Session& session, std::string_view name, std::string_view sql);
  static Result<std::string> create_over_sql(std::string_view name, const Content& content,
                                             const IndexOptions& options);
  [[nodiscard]] Result<IndexStats> stats() const;
  [[nodiscard]] Status error(Code code, const std::string& problem) const;
  [[nodiscard]] Status check_vector(std::span<const float> vector) const;
  /// REQUIRES: vectors.size() is a multiple of dim.
  [[nodiscard]] Status check_finite(std::span<const float> vectors) const;
  [[nodiscard]] Status check_batch(std::size_t id_count, std::span<const float> vectors) const;

  // ---- index_content.cc
  Status build_content(api::Watching& watching);

  // ---- index_write.cc
  enum class Verb { kInsert, kUpsert };
  Status put(Verb verb, std::span<const std::int64_t> ids, std::span<const float> vectors);
  Status put_one(Verb verb, std::int64_t id, std::span<const float> vector);

  // ---- index_read.cc
  Status read(const sqlite::StatementUse& row, int index, std::span<float> out) const;

  // ---- index_search.cc
  enum class Shape { kNearest, kWithin, kStream };
  [[nodiscard]] std::string search_sql(Shape shape, const SearchOptions& options) const;
  /// `limit`: k or radius. Hands hits to `take` until it returns false.
  Status search(Shape shape, std::span<const float> query, double radius, std::int64_t k,
                const SearchOptions& options, const HitSink& take);
  Result<std::vector<Hit>> nearest(std::span<const float> query, std::int64_t k,
                                   const SearchOptions& options);

  // ---- index_batch.cc
  using Answers = std::vector<std::vector<Hit>>;
  Result<Answers> batch_alone(std::span<const float> queries, std::int64_t k,
                              const SearchOptions& options);
  Result<Answers> batch_together(std::span<const float> queries, std::int64_t k,
                                 std::size_t thread_count, const SearchOptions& options);
  Status add_readers(std::size_t count);
  Status begin_readers(std::size_t reader_count);
  Status share_snapshot(std::size_t reader_count);
  void end_snapshot(std::size_t reader_count) noexcept;
  Result<std::int64_t> data_version();

  // ---- index_upkeep.cc
  Status command(const char* word, const Watch& watch);
};

/// The failure of every call on a closed or moved-from index.
[[nodiscard]] inline Status closed_index() {
  return Status(Code::kInvalidArgument, "nearlite: the index is closed");
}

}  // namespace v1
}  // namespace nearlite
