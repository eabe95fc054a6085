// A search that yields rows as long as SQLite asks: exactly k of them, or, without k, batch after
// batch in order of distance until every row has come. Both virtual tables that search use it.
//
// Without k the first batch is exact in its order; a later batch may hold a row that the graph
// missed before, which then comes with its true distance, late but not lost.
#pragma once

#include <optional>
#include <unordered_set>
#include <vector>

#include "sqlite/table.h"

namespace nearlite::sqlite {

class SearchStream {
 public:
  /// Rows nearer than this are passed over, and with is_open those at it, too.
  struct LowerBound {
    double distance = 0;
    bool is_open = false;
  };
  /// Checks the arguments (null where not given) and runs the first batch. k: >= 0; ef_search: 1 to
  /// kEfMax.
  struct Arguments {
    sqlite3_value* k = nullptr;
    std::optional<std::size_t> count;  // k that is checked already
    sqlite3_value* ef_search = nullptr;
    sqlite3_value* exact = nullptr;
    std::uint32_t ef_search_default = 0;             // where ef_search is not given; 0: the index's
    bool is_exact_default = false;                   // where exact is not given
    std::int64_t limit_hint = -1;                    // rows the query will take at most
    std::optional<double> distance_bound;            // rows further away than this do not matter
    std::optional<LowerBound> beyond;                // k counts rows beyond it
    std::shared_ptr<const NodeSet> allowed;          // null: all
    std::optional<std::vector<RowId>> allowed_rows;  // external content
  };
  Status open(std::shared_ptr<Table> table, std::size_t vector_index, sqlite3_value* query,
              Arguments arguments);

  [[nodiscard]] bool at_end() const noexcept { return position_ >= batch_.size(); }
  [[nodiscard]] const Hit& hit() const noexcept { return batch_[position_]; }
  /// The distance of hit(). Reads the rows of the batch when first asked: a query that does not
  /// look at distances does without.
  Result<double> distance();
  Status next();

 private:
  Status fill();
  void keep_beyond();
  Result<std::size_t> plan_batch();
  Status read_arguments(const Arguments& arguments);

  std::shared_ptr<Table> table_;
  std::size_t vector_index_ = 0;
  std::vector<float> query_;
  Arguments arguments_;
  SearchRequest request_;
  bool has_k_ = false;
  std::optional<std::size_t> left_;  // of k, where a lower bound makes the search a stream
  bool finished_ = false;
  std::size_t batch_size_ = 0;
  std::unordered_set<RowId> emitted_;
  std::vector<Hit> batch_;
  std::size_t position_ = 0;
};

}  // namespace nearlite::sqlite
