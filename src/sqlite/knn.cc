// vss_knn(query, k, index, ef_search, filter) and <index>_knn(query, k): eponymous tables of
// (rowid, distance); and libSQL's vector_top_k(index, query, k).
#include <memory>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/filter.h"
#include "sqlite/find_index.h"
#include "sqlite/search_stream.h"

namespace nearlite::sqlite {

namespace {

/// What is visible of a search. The letters of `columns` say what each column is, in order: r
/// rowid, d distance, and the arguments q query, k, i index, e ef_search, f filter, p
/// after_distance, a after_rowid, t now. The hidden ones are the parameters of the table-valued
/// function, in their order.
struct Shape {
  const char* declaration;
  const char* columns;
  const char* needed;  ///< arguments without which there is no search
  const char* usage;
};

constexpr Shape kKnn{
    "CREATE TABLE x(rowid INTEGER, distance REAL, query HIDDEN, k HIDDEN, \"index\" HIDDEN, "
    "ef_search HIDDEN, filter HIDDEN, after_distance HIDDEN, after_rowid HIDDEN, now HIDDEN)",
    "rdqkiefpat", "q", "a query vector is needed: vss_knn(query, k)"};

// One column is visible, as libSQL has it, so that `rowid IN vector_top_k(…)` works. The distance,
// which libSQL has not, is there for those who name it.
constexpr Shape kTopK{
    "CREATE TABLE x(id INTEGER, \"index\" HIDDEN, query HIDDEN, k HIDDEN, distance REAL HIDDEN)",
    "riqkd", "iqk", "needs three arguments: vector_top_k('index', query, k)"};

struct KnnModule {
  Connection* connection;
  std::string table_name;  // empty where an argument names it
  const Shape* shape;
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
    const auto* module = static_cast<const KnnModule*>(user);
    if (const int rc = sqlite3_declare_vtab(db, module->shape->declaration); rc != SQLITE_OK)
      return from_sqlite(db, rc, "knn");
    sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
    auto vtab = std::make_unique<KnnVtab>();
    vtab->module = module;
    *out = vtab.release();
    return {};
  });
}

int x_disconnect(sqlite3_vtab* vtab) noexcept {
  delete static_cast<KnnVtab*>(vtab);
  return SQLITE_OK;
}

/// The letter of an argument that an `=` gives, of a hint, or 0.
char kind_of(const Shape& shape, const sqlite3_index_info::sqlite3_index_constraint& constraint) {
  if (constraint.op == SQLITE_INDEX_CONSTRAINT_LIMIT) return 'l';
  if (constraint.op == SQLITE_INDEX_CONSTRAINT_OFFSET) return 'o';
  if (constraint.op != SQLITE_INDEX_CONSTRAINT_EQ || constraint.iColumn < 0) return 0;
  const char column = shape.columns[constraint.iColumn];
  return column == 'r' || column == 'd' ? '\0' : column;
}

// idxStr names the argument of each value; l and o are hints (SQLite applies them too).
int x_best_index(sqlite3_vtab* vtab, sqlite3_index_info* info) noexcept {
  return guard([&]() -> int {
    const Shape& shape = *static_cast<KnnVtab*>(vtab)->module->shape;
    std::string text;
    for (int i = 0; i < info->nConstraint; ++i) {
      const auto& constraint = info->aConstraint[i];
      const char kind = kind_of(shape, constraint);
      if (kind == 0) continue;
      const bool is_hint = kind == 'l' || kind == 'o';
      if (constraint.usable == 0) {
        if (is_hint) continue;
        return SQLITE_CONSTRAINT;  // the argument comes from a table further right
      }
      text += kind;
      info->aConstraintUsage[i].argvIndex = static_cast<int>(text.size());
      info->aConstraintUsage[i].omit = is_hint ? 0 : 1;
    }
    for (const char needed : std::string_view(shape.needed)) {
      if (text.find(needed) != std::string::npos) continue;
      set_error(vtab, Status(Code::kInvalidArgument, std::string("nearlite: ") + shape.usage));
      return SQLITE_ERROR;
    }
    info->idxStr = sqlite3_mprintf("%s", text.c_str());
    if (info->idxStr == nullptr) return SQLITE_NOMEM;
    info->needToFreeIdxStr = 1;
    info->estimatedCost = 100.0;
    info->estimatedRows = 10;
    const auto* order = info->aOrderBy;
    const auto is_column = [&](int place, char kind) {
      const int column = order[place].iColumn;
      return order[place].desc == 0 && (column < 0 ? kind == 'r' : shape.columns[column] == kind);
    };
    if ((info->nOrderBy == 1 && is_column(0, 'd')) ||
        (info->nOrderBy == 2 && is_column(0, 'd') && is_column(1, 'r'))) {
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
    const char kind = static_cast<KnnVtab*>(cursor->pVtab)->module->shape->columns[column];
    if (kind == 'r') sqlite3_result_int64(context, stream.hit().rowid);
    if (kind == 'd') {
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

namespace {

Status register_module(Connection& connection, const std::string& module_name,
                       const std::string& table_name, const Shape& shape) {
  static const sqlite3_module module = make_module();
  auto user = std::make_unique<KnnModule>(KnnModule{&connection, table_name, &shape});
  // On failure, too, SQLite calls the destructor of what it was given.
  const int rc = sqlite3_create_module_v2(connection.db(), module_name.c_str(), &module,
                                          user.release(), c_callback<&x_delete_module>());
  return rc == SQLITE_OK ? Status() : from_sqlite(connection.db(), rc, "module " + module_name);
}

}  // namespace

Status register_knn_module(Connection& connection, const std::string& module_name,
                           const std::string& table_name) {
  return register_module(connection, module_name, table_name, kKnn);
}

Status register_top_k_module(Connection& connection) {
  NEARLITE_ASSIGN(const bool is_taken, has_module(connection.db(), "vector_top_k"));
  if (is_taken) return {};
  return register_module(connection, "vector_top_k", "", kTopK);
}

}  // namespace nearlite::sqlite
