// Everything that sqlite-vec wrote, moved into a table of ours.
//
// SQLite rolls back a statement that fails as a whole only outside of BEGIN … COMMIT. Inside, what
// can fail because of the rows is found before anything is written, and after any other failure
// the transaction can only be rolled back.
#include <memory>
#include <utility>

#include "base/text.h"
#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/legacy_table.h"

namespace nearlite::sqlite {

namespace {

// A table that nothing stands for yet: when the move fails, nobody else lets it go.
struct Made {
  Connection& connection;
  std::shared_ptr<Table> table;

  Made(Connection& of, std::shared_ptr<Table> made) : connection(of), table(std::move(made)) {}
  ~Made() {
    if (table == nullptr) return;
    table->retire();
    connection.remove(*table);
  }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;
};

}  // namespace

Result<std::shared_ptr<Table>> LegacyTable::upgrade(Bad bad) {
  NEARLITE_TRY(broken_);
  if (reading_count_ > 0) {
    return Status::from_sqlite(
        Code::kBusy, SQLITE_LOCKED,
        "nearlite: " + name_ + ": upgrade: a SELECT on it is not finished yet");
  }
  NEARLITE_ASSIGN(const auto problems, find_problems(1, bad));
  if (!problems.empty()) {
    return Status(problems.front().code(),
                  "nearlite: " + name_ +
                      ": upgrade: nothing was done, because: " + problems.front().message());
  }
  const KeepLastRowid keep(db_);
  is_half_moved_ = true;
  std::vector<const char*> arguments;
  for (const std::string& argument : arguments_) arguments.push_back(argument.c_str());
  auto table = Table::create(connection_, schema_, name_, options_, arguments);
  NEARLITE_TRY(table.status());
  Made made{connection_, *table};
  NEARLITE_TRY(move_rows(**table));
  NEARLITE_TRY(put_aside(**table));
  made.table.reset();
  is_half_moved_ = false;
  is_moved_ = true;
  return table;
}

// In order of rowid: what is written depends on the rows alone.
Status LegacyTable::move_rows(Table& table) {
  LegacyReader reader = make_reader();
  NEARLITE_ASSIGN(Statement rows,
                  Statement::prepare(db_,
                                     std::string("SELECT ") + LegacyReader::kRowColumns + " FROM " +
                                         reader.rows_name() + " ORDER BY rowid",
                                     name_ + "_rowids"));
  // Makes values of SQLite's out of ours: the rowid, then the columns.
  std::string list = "?1";
  for (std::size_t i = 0; i < options_.columns.size(); ++i) list += ", ?" + std::to_string(i + 2);
  NEARLITE_ASSIGN(Statement row_statement, Statement::prepare(db_, "SELECT " + list, name_));
  StatementUse use = rows.use();
  LegacyRow row;
  std::vector<LegacyValue> values(options_.columns.size());
  std::vector<sqlite3_value*> given(values.size());
  for (;;) {
    NEARLITE_ASSIGN(const bool found, use.step());
    if (!found) return {};
    NEARLITE_TRY(reader.take_row(use, row));
    StatementUse one = row_statement.use();
    one.bind(1, row.rowid);
    for (std::size_t i = 0; i < values.size(); ++i) {
      NEARLITE_TRY(reader.value(row, i, values[i]));
      const Column& column = options_.columns[i];
      // Looked for before, unless such a vector becomes NULL.
      if (column.kind == ColumnKind::kVector && !check_vector(column.vector_index, values[i]).ok())
        values[i] = LegacyValue();
      values[i].bind(one, static_cast<int>(i + 2));
    }
    NEARLITE_ASSIGN(const bool is_row, one.step());
    if (!is_row) return {Code::kInternal, "nearlite: " + name_ + ": upgrade: no values"};
    for (std::size_t i = 0; i < given.size(); ++i)
      given[i] = one.column_value(static_cast<int>(i + 1));
    RowId rowid = 0;
    NEARLITE_ASSIGN(const Written written, table.insert(one.column_value(0), given, false, rowid));
    if (written == Written::kConflict)
      return corruption(name_, "row " + std::to_string(row.rowid) + ": its key is there twice");
  }
}

// SQLite drops no table while a statement runs. So the old ones are emptied, which frees their
// pages, and renamed, so that sqlite-vec does not take them for a table; they go with ours.
Status LegacyTable::put_aside(Table& table) {
  std::size_t number = 0;
  for (const std::string& kind : layout_.kinds) {
    NEARLITE_TRY(execute(db_, "DELETE FROM " + legacy_name(schema_, name_, kind), name_));
    NEARLITE_TRY(execute(db_,
                         "ALTER TABLE " + legacy_name(schema_, name_, kind) + " RENAME TO " +
                             quote_identifier(name_ + "_" + emptied_kind(++number)),
                         name_));
  }
  return remember_emptied(table.index(0).store(), number);
}

// What an upgrade has left behind in this transaction, and no ROLLBACK TO has undone.
Status LegacyTable::sync() {
  if (!is_half_moved_) return {};
  NEARLITE_ASSIGN(const bool is_whole, has_legacy_tables(db_, schema_, name_));
  if (is_whole) {
    is_half_moved_ = false;
    return {};
  }
  return {Code::kInternal, "nearlite: " + name_ +
                               ": an upgrade failed half-way; the transaction must be rolled back"};
}

}  // namespace nearlite::sqlite
