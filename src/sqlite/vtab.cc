// The callbacks of the module hnsw: thin, each a guard around a call on Table or Cursor. What
// SQLite promises and demands of them: https://sqlite.org/vtab.html, and "NOTES ON TRANSACTIONS" in
// FTS5.
#include <memory>
#include <new>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/cursor.h"
#include "sqlite/arguments.h"
#include "sqlite/plan.h"
#include "sqlite/shadow_tables.h"
#include "sqlite/table.h"

namespace nearlite::sqlite {

namespace {

// Also when CREATE or CONNECT fails half-way the table must hear that it is let go: it would keep
// its statements, and the connection could not be closed.
struct Vtab : sqlite3_vtab {
  Vtab() noexcept : sqlite3_vtab() {}
  ~Vtab() {
    if (table) table->detach();
  }
  Vtab(const Vtab&) = delete;
  Vtab& operator=(const Vtab&) = delete;

  void attach(std::shared_ptr<Table> to) noexcept {
    table = std::move(to);
    table->attach();
  }

  std::shared_ptr<Table> table;
};

struct VtabCursor : sqlite3_vtab_cursor {
  explicit VtabCursor(std::shared_ptr<Table> table)
      : sqlite3_vtab_cursor(), cursor(std::move(table)) {}
  Cursor cursor;
};

Table& table_of(sqlite3_vtab* vtab) { return *static_cast<Vtab*>(vtab)->table; }

std::string declaration(const std::string& table_name, const TableOptions& options) {
  std::string text = "CREATE TABLE x(";
  for (const Column& column : options.columns) {
    text += quote_identifier(column.name);
    if (column.kind == ColumnKind::kPartition || column.kind == ColumnKind::kMetadata) {
      text += " " + std::string(name_of(column.type));
    }
    text += ", ";
  }
  text +=
      "distance HIDDEN, k HIDDEN, ef_search HIDDEN, exact HIDDEN, filter HIDDEN, "
      "after_distance HIDDEN, after_rowid HIDDEN, now HIDDEN, " +
      quote_identifier(table_name) + " HIDDEN";
  if (options.content) text += ", " + std::string(kTouchedColumn) + " HIDDEN";
  return text + ")";
}

// argv: module name, schema, table name, arguments.
Status make_vtab(sqlite3* db, Connection& connection, int argc, const char* const* argv,
                 bool creating, sqlite3_vtab** out) {
  const std::string schema = argv[1];
  const std::string name = argv[2];
  const std::span arguments(argv + 3, static_cast<std::size_t>(argc - 3));
  NEARLITE_ASSIGN(TableOptions options, parse_arguments(name, arguments));
  const std::string declared = declaration(name, options);
  auto vtab = std::make_unique<Vtab>();
  auto table = creating ? Table::create(connection, schema, name, options, arguments)
                        : Table::open(connection, schema, name, std::move(options));
  NEARLITE_TRY(table.status());
  vtab->attach(std::move(*table));
  if (const int rc = sqlite3_declare_vtab(db, declared.c_str()); rc != SQLITE_OK)
    return from_sqlite(db, rc, name);
  sqlite3_vtab_config(db, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1);
  sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
  NEARLITE_TRY(connection.register_knn(name));
  *out = vtab.release();
  return {};
}

int x_create(sqlite3* db, void* user, int argc, const char* const* argv, sqlite3_vtab** out,
             char** error) noexcept {
  return guard(
      error, [&] { return make_vtab(db, *static_cast<Connection*>(user), argc, argv, true, out); });
}

int x_connect(sqlite3* db, void* user, int argc, const char* const* argv, sqlite3_vtab** out,
              char** error) noexcept {
  return guard(error, [&] {
    return make_vtab(db, *static_cast<Connection*>(user), argc, argv, false, out);
  });
}

int x_disconnect(sqlite3_vtab* vtab) noexcept {
  return guard([&] {
    delete static_cast<Vtab*>(vtab);
    return Status();
  });
}

int x_destroy(sqlite3_vtab* vtab) noexcept {
  return guard(vtab, [&] {
    const std::shared_ptr<Table> table = static_cast<Vtab*>(vtab)->table;
    NEARLITE_TRY(table->destroy());
    delete static_cast<Vtab*>(vtab);
    return Status();
  });
}

int x_best_index(sqlite3_vtab* vtab, sqlite3_index_info* info) noexcept {
  return guard([&] {
    const Status status = choose_plan(table_of(vtab).options(), info);
    // SQLITE_CONSTRAINT says "not in this order of tables" and must come without a message.
    if (!status.ok() && status.sqlite_code() != SQLITE_CONSTRAINT) set_error(vtab, status);
    return to_sqlite(status);
  });
}

int x_open(sqlite3_vtab* vtab, sqlite3_vtab_cursor** out) noexcept {
  return guard(vtab, [&] {
    *out = new VtabCursor(static_cast<Vtab*>(vtab)->table);
    return Status();
  });
}

int x_close(sqlite3_vtab_cursor* cursor) noexcept {
  return guard([&] {
    delete static_cast<VtabCursor*>(cursor);
    return Status();
  });
}

int x_filter(sqlite3_vtab_cursor* cursor, int plan, const char* terms, int argc,
             sqlite3_value** argv) noexcept {
  return guard(cursor->pVtab, [&] {
    return static_cast<VtabCursor*>(cursor)->cursor.filter(
        plan, terms, std::span(argv, static_cast<std::size_t>(argc)));
  });
}

int x_next(sqlite3_vtab_cursor* cursor) noexcept {
  return guard(cursor->pVtab, [&] { return static_cast<VtabCursor*>(cursor)->cursor.next(); });
}

int x_eof(sqlite3_vtab_cursor* cursor) noexcept {
  return static_cast<VtabCursor*>(cursor)->cursor.at_end() ? 1 : 0;
}

int x_column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int column) noexcept {
  return guard(cursor->pVtab,
               [&] { return static_cast<VtabCursor*>(cursor)->cursor.column(context, column); });
}

int x_rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* rowid) noexcept {
  *rowid = static_cast<VtabCursor*>(cursor)->cursor.rowid();
  return SQLITE_OK;
}

