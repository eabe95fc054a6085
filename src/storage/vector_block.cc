// Whole blocks of vectors; see vector_block.h.
#include "storage/vector_block.h"

#include <algorithm>
#include <string>

#include "base/try.h"

namespace nearlite {

Status visit_slots(const VectorLayout& layout, std::int64_t block, std::span<const std::byte> bytes,
                   NodeId first, NodeId last, const VectorVisitor& visit) {
  const bool is_possible = block >= 0 && block <= layout.block_of(kNodeIdMax);
  if (!is_possible || bytes.size() != layout.block_bytes()) {
    return Status(Code::kCorruption, "block " + std::to_string(block) + " of vectors is damaged");
  }
  // In 64 bits: the last block may reach beyond the highest id.
  const std::uint64_t block_first = static_cast<std::uint64_t>(block) * layout.capacity + 1;
  const std::uint64_t begin = std::max<std::uint64_t>(first, block_first);
  const std::uint64_t end = std::min<std::uint64_t>(last, block_first + layout.capacity - 1);
  for (std::uint64_t id = begin; id <= end; ++id) {
    const auto offset = static_cast<std::size_t>((id - block_first) * layout.slot_bytes());
    const auto node = static_cast<NodeId>(id);
    NEARLITE_ASSIGN(const std::optional<VectorSlot> slot,
                    decode_slot(layout, node, bytes.subspan(offset, layout.slot_bytes())));
    if (slot) NEARLITE_TRY(visit(node, slot->rowid, slot->vector));
  }
  return Status();
}

bool is_block_empty(std::span<const std::byte> bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace nearlite
