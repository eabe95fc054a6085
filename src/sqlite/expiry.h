// Rows that end by themselves: a column says when, in seconds since 1970, and from then on nothing
// reads them. What is written never depends on a clock: they stay in the file until hnsw_expire or
// a maintenance command deletes them.
#pragma once

#include <cstdint>
#include <memory>

#include "index/node_set.h"
#include "sqlite/table.h"

namespace nearlite::sqlite {

/// Seconds since 1970.
[[nodiscard]] std::int64_t unix_now() noexcept;

/// The time a read is to be of: `value`, or, where that is null or NULL, the clock's. Errors:
/// kInvalidArgument.
Result<std::int64_t> read_now(const Table& table, sqlite3_value* value);

/// Nodes of a vector column whose rows are past their time; null where rows do not end.
Result<std::shared_ptr<const NodeSet>> expired_nodes(Table& table, std::size_t vector_index,
                                                     std::int64_t now);

}  // namespace nearlite::sqlite
