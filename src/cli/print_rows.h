// The rows of a statement, printed: as an aligned table, JSON, CSV, or a line a column.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nearlite/nearlite.h"

namespace nearlite::cli {

enum class Mode : std::uint8_t { kTable, kJson, kCsv, kLine };

/// table, json, csv, line.
[[nodiscard]] std::optional<Mode> find_mode(std::string_view name);

/// Steps through the statement and prints its rows to standard output. Whatever the mode, nothing
/// but a whole number of rows is printed when it fails. A table has to know its widths, so its
/// rows are held in memory; the other modes stream.
Status print_rows(Statement& statement, Mode mode);

/// A value as JSON; blobs as hexadecimal text.
[[nodiscard]] std::string json_value(const Statement& row, int column);

}  // namespace nearlite::cli
