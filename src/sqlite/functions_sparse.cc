#include "sqlite/functions_sparse.h"

#include <array>
#include <string>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "vector/sparse.h"

namespace nearlite::sqlite {

Status read_sparse(sqlite3_value* value, std::uint32_t dim, SparseVector& out) {
  const int type = sqlite3_value_type(value);
  // The pointer first: asking for text may change the number of bytes.
  const void* data = type == SQLITE_TEXT ? sqlite3_value_text(value) : sqlite3_value_blob(value);
  const auto size = static_cast<std::size_t>(sqlite3_value_bytes(value));
  if (data == nullptr && (type == SQLITE_TEXT || size != 0)) return bare_code(SQLITE_NOMEM);
  if (type == SQLITE_TEXT)
    return parse_sparse_text({static_cast<const char*>(data), size}, dim, out);
  if (type == SQLITE_BLOB)
    return parse_sparse_blob({static_cast<const std::byte*>(data), size}, dim, out);
  return {Code::kInvalidArgument, "expected a sparse vector as text or blob"};
}

namespace {

Status read(const char* function, sqlite3_value* value, SparseVector& out) {
  const Status status = read_sparse(value, 0, out);
  if (status.code() != Code::kInvalidArgument) return status;
  return {status.code(), "nearlite: " + std::string(function) + ": " + status.message()};
}

void vec_sparse(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return {};
    SparseVector vector;
    NEARLITE_TRY(read("vec_sparse", arguments[0], vector));
    const std::vector<std::byte> blob = sparse_blob(vector);
    sqlite3_result_blob64(context, blob.data(), blob.size(), SQLITE_TRANSIENT);
    return {};
  });
}

void vec_sparse_to_text(sqlite3_context* context, int /*count*/,
                        sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return {};
    SparseVector vector;
    NEARLITE_TRY(read("vec_sparse_to_text", arguments[0], vector));
    const std::string text = format_sparse_text(vector);
    sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return {};
  });
}

void vec_distance_sparse_ip(sqlite3_context* context, int /*count*/,
                            sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    std::array<SparseVector, 2> vectors;
    for (std::size_t i = 0; i < 2; ++i) {
      if (sqlite3_value_type(arguments[i]) == SQLITE_NULL) return {};
      NEARLITE_TRY(read("vec_distance_sparse_ip", arguments[i], vectors[i]));
    }
    if (vectors[0].dim != vectors[1].dim) {
      return {Code::kInvalidArgument,
              "nearlite: vec_distance_sparse_ip: the vectors have different dimensions, " +
                  std::to_string(vectors[0].dim) + " and " + std::to_string(vectors[1].dim)};
    }
    sqlite3_result_double(context, 0.0 - shared_dot(vectors[0], vectors[1]).value_or(0));
    return {};
  });
}

}  // namespace

Status register_sparse_functions(sqlite3* db) {
  struct Function {
    const char* name;
    int argument_count;
    void (*call)(sqlite3_context*, int, sqlite3_value**);
  };
  constexpr std::array kFunctions{
      Function{"vec_sparse", 1, c_callback<&vec_sparse>()},
      Function{"vec_sparse_to_text", 1, c_callback<&vec_sparse_to_text>()},
      Function{"vec_distance_sparse_ip", 2, c_callback<&vec_distance_sparse_ip>()},
  };
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  for (const Function& function : kFunctions) {
    const int rc = sqlite3_create_function_v2(db, function.name, function.argument_count, kFlags,
                                              nullptr, function.call, nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) return from_sqlite(db, rc, function.name);
  }
  return {};
}

}  // namespace nearlite::sqlite
