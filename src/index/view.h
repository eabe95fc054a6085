// What one search may see. Included by the .cc files of this folder only.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <vector>

#include "index/write.h"
#include "vector/distance.h"

namespace nearlite {

struct Index::View {
  std::shared_ptr<Cache> cache;
  std::shared_ptr<const Quantizer> quantizer;
  std::uint64_t seq = 0;         // the snapshot: deletions up to here count
  NodeId max_id = kNodeNone;     // and nodes up to here exist, besides own->pending
  std::uint64_t live_count = 0;  // own changes included
  std::uint64_t dead_count = 0;
  const Write* own = nullptr;  // the caller's own write transaction
  // External content: rows whose nodes do not count; null = none.
  const std::set<RowId>* hidden_rows = nullptr;

  [[nodiscard]] bool is_visible(NodeId id) const noexcept;
};

/// What became of the candidates a walk found.
struct Index::Taken {
  std::uint64_t kth_key = UINT64_MAX;  // of the k-th that was taken
  std::size_t kth_place = SIZE_MAX;    // among what was walked
  bool is_complete = false;            // none that was not looked at can be among the k nearest
};

/// The k nearest of the hits it is given, of those beyond request.after.
class NearestHits {
 public:
  explicit NearestHits(const SearchRequest& request) : k_(request.k), after_(request.after) {}
  void add(const Hit& hit);
  /// In ascending order.
  std::vector<Hit> take();

 private:
  std::size_t k_;
  std::optional<Place> after_;
  std::vector<Hit> heap_;  // the worst on top
};

/// Exact distances of stored vectors to one query, in the index's metric. Keeps the query's
/// address.
class ExactDistance {
 public:
  ExactDistance(const IndexOptions& options, std::span<const float> query);
  Result<double> to(std::span<const std::byte> stored);

 private:
  const IndexOptions& options_;
  std::vector<std::byte> query_bits_;  // bit vectors only
  DistanceFrom distance_;
  std::vector<float> values_;  // where they must be decoded
};

}  // namespace nearlite
