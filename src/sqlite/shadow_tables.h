// Names and statements that make, drop and rename the shadow tables of a virtual table
// (docs/format.md).
//
// Vector column number c, counted from 0, has tables of its own. Their names end in a suffix:
// nothing for column 0, "2" for column 1, "3" for column 2, and so on. <table>_config is shared by
// all columns. <table>_rows belongs to the table, not to an index: see table.h.
//
// All names are qualified with the schema and quoted: they may contain anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "nearlite/status.h"
#include "sqlite/api.h"

namespace nearlite::sqlite {

/// "" for the first vector column, "2" for the second, …
[[nodiscard]] std::string column_suffix(std::size_t vector_index);

/// "schema"."table_kind<suffix>"
[[nodiscard]] std::string shadow_name(std::string_view schema, std::string_view table,
                                      std::string_view kind, std::string_view suffix = {});

/// What the blocks hold: vectors, or with external content only their codes.
enum class Blocks : std::uint8_t { kVectors, kCodes };
[[nodiscard]] std::string_view blocks_kind(Blocks blocks) noexcept;

/// The tables of one vector column. A table that exists already is an error.
Status create_shadow_tables(sqlite3* db, std::string_view schema, std::string_view table,
                            std::string_view suffix, Blocks blocks = Blocks::kVectors);
/// Tables that are missing are not an error.
Status drop_shadow_tables(sqlite3* db, std::string_view schema, std::string_view table,
                          std::string_view suffix, Blocks blocks = Blocks::kVectors);
Status rename_shadow_tables(sqlite3* db, std::string_view schema, std::string_view table,
                            std::string_view suffix, std::string_view new_table,
                            Blocks blocks = Blocks::kVectors);

/// The same for the tables of one sparse column, whose suffix counts sparse columns.
Status create_sparse_tables(sqlite3* db, std::string_view schema, std::string_view table,
                           std::string_view suffix);
Status drop_sparse_tables(sqlite3* db, std::string_view schema, std::string_view table,
                         std::string_view suffix);
Status rename_sparse_tables(sqlite3* db, std::string_view schema, std::string_view table,
                           std::string_view suffix, std::string_view new_table);

/// The same for <table>_config.
Status create_config_table(sqlite3* db, std::string_view schema, std::string_view table);
Status drop_config_table(sqlite3* db, std::string_view schema, std::string_view table);
Status rename_config_table(sqlite3* db, std::string_view schema, std::string_view table,
                           std::string_view new_table);

/// For xShadowName: is `name`, what follows "<table>_" in a table's name, one of ours (rows
/// included)?
[[nodiscard]] bool is_shadow_kind(std::string_view name) noexcept;

}  // namespace nearlite::sqlite
