// Values as text, for files that are exported and rows that are shown: a field of CSV, of JSON, of
// pgvector's COPY.
#pragma once

#include <string>
#include <string_view>

namespace nearlite::formats {

/// In double quotes where it needs them (also when empty: an empty field without quotes is NULL).
[[nodiscard]] std::string csv_field(std::string_view text, char separator = ',');
/// In double quotes; control characters escaped; bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);
/// As PostgreSQL's COPY in text format has it: backslash, tab, line feed and carriage return
/// escaped. NULL is the caller's `\N`.
[[nodiscard]] std::string copy_field(std::string_view text);
/// Two digits a byte.
[[nodiscard]] std::string hexadecimal(std::string_view bytes);

}  // namespace nearlite::formats
