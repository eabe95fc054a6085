// Whole numbers as arguments. Some drivers know no integers: JavaScript's bind 10 as 10.0.
#pragma once

#include <cstdint>
#include <optional>

#include "sqlite/api.h"

namespace nearlite::sqlite {

/// The number that a value is, or that its text says, if it is whole and fits; else nothing.
[[nodiscard]] std::optional<std::int64_t> whole_number(sqlite3_value* value) noexcept;

}  // namespace nearlite::sqlite
