// Term by term, in windows of rowids: the products of all terms are added up in an array that has a
// place for each rowid of the window, so that nothing is sorted but what is found. Terms come by
// ascending index: sums are those of shared_dot(), to the last bit.
#include "sqlite/sparse_search.h"

#include <algorithm>

#include "base/try.h"

namespace nearlite::sqlite {

namespace {

constexpr unsigned kWindowBits = 13;
constexpr std::size_t kWindow = std::size_t{1} << kWindowBits;
// So many more than k are gathered before the furthest are dropped.
constexpr std::size_t kGatheredSlack = 4'096;

/// The nearest of those it is given.
class Nearest {
 public:
  explicit Nearest(const SparseRequest& request) : request_(request) {}

  /// From now on these rows, ascending, are not wanted.
  void leave_out(const std::vector<RowId>& rows) { left_out_ = &rows; }

  void add(const SparseHit& hit) {
    if (is_full_ && !is_nearer(hit, limit_)) return;
    if (hit.distance > request_.distance_bound) return;
    if (request_.after && !is_beyond({hit.distance, hit.rowid}, *request_.after)) return;
    if (has(request_.excluded, hit.rowid)) return;
    if (left_out_ != nullptr && has(*left_out_, hit.rowid)) return;
    hits_.push_back(hit);
    if (hits_.size() / 2 > request_.k && hits_.size() > request_.k + kGatheredSlack) shrink();
  }

  std::vector<SparseHit> finish() {
    if (hits_.size() > request_.k) shrink();
    return std::move(hits_);
  }

 private:
  void shrink() {
    const auto kth = hits_.begin() + static_cast<std::ptrdiff_t>(request_.k);
    std::nth_element(hits_.begin(), kth, hits_.end(), is_nearer);
    hits_.erase(kth, hits_.end());
    if (hits_.empty()) return;
    limit_ = *std::max_element(hits_.begin(), hits_.end(), is_nearer);
    is_full_ = true;
  }

  static bool has(const std::vector<RowId>& rows, RowId rowid) {
    return std::binary_search(rows.begin(), rows.end(), rowid);
  }

  const SparseRequest& request_;
  const std::vector<RowId>* left_out_ = nullptr;
  std::vector<SparseHit> hits_;
  SparseHit limit_;
  bool is_full_ = false;
};

/// One term of the query, and how far its postings are read.
struct Term {
  std::uint32_t term = 0;
  double weight = 0;
  std::vector<Posting> postings;  // read, but beyond the windows so far
  std::size_t at = 0;
  std::optional<RowId> next = INT64_MIN;  // key of the first block that is not read

  [[nodiscard]] bool has_postings() const noexcept { return at < postings.size(); }
  /// No posting that is left lies before it.
  [[nodiscard]] std::optional<RowId> bound() const noexcept {
    return has_postings() ? std::optional(postings[at].rowid) : next;
  }
};

/// Inner products of the rows of one window.
class Window {
 public:
  Window() : sums_(kWindow), is_touched_(kWindow) {}

  void go_to(RowId rowid) noexcept {
    first_ = static_cast<RowId>(static_cast<std::uint64_t>(rowid) & ~std::uint64_t{kWindow - 1});
  }
  [[nodiscard]] RowId last() const noexcept { return first_ + static_cast<RowId>(kWindow - 1); }

  void take(Term& term) {
    const RowId last = this->last();
    for (; term.has_postings() && term.postings[term.at].rowid <= last; ++term.at) {
      const Posting& posting = term.postings[term.at];
      const auto place = static_cast<std::size_t>(posting.rowid - first_);
      if (is_touched_[place] == 0) {
        is_touched_[place] = 1;
        touched_.push_back(static_cast<std::uint32_t>(place));
      }
      sums_[place] += term.weight * double{posting.value};
    }
  }

  /// Hands over all sums and is empty again.
  void finish(Nearest& nearest) {
    for (const std::uint32_t place : touched_) {
      nearest.add({0.0 - sums_[place], first_ + RowId{place}});
      sums_[place] = 0;
      is_touched_[place] = 0;
    }
    touched_.clear();
  }

 private:
  RowId first_ = 0;
  std::vector<double> sums_;
  std::vector<std::uint8_t> is_touched_;
  std::vector<std::uint32_t> touched_;
};

}  // namespace

Result<std::vector<SparseHit>> search_sparse(SparseIndex& index, const SparseRequest& request) {
  Nearest nearest(request);
  if (request.k == 0) return nearest.finish();
  // Of rows that are noted the blocks may have an old value: they are compared by themselves.
  std::vector<RowId> unmerged;
  NEARLITE_TRY(index.read_unmerged([&](RowId rowid, const auto& vector) {
    unmerged.push_back(rowid);
    const auto sum = vector ? shared_dot(request.query, *vector) : std::nullopt;
    if (sum) nearest.add({0.0 - *sum, rowid});
    return Status();
  }));
  nearest.leave_out(unmerged);
  std::vector<Term> terms(request.query.indices.size());
  for (std::size_t i = 0; i < terms.size(); ++i) {
    terms[i].term = request.query.indices[i];
    terms[i].weight = request.query.values[i];
    // Where each begins: the windows before that are passed over.
    NEARLITE_ASSIGN(terms[i].next,
                    index.read(terms[i].term, INT64_MIN, INT64_MIN, terms[i].postings));
  }
  Window window;
  for (;;) {
    std::optional<RowId> least;
    for (const Term& term : terms) {
      const std::optional<RowId> bound = term.bound();
      if (bound && (!least || *bound < *least)) least = bound;
    }
    if (!least) return nearest.finish();
    window.go_to(*least);
    for (Term& term : terms) {
      const std::optional<RowId> bound = term.bound();
      if (!bound || *bound > window.last()) continue;
      window.take(term);
      if (term.has_postings() || !term.next || *term.next > window.last()) continue;
      term.postings.clear();
      term.at = 0;
      NEARLITE_ASSIGN(term.next, index.read(term.term, *term.next, window.last(), term.postings));
      window.take(term);
    }
    window.finish(nearest);
  }
}

Result<std::vector<SparseHit>> search_sparse_rows(SparseIndex& index, const SparseRequest& request,
                                                  const std::vector<RowId>& rows) {
  Nearest nearest(request);
  for (const RowId rowid : rows) {
    NEARLITE_ASSIGN(const auto vector, index.value(rowid));
    const auto sum = vector ? shared_dot(request.query, *vector) : std::nullopt;
    if (sum) nearest.add({0.0 - *sum, rowid});
  }
  return nearest.finish();
}

}  // namespace nearlite::sqlite
