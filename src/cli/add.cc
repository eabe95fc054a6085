// `nearlite add`: one text, with its vector, as a new row. Makes database and index when they are
// not there, with as many dimensions as the model has.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/create_index.h"
#include "cli/embedding_source.h"
#include "cli/index_table.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "cli/try.h"

namespace nearlite::cli {
namespace {

// Where texts go: an index with a column `content`, or a table `documents` of the user's whose
// triggers feed the index.
struct Target {
  std::string table;
  std::string insert;  ///< ?1 text, ?2 vector
  std::size_t dim = 0;
};

std::string insert_sql(const std::string& table, const std::string& column,
                       const std::string& vector) {
  return fmt::format("INSERT INTO {}(content, {}) VALUES (?1, {})", as_identifier(table),
                     as_identifier(column), vector);
}

Result<Target> find_target(Database& database, const std::string& wanted) {
  NEARLITE_CLI_ASSIGN(const IndexTable index, find_index(database, wanted));
  const VectorColumn& vector = index.vector();
  if (has(index.columns, "content")) {
    return Target{index.rows, insert_sql(index.rows, vector.name, as_stored(index, "vec_f32(?2)")),
                  vector.dim};
  }
  NEARLITE_CLI_ASSIGN(const auto columns, list_columns(database, "documents"));
  if (has(columns, "content") && has(columns, "embedding")) {
    return Target{"documents", insert_sql("documents", "embedding", "vec_to_json(vec_f32(?2))"),
                  vector.dim};
  }
  return Status(Code::kNotFound,
                fmt::format("{}: has no column named content for the text", index.name));
}

// The target in a database that is there; none when it has no index, or there is no database.
Result<Target> find_target_in(const std::string& path, const std::string& wanted) {
  if (!std::filesystem::exists(path)) return Target{};
  NEARLITE_CLI_ASSIGN(Database database, open_database(path, true));
  NEARLITE_CLI_ASSIGN(const auto indexes, list_indexes(database));
  if (indexes.empty() && wanted.empty()) return Target{};
  return find_target(database, wanted);
}

Result<std::int64_t> insert(Database& database, Target& target, const std::string& text,
                            const std::vector<float>& vector) {
  NEARLITE_CLI_TRY(database.execute("BEGIN IMMEDIATE"));
  if (target.table.empty()) {
    InitArguments init;
    init.dim = vector.size();
    NEARLITE_CLI_TRY(database.execute(create_index_sql(init)));
    NEARLITE_CLI_ASSIGN(target, find_target(database, init.table));
  }
  NEARLITE_CLI_ASSIGN(Statement statement, database.prepare(target.insert));
  NEARLITE_CLI_TRY(statement.bind_text(1, text).bind_vector(2, vector).run());
  const std::int64_t id = database.last_insert_rowid();
  NEARLITE_CLI_TRY(database.execute("COMMIT"));
  return id;
}

}  // namespace

Result<int> run_add(const AddArguments& arguments) {
  const bool names_database = arguments.words.size() == 2;
  const std::string path = names_database ? arguments.words.front() : arguments.database;
  const std::string& text = arguments.words.back();
  // With two words the first may be a text whose quotes were forgotten: no file for that.
  if (names_database && !std::filesystem::exists(path)) {
    return Status(Code::kNotFound, path + ": there is no such database; `nearlite init` makes one");
  }
  // A failing server leaves no file behind: nothing is created before there is a vector.
  NEARLITE_CLI_ASSIGN(Target target, find_target_in(path, arguments.table));
  NEARLITE_CLI_ASSIGN(auto provider, open_provider(arguments.provider, target.dim));
  NEARLITE_CLI_ASSIGN(const std::vector<float> vector, embed_one(provider, text));
  OpenOptions options;
  options.create = true;
  NEARLITE_CLI_ASSIGN(Database database, Database::open(path, options));
  const InterruptScope scope(database);
  NEARLITE_CLI_ASSIGN(const std::int64_t id, insert(database, target, text, vector));
  if (arguments.json) {
    const nlohmann::ordered_json json = {
        {"database", path}, {"table", target.table}, {"id", id}, {"dim", vector.size()}};
    fmt::print("{}\n", json.dump());
  } else {
    fmt::print("{}: row {} of {}, {} dimensions\n", path, id, target.table, vector.size());
  }
  return kExitOk;
}

}  // namespace nearlite::cli