// The arguments of a search are no places to write to; k is one together with a command.
Status check_hidden(const Table& table, sqlite3_value** hidden) {
  const bool is_command = sqlite3_value_type(hidden[kCommand]) != SQLITE_NULL;
  constexpr const char* kNames[] = {"distance",       "k",           "ef_search", "exact", "filter",
                                    "after_distance", "after_rowid", "now"};
  for (int column = kDistance; column < kCommand; ++column) {
    if (sqlite3_value_type(hidden[column]) == SQLITE_NULL || (is_command && column == kK)) continue;
    return invalid(table.name(), std::string(kNames[column]) +
                                     " is an argument of searches and cannot be written");
  }
  return {};
}

// External content: only commands and the touches of our triggers are written here.
Status write_content(Table& table, int argc, sqlite3_value** argv) {
  const bool is_insert = argc > 1 && sqlite3_value_type(argv[0]) == SQLITE_NULL;
  if (is_insert) {
    sqlite3_value** hidden = argv + 2 + table.options().columns.size();
    NEARLITE_TRY(check_hidden(table, hidden));
    if (sqlite3_value_type(hidden[kCommand]) != SQLITE_NULL) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(hidden[kCommand]));
      if (text == nullptr) return bare_code(SQLITE_NOMEM);
      return table.command(text, hidden[kK]);
    }
    if (sqlite3_value_type(hidden[kTouched]) == SQLITE_INTEGER) {
      return table.touch(sqlite3_value_int64(hidden[kTouched]));
    }
  }
  return refuse_write(table);
}

// argv: old rowid (NULL for INSERT), new rowid, declared columns, hidden columns.
Status write_row(Table& table, int argc, sqlite3_value** argv, sqlite3_int64* rowid,
                 bool& conflict) {
  if (table.content() != nullptr) return write_content(table, argc, argv);
  const bool replace = sqlite3_vtab_on_conflict(table.db()) == SQLITE_REPLACE;
  if (argc == 1) return table.erase(sqlite3_value_int64(argv[0]));
  const std::size_t declared = table.options().columns.size();
  const std::span<sqlite3_value* const> values(argv + 2, declared);
  sqlite3_value** hidden = argv + 2 + declared;
  NEARLITE_TRY(check_hidden(table, hidden));
  if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
    if (sqlite3_value_type(hidden[kCommand]) != SQLITE_NULL) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(hidden[kCommand]));
      if (text == nullptr) return bare_code(SQLITE_NOMEM);
      return table.command(text, hidden[kK]);
    }
    RowId given = 0;
    NEARLITE_ASSIGN(const Written written, table.insert(argv[1], values, replace, given));
    *rowid = given;
    conflict = written == Written::kConflict;
    return {};
  }
  if (sqlite3_value_type(argv[1]) != SQLITE_INTEGER) return bare_code(SQLITE_MISMATCH);
  NEARLITE_ASSIGN(
      const Written written,
      table.update(sqlite3_value_int64(argv[0]), sqlite3_value_int64(argv[1]), values, replace));
  conflict = written == Written::kConflict;
  return {};
}

