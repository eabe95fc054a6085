// The one exported symbol of vec0.so: registers what sqlite-vec registers, under its names, and
// nothing else. In the static library nothing refers to this file, so it is not linked.
#include <memory>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/handles.h"
#include "sqlite/vec0_functions.h"
#include "sqlite/vec_each.h"

SQLITE_EXTENSION_INIT3

namespace nearlite::sqlite {

namespace {

// sqlite3_vtab_in and the LIMIT constraint came with 3.38.0.
constexpr int kOldestHost = 3'038'000;

// Loading twice is harmless: what is registered stays. It may be sqlite-vec itself, however.
bool is_loaded(sqlite3* db) {
  auto asked = Statement::prepare(db, "SELECT vec_debug()", "vec0", 0);
  if (!asked.ok()) return false;
  StatementUse use = asked->use();
  const auto row = use.step();
  return row.ok() && *row && use.column_text(0).find(kVec0DebugMark) != std::string_view::npos;
}

bool is_valid(sqlite3* db, const char* sql) { return Statement::prepare(db, sql, "vec0", 0).ok(); }

// nearlite.so has the same module. That of sqlite-vec comes with its functions.
bool has_module_of_nearlite(sqlite3* db) {
  return is_valid(db, "SELECT nearlite_connection()") && !is_valid(db, "SELECT vec_debug()") &&
         has_module(db, "vec0");
}

Status initialise(sqlite3* db) {
  if (sqlite3_libversion_number() < kOldestHost) {
    return {Code::kInternal,
            std::string("vec0 needs SQLite 3.38 or newer, this is ") + sqlite3_libversion()};
  }
  if (is_loaded(db)) return {};
  if (!has_module_of_nearlite(db)) {
    const auto connection = std::make_shared<Connection>(db, "vec0_transaction");
    NEARLITE_TRY(register_vec0_module(*connection, connection));
  }
  NEARLITE_TRY(register_vec0_functions(db));
  return register_vec0_each(db);
}

}  // namespace

}  // namespace nearlite::sqlite

extern "C" __attribute__((visibility("default"))) int sqlite3_vec_init(
    sqlite3* db, char** error, const sqlite3_api_routines* api) noexcept {
  SQLITE_EXTENSION_INIT2(api);
  static_cast<void>(api);
  return nearlite::sqlite::guard(error, [&] { return nearlite::sqlite::initialise(db); });
}
