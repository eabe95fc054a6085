// Whole blobs of <table>_vectors, which hold the slots of neighbouring ids (see VectorLayout).
#pragma once

#include <functional>

#include "storage/records.h"

namespace nearlite {

/// `vector` lives during the call only.
using VectorVisitor =
    std::function<Status(NodeId id, RowId rowid, std::span<const std::byte> vector)>;

/// Visits the non-empty slots of ids in [first, last] in block number `block`, ascending. A block
/// that cannot exist or has another size is corruption.
Status visit_slots(const VectorLayout& layout, std::int64_t block, std::span<const std::byte> bytes,
                   NodeId first, NodeId last, const VectorVisitor& visit);

/// No slot is used.
[[nodiscard]] bool is_block_empty(std::span<const std::byte> bytes) noexcept;

}  // namespace nearlite
