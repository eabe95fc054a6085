#include "index/node_set.h"

#include <bit>
#include <iterator>

namespace nearlite {

NodeSet::NodeSet(std::vector<NodeId> ids) : count_(ids.size()) {
  if (ids.size() <= kListMax) {
    std::sort(ids.begin(), ids.end());
    list_ = std::move(ids);
    return;
  }
  bits_.resize((std::size_t{*std::max_element(ids.begin(), ids.end())} >> 6) + 1);
  for (const NodeId id : ids) bits_[id >> 6] |= std::uint64_t{1} << (id & 63);
}

void NodeSet::append_to(std::vector<NodeId>& out, NodeId last) const {
  if (bits_.empty()) {
    out.insert(out.end(), list_.begin(), std::upper_bound(list_.begin(), list_.end(), last));
    return;
  }
  out.reserve(out.size() + count_);
  for (std::size_t word = 0; word < bits_.size(); ++word) {
    for (std::uint64_t rest = bits_[word]; rest != 0; rest &= rest - 1) {
      const auto id =
          static_cast<NodeId>(word * 64 + static_cast<unsigned>(std::countr_zero(rest)));
      if (id > last) return;
      out.push_back(id);
    }
  }
}

std::vector<NodeId> NodeSet::sample(std::size_t count) const {
  std::vector<NodeId> ids;
  const std::size_t places = bits_.empty() ? list_.size() : bits_.size();
  const std::size_t wanted = std::min(count, places);
  for (std::size_t i = 0; i < wanted; ++i) {
    const std::size_t at = places * i / wanted;
    if (bits_.empty()) {
      ids.push_back(list_[at]);
    } else if (bits_[at] != 0) {
      ids.push_back(
          static_cast<NodeId>(at * 64 + static_cast<unsigned>(std::countr_zero(bits_[at]))));
    }
  }
  return ids;
}

std::size_t NodeSet::memory_bytes() const noexcept {
  return sizeof *this + list_.capacity() * sizeof(NodeId) + bits_.capacity() * sizeof bits_[0];
}

NodeSet NodeSet::changed(std::span<const NodeId> dropped, std::span<const NodeId> added) const {
  NodeSet set = *this;
  if (bits_.empty()) {
    std::vector<NodeId> kept;
    std::set_difference(list_.begin(), list_.end(), dropped.begin(), dropped.end(),
                        std::back_inserter(kept));
    std::vector<NodeId> ids;
    std::set_union(kept.begin(), kept.end(), added.begin(), added.end(), std::back_inserter(ids));
    return NodeSet(std::move(ids));
  }
  for (const NodeId id : dropped) {
    if (!set.contains(id)) continue;
    set.bits_[id >> 6] &= ~(std::uint64_t{1} << (id & 63));
    --set.count_;
  }
  if (!added.empty() && (added.back() >> 6) >= set.bits_.size())
    set.bits_.resize((std::size_t{added.back()} >> 6) + 1);
  for (const NodeId id : added) {
    if (set.contains(id)) continue;
    set.bits_[id >> 6] |= std::uint64_t{1} << (id & 63);
    ++set.count_;
  }
  return set;
}

}  // namespace nearlite
