// CREATE VIRTUAL TABLE: the shadow tables, and what <t>_config says of them.
#include <cstdio>

#include "base/hash.h"
#include "base/try.h"
#include "sqlite/connection.h"
#include "sqlite/table.h"
#include "sqlite/table_config.h"
#include "storage/side_file.h"

namespace nearlite::sqlite {

namespace {

std::string hex(const Hash128& hash) {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(hash.high),
                static_cast<unsigned long long>(hash.low));
  return text;
}

Result<std::int64_t> pragma_value(sqlite3* db, const std::string& schema,
                                  const std::string& pragma) {
  NEARLITE_ASSIGN(
      Statement statement,
      Statement::prepare(db, "PRAGMA " + quote_identifier(schema) + "." + pragma, schema, 0));
  StatementUse use = statement.use();
  NEARLITE_ASSIGN(const bool row, use.step());
  return row ? use.column_int64(0) : std::int64_t{0};
}

// The columns of <t>_rows. An index belongs to the table as a constraint that always holds, so that
// ALTER TABLE … RENAME takes it along; it has all that evaluating a condition reads.
std::string row_columns(const TableOptions& options) {
  std::string columns = "rowid INTEGER PRIMARY KEY";
  for (std::size_t i = 0; i < options.vectors.size(); ++i)
    columns += ", " + Table::node_column(i) + " INTEGER";
  for (const Column& column : options.columns) {
    if (!column.is_stored()) continue;
    columns += ", " + quote_identifier(column.stored_name());
    if (column.kind == ColumnKind::kAuxiliary) continue;
    if (column.kind == ColumnKind::kKey) {
      columns += " TEXT NOT NULL UNIQUE";
      continue;
    }
    switch (column.type) {
      case ValueType::kText: columns += " TEXT"; break;
      case ValueType::kInteger:
      case ValueType::kBoolean: columns += " INTEGER"; break;
      case ValueType::kReal: columns += " REAL"; break;
      case ValueType::kBlob: columns += " BLOB"; break;
    }
  }
  std::string nodes;
  for (std::size_t i = 0; i < options.vectors.size(); ++i) nodes += ", " + Table::node_column(i);
  for (const Column& column : options.columns) {
    if (column.is_indexed)
      columns += ", UNIQUE(" + quote_identifier(column.stored_name()) + nodes + ", rowid)";
  }
  return columns;
}

}  // namespace

Result<std::shared_ptr<Table>> Table::create(Connection& connection, const std::string& schema,
                                             const std::string& name, const TableOptions& given,
                                             std::span<const char* const> arguments) {
  std::shared_ptr<Table> table(new Table(connection, schema, name, given));
  const TableOptions& options = table->options_;
  sqlite3* db = connection.db();
  NEARLITE_TRY(check_path(name, options.path));
  if (options.content) NEARLITE_TRY(table->learn_content());
  // No clock, no randomness: the same statements on the same database give the same uuid, and a
  // table that is dropped and made again gets another one.
  NEARLITE_ASSIGN(const std::int64_t schema_version, pragma_value(db, schema, "schema_version"));
  NEARLITE_ASSIGN(const std::int64_t page_size, pragma_value(db, schema, "page_size"));
  Hasher hasher;
  hasher.bytes(bytes_of(name));
  for (const char* argument : arguments) hasher.bytes(bytes_of(argument));
  hasher.u64(static_cast<std::uint64_t>(schema_version));
  table->uuid_ = hex(hasher.digest128());

  NEARLITE_TRY(create_config_table(db, schema, name));
  NEARLITE_TRY(
      execute(db, "CREATE TABLE " + table->rows_name() + "(" + row_columns(options) + ")", name));
  std::vector<VectorLayout> layouts;
  for (std::size_t i = 0; i < options.vectors.size(); ++i) {
    NEARLITE_TRY(create_shadow_tables(db, schema, name, column_suffix(i), table->blocks()));
    layouts.push_back(choose_vector_layout(
        static_cast<std::uint32_t>(slot_content_bytes(table->index_options(i))),
        static_cast<std::uint32_t>(page_size)));
  }
  NEARLITE_TRY(table->make_indexes(layouts));
  table->make_sparse(sparse_block_bytes(static_cast<std::uint32_t>(page_size)));
  for (std::size_t i = 0; i < options.sparse.size(); ++i)
    NEARLITE_TRY(create_sparse_tables(db, schema, name, column_suffix(i)));
  for (const auto& index : table->indexes_) {
    const std::string& side_file = index->side_file().path;
    if (!side_file.empty()) NEARLITE_TRY(check_side_file(side_file));
  }
  Store& config = table->indexes_.front()->store();
  NEARLITE_TRY(config.put_config(kFormatKey, bytes_of(std::to_string(kFormatVersion))));
  NEARLITE_TRY(config.put_config(kUuidKey, bytes_of(table->uuid_)));
  if (!options.sparse.empty()) {
    const std::uint32_t bytes = sparse_block_bytes(static_cast<std::uint32_t>(page_size));
    NEARLITE_TRY(config.put_config(kSparseKey, bytes_of(std::to_string(bytes))));
  }
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    NEARLITE_TRY(config.put_config(std::string(kLayoutKey) + column_suffix(i),
                                   bytes_of(std::to_string(layouts[i].capacity))));
    NEARLITE_TRY(table->indexes_[i]->create());
  }
  table->is_new_ = true;
  if (options.content) NEARLITE_TRY(table->start_content());
  connection.add(table);
  return table;
}

}  // namespace nearlite::sqlite
