#include "sqlite/embedding_function.h"

#include <memory>

#include "base/try.h"
#include "sqlite/boundary.h"

namespace nearlite::sqlite {
namespace {

constexpr const char* kName = "get_embedding";

// The result is a blob of little-endian float32, as MATCH and the vec_ functions take it.
void get_embedding(sqlite3_context* context, int /*argc*/, sqlite3_value** argv) noexcept {
  guard(context, [&]() -> Status {
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) return {};
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(argv[0]));
    if (text == nullptr) return bare_code(SQLITE_NOMEM);
    const auto size = static_cast<std::size_t>(sqlite3_value_bytes(argv[0]));
    const auto& function = *static_cast<EmbeddingFunction*>(sqlite3_user_data(context));
    NEARLITE_ASSIGN(const std::vector<float> vector, function({text, size}));
    sqlite3_result_blob64(context, vector.data(), vector.size() * sizeof(float), SQLITE_TRANSIENT);
    return {};
  });
}

void delete_function(void* function) noexcept { delete static_cast<EmbeddingFunction*>(function); }

}  // namespace

Status register_embedding_function(sqlite3* db, EmbeddingFunction function) {
  int rc = SQLITE_OK;
  if (!function) {
    rc = sqlite3_create_function_v2(db, kName, 1, SQLITE_UTF8, nullptr, nullptr, nullptr, nullptr,
                                    nullptr);
  } else {
    auto owned = std::make_unique<EmbeddingFunction>(std::move(function));
    // SQLite calls the destructor when this fails, too.
    rc = sqlite3_create_function_v2(db, kName, 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, owned.release(),
                                    c_callback<&get_embedding>(), nullptr, nullptr,
                                    c_callback<&delete_function>());
  }
  return rc == SQLITE_OK ? Status() : from_sqlite(db, rc, kName);
}

}  // namespace nearlite::sqlite
