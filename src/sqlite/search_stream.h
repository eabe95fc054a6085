// A search that yields rows as long as SQLite asks: exactly k of them, or, without k, batch after
// batch in order of distance until every row has come. Both virtual tables that search use it.
//
// Without k the first batch is exact in its order; a later batch may hold a row that the graph
// missed before, which then comes with its true distance, late but not lost.
//
// A page that begins at a cursor or a lower bound of distance compares everything, so that no row
// falls between two pages. Pages by OFFSET are parts of one sequence that does not depend on where
// they begin: what a walk of the usual width finds, then all others in order.
#pragma once

#include <optional>
#include <unordered_set>
#include <vector>

#include "sqlite/table.h"

namespace nearlite::sqlite {

/// What a search found, row by row in order of distance.
class HitSource {
 public:
  HitSource() = default;
  virtual ~HitSource() = default;
  HitSource(const HitSource&) = default;
  HitSource(HitSource&&) = default;
  HitSource& operator=(const HitSource&) = default;
  HitSource& operator=(HitSource&&) = default;

  [[nodiscard]] virtual bool at_end() const noexcept = 0;
  // REQUIRES, of the others: !at_end().
  [[nodiscard]] virtual RowId rowid() const noexcept = 0;
  virtual Result<double> distance() = 0;
  virtual Status next() = 0;
};

/// The k of a search as it was given; nullopt for none, which NULL is, too. Errors:
/// kInvalidArgument, naming the table.
Result<std::optional<std::size_t>> read_k(const std::string& table, sqlite3_value* value);

class SearchStream final : public HitSource {
 public:
  /// Checks the arguments (null where not given) and runs the first batch. k: >= 0; ef_search: 1 to
  /// kEfMax.
  struct Arguments {
    sqlite3_value* k = nullptr;
    std::optional<std::size_t> count;  // k that is checked already
    sqlite3_value* ef_search = nullptr;
    sqlite3_value* exact = nullptr;
    std::uint32_t ef_search_default = 0;   // where ef_search is not given; 0: the index's
    bool is_exact_default = false;         // where exact is not given
    std::int64_t limit_hint = -1;          // rows the query will take at most
    std::optional<double> distance_bound;  // rows further away than this do not matter
    std::optional<Place> from;             // nor do those up to here
    // The hidden columns. That after_distance is given, if only as NULL, makes this a page.
    sqlite3_value* after_distance = nullptr;
    sqlite3_value* after_rowid = nullptr;
    sqlite3_value* now = nullptr;
    bool has_offset = false;
    std::shared_ptr<const NodeSet> allowed;          // null: all
    std::optional<std::vector<RowId>> allowed_rows;  // external content
  };
  Status open(std::shared_ptr<Table> table, std::size_t vector_index, sqlite3_value* query,
              Arguments arguments);

  [[nodiscard]] bool at_end() const noexcept override { return position_ >= batch_.size(); }
  [[nodiscard]] const Hit& hit() const noexcept { return batch_[position_]; }
  [[nodiscard]] RowId rowid() const noexcept override { return hit().rowid; }
  /// The distance of hit(). Reads the rows of the batch when first asked: a query that does not
  /// look at distances does without.
  Result<double> distance() override;
  Status next() override;

 private:
  Status fill();
  Result<std::size_t> plan_batch();
  Status read_arguments(const Arguments& arguments);
  std::size_t plan_page();

  std::shared_ptr<Table> table_;
  std::size_t vector_index_ = 0;
  std::vector<float> query_;
  Arguments arguments_;
  SearchRequest request_;
  std::shared_ptr<const NodeSet> excluded_;
  bool has_k_ = false;
  bool finished_ = false;
  std::size_t batch_size_ = 0;
  std::unordered_set<RowId> emitted_;
  std::vector<Hit> batch_;
  std::size_t position_ = 0;
};

}  // namespace nearlite::sqlite
