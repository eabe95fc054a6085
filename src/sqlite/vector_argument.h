// Vectors as arguments and results of SQL functions.
//
// A text is a JSON array. A blob is float32 unless its subtype, which vec_f16(), vec_int8() and so
// on give to their results, says otherwise. Subtypes do not survive being stored in a table.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "nearlite/status.h"
#include "sqlite/api.h"
#include "vector/types.h"

namespace nearlite::sqlite {

// Those of float32, bit and int8 are sqlite-vec's. Visible to users of subtype(): never renumber.
inline constexpr unsigned kSubtypeFloat32 = 223;
inline constexpr unsigned kSubtypeBit = 224;
inline constexpr unsigned kSubtypeInt8 = 225;
inline constexpr unsigned kSubtypeFloat16 = 226;
inline constexpr unsigned kSubtypeBFloat16 = 227;

/// SQLITE_RESULT_SUBTYPE, which came with SQLite 3.45; older hosts do not mind.
inline constexpr int kResultSubtype = 0x001000000;

struct VectorValue {
  ElementType type = ElementType::kFloat32;
  bool is_text = false;  ///< came as JSON: its type is whatever is needed
  std::vector<float> values;
};

/// The type a blob's subtype says; `fallback` for none or a foreign one.
[[nodiscard]] ElementType type_of_blob(sqlite3_value* value, ElementType fallback) noexcept;

/// Reads a text or blob; `untyped` is the type of a blob without subtype. Never called for NULL.
/// Errors: kInvalidArgument with a plain phrase, without function or table; kNoMemory.
Status read_vector(sqlite3_value* value, ElementType untyped, VectorValue& out);

/// Reads the content of a vector column: JSON text, float32, or the declared type; the length of a
/// blob tells which. `type` is SQLITE_TEXT or so. Errors: kInvalidArgument with a plain phrase;
/// kNoMemory.
Status parse_column_vector(ElementType declared, std::uint32_t dim, int type,
                           std::span<const std::byte> content, std::vector<float>& out);

/// Argument number `index` of a SQL function, read once: a JSON text that is the same for every row
/// of a statement is parsed for the first row only. The message names function and argument.
/// The pointer lives as long as `scratch` and the call of the function.
Result<const VectorValue*> read_argument(sqlite3_context* context, const char* function,
                                         sqlite3_value** arguments, int index,
                                         VectorValue& scratch);

/// Gives the result, a blob, the subtype of `type`.
void mark_result(sqlite3_context* context, ElementType type) noexcept;
/// Returns `values` stored as `type`, with the type's subtype. Fails when they do not fit.
Status result_vector(sqlite3_context* context, ElementType type, const std::vector<float>& values);

}  // namespace nearlite::sqlite
