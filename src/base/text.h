// Names as SQL compares and writes them; what both the arguments of an index and the dialect's
// statements need.
#pragma once

#include <string>
#include <string_view>

namespace nearlite {

/// ASCII only, as SQLite compares names.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] std::string to_lower(std::string_view text);

/// `name` as an SQL identifier: in double quotes, inner ones doubled.
[[nodiscard]] std::string quote_identifier(std::string_view name);
/// `text` as an SQL string: in single quotes, inner ones doubled.
[[nodiscard]] std::string quote_string(std::string_view text);

}  // namespace nearlite
