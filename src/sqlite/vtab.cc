// The callbacks of the modules hnsw and vec0: thin, each a guard around a call on Table or Cursor.
// What SQLite promises and demands of them: https://sqlite.org/vtab.html, and "NOTES ON
// TRANSACTIONS" in FTS5.
#include <memory>
#include <new>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/cursor.h"
#include "sqlite/arguments.h"
#include "sqlite/legacy_cursor.h"
#include "sqlite/legacy_layout.h"
#include "sqlite/legacy_table.h"
#include "sqlite/plan.h"
#include "sqlite/shadow_tables.h"
#include "sqlite/table.h"
#include "sqlite/vec0_arguments.h"
#include "sqlite/vtab_write.h"

namespace nearlite::sqlite {

namespace {

// Also when CREATE or CONNECT fails half-way the table must hear that it is let go: it would keep
// its statements, and the connection could not be closed.
struct Vtab : sqlite3_vtab {
  Vtab() noexcept : sqlite3_vtab() {}
  ~Vtab() {
    if (table) table->detach();
    // SQLite asks for the message of most callbacks, and frees it; not for that of xDestroy.
    sqlite3_free(zErrMsg);
  }
  Vtab(const Vtab&) = delete;
  Vtab& operator=(const Vtab&) = delete;

  void attach(std::shared_ptr<Table> to) noexcept {
    table = std::move(to);
    table->attach();
  }

