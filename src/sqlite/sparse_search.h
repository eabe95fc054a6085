// The rows whose sparse vectors have the largest inner product with a query: exact, from postings
// alone.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "index/index.h"
#include "sqlite/sparse_index.h"

namespace nearlite::sqlite {

struct SparseHit {
  double distance = 0;  ///< the negative inner product
  RowId rowid = 0;
};

[[nodiscard]] inline bool is_nearer(const SparseHit& a, const SparseHit& b) noexcept {
  return a.distance != b.distance ? a.distance < b.distance : a.rowid < b.rowid;
}

struct SparseRequest {
  SparseVector query;
  std::size_t k = SIZE_MAX;    ///< the nearest of these many rows
  std::optional<Place> after;  ///< only what comes behind it
  /// Rows further away do not matter.
  double distance_bound = std::numeric_limits<double>::infinity();
  std::vector<RowId> excluded;  ///< not these, ascending
};

/// The nearest rows, in no particular order. Rows that share no index with the query are not among
/// them. Time: proportional to the postings of the query's terms.
Result<std::vector<SparseHit>> search_sparse(SparseIndex& index, const SparseRequest& request);

/// The same of the given rows, ascending, whose values are read one by one.
Result<std::vector<SparseHit>> search_sparse_rows(SparseIndex& index, const SparseRequest& request,
                                                  const std::vector<RowId>& rows);

}  // namespace nearlite::sqlite
