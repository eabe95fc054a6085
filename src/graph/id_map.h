// A small hash table from node ids to 32-bit values: open addressing, linear probing, never
// shrinks. The slots are plain memory so that the search loop can probe them without calling
// library code.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/types.h"

namespace nearlite {

struct IdSlot {
  NodeId id = kNodeNone;
  std::uint32_t value = 0;
};

inline constexpr std::uint32_t kIdMissing = 0xFFFF'FFFF;

/// Probing over `slots` (a power of two, `mask` + 1), at most half of them used.
[[nodiscard]] inline std::uint32_t find_id(const IdSlot* slots, std::uint32_t mask,
                                           NodeId id) noexcept {
  std::uint32_t at = (id * 0x9E37'79B1U) >> 7;  // neighbouring ids spread over the table
  for (;; ++at) {
    const IdSlot& slot = slots[at & mask];
    if (slot.id == id) return slot.value;
    if (slot.id == kNodeNone) return kIdMissing;
  }
}

class IdMap {
 public:
  IdMap() : slots_(kSlotsMin) {}
  [[nodiscard]] std::uint32_t find(NodeId id) const noexcept {
    return find_id(slots_.data(), mask(), id);
  }
  [[nodiscard]] bool has(NodeId id) const noexcept { return find(id) != kIdMissing; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const IdSlot* slots() const noexcept { return slots_.data(); }
  [[nodiscard]] std::uint32_t mask() const noexcept {
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }

  /// REQUIRES: !has(id), id != kNodeNone.
  void insert(NodeId id, std::uint32_t value) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    place(slots_, {id, value});
    ++size_;
  }
  /// Inserts or replaces. REQUIRES: id != kNodeNone.
  void assign(NodeId id, std::uint32_t value) {
    for (std::uint32_t at = (id * 0x9E37'79B1U) >> 7;; ++at) {
      IdSlot& slot = slots_[at & mask()];
      if (slot.id == id) {
        slot.value = value;
        return;
      }
      if (slot.id == kNodeNone) return insert(id, value);
    }
  }
  /// Empties the table; allocates nothing.
  void clear() noexcept {
    if (size_ == 0) return;
    for (IdSlot& slot : slots_) slot = IdSlot();
    size_ = 0;
  }

 private:
  static constexpr std::size_t kSlotsMin = 64;

  static void place(std::vector<IdSlot>& slots, IdSlot entry) noexcept {
    const auto mask = static_cast<std::uint32_t>(slots.size() - 1);
    std::uint32_t at = (entry.id * 0x9E37'79B1U) >> 7;
    while (slots[at & mask].id != kNodeNone) ++at;
    slots[at & mask] = entry;
  }
  void grow() {
    std::vector<IdSlot> larger(slots_.size() * 2);
    for (const IdSlot& slot : slots_) {
      if (slot.id != kNodeNone) place(larger, slot);
    }
    slots_.swap(larger);
  }

  std::vector<IdSlot> slots_;
  std::size_t size_ = 0;
};

}  // namespace nearlite
