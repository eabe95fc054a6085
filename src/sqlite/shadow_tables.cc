// Making and dropping shadow tables; see shadow_tables.h.
#include "sqlite/shadow_tables.h"

#include <algorithm>
#include <array>

#include "base/try.h"
#include "sqlite/argument_tokens.h"
#include "sqlite/handles.h"
#include "sqlite/table_options.h"

namespace nearlite::sqlite {
namespace {

struct ShadowTable {
  std::string_view kind;
  std::string_view definition;
};

// FORMAT. Every table has an explicit key: VACUUM renumbers rowids that have none.
constexpr std::string_view kBlockColumns = "(block INTEGER PRIMARY KEY, data BLOB)";
constexpr std::array kColumnTables{
    ShadowTable{"links", "(node_id INTEGER PRIMARY KEY, data BLOB)"},
    ShadowTable{"dead",
                "(seq INTEGER, node_id INTEGER, checksum INTEGER, "
                "PRIMARY KEY(seq, node_id)) WITHOUT ROWID"},
    ShadowTable{"commits",
                "(seq INTEGER PRIMARY KEY, commit_id INTEGER, max_node_id INTEGER, "
                "live_count INTEGER, dead_count INTEGER, entry_point INTEGER, state BLOB)"}};
constexpr ShadowTable kConfigTable{"config", "(key TEXT PRIMARY KEY, value) WITHOUT ROWID"};
constexpr std::array kSparseTables{
    ShadowTable{"sparse",
                "(term INTEGER, first INTEGER, data BLOB, PRIMARY KEY(term, first)) WITHOUT ROWID"},
    ShadowTable{"unmerged", "(rowid INTEGER PRIMARY KEY, merged BLOB)"}};
constexpr std::string_view kRows = "rows";

// One of two; kColumnTables are those that every vector column has.
ShadowTable block_table(Blocks blocks) { return {blocks_kind(blocks), kBlockColumns}; }

std::string bare_name(std::string_view table, std::string_view kind, std::string_view suffix) {
  std::string name(table);
  return name.append("_").append(kind).append(suffix);
}

Status create(sqlite3* db, std::string_view schema, std::string_view table, std::string_view suffix,
              const ShadowTable& shadow) {
  const std::string sql = "CREATE TABLE " + shadow_name(schema, table, shadow.kind, suffix) +
                          std::string(shadow.definition);
  return execute(db, sql, table);
}

Status drop(sqlite3* db, std::string_view schema, std::string_view table, std::string_view suffix,
            const ShadowTable& shadow) {
  return execute(db, "DROP TABLE IF EXISTS " + shadow_name(schema, table, shadow.kind, suffix),
                 table);
}

Status rename(sqlite3* db, std::string_view schema, std::string_view table, std::string_view suffix,
              std::string_view new_table, const ShadowTable& shadow) {
  const std::string sql = "ALTER TABLE " + shadow_name(schema, table, shadow.kind, suffix) +
                          " RENAME TO " +
                          quote_identifier(bare_name(new_table, shadow.kind, suffix));
  return execute(db, sql, table);
}

}  // namespace

std::string_view blocks_kind(Blocks blocks) noexcept {
  return blocks == Blocks::kVectors ? "vectors" : "codes";
}

std::string column_suffix(std::size_t vector_index) {
  return vector_index == 0 ? std::string() : std::to_string(vector_index + 1);
}

std::string shadow_name(std::string_view schema, std::string_view table, std::string_view kind,
                        std::string_view suffix) {
  return quote_identifier(schema) + "." + quote_identifier(bare_name(table, kind, suffix));
}

Status create_shadow_tables(sqlite3* db, std::string_view schema, std::string_view table,
                            std::string_view suffix, Blocks blocks) {
  NEARLITE_TRY(create(db, schema, table, suffix, block_table(blocks)));
  for (const ShadowTable& shadow : kColumnTables) {
    NEARLITE_TRY(create(db, schema, table, suffix, shadow));
  }
  return Status();
}

Status drop_shadow_tables(sqlite3* db, std::string_view schema, std::string_view table,
                          std::string_view suffix, Blocks blocks) {
  NEARLITE_TRY(drop(db, schema, table, suffix, block_table(blocks)));
  for (const ShadowTable& shadow : kColumnTables) {
    NEARLITE_TRY(drop(db, schema, table, suffix, shadow));
  }
  return Status();
}

Status rename_shadow_tables(sqlite3* db, std::string_view schema, std::string_view table,
                            std::string_view suffix, std::string_view new_table, Blocks blocks) {
  NEARLITE_TRY(rename(db, schema, table, suffix, new_table, block_table(blocks)));
  for (const ShadowTable& shadow : kColumnTables) {
    NEARLITE_TRY(rename(db, schema, table, suffix, new_table, shadow));
  }
  return Status();
}

Status create_sparse_tables(sqlite3* db, std::string_view schema, std::string_view table,
                            std::string_view suffix) {
  for (const ShadowTable& shadow : kSparseTables)
    NEARLITE_TRY(create(db, schema, table, suffix, shadow));
  return Status();
}

Status drop_sparse_tables(sqlite3* db, std::string_view schema, std::string_view table,
                          std::string_view suffix) {
  for (const ShadowTable& shadow : kSparseTables)
    NEARLITE_TRY(drop(db, schema, table, suffix, shadow));
  return Status();
}

Status rename_sparse_tables(sqlite3* db, std::string_view schema, std::string_view table,
                            std::string_view suffix, std::string_view new_table) {
  for (const ShadowTable& shadow : kSparseTables)
    NEARLITE_TRY(rename(db, schema, table, suffix, new_table, shadow));
  return Status();
}

Status create_config_table(sqlite3* db, std::string_view schema, std::string_view table) {
  return create(db, schema, table, {}, kConfigTable);
}

Status drop_config_table(sqlite3* db, std::string_view schema, std::string_view table) {
  return drop(db, schema, table, {}, kConfigTable);
}

Status rename_config_table(sqlite3* db, std::string_view schema, std::string_view table,
                           std::string_view new_table) {
  return rename(db, schema, table, {}, new_table, kConfigTable);
}

bool is_shadow_kind(std::string_view name) noexcept {
  if (equals_ignoring_case(name, kConfigTable.kind) || equals_ignoring_case(name, kRows)) {
    return true;
  }
  const std::size_t digits = std::min(name.find_first_of("0123456789"), name.size());
  const std::string_view kind = name.substr(0, digits);
  const bool is_blocks = equals_ignoring_case(kind, blocks_kind(Blocks::kVectors)) ||
                         equals_ignoring_case(kind, blocks_kind(Blocks::kCodes));
  const auto is_kind = [&](const ShadowTable& shadow) {
    return equals_ignoring_case(kind, shadow.kind);
  };
  const bool is_ours = is_blocks ||
                       std::any_of(kColumnTables.begin(), kColumnTables.end(), is_kind) ||
                       std::any_of(kSparseTables.begin(), kSparseTables.end(), is_kind);
  if (!is_ours || digits == name.size()) return is_ours;
  // Suffixes are 2 to kVectorColumnsMax, without leading zero.
  std::size_t number = 0;
  for (const char c : name.substr(digits)) {
    if (c < '0' || c > '9' || (number == 0 && c == '0') || number > kVectorColumnsMax) return false;
    number = number * 10 + static_cast<std::size_t>(c - '0');
  }
  return number >= 2 && number <= kVectorColumnsMax;
}

}  // namespace nearlite::sqlite
