// SQL functions about indexes: hnsw_add, hnsw_del, hnsw_save (as the triggers of applications call
// them), nearlite_stats, nearlite_check, nearlite_digest. All take an optional leading index name.
//
// hnsw_add and hnsw_del write through the virtual table by a nested statement, so that SQLite's own
// transaction machinery (statement rollback, savepoints, conflict handling) applies to them as to
// any other write.
#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/handles.h"
#include "sqlite/read_scope.h"
#include "sqlite/table.h"
#include "sqlite/whole_number.h"

namespace nearlite::sqlite {

namespace {

constexpr std::size_t kProblemsMax = 100;

Connection& connection_of(sqlite3_context* context) {
  return *static_cast<Connection*>(sqlite3_user_data(context));
}

// Those that go on reading hold a ReadScope of their own; writers must not, for a snapshot older
// than the last commit cannot be written to.
Result<std::shared_ptr<Table>> table_argument(sqlite3_context* context, sqlite3_value* name) {
  NEARLITE_ASSIGN([[maybe_unused]] const ReadScope scope,
                  ReadScope::open(connection_of(context).db()));
  if (name == nullptr || sqlite3_value_type(name) == SQLITE_NULL)
    return connection_of(context).resolve("");
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(name));
  if (text == nullptr) return bare_code(SQLITE_NOMEM);
  return connection_of(context).resolve(text);
}

std::string qualified(const Table& table) {
  return quote_identifier(table.schema()) + "." + quote_identifier(table.name());
}

// Nested INSERTs must not change what last_insert_rowid() tells the application about its own.
Status run_keeping_rowid(const Table& table, StatementUse& use) {
  const sqlite3_int64 rowid = sqlite3_last_insert_rowid(table.db());
  const Status status = use.run();
  sqlite3_set_last_insert_rowid(table.db(), rowid);
  return status;
}

Status row_id(const Table& table, sqlite3_value* value) {
  if (whole_number(value)) return {};
  return {Code::kInvalidArgument, "nearlite: " + table.name() + ": id: expected an integer"};
}

// hnsw_add([index,] id, vector): adds or replaces. A NULL vector removes.
void hnsw_add(sqlite3_context* context, int argc, sqlite3_value** argv) noexcept {
  guard(context, [&]() -> Status {
    NEARLITE_ASSIGN(const auto table, table_argument(context, argc == 3 ? argv[0] : nullptr));
    sqlite3_value** rest = argv + (argc - 2);
    if (table->content() != nullptr) return refuse_write(*table);
    NEARLITE_TRY(row_id(*table, rest[0]));
    const std::string& column = table->options().vectors.front().name;
    NEARLITE_ASSIGN(Statement statement,
                    Statement::prepare(table->db(),
                                       "INSERT OR REPLACE INTO " + qualified(*table) + "(rowid, " +
                                           quote_identifier(column) + ") VALUES (?1, ?2)",
                                       table->name(), 0));
    StatementUse use = statement.use();
    use.bind_value(1, rest[0]).bind_value(2, rest[1]);
    return run_keeping_rowid(*table, use);
  });
}

// hnsw_del([index,] id): unknown ids are harmless.
void hnsw_del(sqlite3_context* context, int argc, sqlite3_value** argv) noexcept {
  guard(context, [&]() -> Status {
    NEARLITE_ASSIGN(const auto table, table_argument(context, argc == 2 ? argv[0] : nullptr));
    if (table->content() != nullptr) return refuse_write(*table);
    sqlite3_value* id = argv[argc - 1];
    NEARLITE_TRY(row_id(*table, id));
    NEARLITE_ASSIGN(
        Statement statement,
        Statement::prepare(table->db(), "DELETE FROM " + qualified(*table) + " WHERE rowid = ?1",
                           table->name(), 0));
    StatementUse use = statement.use();
    use.bind_value(1, id);
    return run_keeping_rowid(*table, use);
  });
}

// hnsw_expire([index [, now]]): deletes the rows that are past their time and returns how many.
void hnsw_expire(sqlite3_context* context, int argc, sqlite3_value** argv) noexcept {
  guard(context, [&]() -> Status {
    NEARLITE_ASSIGN(const auto table, table_argument(context, argc > 0 ? argv[0] : nullptr));
    NEARLITE_ASSIGN(
        Statement statement,
        Statement::prepare(table->db(),
                           "INSERT INTO " + qualified(*table) + "(" +
                               quote_identifier(table->name()) + ", k) VALUES ('expire', ?1)",
                           table->name(), 0));
    StatementUse use = statement.use();
    if (argc > 1) use.bind_value(1, argv[1]);
    NEARLITE_TRY(run_keeping_rowid(*table, use));
    sqlite3_result_int64(context, static_cast<sqlite3_int64>(table->last_expire_count()));
    return {};
  });
}

// hnsw_save([index]): writes the side file now; without a path there is nothing to write.
void hnsw_save(sqlite3_context* context, int argc, sqlite3_value** argv) noexcept {
  guard(context, [&]() -> Status {
    NEARLITE_ASSIGN(const auto table, table_argument(context, argc == 1 ? argv[0] : nullptr));
    return table->save();
  });
}

// hnsw_snapshot([index]): the graph as a blob, as of the last commit; of the first vector column.
void hnsw_snapshot(sqlite3_context* context, int argc, sqlite3_value** argv) noexcept {
  guard(context, [&]() -> Status {
    NEARLITE_ASSIGN([[maybe_unused]] const ReadScope scope,
                    ReadScope::open(connection_of(context).db()));
    NEARLITE_ASSIGN(const auto table, table_argument(context, argc == 1 ? argv[0] : nullptr));
    NEARLITE_TRY(table->ready());
    NEARLITE_ASSIGN(const std::vector<std::byte> image, table->index(0).image());
    sqlite3_result_blob64(context, image.data(), image.size(), SQLITE_TRANSIENT);
    return {};
  });
}

// hnsw_restore([index,] blob): starts from a snapshot instead of reading the rows; returns the
// number of its nodes that are alive now. A blob that is not of this index and its history is an
// error, and nothing changes.
void hnsw_restore(sqlite3_context* context, int argc, sqlite3_value** argv) noexcept {
  guard(context, [&]() -> Status {
    NEARLITE_ASSIGN([[maybe_unused]] const ReadScope scope,
                    ReadScope::open(connection_of(context).db()));
    NEARLITE_ASSIGN(const auto table, table_argument(context, argc == 2 ? argv[0] : nullptr));
    NEARLITE_TRY(table->ready());
    sqlite3_value* image = argv[argc - 1];
    if (sqlite3_value_type(image) != SQLITE_BLOB)
      return invalid(table->name(), "a snapshot is a blob");
    const auto* bytes = static_cast<const std::byte*>(sqlite3_value_blob(image));
    NEARLITE_TRY(
        table->index(0).take_image({bytes, static_cast<std::size_t>(sqlite3_value_bytes(image))}));
    NEARLITE_ASSIGN(const std::uint64_t live, table->index(0).live_count());
    sqlite3_result_int64(context, static_cast<sqlite3_int64>(live));
    return {};
  });
}

void nearlite_stats(sqlite3_context* context, int argc, sqlite3_value** argv) noexcept {
  guard(context, [&]() -> Status {
    NEARLITE_ASSIGN([[maybe_unused]] const ReadScope scope,
                    ReadScope::open(connection_of(context).db()));
    NEARLITE_ASSIGN(const auto table, table_argument(context, argc == 1 ? argv[0] : nullptr));
    NEARLITE_ASSIGN(const std::string json, table->stats_json());
    sqlite3_result_text64(context, json.data(), json.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return {};
  });
}

// 'ok', or one problem a line.
void nearlite_check(sqlite3_context* context, int argc, sqlite3_value** argv) noexcept {
  guard(context, [&]() -> Status {
    NEARLITE_ASSIGN([[maybe_unused]] const ReadScope scope,
                    ReadScope::open(connection_of(context).db()));
    NEARLITE_ASSIGN(const auto table, table_argument(context, argc == 1 ? argv[0] : nullptr));
    NEARLITE_ASSIGN(const auto problems, table->check(kProblemsMax));
    std::string text;
    for (const std::string& problem : problems) text += (text.empty() ? "" : "\n") + problem;
    if (text.empty()) text = "ok";
    sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return {};
  });
}

void nearlite_digest(sqlite3_context* context, int argc, sqlite3_value** argv) noexcept {
  guard(context, [&]() -> Status {
    NEARLITE_ASSIGN([[maybe_unused]] const ReadScope scope,
                    ReadScope::open(connection_of(context).db()));
    NEARLITE_ASSIGN(const auto table, table_argument(context, argc == 1 ? argv[0] : nullptr));
    NEARLITE_ASSIGN(const std::uint64_t digest, table->digest());
    char* text = sqlite3_mprintf("%016llx", static_cast<unsigned long long>(digest));
    if (text == nullptr) return bare_code(SQLITE_NOMEM);
    sqlite3_result_text(context, text, -1, sqlite3_free);
    return {};
  });
}

}  // namespace

Status register_index_functions(Connection& connection) {
  struct Function {
    const char* name;
    int argc;
    int flags;
    void (*call)(sqlite3_context*, int, sqlite3_value**);
  };
  // hnsw_save touches a file: not for triggers and views, whose schema may be somebody else's.
  const Function functions[] = {
      {"hnsw_add", 2, 0, c_callback<&hnsw_add>()},
      {"hnsw_add", 3, 0, c_callback<&hnsw_add>()},
      {"hnsw_del", 1, 0, c_callback<&hnsw_del>()},
      {"hnsw_del", 2, 0, c_callback<&hnsw_del>()},
      {"hnsw_expire", 0, 0, c_callback<&hnsw_expire>()},
      {"hnsw_expire", 1, 0, c_callback<&hnsw_expire>()},
      {"hnsw_expire", 2, 0, c_callback<&hnsw_expire>()},
      {"hnsw_save", 0, SQLITE_DIRECTONLY, c_callback<&hnsw_save>()},
      {"hnsw_save", 1, SQLITE_DIRECTONLY, c_callback<&hnsw_save>()},
      {"hnsw_snapshot", 0, 0, c_callback<&hnsw_snapshot>()},
      {"hnsw_snapshot", 1, 0, c_callback<&hnsw_snapshot>()},
      {"hnsw_restore", 1, SQLITE_DIRECTONLY, c_callback<&hnsw_restore>()},
      {"hnsw_restore", 2, SQLITE_DIRECTONLY, c_callback<&hnsw_restore>()},
      {"nearlite_stats", 0, 0, c_callback<&nearlite_stats>()},
      {"nearlite_stats", 1, 0, c_callback<&nearlite_stats>()},
      {"nearlite_check", 0, 0, c_callback<&nearlite_check>()},
      {"nearlite_check", 1, 0, c_callback<&nearlite_check>()},
      {"nearlite_digest", 0, 0, c_callback<&nearlite_digest>()},
      {"nearlite_digest", 1, 0, c_callback<&nearlite_digest>()},
  };
  for (const Function& function : functions) {
    const int rc = sqlite3_create_function_v2(connection.db(), function.name, function.argc,
                                              SQLITE_UTF8 | function.flags, &connection,
                                              function.call, nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) return from_sqlite(connection.db(), rc, function.name);
  }
  return {};
}

}  // namespace nearlite::sqlite
