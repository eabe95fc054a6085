// The exact scan: every row of the caller's snapshot, read from the rows themselves. Slow and
// always right; needs nothing in memory.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/try.h"
#include "index/stored_vector.h"
#include "index/view.h"
#include "vector/distance.h"
#include "vector/element.h"

namespace nearlite {

ExactDistance::ExactDistance(const IndexOptions& options, std::span<const float> query)
    : options_(options), distance_(options.metric, query.data(), options.dim) {
  if (options.metric == Metric::kHamming) {
    query_bits_.resize(vector_bytes(ElementType::kBit, options.dim));
    ignore(encode(ElementType::kBit, query, query_bits_.data()), "any float has a bit");
  }
}

Result<double> ExactDistance::to(std::span<const std::byte> stored) {
  if (options_.metric == Metric::kHamming)
    return hamming_distance(query_bits_.data(), stored.data(), stored.size());
  if (stored.size() == vector_bytes(options_.element, options_.dim)) {
    const float* const values = stored_floats(options_.element, stored.data());
    const double found =
        values == nullptr ? std::numeric_limits<double>::quiet_NaN() : distance_.to(values);
    if (std::isfinite(found)) return found;  // so all components are
  }
  values_.resize(options_.dim);
  NEARLITE_TRY(decode_stored(options_, stored, values_));
  return distance_.to(values_.data());
}

void NearestHits::add(const Hit& hit) {
  if (after_ && !is_beyond(hit, *after_)) return;
  if (heap_.size() < k_) {
    heap_.push_back(hit);
    std::push_heap(heap_.begin(), heap_.end(), is_nearer);
  } else if (k_ > 0 && is_nearer(hit, heap_.front())) {
    std::pop_heap(heap_.begin(), heap_.end(), is_nearer);
    heap_.back() = hit;
    std::push_heap(heap_.begin(), heap_.end(), is_nearer);
  }
}

std::vector<Hit> NearestHits::take() {
  std::sort_heap(heap_.begin(), heap_.end(), is_nearer);
  return std::move(heap_);
}

Result<std::vector<Hit>> Index::search_exact(const SearchRequest& request) {
  if (content_) return scan_content(request);
  // Deletions of the snapshot, ours included; a few per cent of the rows.
  std::vector<NodeId> dead;
  std::uint64_t committed_count = 0;
  NEARLITE_ASSIGN(const CommitRecord at, store_->last_commit());
  NEARLITE_TRY(store_->scan_dead(0, UINT64_MAX, UINT64_MAX, [&](std::uint64_t seq, NodeId id) {
    dead.push_back(id);
    if (seq <= at.seq) ++committed_count;
    return Status();
  }));
  if (committed_count != at.dead_count) {
    return error(Code::kCorruption, "expected " + std::to_string(at.dead_count) +
                                        " deletions, found " + std::to_string(committed_count));
  }
  std::sort(dead.begin(), dead.end());

  NearestHits nearest(request);
  ExactDistance distance(options_, request.query);
  NEARLITE_TRY(store_->scan_vectors(
      1, kNodeIdMax, [&](NodeId id, RowId rowid, std::span<const std::byte> stored) {
        if (std::binary_search(dead.begin(), dead.end(), id)) return Status();
        if (request.allowed != nullptr && !request.allowed->contains(id)) return Status();
        if (request.excluded != nullptr && request.excluded->contains(id)) return Status();
        NEARLITE_ASSIGN(const double exact, distance.to(stored));
        nearest.add({exact, rowid, id});
        return Status();
      }));
  return nearest.take();
}

}  // namespace nearlite
