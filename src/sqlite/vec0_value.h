// Vectors as sqlite-vec takes them, in its functions and its tables, with its messages.
//
// A text is JSON and float32, a blob what its subtype says, else float32. Numbers and NULL are
// errors. Where sqlite-vec takes what is no JSON ('[1 2', '[1,,2]') or no number (NaN, infinity),
// these fail.
#pragma once

#include <string>

#include "nearlite/status.h"
#include "sqlite/api.h"
#include "sqlite/table.h"
#include "sqlite/vector_argument.h"

namespace nearlite::sqlite {

/// sqlite-vec's names: float32, bit, int8.
[[nodiscard]] const char* vec0_name_of(ElementType type) noexcept;
/// SQLite's storage class as sqlite-vec writes it: NULL, INTEGER, FLOAT, TEXT, BLOB.
[[nodiscard]] const char* vec0_storage_name(sqlite3_value* value) noexcept;

/// Errors: kInvalidArgument with sqlite-vec's phrase; kNoMemory.
Status read_vec0_vector(sqlite3_value* value, VectorValue& out);
/// The components of a blob of `type`, whatever its subtype.
Status read_vec0_blob(sqlite3_value* value, ElementType type, std::vector<float>& out);

/// A vector for a column of a table: of its type and length. A text may stand for any type, and a
/// blob without subtype for the column's where its size says so. Errors: as above, naming the
/// column.
Status read_vec0_column(const VectorColumn& column, VectorUse use, sqlite3_value* value,
                        std::vector<float>& out);

/// The k of a search. sqlite-vec takes whatever SQLite makes a whole number of, up to its limit.
Result<std::size_t> read_vec0_k(sqlite3_value* value);

}  // namespace nearlite::sqlite