int x_update(sqlite3_vtab* vtab, int argc, sqlite3_value** argv, sqlite3_int64* rowid) noexcept {
  return guard(vtab, [&]() -> int {
    Table& table = table_of(vtab);
    bool conflict = false;
    const Status status = write_row(table, argc, argv, rowid, conflict);
    if (conflict) {
      // The plain code: SQLite then applies IGNORE, FAIL, ABORT or ROLLBACK itself.
      set_error(vtab,
                Status(Code::kConstraint, "UNIQUE constraint failed: " + table.name() + ".rowid"));
      return SQLITE_CONSTRAINT;
    }
    if (!status.ok()) set_error(vtab, status);
    return to_sqlite(status);
  });
}

int x_begin(sqlite3_vtab* /*vtab*/) noexcept { return SQLITE_OK; }

int x_sync(sqlite3_vtab* vtab) noexcept {
  return guard(vtab, [&] { return table_of(vtab).sync(); });
}

int x_commit(sqlite3_vtab* vtab) noexcept {
  return guard([&] {
    table_of(vtab).commit();
    return Status();
  });
}

int x_rollback(sqlite3_vtab* vtab) noexcept {
  return guard([&] {
    table_of(vtab).rollback();
    return Status();
  });
}

int x_rename(sqlite3_vtab* vtab, const char* name) noexcept {
  return guard(vtab, [&] { return table_of(vtab).rename(name); });
}

// Levels are not recorded: whatever is rolled back to, memory is read back from the rows.
int x_savepoint(sqlite3_vtab* /*vtab*/, int /*level*/) noexcept { return SQLITE_OK; }
int x_release(sqlite3_vtab* /*vtab*/, int /*level*/) noexcept { return SQLITE_OK; }

int x_rollback_to(sqlite3_vtab* vtab, int /*level*/) noexcept {
  return guard([&] {
    table_of(vtab).rollback_to();
    return Status();
  });
}

int x_shadow_name(const char* name) noexcept { return is_shadow_kind(name) ? 1 : 0; }

// PRAGMA integrity_check of SQLite 3.44 and newer.
int x_integrity(sqlite3_vtab* vtab, const char* /*schema*/, const char* /*name*/, int flags,
                char** error) noexcept {
  return guard([&]() -> int {
    if ((flags & 1) != 0) return SQLITE_OK;  // quick_check
    const auto problems = table_of(vtab).check(10);
    if (!problems.ok()) return to_sqlite(problems.status());
    std::string text;
    for (const std::string& problem : *problems) text += (text.empty() ? "" : "\n") + problem;
    if (!text.empty()) *error = sqlite3_mprintf("%s", text.c_str());
    return SQLITE_OK;
  });
}

// sqlite3_module as newer hosts know it; older ones stop reading at the version they know.
struct Module : sqlite3_module {
  int (*integrity)(sqlite3_vtab*, const char*, const char*, int, char**) = nullptr;
};

Module make_module() {
  Module module{};
  module.iVersion = sqlite3_libversion_number() >= 3'044'000 ? 4 : 3;
  module.xCreate = c_callback<&x_create>();
  module.xConnect = c_callback<&x_connect>();
  module.xBestIndex = c_callback<&x_best_index>();
  module.xDisconnect = c_callback<&x_disconnect>();
  module.xDestroy = c_callback<&x_destroy>();
  module.xOpen = c_callback<&x_open>();
  module.xClose = c_callback<&x_close>();
  module.xFilter = c_callback<&x_filter>();
  module.xNext = c_callback<&x_next>();
  module.xEof = c_callback<&x_eof>();
  module.xColumn = c_callback<&x_column>();
  module.xRowid = c_callback<&x_rowid>();
  module.xUpdate = c_callback<&x_update>();
  module.xBegin = c_callback<&x_begin>();
  module.xSync = c_callback<&x_sync>();
  module.xCommit = c_callback<&x_commit>();
  module.xRollback = c_callback<&x_rollback>();
  module.xRename = c_callback<&x_rename>();
  module.xSavepoint = c_callback<&x_savepoint>();
  module.xRelease = c_callback<&x_release>();
  module.xRollbackTo = c_callback<&x_rollback_to>();
  module.xShadowName = c_callback<&x_shadow_name>();
  module.integrity = c_callback<&x_integrity>();
  return module;
}

}  // namespace

Status register_index_module(Connection& connection) {
  static const Module module = make_module();
  const int rc = sqlite3_create_module_v2(connection.db(), "hnsw", &module, &connection, nullptr);
  return rc == SQLITE_OK ? Status() : from_sqlite(connection.db(), rc, "module hnsw");
}

}  // namespace nearlite::sqlite
