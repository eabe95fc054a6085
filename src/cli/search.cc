// `nearlite search`: the rows nearest to a text, to a vector, or to another row.
#include <fmt/format.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/embedding_source.h"
#include "cli/index_table.h"
#include "cli/interrupt.h"
#include "cli/print_rows.h"
#include "cli/try.h"

namespace nearlite::cli {
namespace {

// What is searched for: a float32 blob, or JSON text as it was given.
struct Query {
  std::string vector_text;
  std::vector<float> vector;
};

Result<Query> vector_of_row(Database& database, const IndexTable& table, std::int64_t row) {
  const std::string column = as_typed_blob(table.vector());
  NEARLITE_CLI_ASSIGN(
      Statement statement,
      database.prepare(fmt::format("SELECT vec_to_json({}) FROM {} WHERE {} = ?1", column,
                                   as_identifier(table.rows), as_identifier(table.id))));
  NEARLITE_CLI_ASSIGN(const bool has_row, statement.bind_int64(1, row).step());
  if (!has_row) {
    return Status(Code::kNotFound, fmt::format("{}: there is no row {}", table.name, row));
  }
  if (statement.column_type(0) == ColumnType::kNull) {
    return Status(Code::kNotFound, fmt::format("{}: row {} has no vector", table.name, row));
  }
  return Query{std::string(statement.column_text(0)), {}};
}

// The columns to show: those of the index or of the table it was made over; where it has none, of
// the table `documents` whose triggers feed it (as in the SQL reference).
Result<std::string> select_list(Database& database, const IndexTable& table, std::string& join) {
  std::string list = "t.rowid AS id, t.distance AS distance";
  const char* prefix = table.owns_rows() ? "t." : "d.";
  for (const std::string& column : table.columns) list += ", " + as_written(table, column, prefix);
  if (!table.owns_rows()) {
    join = fmt::format(" JOIN {} AS d ON d.{} = t.rowid", as_identifier(table.rows),
                       as_identifier(table.id));
    return list;
  }
  if (!table.columns.empty() || table.name == "documents") return list;
  NEARLITE_CLI_ASSIGN(const auto columns, list_columns(database, "documents"));
  if (has(columns, "id") && has(columns, "content")) {
    list += ", d.content AS content";
    join = " LEFT JOIN documents AS d ON d.id = t.rowid";
  }
  return list;
}

Result<std::string> search_sql(Database& database, const IndexTable& table,
                               const SearchArguments& arguments, const Query& query) {
  std::string join;
  NEARLITE_CLI_ASSIGN(const std::string list, select_list(database, table, join));
  const std::string_view parameter = query.vector_text.empty() ? "vec_f32(?1)" : "?1";
  std::string where = fmt::format("t.{} MATCH {}", as_identifier(table.vector().name),
                                  as_element(table.vector(), parameter));
  if (arguments.ef_search != 0) where += fmt::format(" AND t.ef_search = {}", arguments.ef_search);
  if (arguments.exact) where += " AND t.exact = 1";
  // The line feed ends a comment in the filter. Without k the search streams until there are
  // enough rows that pass it.
  if (!arguments.filter.empty()) where += fmt::format(" AND ({}\n)", arguments.filter);
  return fmt::format("SELECT {} FROM {} AS t{} WHERE {} ORDER BY t.distance LIMIT {}", list,
                     as_identifier(table.name), join, where, arguments.k);
}

// A filter is one condition. Without parentheses round it here: "1) OR (1" would fit between them.
Status check_filter(Database& database, const IndexTable& table, const std::string& filter) {
  if (filter.empty()) return {};
  std::string join;
  NEARLITE_CLI_TRY(select_list(database, table, join).status());
  const auto statement = database.prepare(
      fmt::format("SELECT {}\n FROM {} AS t{}", filter, as_identifier(table.name), join));
  if (!statement.ok()) {
    return {Code::kInvalidArgument, "--filter: " + statement.status().message()};
  }
  if (statement->column_count() == 1) return {};
  return {Code::kInvalidArgument, "--filter: must be one condition"};
}

Result<std::string> read_text(const std::string& word) {
  if (word != "-") return word;
  std::string text;
  char buffer[4096];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, stdin)) {
    text.append(buffer, count);
  }
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace

Result<int> run_search(const SearchArguments& arguments) {
  const bool has_other_query = !arguments.vector.empty() || arguments.row.has_value();
  const std::size_t text_count = has_other_query ? 0 : 1;
  if (arguments.words.size() > text_count + 1 || arguments.words.size() < text_count) {
    return Status(Code::kInvalidArgument,
                  has_other_query ? "search: only the database besides --vector or --row"
                                  : "search: say what for: a text, --vector or --row");
  }
  const std::string path =
      arguments.words.size() > text_count ? arguments.words.front() : arguments.database;
  NEARLITE_CLI_ASSIGN(Database database, open_database(path, true));
  const InterruptScope scope(database);
  NEARLITE_CLI_ASSIGN(const IndexTable table, find_index(database, arguments.table));
  NEARLITE_CLI_TRY(check_filter(database, table, arguments.filter));
  Query query;
  if (arguments.row.has_value()) {
    NEARLITE_CLI_ASSIGN(query, vector_of_row(database, table, *arguments.row));
  } else if (!arguments.vector.empty()) {
    NEARLITE_CLI_ASSIGN(query.vector_text, read_text(arguments.vector));
  } else {
    NEARLITE_CLI_ASSIGN(const std::string text, read_text(arguments.words.back()));
    NEARLITE_CLI_ASSIGN(auto provider, open_provider(arguments.provider, table.vector().dim));
    NEARLITE_CLI_ASSIGN(query.vector, embed_one(provider, text));
  }
  NEARLITE_CLI_ASSIGN(const std::string sql, search_sql(database, table, arguments, query));
  NEARLITE_CLI_ASSIGN(Statement search, database.prepare(sql));
  if (query.vector_text.empty()) {
    search.bind_vector(1, query.vector);
  } else {
    search.bind_text(1, query.vector_text);
  }
  NEARLITE_CLI_TRY(print_rows(search, arguments.json ? Mode::kJson : Mode::kTable));
  return kExitOk;
}

}  // namespace nearlite::cli
