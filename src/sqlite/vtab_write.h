// xUpdate of the virtual tables: what one call of SQLite means for the Table.
#pragma once

#include <string_view>

#include "nearlite/status.h"
#include "sqlite/api.h"
#include "sqlite/legacy_table.h"
#include "sqlite/table.h"

namespace nearlite::sqlite {

/// argv: old rowid (NULL for INSERT), new rowid, declared columns, hidden columns; only the old
/// rowid for DELETE. `rowid`: of the row inserted. `conflict`: nothing was done, for a row with
/// this rowid or key is there, and SQLite says what happens then.
Status write_row(Table& table, int argc, sqlite3_value** argv, sqlite3_int64* rowid,
                 bool& conflict);
/// The command in a write to a table of sqlite-vec's; empty when it is none.
[[nodiscard]] std::string_view command_of(const LegacyTable& table, int argc, sqlite3_value** argv);
/// What a conflict is called in messages.
[[nodiscard]] Status conflict_of(const Table& table);

/// The same for tables of vec0 (vec0_write.cc): an INSERT that is no command, or an UPDATE.
Status write_vec0_row(Table& table, sqlite3_value** argv, sqlite3_int64* rowid, bool& conflict);
/// DELETE of the row that SQLite knows by `id`, its rowid or text key.
Status erase_vec0_row(Table& table, sqlite3_value* id);

}  // namespace nearlite::sqlite
