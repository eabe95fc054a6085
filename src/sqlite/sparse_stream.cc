#include "sqlite/sparse_stream.h"

#include <algorithm>

#include "base/try.h"
#include "sqlite/expiry.h"
#include "sqlite/place.h"

namespace nearlite::sqlite {

namespace {

// So many of the nearest are looked at one by one for a condition; if too few of them match, all
// rows that match are asked for at once.
constexpr std::size_t kLookedAtMax = 1'024;
constexpr std::size_t kLookedAtEach = 16;  // for each row that is wanted, if that is less
// So few rows that match are compared by themselves.
constexpr std::size_t kComparedMax = 2'048;

// For a heap whose first is the nearest.
bool is_further(const SparseHit& a, const SparseHit& b) noexcept { return is_nearer(b, a); }

}  // namespace

Status SparseStream::open(std::shared_ptr<Table> table, std::size_t sparse_index,
                          sqlite3_value* query, const SearchStream::Arguments& arguments,
                          Filter& filter) {
  *this = SparseStream();
  NEARLITE_TRY(table->ready());
  NEARLITE_ASSIGN(const std::optional<std::size_t> given_k, read_k(table->name(), arguments.k));
  const std::size_t k = given_k.value_or(SIZE_MAX);
  if (sqlite3_value_type(query) == SQLITE_NULL) return {};  // nothing is near to NULL
  SparseRequest request;
  NEARLITE_TRY(table->parse_sparse(sparse_index, query, request.query));
  NEARLITE_ASSIGN(request.after,
                  read_place(table->name(), arguments.after_distance, arguments.after_rowid));
  go_to(request.after, arguments.from);
  if (arguments.distance_bound) request.distance_bound = *arguments.distance_bound;
  NEARLITE_ASSIGN(const std::int64_t now, read_now(*table, arguments.now));
  NEARLITE_ASSIGN(request.excluded, table->expired_rows(now));
  request.k = k;
  if (filter.is_empty()) {
    NEARLITE_ASSIGN(hits_, search_sparse(table->sparse(sparse_index), request));
  } else {
    NEARLITE_TRY(search_matching(table->sparse(sparse_index), request, filter));
  }
  std::make_heap(hits_.begin(), hits_.end(), is_further);
  left_ = std::min(k, hits_.size());
  advance();
  return {};
}

// The nearest that match, at least the first k.
Status SparseStream::search_matching(SparseIndex& index, SparseRequest request, Filter& filter) {
  const std::size_t k = request.k;
  const bool looks = k <= kLookedAtMax / 2;
  if (looks) {
    request.k = std::min(k * kLookedAtEach, kLookedAtMax);
    NEARLITE_ASSIGN(std::vector<SparseHit> near, search_sparse(index, request));
    std::sort(near.begin(), near.end(), is_nearer);
    NEARLITE_ASSIGN(Statement one, filter.prepare_one());
    for (const SparseHit& hit : near) {
      if (hits_.size() == k) return {};
      NEARLITE_ASSIGN(const bool holds, filter.holds(one, hit.rowid));
      if (holds) hits_.push_back(hit);
    }
    const bool has_seen_all = near.size() < request.k;
    if (hits_.size() == k || has_seen_all) return {};
  }
  NEARLITE_ASSIGN(const std::vector<RowId> rows, filter.row_ids());
  request.k = SIZE_MAX;
  if (rows.size() <= kComparedMax) {
    NEARLITE_ASSIGN(hits_, search_sparse_rows(index, request, rows));
    return {};
  }
  NEARLITE_ASSIGN(hits_, search_sparse(index, request));
  std::erase_if(hits_, [&](const SparseHit& hit) {
    return !std::binary_search(rows.begin(), rows.end(), hit.rowid);
  });
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
