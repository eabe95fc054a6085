// xUpdate of vec0: the key among the columns, and values checked with sqlite-vec's messages before
// Table looks at them.
#include <span>
#include <string>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/vec0_value.h"
#include "sqlite/vtab_write.h"
#include "sqlite/whole_number.h"

namespace nearlite::sqlite {

namespace {

Status refuse(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

bool is_whole(sqlite3_value* value) {
  const int type = sqlite3_value_type(value);  // of a text that says a number, too
  return (type == SQLITE_INTEGER || type == SQLITE_FLOAT) && whole_number(value);
}

// Unlike sqlite-vec this takes NULL, and whole numbers for a FLOAT column.
Status check_metadata(const Column& column, sqlite3_value* value) {
  const int type = sqlite3_value_type(value);
  const std::string received = std::string(", received ") + vec0_storage_name(value);
  if (type == SQLITE_NULL) {
    if (!column.is_required) return {};
    return {Code::kConstraint, "NOT NULL constraint failed: metadata column " + column.name};
  }
  const auto expected = [&](const char* what, const char* kind) {
    return refuse(std::string("Expected ") + what + " for " + kind + " metadata column " +
                  column.name + received);
  };
  switch (column.type) {
    case ValueType::kBoolean:
      if (type == SQLITE_INTEGER &&
          (sqlite3_value_int64(value) == 0 || sqlite3_value_int64(value) == 1)) {
        return {};
      }
      return refuse("Expected 0 or 1 for BOOLEAN metadata column " + column.name);
    case ValueType::kInteger:
      return type == SQLITE_INTEGER ? Status() : expected("integer", "INTEGER");
    case ValueType::kReal:
      return type == SQLITE_FLOAT || type == SQLITE_INTEGER ? Status() : expected("float", "FLOAT");
    default: return type == SQLITE_TEXT ? Status() : expected("text", "TEXT");
  }
}

Status check_partition(const Column& column, sqlite3_value* value) {
  const int type = sqlite3_value_type(value);
  const bool is_text = column.type == ValueType::kText;
  if (type == SQLITE_NULL || type == (is_text ? SQLITE_TEXT : SQLITE_INTEGER)) return {};
  return refuse("Parition key type mismatch: The partition key column " + column.name +
                " has type " + (is_text ? "TEXT" : "INTEGER") + ", but " +
                vec0_storage_name(value) + " was provided.");
}

Status check_value(const Table& table, const Column& column, bool is_insert, sqlite3_value* value) {
  switch (column.kind) {
    case ColumnKind::kMetadata: return check_metadata(column, value);
    case ColumnKind::kPartition: return check_partition(column, value);
    case ColumnKind::kKey:
      if (sqlite3_value_type(value) == SQLITE_TEXT) return {};
      return refuse("The " + table.name() +
                    " virtual table was declared with a TEXT primary key, but a non-TEXT value "
                    "was provided in an " +
                    (is_insert ? "INSERT." : "UPDATE."));
    case ColumnKind::kRowid:
      if (is_whole(value) || (is_insert && sqlite3_value_type(value) == SQLITE_NULL)) return {};
      return refuse("Only integers are allows for primary key values on " + table.name());
    case ColumnKind::kVector: {
      // Every vector is required; what else may be wrong Table finds.
      if (sqlite3_value_type(value) != SQLITE_NULL) return {};
      std::vector<float> ignored;
      return read_vec0_column(table.options().vectors[column.vector_index],
                              is_insert ? VectorUse::kInsert : VectorUse::kUpdate, value, ignored);
    }
    case ColumnKind::kAuxiliary:
    case ColumnKind::kSparse: return {};  // of which vec0 has none
  }
  return {};
}

// SQLite names a row by its rowid or, where rows have text keys, by that.
Result<std::optional<RowId>> row_of(Table& table, sqlite3_value* value) {
  if (table.options().has_key()) return table.row_of_key(value);
  return std::optional<RowId>(sqlite3_value_int64(value));
}

}  // namespace

Status erase_vec0_row(Table& table, sqlite3_value* id) {
  NEARLITE_ASSIGN(const auto old, row_of(table, id));
  return old ? table.erase(*old) : Status();
}

Status write_vec0_row(Table& table, sqlite3_value** argv, sqlite3_int64* rowid, bool& conflict) {
  const bool replace = sqlite3_vtab_on_conflict(table.db()) == SQLITE_REPLACE;
  const bool is_insert = sqlite3_value_type(argv[0]) == SQLITE_NULL;
  const std::vector<Column>& columns = table.options().columns;
  const std::span<sqlite3_value* const> values(argv + 2, columns.size());
  // Where rows have text keys argv[1] is the key, too, and rowids are our own affair.
  const bool has_key = table.options().has_key();
  sqlite3_value* id = argv[1];
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!is_insert && sqlite3_value_nochange(values[i]) != 0) continue;
    NEARLITE_TRY(check_value(table, columns[i], is_insert, values[i]));
    // The rowid may be written under either name.
    if (columns[i].kind == ColumnKind::kRowid && sqlite3_value_type(values[i]) != SQLITE_NULL)
      id = values[i];
  }
  if (is_insert) {
    RowId given = 0;
    NEARLITE_ASSIGN(const Written written,
                    table.insert(has_key ? nullptr : id, values, replace, given));
    *rowid = given;
    conflict = written == Written::kConflict;
    return {};
  }
  NEARLITE_ASSIGN(const auto old, row_of(table, argv[0]));
  if (!old) return {};  // deleted by a trigger of this statement
  if (!has_key && !is_whole(id)) return bare_code(SQLITE_MISMATCH);
  const RowId moved = has_key ? *old : sqlite3_value_int64(id);
  NEARLITE_ASSIGN(const Written written, table.update(*old, moved, values, replace));
  conflict = written == Written::kConflict;
  return {};
}

}  // namespace nearlite::sqlite
