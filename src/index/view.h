// What one search may see. Included by the .cc files of this folder only.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "index/write.h"

namespace nearlite {

struct Index::View {
  std::shared_ptr<Cache> cache;
  std::shared_ptr<const Quantizer> quantizer;
  std::uint64_t seq = 0;         // the snapshot: deletions up to here count
  NodeId max_id = kNodeNone;     // and nodes up to here exist, besides own->pending
  std::uint64_t live_count = 0;  // own changes included
  std::uint64_t dead_count = 0;
  const Write* own = nullptr;  // the caller's own write transaction

  [[nodiscard]] bool is_visible(NodeId id) const noexcept;
};

/// Exact distances of stored vectors to one query, in the index's metric.
class ExactDistance {
 public:
  ExactDistance(const IndexOptions& options, std::span<const float> query);
  Result<double> to(std::span<const std::byte> stored);

 private:
  const IndexOptions& options_;
  std::span<const float> query_;
  std::vector<std::byte> query_bits_;  // bit vectors only
  std::vector<float> values_;
};

}  // namespace nearlite