  std::shared_ptr<Table> table;
  std::shared_ptr<LegacyTable> legacy;  // instead of it, as long as it is one of sqlite-vec's
};

// What a module was registered with. In vec0.so it owns the connection's object, in nearlite.so a
// function does.
struct ModuleUser {
  Connection* connection = nullptr;
  Front front = Front::kHnsw;
  std::shared_ptr<Connection> owner = {};
};

struct VtabCursor : sqlite3_vtab_cursor {
  explicit VtabCursor(std::unique_ptr<RowSource> source)
      : sqlite3_vtab_cursor(), rows(std::move(source)) {}
  std::unique_ptr<RowSource> rows;
};

RowSource& rows_of(sqlite3_vtab_cursor* cursor) { return *static_cast<VtabCursor*>(cursor)->rows; }

// One of the two is null.
Table* table_of(sqlite3_vtab* vtab) { return static_cast<Vtab*>(vtab)->table.get(); }
LegacyTable* legacy_of(sqlite3_vtab* vtab) { return static_cast<Vtab*>(vtab)->legacy.get(); }

std::string declaration(const std::string& table_name, const TableOptions& options) {
  std::string text = "CREATE TABLE x(";
  for (const Column& column : options.columns) {
    text += quote_identifier(column.name);
    if (column.kind != ColumnKind::kVector && column.kind != ColumnKind::kAuxiliary) {
      text += " " + std::string(name_of(column.type));
    }
    const bool is_key = column.kind == ColumnKind::kRowid || column.kind == ColumnKind::kKey;
    if (is_key && column.is_required) text += " PRIMARY KEY NOT NULL";
    text += ", ";
  }
  std::string separator;
  for (const HiddenColumn column : hidden_columns(table_name, options)) {
    const bool is_command = column == HiddenColumn::kCommand;
    text += separator + (is_command ? quote_identifier(table_name) : std::string(name_of(column))) +
            " HIDDEN";
    separator = ", ";
  }
  // With rowids SQLite would make an index for a text key in its memory, with some other table's
  // root page: PRAGMA integrity_check then sees that page twice.
  return text + (options.has_key() ? ") WITHOUT ROWID" : ")");
}

// argv: module name, schema, table name, arguments.
Status make_vtab(sqlite3* db, const ModuleUser& user, int argc, const char* const* argv,
                 bool creating, sqlite3_vtab** out) {
  const std::string schema = argv[1];
  const std::string name = argv[2];
  const std::span arguments(argv + 3, static_cast<std::size_t>(argc - 3));
  const bool is_vec0 = user.front == Front::kVec0;
  Connection& connection = *user.connection;
  NEARLITE_ASSIGN(TableOptions options, is_vec0 ? parse_vec0_arguments(name, arguments, !creating)
                                                : parse_arguments(name, arguments));
  const std::string declared = declaration(name, options);
  auto vtab = std::make_unique<Vtab>();
  bool is_legacy = false;
  if (is_vec0 && !creating) {
    NEARLITE_ASSIGN(is_legacy, has_legacy_tables(db, schema, name));
  }
  if (is_legacy) {
    NEARLITE_ASSIGN(vtab->legacy,
                    LegacyTable::open(connection, schema, name, std::move(options), arguments));
  } else {
    auto table = creating ? Table::create(connection, schema, name, options, arguments)
                          : Table::open(connection, schema, name, std::move(options));
    NEARLITE_TRY(table.status());
    vtab->attach(std::move(*table));
  }
  if (const int rc = sqlite3_declare_vtab(db, declared.c_str()); rc != SQLITE_OK)
    return from_sqlite(db, rc, name);
  sqlite3_vtab_config(db, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1);
  sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
  if (!is_vec0) NEARLITE_TRY(connection.register_knn(name));
  *out = vtab.release();
  return {};
}

int x_create(sqlite3* db, void* user, int argc, const char* const* argv, sqlite3_vtab** out,
             char** error) noexcept {
  return guard(
      error, [&] { return make_vtab(db, *static_cast<ModuleUser*>(user), argc, argv, true, out); });
}

int x_connect(sqlite3* db, void* user, int argc, const char* const* argv, sqlite3_vtab** out,
              char** error) noexcept {
  return guard(error, [&] {
    return make_vtab(db, *static_cast<ModuleUser*>(user), argc, argv, false, out);
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
    NEARLITE_TRY(table ? table->destroy() : legacy_of(vtab)->destroy());
    delete static_cast<Vtab*>(vtab);
    return Status();
  });
}

int x_best_index(sqlite3_vtab* vtab, sqlite3_index_info* info) noexcept {
  return guard([&] {
    const Table* table = table_of(vtab);
    const LegacyTable* legacy = legacy_of(vtab);
    const Status status = table != nullptr ? choose_plan(table->name(), table->options(), info)
                                           : choose_plan(legacy->name(), legacy->options(), info);
    // SQLITE_CONSTRAINT says "not in this order of tables" and must come without a message.
    if (!status.ok() && status.sqlite_code() != SQLITE_CONSTRAINT) set_error(vtab, status);
    return to_sqlite(status);
  });
}

int x_open(sqlite3_vtab* vtab, sqlite3_vtab_cursor** out) noexcept {
  return guard(vtab, [&] {
    const Vtab& opened = *static_cast<Vtab*>(vtab);
    std::unique_ptr<RowSource> rows;
    if (opened.table != nullptr) {
      rows = std::make_unique<Cursor>(opened.table);
    } else {
      rows = std::make_unique<LegacyCursor>(opened.legacy);
    }
    *out = new VtabCursor(std::move(rows));
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
    return rows_of(cursor).filter(plan, terms, std::span(argv, static_cast<std::size_t>(argc)));
  });
}

int x_next(sqlite3_vtab_cursor* cursor) noexcept {
  return guard(cursor->pVtab, [&] { return rows_of(cursor).next(); });
}

int x_eof(sqlite3_vtab_cursor* cursor) noexcept { return rows_of(cursor).at_end() ? 1 : 0; }

int x_column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int column) noexcept {
  return guard(cursor->pVtab, [&] { return rows_of(cursor).column(context, column); });
}

int x_rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* rowid) noexcept {
  *rowid = rows_of(cursor).rowid();
  return SQLITE_OK;
}

// 'upgrade' puts a table of ours in the place of one of sqlite-vec's, and so does any write.
Status replace_legacy(Vtab& vtab, LegacyTable::Bad bad) {
  NEARLITE_ASSIGN(auto table, vtab.legacy->upgrade(bad));
  vtab.attach(std::move(table));
  vtab.legacy.reset();
  return {};
}

// `is_done`: it was a command.
Status write_legacy(Vtab& vtab, int argc, sqlite3_value** argv, bool& is_done) {
  const std::string_view command = command_of(*vtab.legacy, argc, argv);
  is_done = !command.empty();
  if (command.empty() || command == kUpgrade)
    return replace_legacy(vtab, LegacyTable::Bad::kRefuse);
  if (command == kUpgradeWithoutNan) return replace_legacy(vtab, LegacyTable::Bad::kNull);
  return vtab.legacy->command(command);
}

