// A hash of the columns of a row that are not vectors, as a statement gives them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sqlite/api.h"
#include "sqlite/table_options.h"

namespace nearlite::sqlite {

/// Goes into the commit id: copies of a database that differ in such a column only must not be
/// taken for one another. 0 when no such column is given.
[[nodiscard]] std::uint64_t hash_labels(std::span<const Column> columns,
                                        std::span<sqlite3_value* const> values);

/// A value as bytes: equal for values that are alike in type and content.
void append_value(std::vector<std::byte>& bytes, sqlite3_value* value);

}  // namespace nearlite::sqlite
