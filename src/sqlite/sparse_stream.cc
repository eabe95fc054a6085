#include "sqlite/sparse_stream.h"

#include <algorithm>

#include "base/try.h"
#include "sqlite/expiry.h"
#include "sqlite/place.h"

namespace nearlite::sqlite {

namespace {

// So many rows are looked at one by one for a condition; then all that match are asked for at once.
constexpr std::size_t kLookedAtMax = 1'000;

// For a heap whose first is the nearest.
bool is_further(const SparseHit& a, const SparseHit& b) noexcept { return is_nearer(b, a); }

}  // namespace

Status SparseStream::open(std::shared_ptr<Table> table, std::size_t sparse_index,
                          sqlite3_value* query, const SearchStream::Arguments& arguments,
                          Filter& filter) {
  *this = SparseStream();
  NEARLITE_TRY(table->ready());
  NEARLITE_ASSIGN(const std::optional<std::size_t> k, read_k(table->name(), arguments.k));
  if (sqlite3_value_type(query) == SQLITE_NULL) return {};  // nothing is near to NULL
  SparseRequest request;
  NEARLITE_TRY(table->parse_sparse(sparse_index, query, request.query));
  NEARLITE_ASSIGN(request.after,
                  read_place(table->name(), arguments.after_distance, arguments.after_rowid));
  go_to(request.after, arguments.from);
  if (arguments.distance_bound) request.distance_bound = *arguments.distance_bound;
  NEARLITE_ASSIGN(const std::int64_t now, read_now(*table, arguments.now));
  NEARLITE_ASSIGN(request.excluded, table->expired_rows(now));
  if (k && filter.is_empty()) request.k = *k;
  NEARLITE_ASSIGN(hits_, search_sparse(table->sparse(sparse_index), request));
  if (!filter.is_empty()) return keep_matching(filter, k.value_or(SIZE_MAX));
  std::make_heap(hits_.begin(), hits_.end(), is_further);
  left_ = hits_.size();
  advance();
  return {};
}

// Of the hits, the k nearest that match. The nearest are looked at first: mostly some of them do.
Status SparseStream::keep_matching(Filter& filter, std::size_t k) {
  std::vector<SparseHit> matching;
  NEARLITE_ASSIGN(Statement one, filter.prepare_one());
  std::make_heap(hits_.begin(), hits_.end(), is_further);
  for (std::size_t i = 0; i < kLookedAtMax && matching.size() < k && !hits_.empty(); ++i) {
    std::pop_heap(hits_.begin(), hits_.end(), is_further);
    NEARLITE_ASSIGN(const bool holds, filter.holds(one, hits_.back().rowid));
    if (holds) matching.push_back(hits_.back());
    hits_.pop_back();
  }
  if (matching.size() < k && !hits_.empty()) {
    NEARLITE_ASSIGN(const std::vector<RowId> rows, filter.row_ids());
    for (const SparseHit& hit : hits_) {
      if (std::binary_search(rows.begin(), rows.end(), hit.rowid)) matching.push_back(hit);
    }
  }
  hits_ = std::move(matching);
  std::make_heap(hits_.begin(), hits_.end(), is_further);
  left_ = std::min(k, hits_.size());
  advance();
  return {};
}

// Brings the nearest of those left to the end.
void SparseStream::advance() noexcept {
  if (left_ > 0) std::pop_heap(hits_.begin(), hits_.end(), is_further);
}

Status SparseStream::next() {
  hits_.pop_back();
  --left_;
  advance();
  return {};
}

}  // namespace nearlite::sqlite
