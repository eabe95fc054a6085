// xUpdate; see vtab_write.h.
#include "sqlite/vtab_write.h"

#include <algorithm>
#include <span>
#include <string>

#include "base/try.h"
#include "sqlite/boundary.h"

namespace nearlite::sqlite {

namespace {

// The value of a hidden column; null where the table has none of that kind.
template <class AnyTable>
sqlite3_value* value_of(const AnyTable& table, sqlite3_value** hidden, HiddenColumn column) {
  const auto& columns = table.hidden();
  const auto found = std::find(columns.begin(), columns.end(), column);
  return found == columns.end() ? nullptr : hidden[found - columns.begin()];
}

bool is_given(const Table& table, sqlite3_value** hidden, HiddenColumn column) {
  sqlite3_value* value = value_of(table, hidden, column);
  return value != nullptr && sqlite3_value_type(value) != SQLITE_NULL;
}

// The arguments of a search are no places to write to; k is one together with a command.
Status check_hidden(const Table& table, sqlite3_value** hidden) {
  const bool is_command = is_given(table, hidden, HiddenColumn::kCommand);
  for (std::size_t i = 0; i < table.hidden().size(); ++i) {
    const HiddenColumn column = table.hidden()[i];
    if (column == HiddenColumn::kCommand || column == HiddenColumn::kTouched) continue;
    if (sqlite3_value_type(hidden[i]) == SQLITE_NULL || (is_command && column == HiddenColumn::kK))
      continue;
    const std::string name(name_of(column));
    if (table.options().front == Front::kVec0) {
      return {Code::kInvalidArgument,
              "A value was provided for the hidden \"" + name + "\" column."};
    }
    return invalid(table.name(), name + " is an argument of searches and cannot be written");
  }
  return {};
}

Status run_command(Table& table, sqlite3_value** hidden) {
  sqlite3_value* command = value_of(table, hidden, HiddenColumn::kCommand);
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(command));
  if (text == nullptr) return bare_code(SQLITE_NOMEM);
  return table.command(text, value_of(table, hidden, HiddenColumn::kK));
}

// External content: only commands and the touches of our triggers are written here.
Status write_content(Table& table, int argc, sqlite3_value** argv) {
  const bool is_insert = argc > 1 && sqlite3_value_type(argv[0]) == SQLITE_NULL;
  if (is_insert) {
    sqlite3_value** hidden = argv + 2 + table.options().columns.size();
    NEARLITE_TRY(check_hidden(table, hidden));
    if (is_given(table, hidden, HiddenColumn::kCommand)) return run_command(table, hidden);
    sqlite3_value* touched = value_of(table, hidden, HiddenColumn::kTouched);
    if (touched != nullptr && sqlite3_value_type(touched) == SQLITE_INTEGER) {
      return table.touch(sqlite3_value_int64(touched));
    }
  }
  return refuse_write(table);
}

}  // namespace

std::string_view command_of(const LegacyTable& table, int argc, sqlite3_value** argv) {
  if (argc == 1 || sqlite3_value_type(argv[0]) != SQLITE_NULL) return {};
  sqlite3_value** hidden = argv + 2 + table.options().columns.size();
  sqlite3_value* command = value_of(table, hidden, HiddenColumn::kCommand);
  if (command == nullptr || sqlite3_value_type(command) == SQLITE_NULL) return {};
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(command));
  return text == nullptr ? std::string_view() : std::string_view(text);
}

Status conflict_of(const Table& table) {
  return {Code::kConstraint, table.options().front == Front::kVec0
                                 ? "UNIQUE constraint failed on " + table.name() + " primary key"
                                 : "UNIQUE constraint failed: " + table.name() + ".rowid"};
}

Status write_row(Table& table, int argc, sqlite3_value** argv, sqlite3_int64* rowid,
                 bool& conflict) {
  if (table.content() != nullptr) return write_content(table, argc, argv);
  const bool is_vec0 = table.options().front == Front::kVec0;
  if (argc == 1) {
    return is_vec0 ? erase_vec0_row(table, argv[0]) : table.erase(sqlite3_value_int64(argv[0]));
  }
  const std::size_t declared = table.options().columns.size();
  const std::span<sqlite3_value* const> values(argv + 2, declared);
  sqlite3_value** hidden = argv + 2 + declared;
  NEARLITE_TRY(check_hidden(table, hidden));
  const bool is_insert = sqlite3_value_type(argv[0]) == SQLITE_NULL;
  if (is_insert && is_given(table, hidden, HiddenColumn::kCommand))
    return run_command(table, hidden);
  if (is_vec0) return write_vec0_row(table, argv, rowid, conflict);
  const bool replace = sqlite3_vtab_on_conflict(table.db()) == SQLITE_REPLACE;
  if (is_insert) {
    RowId given = 0;
    NEARLITE_ASSIGN(const Written written, table.insert(argv[1], values, replace, given));
    *rowid = given;
    conflict = written == Written::kConflict;
    return {};
  }
  if (sqlite3_value_type(argv[1]) != SQLITE_INTEGER) return bare_code(SQLITE_MISMATCH);
  NEARLITE_ASSIGN(
      const Written written,
      table.update(sqlite3_value_int64(argv[0]), sqlite3_value_int64(argv[1]), values, replace));
  conflict = written == Written::kConflict;
  return {};
}

}  // namespace nearlite::sqlite
