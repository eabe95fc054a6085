#include "sqlite/legacy_table.h"

#include <utility>

#include "base/text.h"
#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "vector/parse.h"

namespace nearlite::sqlite {
namespace {

constexpr std::size_t kLegacyProblemsMax = 100;

}  // namespace

LegacyTable::LegacyTable(Connection& connection, std::string schema, std::string name,
                         TableOptions options)
    : connection_(connection),
      db_(connection.db()),
      schema_(std::move(schema)),
      name_(std::move(name)),
      options_(std::move(options)),
      hidden_(hidden_columns(name_, options_)) {}

Result<std::shared_ptr<LegacyTable>> LegacyTable::open(Connection& connection, std::string schema,
                                                       std::string name, TableOptions options,
                                                       std::span<const char* const> arguments) {
  std::shared_ptr<LegacyTable> table(
      new LegacyTable(connection, std::move(schema), std::move(name), std::move(options)));
  for (const char* argument : arguments) table->arguments_.emplace_back(argument);
  auto layout = find_legacy_layout(table->db_, table->schema_, table->name_, table->options_);
  if (layout.ok()) {
    table->layout_ = std::move(*layout);
  } else if (layout.status().code() == Code::kCorruption) {
    table->broken_ = layout.status();
    table->layout_.kinds = {"chunks", "rowids"};
  } else {
    return layout.status();
  }
  return table;
}

Status LegacyTable::destroy() {
  for (const std::string& kind : layout_.kinds) {
    NEARLITE_TRY(execute(db_, "DROP TABLE IF EXISTS " + legacy_name(schema_, name_, kind), name_));
  }
  return {};
}

Status LegacyTable::rename(const std::string& new_name) {
  for (const std::string& kind : layout_.kinds) {
    NEARLITE_TRY(execute(db_,
                         "ALTER TABLE " + legacy_name(schema_, name_, kind) + " RENAME TO " +
                             quote_identifier(new_name + "_" + kind),
                         name_));
  }
  name_ = new_name;
  hidden_ = hidden_columns(name_, options_);
  return {};
}

Status LegacyTable::ready() const {
  if (!is_moved_) return broken_;
  return Status::from_sqlite(Code::kBusy, SQLITE_LOCKED,
                             "nearlite: " + name_ + ": this very statement has upgraded it");
}

Status LegacyTable::command(std::string_view name) {
  if (name != "integrity-check") {
    return {Code::kInvalidArgument,
            "nearlite: " + name_ +
                ": sqlite-vec made this table; before 'upgrade' there is only "
                "'integrity-check', got " +
                shown(name)};
  }
  NEARLITE_ASSIGN(const auto problems, check(kLegacyProblemsMax));
  if (problems.empty()) return {};
  return {Code::kCorruption, "nearlite: " + name_ + ": " + std::to_string(problems.size()) +
                                 " problem(s); the first: " + problems.front()};
}

// ---- Checking

// Whether our table can hold it.
Status LegacyTable::check_vector(std::size_t vector_index, const LegacyValue& value) const {
  const VectorColumn& vector = options_.vectors[vector_index];
  std::vector<float> components;
  const auto bytes = std::as_bytes(std::span(value.bytes.data(), value.bytes.size()));
  return parse_vector_blob(bytes, vector.type, vector.dim, components);
}

// Every value of a row.
Status LegacyTable::check_row(LegacyReader& reader, const LegacyRow& row, Bad bad) {
  LegacyValue value;
  for (std::size_t i = 0; i < options_.columns.size(); ++i) {
    NEARLITE_TRY(reader.value(row, i, value));
    const Column& column = options_.columns[i];
    if (column.kind != ColumnKind::kVector || bad == Bad::kNull) continue;
    const Status status = check_vector(column.vector_index, value);
    if (status.code() == Code::kInvalidArgument) {
      return {Code::kInvalidArgument, "row " + std::to_string(row.rowid) + ": " + column.name +
                                          ": " + status.message() + " (the command '" +
                                          std::string(kUpgradeWithoutNan) +
                                          "' makes such vectors NULL)"};
    }
    NEARLITE_TRY(status);
  }
  return {};
}

Status LegacyTable::check_rows(LegacyReader& reader, std::size_t limit, Bad bad,
                               std::vector<Status>& problems) {
  NEARLITE_ASSIGN(Statement statement,
                  Statement::prepare(db_,
                                     std::string("SELECT ") + LegacyReader::kRowColumns + " FROM " +
                                         reader.rows_name() + " ORDER BY rowid",
                                     name_ + "_rowids"));
  StatementUse use = statement.use();
  LegacyRow row;
  while (problems.size() < limit) {
    NEARLITE_ASSIGN(const bool found, use.step());
    if (!found) return {};
    Status status = reader.take_row(use, row);
    if (status.ok()) status = check_row(reader, row, bad);
    if (status.ok()) continue;
    if (status.code() != Code::kCorruption && status.code() != Code::kInvalidArgument)
      return status;
    problems.push_back(std::move(status));
  }
  return {};
}

Result<std::vector<std::string>> LegacyTable::check(std::size_t limit) {
  NEARLITE_ASSIGN(const auto problems, find_problems(limit, Bad::kRefuse));
  std::vector<std::string> lines;
  for (const Status& problem : problems) lines.push_back(problem.message());
  return lines;
}

Result<std::vector<Status>> LegacyTable::find_problems(std::size_t limit, Bad bad) {
  NEARLITE_TRY(broken_);
  std::vector<Status> problems;
  LegacyReader reader = make_reader();
  NEARLITE_TRY(check_rows(reader, limit, bad, problems));
  if (problems.size() >= limit) return problems;
  // Rows are found from above; here, whether the chunks have others.
  NEARLITE_ASSIGN(Statement statement,
                  Statement::prepare(db_,
                                     "SELECT chunk_id, size, validity, rowids FROM " +
                                         reader.chunks_name() + " ORDER BY chunk_id",
                                     name_ + "_chunks"));
  StatementUse use = statement.use();
  LegacyChunk chunk;
  std::int64_t taken = 0;
  for (;;) {
    NEARLITE_ASSIGN(const bool found, use.step());
    if (!found) break;
    const Status status = reader.take_chunk(use, chunk);
    if (status.code() == Code::kCorruption) {
      problems.push_back(status);
      return problems;
    }
    NEARLITE_TRY(status);
    for (std::size_t place = 0; place < chunk.size; ++place) taken += chunk.is_taken(place) ? 1 : 0;
  }
  NEARLITE_ASSIGN(const std::int64_t rows, reader.count_rows());
  if (taken != rows && (taken != 0 || reader.needs_chunks())) {
    problems.push_back(corruption(name_, "its chunks have " + std::to_string(taken) +
                                             " rows, but " + std::to_string(rows) + " are known"));
  }
  return problems;
}

}  // namespace nearlite::sqlite
