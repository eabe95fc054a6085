// Parser of CREATE VIRTUAL TABLE t USING vec0(…), the language of sqlite-vec; docs/vec0.md.
//
//   argument  := key | partition | vector | metadata | auxiliary | option
//   key       := name ('integer' | 'int' | 'text') 'primary' 'key'
//   partition := name ('integer' | 'int' | 'text') 'partition' 'key'
//   vector    := name element '[' dim ']' { 'distance_metric' '=' metric | indexed }
//   indexed   := 'indexed' 'by' method [ '(' [ name '=' value { ',' name '=' value } ] ')' ]
//   metadata  := name type [ 'not' 'null' ]
//   auxiliary := '+' name { word }
//   option    := 'chunk_size' '=' number
//
// The key comes first in the table, whatever its place among the arguments; a table without one has
// a column called rowid there. Messages are those of sqlite-vec where it has one.
//
// The text is the attacker's to choose (it lives in the file): any bytes give options or a failure.
#pragma once

#include <span>
#include <string_view>

#include "nearlite/status.h"
#include "sqlite/table_options.h"

namespace nearlite::sqlite {

/// Dimensions sqlite-vec allows.
inline constexpr std::uint32_t kVec0DimMax = 8192;
/// Tables of up to so many rows are compared whole: answers are those of an exhaustive search.
inline constexpr std::uint64_t kVec0ExactUpTo = 1'024;

/// Parses the arguments of table `table` (argv[3] and on). Columns are in the order of the virtual
/// table: first the key (kRowid or kKey). `is_made`: the table is there already, maybe since
/// sqlite-vec made it; what that passes over in silence is then no error. Errors: kInvalidArgument,
/// "vec0 constructor error: …".
Result<TableOptions> parse_vec0_arguments(std::string_view table,
                                          std::span<const char* const> arguments,
                                          bool is_made = false);

}  // namespace nearlite::sqlite
