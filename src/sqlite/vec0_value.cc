// Vectors of sqlite-vec's functions and tables; see vec0_value.h.
#include "sqlite/vec0_value.h"

#include <span>
#include <string_view>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "vector/parse.h"

namespace nearlite::sqlite {
namespace {

constexpr sqlite3_int64 kVec0KMax = 4096;

Status phrase(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

Status zero_length() { return phrase("zero-length vectors are not supported."); }

Status read_text(std::string_view text, std::vector<float>& out) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return zero_length();
  if (text[begin] != '[') {
    return phrase("JSON array parsing error: Input does not start with '['");
  }
  const std::size_t next = text.find_first_not_of(" \t\r\n", begin + 1);
  if (next == std::string_view::npos || text[next] == ']') return zero_length();
  const Status status = parse_vector_text(text, 0, out, NumberStyle::kC);
  if (status.code() != Code::kInvalidArgument) return status;
  return phrase("JSON parsing error: " + status.message());
}

Status read_blob(std::span<const std::byte> bytes, ElementType type, std::vector<float>& out) {
  if (bytes.empty()) return zero_length();
  if (type == ElementType::kFloat32 && bytes.size() % 4 != 0) {
    return phrase("invalid float32 vector BLOB length. Must be divisible by 4, found " +
                  std::to_string(bytes.size()));
  }
  return parse_vector_blob(bytes, type, 0, out);
}

Status bytes_of(sqlite3_value* value, std::span<const std::byte>& out) {
  const bool is_text = sqlite3_value_type(value) == SQLITE_TEXT;
  const void* data = is_text ? sqlite3_value_text(value) : sqlite3_value_blob(value);
  const auto size = static_cast<std::size_t>(sqlite3_value_bytes(value));
  if (data == nullptr && (is_text || size != 0)) return bare_code(SQLITE_NOMEM);
  out = {static_cast<const std::byte*>(data), size};
  return {};
}

// The beginnings of the three messages about a vector of a table.
struct Beginnings {
  const char* invalid;
  const char* type;
  const char* length;
};

Beginnings beginnings(VectorUse use) {
  switch (use) {
    case VectorUse::kInsert:
      return {"Inserted vector for the", "Inserted vector for the", "inserted vector"};
    case VectorUse::kUpdate:
      return {"Updated vector for the", "Updated vector for the", "new updated vector"};
    case VectorUse::kQuery: break;
  }
  return {"Query vector on the", "Query vector for the", "query vector"};
}

}  // namespace

const char* vec0_name_of(ElementType type) noexcept {
  switch (type) {
    case ElementType::kFloat32: return "float32";
    case ElementType::kInt8: return "int8";
    case ElementType::kBit: return "bit";
    case ElementType::kFloat16: return "float16";
    case ElementType::kBFloat16: return "bfloat16";
  }
  return "";
}

const char* vec0_storage_name(sqlite3_value* value) noexcept {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER: return "INTEGER";
    case SQLITE_FLOAT: return "FLOAT";
    case SQLITE_TEXT: return "TEXT";
    case SQLITE_BLOB: return "BLOB";
    default: return "NULL";
  }
}

Status read_vec0_vector(sqlite3_value* value, VectorValue& out) {
  const int type = sqlite3_value_type(value);
  if (type != SQLITE_TEXT && type != SQLITE_BLOB) {
    return phrase(std::string("Input must have type BLOB (compact format) or TEXT (JSON), found ") +
                  vec0_storage_name(value));
  }
  std::span<const std::byte> bytes;
  NEARLITE_TRY(bytes_of(value, bytes));
  out.is_text = type == SQLITE_TEXT;
  out.type = out.is_text ? ElementType::kFloat32 : type_of_blob(value, ElementType::kFloat32);
  if (!out.is_text) return read_blob(bytes, out.type, out.values);
  return read_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, out.values);
}

Status read_vec0_blob(sqlite3_value* value, ElementType type, std::vector<float>& out) {
  std::span<const std::byte> bytes;
  NEARLITE_TRY(bytes_of(value, bytes));
  return read_blob(bytes, type, out);
}

Status read_vec0_column(const VectorColumn& column, VectorUse use, sqlite3_value* value,
                        std::vector<float>& out) {
  const Beginnings begin = beginnings(use);
  const std::string name = " \"" + column.name + "\" column";
  VectorValue vector;
  const bool is_untyped = sqlite3_value_type(value) == SQLITE_BLOB &&
                          sqlite3_value_subtype(value) == 0 && column.type != ElementType::kFloat32;
  std::span<const std::byte> bytes;
  if (is_untyped) NEARLITE_TRY(bytes_of(value, bytes));
  Status status;
  if (is_untyped && bytes.size() == vector_bytes(column.type, column.dim)) {
    vector.type = column.type;
    status = read_blob(bytes, column.type, vector.values);
  } else {
    status = read_vec0_vector(value, vector);
  }
  if (status.code() == Code::kInvalidArgument)
    return phrase(begin.invalid + name + " is invalid: " + status.message());
  NEARLITE_TRY(status);
  if (!vector.is_text && vector.type != column.type) {
    return phrase(begin.type + name + " is expected to be of type " + vec0_name_of(column.type) +
                  ", but a " + vec0_name_of(vector.type) + " vector was provided.");
  }
  if (vector.values.size() != column.dim) {
    return phrase(std::string("Dimension mismatch for ") + begin.length + " for the" + name +
                  ". Expected " + std::to_string(column.dim) + " dimensions but received " +
                  std::to_string(vector.values.size()) + ".");
  }
  out = std::move(vector.values);
  return {};
}

Result<std::size_t> read_vec0_k(sqlite3_value* value) {
  const sqlite3_int64 k = sqlite3_value_int64(value);
  if (k < 0) return phrase("k value in knn queries must be greater than or equal to 0.");
  if (k > kVec0KMax) {
    return phrase("k value in knn query too large, provided " + std::to_string(k) +
                  " and the limit is " + std::to_string(kVec0KMax));
  }
  return static_cast<std::size_t>(k);
}

}  // namespace nearlite::sqlite
