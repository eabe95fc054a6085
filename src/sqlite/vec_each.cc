// The table-valued function vec_each; see vec_each.h.
#include "sqlite/vec_each.h"

#include <memory>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/vector_argument.h"

namespace nearlite::sqlite {
namespace {

enum Column : int { kValue = 0, kVector = 1 };

struct FreeValue {
  void operator()(sqlite3_value* value) const noexcept { sqlite3_value_free(value); }
};

struct Cursor : sqlite3_vtab_cursor {
  std::unique_ptr<sqlite3_value, FreeValue> argument;  // for the hidden column
  VectorValue vector;
  std::size_t at = 0;
};

Cursor& cursor_of(sqlite3_vtab_cursor* cursor) noexcept { return *static_cast<Cursor*>(cursor); }

int connect(sqlite3* db, void* /*data*/, int /*argc*/, const char* const* /*argv*/,
            sqlite3_vtab** vtab, char** error) noexcept {
  return guard(error, [&]() -> Status {
    int rc = sqlite3_declare_vtab(db, "CREATE TABLE x(value, vector HIDDEN)");
    if (rc == SQLITE_OK) rc = sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    if (rc != SQLITE_OK) return from_sqlite(db, rc, "vec_each");
    *vtab = new sqlite3_vtab{};
    return Status();
  });
}

int disconnect(sqlite3_vtab* vtab) noexcept {
  delete vtab;
  return SQLITE_OK;
}

int open(sqlite3_vtab* /*vtab*/, sqlite3_vtab_cursor** cursor) noexcept {
  return guard([&]() -> Status {
    *cursor = new Cursor();
    return Status();
  });
}

int close(sqlite3_vtab_cursor* cursor) noexcept {
  delete static_cast<Cursor*>(cursor);
  return SQLITE_OK;
}

int best_index(sqlite3_vtab* vtab, sqlite3_index_info* info) noexcept {
  return guard(vtab, [&]() -> Status {
    bool is_unusable = false;
    for (int i = 0; i < info->nConstraint; ++i) {
      const auto& constraint = info->aConstraint[i];
      if (constraint.iColumn != kVector || constraint.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
      if (constraint.usable == 0) {
        is_unusable = true;
        continue;
      }
      info->aConstraintUsage[i].argvIndex = 1;
      info->aConstraintUsage[i].omit = 1;
      info->estimatedCost = 1;
      info->estimatedRows = 100;
      return Status();
    }
    // The vector comes from a table that SQLite has not placed before us: it must try another
    // order.
    if (is_unusable) return bare_code(SQLITE_CONSTRAINT);
    return Status(Code::kInvalidArgument, "nearlite: vec_each: needs a vector, as in vec_each(v)");
  });
}

int filter(sqlite3_vtab_cursor* base, int /*number*/, const char* /*text*/, int argc,
           sqlite3_value** argv) noexcept {
  return guard(base->pVtab, [&]() -> Status {
    Cursor& cursor = cursor_of(base);
    cursor.at = 0;
    cursor.vector.values.clear();
    cursor.argument.reset();
    if (argc == 0 || sqlite3_value_type(argv[0]) == SQLITE_NULL) return Status();
    cursor.argument.reset(sqlite3_value_dup(argv[0]));
    if (cursor.argument == nullptr) return bare_code(SQLITE_NOMEM);
    const Status status = read_vector(argv[0], ElementType::kFloat32, cursor.vector);
    if (status.code() != Code::kInvalidArgument) return status;
    return Status(status.code(), "nearlite: vec_each: " + status.message());
  });
}

int next(sqlite3_vtab_cursor* cursor) noexcept {
  ++cursor_of(cursor).at;
  return SQLITE_OK;
}

int eof(sqlite3_vtab_cursor* cursor) noexcept {
  return cursor_of(cursor).at >= cursor_of(cursor).vector.values.size() ? 1 : 0;
}

int column(sqlite3_vtab_cursor* base, sqlite3_context* context, int number) noexcept {
  const Cursor& cursor = cursor_of(base);
  if (number == kVector) {
    sqlite3_result_value(context, cursor.argument.get());
    return SQLITE_OK;
  }
  const float value = cursor.vector.values[cursor.at];
  const ElementType type = cursor.vector.type;
  if (type == ElementType::kInt8 || type == ElementType::kBit) {
    sqlite3_result_int(context, static_cast<int>(value));
  } else {
    sqlite3_result_double(context, double{value});
  }
  return SQLITE_OK;
}

int rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* id) noexcept {
  *id = static_cast<sqlite3_int64>(cursor_of(cursor).at);
  return SQLITE_OK;
}

// No xCreate: the function exists as a table without being created, and cannot be created.
sqlite3_module make_module() noexcept {
  sqlite3_module module{};
  module.xConnect = c_callback<&connect>();
  module.xBestIndex = c_callback<&best_index>();
  module.xDisconnect = c_callback<&disconnect>();
  module.xOpen = c_callback<&open>();
  module.xClose = c_callback<&close>();
  module.xFilter = c_callback<&filter>();
  module.xNext = c_callback<&next>();
  module.xEof = c_callback<&eof>();
  module.xColumn = c_callback<&column>();
  module.xRowid = c_callback<&rowid>();
  return module;
}

const sqlite3_module kModule = make_module();

}  // namespace

Status register_vec_each(sqlite3* db) {
  const int rc = sqlite3_create_module_v2(db, "vec_each", &kModule, nullptr, nullptr);
  return rc == SQLITE_OK ? Status() : from_sqlite(db, rc, "vec_each");
}

}  // namespace nearlite::sqlite
