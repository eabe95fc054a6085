// Parser of CREATE VIRTUAL TABLE t USING hnsw(…); docs/sql.md shows what users write.
//
//   argument  := column | option
//   option    := name '=' value [word]              (persist = every 100 has two words)
//   column    := name element '[' dim ']' { 'metric' '=' value }
//              | name type [ 'partition' 'key' ]
//              | '+' name type
//
// Without a vector column (short form) there is one, named "embedding", float32, with `dim` (384)
// and `metric` (cosine). Names and keywords in any case; names and values may be quoted; comments
// and blanks anywhere between tokens.
//
// The text is the attacker's to choose (it lives in the file): any bytes give options or a failure.
#pragma once

#include <span>
#include <string_view>

#include "nearlite/status.h"
#include "sqlite/table_options.h"

namespace nearlite::sqlite {

/// Parses the arguments of table `table` (argv[3] and on). All ranges, names and combinations are
/// checked: what is returned can be used as it is. Errors: kInvalidArgument with the table, the
/// option or column, limit and value.
Result<TableOptions> parse_arguments(std::string_view table,
                                     std::span<const char* const> arguments);

}  // namespace nearlite::sqlite
