// The one exported symbol of vec0.so: registers what sqlite-vec registers, under its names, and
// nothing else. In the static library nothing refers to this file, so it is not linked.
#include <memory>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/handles.h"
#include "sqlite/host.h"
#include "sqlite/vec0_functions.h"
#include "sqlite/vec_each.h"

namespace nearlite::sqlite {

namespace {

// sqlite3_vtab_in and the LIMIT constraint came with 3.38.0.
constexpr int kOldestHost = 3'038'000;

// Loading twice is harmless: what is registered stays. It may be sqlite-vec itself, however.
Result<bool> is_loaded(sqlite3* db) {
  NEARLITE_ASSIGN(const bool has_function, is_valid(db, "SELECT vec_debug()"));
  if (!has_function) return false;
  NEARLITE_ASSIGN(Statement asked, Statement::prepare(db, "SELECT vec_debug()", "vec0", 0));
  StatementUse use = asked.use();
  NEARLITE_ASSIGN(const bool has_row, use.step());
  return has_row && use.column_text(0).find(kVec0DebugMark) != std::string_view::npos;
}

// nearlite.so has the same module. That of sqlite-vec comes with its functions.
Result<bool> has_module_of_nearlite(sqlite3* db) {
  NEARLITE_ASSIGN(const bool has_nearlite, is_valid(db, "SELECT nearlite_connection()"));
  NEARLITE_ASSIGN(const bool has_functions, is_valid(db, "SELECT vec_debug()"));
  if (!has_nearlite || has_functions) return false;
  return has_module(db, "vec0");
}

Status initialise(sqlite3* db) {
  if (sqlite3_libversion_number() < kOldestHost) {
    return {Code::kInternal,
            std::string("vec0 needs SQLite 3.38 or newer, this is ") + sqlite3_libversion()};
  }
  NEARLITE_ASSIGN(const bool is_here, is_loaded(db));
  if (is_here) return {};
  NEARLITE_ASSIGN(const bool is_shared, has_module_of_nearlite(db));
  if (!is_shared) {
    const auto connection = std::make_shared<Connection>(db, "vec0_transaction");
    NEARLITE_TRY(register_vec0_module(*connection, connection));
  }
  NEARLITE_TRY(register_vec0_each(db));
  return register_vec0_functions(db);  // last, for is_loaded() asks for one of them
}

}  // namespace

}  // namespace nearlite::sqlite

extern "C" __attribute__((visibility("default"))) int sqlite3_vec_init(
    sqlite3* db, char** error, const sqlite3_api_routines* api) noexcept {
  nearlite::sqlite::use_host(api);
  return nearlite::sqlite::guard(error, [&] { return nearlite::sqlite::initialise(db); });
}
