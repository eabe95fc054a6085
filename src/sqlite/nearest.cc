// nearlite_nearest: every row of a table in order of distance, for queries of pgvector's dialect
// (src/dialect/nearest.h writes them).
//
// Unlike vss_knn() it also yields the rows without a vector, last, as ORDER BY would: the query
// that it is joined to must not lose them. It is asked by constraints on its columns, all of which
// are hidden and have names that no column of the user's has: neither * nor a bare name finds them.
#include <limits>
#include <memory>
#include <unordered_set>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/find_index.h"
#include "sqlite/search_stream.h"

namespace nearlite::sqlite {

namespace {

enum NearestColumn : int { kId, kPlace, kQuery, kIndex, kCount };
constexpr const char* kDeclaration =
    "CREATE TABLE x(nearlite_id INTEGER HIDDEN, nearlite_place REAL HIDDEN, nearlite_query HIDDEN, "
    "nearlite_index HIDDEN, nearlite_count HIDDEN)";

struct NearestVtab : sqlite3_vtab {
  Connection* connection = nullptr;
};

// The stream, then the rest.
struct NearestCursor : sqlite3_vtab_cursor {
  ReadScope scope;
  SearchStream stream;
  std::shared_ptr<Table> table;
  std::size_t vector_index = 0;
  std::unordered_set<std::int64_t> seen;  // what the stream has handed out
  Statement rest;
  std::unique_ptr<StatementUse> rest_use;  // goes before `rest`
  bool in_rest = false;
  bool is_end = true;
};

NearestCursor& cursor_of(sqlite3_vtab_cursor* cursor) noexcept {
  return *static_cast<NearestCursor*>(cursor);
}

int x_connect(sqlite3* db, void* user, int /*argc*/, const char* const* /*argv*/,
              sqlite3_vtab** out, char** error) noexcept {
  return guard(error, [&]() -> Status {
    if (const int rc = sqlite3_declare_vtab(db, kDeclaration); rc != SQLITE_OK)
      return from_sqlite(db, rc, "nearlite_nearest");
    sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    auto vtab = std::make_unique<NearestVtab>();
    vtab->connection = static_cast<Connection*>(user);
    *out = vtab.release();
    return {};
  });
}

int x_disconnect(sqlite3_vtab* vtab) noexcept {
  delete static_cast<NearestVtab*>(vtab);
  return SQLITE_OK;
}

// idxStr names the argument of each value: q, i, n.
int x_best_index(sqlite3_vtab* vtab, sqlite3_index_info* info) noexcept {
  return guard(vtab, [&]() -> Status {
    std::string text;
    for (int i = 0; i < info->nConstraint; ++i) {
      const auto& constraint = info->aConstraint[i];
      if (constraint.op != SQLITE_INDEX_CONSTRAINT_EQ || constraint.iColumn < kQuery) continue;
      if (constraint.usable == 0) return bare_code(SQLITE_CONSTRAINT);
      text += "qin"[constraint.iColumn - kQuery];
      info->aConstraintUsage[i].argvIndex = static_cast<int>(text.size());
      info->aConstraintUsage[i].omit = 1;
    }
    if (text.find('q') == std::string::npos || text.find('i') == std::string::npos) {
      return {Code::kInvalidArgument,
              "nearlite: nearlite_nearest: needs nearlite_query and nearlite_index"};
    }
    info->idxStr = sqlite3_mprintf("%s", text.c_str());
    if (info->idxStr == nullptr) return bare_code(SQLITE_NOMEM);
    info->needToFreeIdxStr = 1;
    info->estimatedCost = 100.0;
    info->estimatedRows = 10;
    if (info->nOrderBy == 1 && info->aOrderBy[0].desc == 0 && info->aOrderBy[0].iColumn == kPlace) {
      info->orderByConsumed = 1;
    }
    return {};
  });
}

int x_open(sqlite3_vtab* vtab, sqlite3_vtab_cursor** out) noexcept {
  return guard(vtab, [&] {
    *out = new NearestCursor();
    return Status();
  });
}

int x_close(sqlite3_vtab_cursor* cursor) noexcept {
  return guard([&] {
    delete static_cast<NearestCursor*>(cursor);
    return Status();
  });
}

// The rows that the search had not: those without a vector, and, of a table that others write,
// those with something that is no vector. When the query is NULL these are all.
Status begin_rest(NearestCursor& cursor) {
  Table& table = *cursor.table;
  if (table.content() != nullptr) NEARLITE_TRY(table.content()->ready());
  const std::string rowid = table.source_rowid();
  NEARLITE_ASSIGN(cursor.rest, Statement::prepare(table.db(),
                                                  "SELECT " + rowid + " FROM " +
                                                      table.source_name() + " ORDER BY " + rowid,
                                                  table.name()));
  cursor.rest_use.reset(new StatementUse(cursor.rest.use()));
  cursor.in_rest = true;
  return {};
}

Status settle(NearestCursor& cursor) {
  if (!cursor.in_rest && !cursor.stream.at_end()) {
    cursor.seen.insert(cursor.stream.hit().rowid);
    return {};
  }
  if (!cursor.in_rest) NEARLITE_TRY(begin_rest(cursor));
  for (;;) {
    NEARLITE_ASSIGN(const bool row, cursor.rest_use->step());
    cursor.is_end = !row;
    if (!row) break;
    if (!cursor.seen.contains(cursor.rest_use->column_int64(0))) return {};
  }
  cursor.rest_use.reset();
  return {};
}

Status open_search(NearestCursor& cursor, Connection& connection, const char* kinds,
                   sqlite3_value** argv) {
  SearchStream::Arguments arguments;
  sqlite3_value* query = nullptr;
  std::string name;
  for (int i = 0; kinds[i] != '\0'; ++i) {
    if (kinds[i] == 'q') query = argv[i];
    if (kinds[i] == 'n' && sqlite3_value_numeric_type(argv[i]) != SQLITE_NULL) {
      arguments.limit_hint = sqlite3_value_int64(argv[i]);
    }
    if (kinds[i] != 'i') continue;
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(argv[i]));
    if (text == nullptr) return bare_code(SQLITE_NOMEM);
    name = text;
  }
  cursor.rest_use.reset();
  cursor.scope = ReadScope();
  cursor.in_rest = false;
  cursor.is_end = false;
  cursor.seen.clear();
  arguments.ef_search_default = connection.settings().ef_search();
  arguments.is_exact_default = connection.settings().is_exact();
  NEARLITE_ASSIGN(FoundIndex index, find_index(connection, name));
  cursor.scope = std::move(index.scope);
  cursor.table = index.table;
  cursor.vector_index = index.vector_index;
  NEARLITE_TRY(
      cursor.stream.open(std::move(index.table), index.vector_index, query, std::move(arguments)));
  return settle(cursor);
}

int x_filter(sqlite3_vtab_cursor* base, int /*plan*/, const char* kinds, int /*argc*/,
             sqlite3_value** argv) noexcept {
  return guard(base->pVtab, [&] {
    Connection& connection = *static_cast<NearestVtab*>(base->pVtab)->connection;
    return open_search(cursor_of(base), connection, kinds, argv);
  });
}

int x_next(sqlite3_vtab_cursor* base) noexcept {
  return guard(base->pVtab, [&]() -> Status {
    NearestCursor& cursor = cursor_of(base);
    if (!cursor.in_rest) NEARLITE_TRY(cursor.stream.next());
    return settle(cursor);
  });
}

int x_eof(sqlite3_vtab_cursor* cursor) noexcept { return cursor_of(cursor).is_end ? 1 : 0; }

std::int64_t rowid_of(const NearestCursor& cursor) noexcept {
  return cursor.in_rest ? cursor.rest_use->column_int64(0) : cursor.stream.hit().rowid;
}

int x_column(sqlite3_vtab_cursor* base, sqlite3_context* context, int column) noexcept {
  return guard(base->pVtab, [&]() -> Status {
    NearestCursor& cursor = cursor_of(base);
    if (column == kId) sqlite3_result_int64(context, rowid_of(cursor));
    if (column == kPlace && cursor.in_rest) {
      sqlite3_result_double(context, std::numeric_limits<double>::infinity());
    } else if (column == kPlace) {
      NEARLITE_ASSIGN(const double distance, cursor.stream.distance());
      sqlite3_result_double(context, distance);
    }
    return {};
  });
}

int x_rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* rowid) noexcept {
  *rowid = rowid_of(cursor_of(cursor));
  return SQLITE_OK;
}

sqlite3_module make_module() {
  sqlite3_module module{};
  module.xConnect = c_callback<&x_connect>();
  module.xBestIndex = c_callback<&x_best_index>();
  module.xDisconnect = c_callback<&x_disconnect>();
  module.xOpen = c_callback<&x_open>();
  module.xClose = c_callback<&x_close>();
  module.xFilter = c_callback<&x_filter>();
  module.xNext = c_callback<&x_next>();
  module.xEof = c_callback<&x_eof>();
  module.xColumn = c_callback<&x_column>();
  module.xRowid = c_callback<&x_rowid>();
  return module;
}

}  // namespace

Status register_nearest_module(Connection& connection) {
  static const sqlite3_module module = make_module();
  const int rc =
      sqlite3_create_module_v2(connection.db(), "nearlite_nearest", &module, &connection, nullptr);
  return rc == SQLITE_OK ? Status() : from_sqlite(connection.db(), rc, "nearlite_nearest");
}

}  // namespace nearlite::sqlite
