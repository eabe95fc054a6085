// A search of a sparse column that yields rows as long as SQLite asks.
#pragma once

#include <memory>
#include <vector>

#include "sqlite/filter.h"
#include "sqlite/search_stream.h"
#include "sqlite/sparse_search.h"

namespace nearlite::sqlite {

class SparseStream final : public HitSource {
 public:
  /// Checks the arguments and searches. Those that say how hard a dense search tries (ef_search,
  /// exact) are without meaning: this one is exact. `filter`, and the values it refers to, are not
  /// needed later.
  Status open(std::shared_ptr<Table> table, std::size_t sparse_index, sqlite3_value* query,
              const SearchStream::Arguments& arguments, Filter& filter);

  [[nodiscard]] bool at_end() const noexcept override { return left_ == 0; }
  [[nodiscard]] RowId rowid() const noexcept override { return hits_.back().rowid; }
  Result<double> distance() override { return hits_.back().distance; }
  Status next() override;

 private:
  Status search_matching(SparseIndex& index, SparseRequest request, Filter& filter);
  void advance() noexcept;

  std::vector<SparseHit> hits_;  // a heap, but for the present one, which is the last
  std::size_t left_ = 0;         // rows to come, the present one included
};

}  // namespace nearlite::sqlite
