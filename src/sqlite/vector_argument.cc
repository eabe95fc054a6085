// Vectors in and out of SQL functions; see vector_argument.h.
#include "sqlite/vector_argument.h"

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "vector/element.h"
#include "vector/parse.h"

namespace nearlite::sqlite {
namespace {

struct Subtype {
  ElementType type;
  unsigned number;
};
constexpr std::array kSubtypes{
    Subtype{ElementType::kFloat32, kSubtypeFloat32}, Subtype{ElementType::kBit, kSubtypeBit},
    Subtype{ElementType::kInt8, kSubtypeInt8}, Subtype{ElementType::kFloat16, kSubtypeFloat16},
    Subtype{ElementType::kBFloat16, kSubtypeBFloat16}};

void delete_value(void* value) noexcept { delete static_cast<VectorValue*>(value); }

}  // namespace

ElementType type_of_blob(sqlite3_value* value, ElementType fallback) noexcept {
  const unsigned number = sqlite3_value_subtype(value);
  for (const Subtype& subtype : kSubtypes) {
    if (subtype.number == number) return subtype.type;
  }
  return fallback;
}

Status read_vector(sqlite3_value* value, ElementType untyped, VectorValue& out) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
      if (text == nullptr) return bare_code(SQLITE_NOMEM);
      out.type = ElementType::kFloat32;
      out.is_text = true;
      const auto size = static_cast<std::size_t>(sqlite3_value_bytes(value));
      return parse_vector_text({text, size}, 0, out.values);
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const std::byte*>(sqlite3_value_blob(value));
      const auto size = static_cast<std::size_t>(sqlite3_value_bytes(value));
      if (bytes == nullptr && size != 0) return bare_code(SQLITE_NOMEM);
      out.type = type_of_blob(value, untyped);
      out.is_text = false;
      return parse_vector_blob({bytes, size}, out.type, 0, out.values);
    }
    default:
      return Status(Code::kInvalidArgument, "expected a vector as JSON text or blob, got a number");
  }
}

Status parse_column_vector(ElementType declared, std::uint32_t dim, int type,
                           std::span<const std::byte> content, std::vector<float>& out) {
  switch (type) {
    case SQLITE_TEXT: {
      const std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
      if (declared == ElementType::kBit && is_bit_text(text)) return parse_bit_text(text, dim, out);
      return parse_vector_text(text, dim, out);
    }
    case SQLITE_BLOB: {
      const bool is_native = content.size() == vector_bytes(declared, dim);
      const bool is_float = content.size() == vector_bytes(ElementType::kFloat32, dim);
      const ElementType found = !is_native && is_float ? ElementType::kFloat32 : declared;
      return parse_vector_blob(content, found, dim, out);
    }
    default: return {Code::kInvalidArgument, "a vector is JSON text or a blob"};
  }
}

Result<const VectorValue*> read_argument(sqlite3_context* context, const char* function,
                                         sqlite3_value** arguments, int index,
                                         VectorValue& scratch) {
  sqlite3_value* value = arguments[index];
  const bool is_text = sqlite3_value_type(value) == SQLITE_TEXT;
  if (is_text) {
    // SQLite drops this as soon as the argument is not a constant of the statement.
    const auto* kept = static_cast<const VectorValue*>(sqlite3_get_auxdata(context, index));
    if (kept != nullptr) return kept;
  }
  const Status status = read_vector(value, ElementType::kFloat32, scratch);
  if (!status.ok()) {
    if (status.code() != Code::kInvalidArgument) return status;
    return Status(Code::kInvalidArgument, std::string("nearlite: ") + function + ": argument " +
                                              std::to_string(index + 1) + ": " + status.message());
  }
  if (is_text) {
    // SQLite owns it from here, and may destroy it at once: the scratch is what we return.
    auto kept = std::make_unique<VectorValue>(scratch);
    sqlite3_set_auxdata(context, index, kept.release(), c_callback<&delete_value>());
  }
  return &scratch;
}

Status result_vector(sqlite3_context* context, ElementType type, const std::vector<float>& values) {
  if (type == ElementType::kBit && values.size() % 8 != 0) {
    return Status(Code::kInvalidArgument, "a bit vector needs a multiple of 8 dimensions, got " +
                                              std::to_string(values.size()));
  }
  std::vector<std::byte> bytes(vector_bytes(type, values.size()));
  NEARLITE_TRY(encode(type, values, bytes.data()));
  sqlite3_result_blob64(context, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  mark_result(context, type);
  return Status();
}

void mark_result(sqlite3_context* context, ElementType type) noexcept {
  for (const Subtype& subtype : kSubtypes) {
    if (subtype.type == type) sqlite3_result_subtype(context, subtype.number);
  }
}

}  // namespace nearlite::sqlite
