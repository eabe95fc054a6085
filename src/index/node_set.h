// A set of node ids: those whose rows satisfy a condition.
//
// Few are kept as a list, which is gone through; many as bits, one for each id, which a walk asks
// once per neighbour. A compressed bitmap would save memory that is not much (12 KB for 100,000
// nodes) and cost a search in each of those questions.
//
// Threads: never changes once made; any number may read it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "graph/types.h"

namespace nearlite {

class NodeSet {
 public:
  /// Up to this many are a list.
  static constexpr std::size_t kListMax = 4'096;

  NodeSet() = default;
  /// `ids` in any order, none twice.
  explicit NodeSet(std::vector<NodeId> ids);

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool contains(NodeId id) const noexcept {
    if (bits_.empty()) return std::binary_search(list_.begin(), list_.end(), id);
    const std::size_t word = id >> 6;
    return word < bits_.size() && (bits_[word] >> (id & 63) & 1) != 0;
  }
  /// A bit for each id, 64 to a word; empty where the set is a list.
  [[nodiscard]] std::span<const std::uint64_t> bits() const noexcept { return bits_; }
  /// Appends the members that are at most `last`, ascending.
  void append_to(std::vector<NodeId>& out, NodeId last = kNodeIdMax) const;
  /// About `count` members from all over the set, ascending.
  [[nodiscard]] std::vector<NodeId> sample(std::size_t count) const;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

  /// This set without `dropped` and with `added`; both ascending.
  [[nodiscard]] NodeSet changed(std::span<const NodeId> dropped,
                                std::span<const NodeId> added) const;

 private:
  std::size_t count_ = 0;
  std::vector<NodeId> list_;  // ascending
  std::vector<std::uint64_t> bits_;
};

}  // namespace nearlite
