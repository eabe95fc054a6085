// vss_knn(query, k, index, ef_search) and <index>_knn(query, k): eponymous tables of (rowid,
// distance).
#include <memory>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/filter.h"
#include "sqlite/find_index.h"
#include "sqlite/search_stream.h"

namespace nearlite::sqlite {

namespace {

// Columns: rowid, distance, then the hidden arguments in the order of the function's parameters.
enum KnnColumn : int {
  kRowidColumn,
  kDistanceColumn,
  kQueryArgument,
  kKArgument,
  kIndexArgument,
  kEfArgument,
  kFilterArgument,
  kAfterDistanceArgument,
  kAfterRowidArgument,
  kNowArgument
};
constexpr const char* kDeclaration =
    "CREATE TABLE x(rowid INTEGER, distance REAL, query HIDDEN, k HIDDEN, \"index\" HIDDEN, "
    "ef_search HIDDEN, filter HIDDEN, after_distance HIDDEN, after_rowid HIDDEN, now HIDDEN)";

struct KnnModule {
  Connection* connection;
  std::string table_name;  // empty for vss_knn
};

struct KnnVtab : sqlite3_vtab {
  const KnnModule* module = nullptr;
};

struct KnnCursor : sqlite3_vtab_cursor {
  ReadScope scope;  // empty for tables of main
  SearchStream stream;
};

int x_connect(sqlite3* db, void* user, int /*argc*/, const char* const* /*argv*/,
              sqlite3_vtab** out, char** error) noexcept {
  return guard(error, [&]() -> Status {
    if (const int rc = sqlite3_declare_vtab(db, kDeclaration); rc != SQLITE_OK)
      return from_sqlite(db, rc, "knn");
    sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    auto vtab = std::make_unique<KnnVtab>();
    vtab->module = static_cast<const KnnModule*>(user);
    *out = vtab.release();
    return {};
  });
}

int x_disconnect(sqlite3_vtab* vtab) noexcept {
  delete static_cast<KnnVtab*>(vtab);
  return SQLITE_OK;
}

// idxStr names the argument of each value; l and o are hints (SQLite applies them too).
int x_best_index(sqlite3_vtab* vtab, sqlite3_index_info* info) noexcept {
  constexpr const char* kKinds = "qkiefpat";  // in the order of KnnColumn
  return guard([&]() -> int {
    std::string text;
    bool has_query = false;
    for (int i = 0; i < info->nConstraint; ++i) {
      const auto& constraint = info->aConstraint[i];
      char kind = 0;
      if (constraint.op == SQLITE_INDEX_CONSTRAINT_LIMIT) {
        kind = 'l';
      } else if (constraint.op == SQLITE_INDEX_CONSTRAINT_OFFSET) {
        kind = 'o';
      } else if (constraint.op == SQLITE_INDEX_CONSTRAINT_EQ &&
                 constraint.iColumn >= kQueryArgument) {
        kind = kKinds[constraint.iColumn - kQueryArgument];
      } else {
        continue;
      }
      const bool is_hint = kind == 'l' || kind == 'o';
      if (constraint.usable == 0) {
        if (is_hint) continue;
        return SQLITE_CONSTRAINT;  // the argument comes from a table further right
      }
      has_query = has_query || kind == 'q';
      text += kind;
      info->aConstraintUsage[i].argvIndex = static_cast<int>(text.size());
      info->aConstraintUsage[i].omit = is_hint ? 0 : 1;
    }
    if (!has_query) {
      set_error(vtab, Status(Code::kInvalidArgument,
                             "nearlite: a query vector is needed: vss_knn(query, k)"));
      return SQLITE_ERROR;
    }
    info->idxStr = sqlite3_mprintf("%s", text.c_str());
    if (info->idxStr == nullptr) return SQLITE_NOMEM;
    info->needToFreeIdxStr = 1;
    info->estimatedCost = 100.0;
    info->estimatedRows = 10;
    const auto* order = info->aOrderBy;
    const bool has_rowid =
        info->nOrderBy == 2 && order[1].desc == 0 && order[1].iColumn <= kRowidColumn;
    if ((info->nOrderBy == 1 || has_rowid) && order[0].desc == 0 &&
        order[0].iColumn == kDistanceColumn) {
      info->orderByConsumed = 1;
    }
    return SQLITE_OK;
  });
}

int x_open(sqlite3_vtab* vtab, sqlite3_vtab_cursor** out) noexcept {
  return guard(vtab, [&] {
    *out = new KnnCursor();
    return Status();
  });
}

int x_close(sqlite3_vtab_cursor* cursor) noexcept {
  return guard([&] {
    delete static_cast<KnnCursor*>(cursor);
    return Status();
  });
}

Status open_stream(const KnnModule& module, const char* kinds, sqlite3_value** argv,
                   ReadScope& scope, SearchStream& stream) {
  SearchStream::Arguments arguments;
  sqlite3_value* query = nullptr;
  sqlite3_value* condition = nullptr;
  std::string name = module.table_name;
  std::int64_t offset = 0;
  for (int i = 0; kinds[i] != '\0'; ++i) {
    switch (kinds[i]) {
      case 'q': query = argv[i]; break;
      case 'k': arguments.k = argv[i]; break;
      case 'e': arguments.ef_search = argv[i]; break;
      case 'f': condition = argv[i]; break;
      case 'p': arguments.after_distance = argv[i]; break;
      case 'a': arguments.after_rowid = argv[i]; break;
      case 't': arguments.now = argv[i]; break;
      case 'l': arguments.limit_hint = sqlite3_value_int64(argv[i]); break;
      case 'o':
        offset = std::max<std::int64_t>(0, sqlite3_value_int64(argv[i]));
        arguments.has_offset = true;
        break;
      default:
        if (sqlite3_value_type(argv[i]) != SQLITE_NULL && module.table_name.empty()) {
          const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(argv[i]));
          if (text == nullptr) return bare_code(SQLITE_NOMEM);
          name = text;
        }
    }
  }
  if (arguments.limit_hint >= 0) arguments.limit_hint += std::min<std::int64_t>(offset, INT32_MAX);
  scope = ReadScope();
  NEARLITE_ASSIGN(FoundIndex index, find_index(*module.connection, name));
  scope = std::move(index.scope);
  if (condition != nullptr) {
    NEARLITE_TRY(index.table->ready());
    if (index.table->content() != nullptr) NEARLITE_TRY(index.table->content()->ready());
    Filter filter(*index.table);
    NEARLITE_TRY(filter.add_text(condition));
    NEARLITE_TRY(filter.limit(index.vector_index, arguments));
  }
  return stream.open(std::move(index.table), index.vector_index, query, std::move(arguments));
}

int x_filter(sqlite3_vtab_cursor* cursor, int /*plan*/, const char* kinds, int /*argc*/,
             sqlite3_value** argv) noexcept {
  return guard(cursor->pVtab, [&] {
    const KnnModule& module = *static_cast<KnnVtab*>(cursor->pVtab)->module;
    auto& knn = *static_cast<KnnCursor*>(cursor);
    return open_stream(module, kinds, argv, knn.scope, knn.stream);
  });
}

int x_next(sqlite3_vtab_cursor* cursor) noexcept {
  return guard(cursor->pVtab, [&] { return static_cast<KnnCursor*>(cursor)->stream.next(); });
}

int x_eof(sqlite3_vtab_cursor* cursor) noexcept {
  return static_cast<KnnCursor*>(cursor)->stream.at_end() ? 1 : 0;
}

int x_column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int column) noexcept {
  return guard(cursor->pVtab, [&]() -> Status {
    SearchStream& stream = static_cast<KnnCursor*>(cursor)->stream;
    if (column == kRowidColumn) sqlite3_result_int64(context, stream.hit().rowid);
    if (column == kDistanceColumn) {
      NEARLITE_ASSIGN(const double distance, stream.distance());
      sqlite3_result_double(context, distance);
    }
    return {};
  });
}

int x_rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* rowid) noexcept {
  *rowid = static_cast<KnnCursor*>(cursor)->stream.hit().rowid;
  return SQLITE_OK;
}

void x_delete_module(void* module) noexcept { delete static_cast<KnnModule*>(module); }

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

Status register_knn_module(Connection& connection, const std::string& module_name,
                           const std::string& table_name) {
  static const sqlite3_module module = make_module();
  auto user = std::make_unique<KnnModule>(KnnModule{&connection, table_name});
  // On failure, too, SQLite calls the destructor of what it was given.
  const int rc = sqlite3_create_module_v2(connection.db(), module_name.c_str(), &module,
                                          user.release(), c_callback<&x_delete_module>());
  return rc == SQLITE_OK ? Status() : from_sqlite(connection.db(), rc, "module " + module_name);
}

}  // namespace nearlite::sqlite