int x_update(sqlite3_vtab* vtab, int argc, sqlite3_value** argv, sqlite3_int64* rowid) noexcept {
  return guard(vtab, [&]() -> int {
    if (legacy_of(vtab) != nullptr) {
      bool is_done = false;
      const Status status = write_legacy(*static_cast<Vtab*>(vtab), argc, argv, is_done);
      if (!status.ok()) set_error(vtab, status);
      if (!status.ok() || is_done) return to_sqlite(status);
    }
    Table& table = *table_of(vtab);
    bool conflict = false;
    const Status status = write_row(table, argc, argv, rowid, conflict);
    if (conflict) {
      // The plain code: SQLite then applies IGNORE, FAIL, ABORT or ROLLBACK itself.
      set_error(vtab, conflict_of(table));
      return SQLITE_CONSTRAINT;
    }
    if (!status.ok()) set_error(vtab, status);
    return to_sqlite(status);
  });
}

int x_begin(sqlite3_vtab* /*vtab*/) noexcept { return SQLITE_OK; }

int x_sync(sqlite3_vtab* vtab) noexcept {
  return guard(vtab, [&] {
    return table_of(vtab) != nullptr ? table_of(vtab)->sync() : legacy_of(vtab)->sync();
  });
}

int x_commit(sqlite3_vtab* vtab) noexcept {
  return guard([&] {
    if (table_of(vtab) != nullptr) table_of(vtab)->commit();
    return Status();
  });
}

int x_rollback(sqlite3_vtab* vtab) noexcept {
  return guard([&] {
    if (table_of(vtab) != nullptr) table_of(vtab)->rollback();
    return Status();
  });
}

int x_rename(sqlite3_vtab* vtab, const char* name) noexcept {
  return guard(vtab, [&] {
    return table_of(vtab) != nullptr ? table_of(vtab)->rename(name) : legacy_of(vtab)->rename(name);
  });
}

// Levels are not recorded: whatever is rolled back to, memory is read back from the rows.
int x_savepoint(sqlite3_vtab* /*vtab*/, int /*level*/) noexcept { return SQLITE_OK; }
int x_release(sqlite3_vtab* /*vtab*/, int /*level*/) noexcept { return SQLITE_OK; }

int x_rollback_to(sqlite3_vtab* vtab, int /*level*/) noexcept {
  return guard([&] {
    if (table_of(vtab) != nullptr) table_of(vtab)->rollback_to();
    return Status();
  });
}

int x_shadow_name(const char* name) noexcept { return is_shadow_kind(name) ? 1 : 0; }
int x_vec0_shadow_name(const char* name) noexcept {
  return is_shadow_kind(name) || is_legacy_kind(name) ? 1 : 0;
}

// PRAGMA integrity_check of SQLite 3.44 and newer.
int x_integrity(sqlite3_vtab* vtab, const char* /*schema*/, const char* /*name*/, int flags,
                char** error) noexcept {
  return guard([&]() -> int {
    if ((flags & 1) != 0) return SQLITE_OK;  // quick_check
    const auto problems =
        table_of(vtab) != nullptr ? table_of(vtab)->check(10) : legacy_of(vtab)->check(10);
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

Module make_module(Front front) {
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
  module.xShadowName =
      front == Front::kVec0 ? c_callback<&x_vec0_shadow_name>() : c_callback<&x_shadow_name>();
  module.integrity = c_callback<&x_integrity>();
  return module;
}

void delete_user(void* user) noexcept { delete static_cast<ModuleUser*>(user); }

Status register_module(sqlite3* db, const char* name, ModuleUser given) {
  static const Module hnsw = make_module(Front::kHnsw);
  static const Module vec0 = make_module(Front::kVec0);
  const Module& module = given.front == Front::kVec0 ? vec0 : hnsw;
  auto user = std::make_unique<ModuleUser>(std::move(given));
  // On failure, too, SQLite calls the destructor of what it was given.
  const int rc =
      sqlite3_create_module_v2(db, name, &module, user.release(), c_callback<&delete_user>());
  return rc == SQLITE_OK ? Status() : from_sqlite(db, rc, std::string("module ") + name);
}

}  // namespace

Status register_index_module(Connection& connection) {
  return register_module(connection.db(), "hnsw", {&connection, Front::kHnsw, nullptr});
}

Status register_vec0_module(Connection& connection, std::shared_ptr<Connection> owner) {
  return register_module(connection.db(), "vec0", {&connection, Front::kVec0, std::move(owner)});
}

}  // namespace nearlite::sqlite
