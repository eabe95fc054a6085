// The table-valued function vec_each; see vec_each.h.
#include "sqlite/vec_each.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/vec0_value.h"
#include "sqlite/vector_argument.h"

namespace nearlite::sqlite {
namespace {

enum Column : int { kValue = 0, kVector = 1 };

struct FreeValue {
  void operator()(sqlite3_value* value) const noexcept { sqlite3_value_free(value); }
};

struct Vtab : sqlite3_vtab {
  bool is_vec0 = false;
};

struct Cursor : sqlite3_vtab_cursor {
  std::unique_ptr<sqlite3_value, FreeValue> argument;  // for the hidden column
  VectorValue vector;
  std::size_t at = 0;
};

Cursor& cursor_of(sqlite3_vtab_cursor* cursor) noexcept { return *static_cast<Cursor*>(cursor); }

int connect(sqlite3* db, void* is_vec0, int /*argc*/, const char* const* /*argv*/,
            sqlite3_vtab** vtab, char** error) noexcept {
  return guard(error, [&]() -> Status {
    int rc = sqlite3_declare_vtab(db, "CREATE TABLE x(value, vector HIDDEN)");
    if (rc == SQLITE_OK) rc = sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    if (rc != SQLITE_OK) return from_sqlite(db, rc, "vec_each");
    auto* made = new Vtab();
    made->is_vec0 = is_vec0 != nullptr;
    *vtab = made;
    return Status();
  });
}

int disconnect(sqlite3_vtab* vtab) noexcept {
  delete static_cast<Vtab*>(vtab);
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

// The bits of each byte the other way round.
void turn_bytes(std::vector<float>& bits) {
  for (std::size_t i = 0; i + 8 <= bits.size(); i += 8) {
    const auto first = bits.begin() + static_cast<std::ptrdiff_t>(i);
    std::reverse(first, first + 8);
  }
}

int filter(sqlite3_vtab_cursor* base, int /*number*/, const char* /*text*/, int argc,
           sqlite3_value** argv) noexcept {
  return guard(base->pVtab, [&]() -> Status {
    Cursor& cursor = cursor_of(base);
    cursor.at = 0;
    cursor.vector.values.clear();
    cursor.argument.reset();
    const bool is_vec0 = static_cast<Vtab*>(base->pVtab)->is_vec0;
    if (argc == 0 || (!is_vec0 && sqlite3_value_type(argv[0]) == SQLITE_NULL)) return Status();
    cursor.argument.reset(sqlite3_value_dup(argv[0]));
    if (cursor.argument == nullptr) return bare_code(SQLITE_NOMEM);
    const Status status = is_vec0 ? read_vec0_vector(argv[0], cursor.vector)
                                  : read_vector(argv[0], ElementType::kFloat32, cursor.vector);
    if (is_vec0 && cursor.vector.type == ElementType::kBit) turn_bytes(cursor.vector.values);
    if (status.code() != Code::kInvalidArgument || is_vec0) return status;
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

namespace {

Status register_each(sqlite3* db, void* is_vec0) {
  const int rc = sqlite3_create_module_v2(db, "vec_each", &kModule, is_vec0, nullptr);
  return rc == SQLITE_OK ? Status() : from_sqlite(db, rc, "vec_each");
}

}  // namespace

Status register_vec_each(sqlite3* db) { return register_each(db, nullptr); }

// Any pointer will do: it is not followed.
Status register_vec0_each(sqlite3* db) {
  return register_each(db, const_cast<sqlite3_module*>(&kModule));
}

}  // namespace nearlite::sqlite
