#include "sqlite/content_schema.h"

#include <algorithm>
#include <array>
#include <functional>

#include "base/try.h"
#include "sqlite/argument_tokens.h"
#include "sqlite/boundary.h"
#include "sqlite/handles.h"
#include "sqlite/shadow_tables.h"

namespace nearlite::sqlite {

namespace {

// In the order of trigger_texts().
constexpr std::array<std::string_view, 3> kEvents{"insert", "update", "delete"};
constexpr std::size_t kUpdate = 1;

std::string trigger_name(std::string_view index, std::string_view event) {
  return std::string(index) + "_hnsw_" + std::string(event);
}

std::string qualified(std::string_view schema, std::string_view name) {
  return quote_identifier(schema) + "." + quote_identifier(name);
}

// What a trigger does about a row.
std::string step(const ContentPlace& place, std::string_view row) {
  if (place.sync == ContentSync::kLog) {
    return "INSERT INTO " + quote_identifier(log_name(place.index)) + "(rid) VALUES(" +
           std::string(row) + "); ";
  }
  const std::string& target = place.target.empty() ? place.index : place.target;
  return "INSERT INTO " + quote_identifier(target) + "(" + std::string(kTouchedColumn) +
         ") VALUES(" + std::string(row) + "); ";
}

// A trigger from its name on, as the schema keeps it. Any column may be updated by another name
// (rowid), and a generated one by its sources: hence no UPDATE OF, but a comparison, which a
// collation of the column must not soften.
std::string trigger_text(const ContentPlace& place, const ContentNames& names, std::size_t event) {
  const std::string rowid = "." + quote_identifier(names.rowid);
  const std::string vector = "." + quote_identifier(names.vector);
  std::string text = quote_identifier(trigger_name(place.index, kEvents[event])) + " AFTER ";
  const std::string table = quote_identifier(names.table);
  if (event == kUpdate) {
    return text + "UPDATE ON " + table + " WHEN OLD" + rowid + " IS NOT NEW" + rowid + " OR OLD" +
           vector + " IS NOT NEW" + vector + " COLLATE BINARY BEGIN " + step(place, "OLD" + rowid) +
           step(place, "NEW" + rowid) + "END";
  }
  const bool is_insert = event == 0;
  return text + (is_insert ? "INSERT ON " : "DELETE ON ") + table + " BEGIN " +
         step(place, (is_insert ? "NEW" : "OLD") + rowid) + "END";
}

/// Reads what trigger_text() writes.
class TextReader {
 public:
  explicit TextReader(std::string_view text) : rest_(text) {}

  bool take(std::string_view literal) {
    if (!rest_.starts_with(literal)) return false;
    rest_.remove_prefix(literal.size());
    return true;
  }
  bool take_identifier(std::string& name) {
    if (!take("\"")) return false;
    name.clear();
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c != '"') {
        name += c;
      } else if (!take("\"")) {
        return true;
      } else {
        name += '"';
      }
    }
    return false;
  }

 private:
  std::string_view rest_;
};

std::optional<ContentNames> names_in(std::string_view update_trigger) {
  TextReader text(update_trigger);
  ContentNames names;
  std::string ignored;
  const bool is_ours = text.take("CREATE TRIGGER ") && text.take_identifier(ignored) &&
                       text.take(" AFTER UPDATE ON ") && text.take_identifier(names.table) &&
                       text.take(" WHEN OLD.") && text.take_identifier(names.rowid) &&
                       text.take(" IS NOT NEW.") && text.take_identifier(ignored) &&
                       text.take(" OR OLD.") && text.take_identifier(names.vector);
  return is_ours ? std::optional(std::move(names)) : std::nullopt;
}

// The text of CREATE TABLE; empty when there is no such table.
Result<std::string> sql_of(sqlite3* db, const std::string& schema, std::string_view name) {
  NEARLITE_ASSIGN(Statement find, Statement::prepare(db,
                                                     "SELECT sql FROM " + quote_identifier(schema) +
                                                         ".sqlite_master WHERE type = 'table' AND "
                                                         "name = ?1 COLLATE NOCASE",
                                                     std::string(name)));
  StatementUse use = find.use();
  NEARLITE_ASSIGN(const bool found, use.bind_text(1, name).step());
  return found ? std::string(use.column_text(0)) : std::string();
}

/// The rows of a PRAGMA about the content table. The functions pragma_… are not used: a table of a
/// stranger's schema could bear such a name.
Status visit_pragma(sqlite3* db, const ContentPlace& place, std::string_view pragma,
                    const std::string& table, const std::function<void(StatementUse&)>& visit) {
  NEARLITE_ASSIGN(Statement statement,
                  Statement::prepare(db,
                                     "PRAGMA " + quote_identifier(place.schema) + "." +
                                         std::string(pragma) + "(" + quote_identifier(table) + ")",
                                     place.index, 0));
  StatementUse use = statement.use();
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) return {};
    visit(use);
  }
}

Status refuse(const ContentPlace& place, const ContentNames& names, const std::string& why) {
  return invalid(place.index, "content " + shown(names.table) + " " + why);
}

// Column numbers of PRAGMA table_xinfo and index_list (sqlite.org/pragma.html).
enum : int { kInfoId, kInfoName, kInfoType, kInfoNotNull, kInfoDefault, kInfoKey };
constexpr int kIndexOrigin = 3;

// Is it one of the tables in which an index of ours keeps its state?
Result<bool> is_shadow(sqlite3* db, const ContentPlace& place, const std::string& table) {
  for (std::size_t at = table.find('_'); at != std::string::npos; at = table.find('_', at + 1)) {
    if (!is_shadow_kind(std::string_view(table).substr(at + 1))) continue;
    NEARLITE_ASSIGN(const std::string sql,
                    sql_of(db, place.schema, std::string_view(table).substr(0, at)));
    if (to_lower(sql).find("using hnsw") != std::string::npos) return true;
  }
  return false;
}

// PRAGMA table_list would tell all this, but it connects every virtual table there is and forgets
// the errors of that, which may have rolled back the transaction.
Status check_kind(sqlite3* db, const ContentPlace& place, ContentNames& names) {
  NEARLITE_ASSIGN(
      Statement find,
      Statement::prepare(db,
                         "SELECT type, name, rootpage FROM " + quote_identifier(place.schema) +
                             ".sqlite_master WHERE type IN ('table', 'view') AND name = ?1 "
                             "COLLATE NOCASE",
                         place.index));
  const std::string given = names.table;
  StatementUse use = find.use();
  NEARLITE_ASSIGN(const bool found, use.bind_text(1, given).step());
  if (to_lower(given).starts_with("sqlite_")) return refuse(place, names, "belongs to SQLite");
  if (!found) {
    return {Code::kNotFound,
            refuse(place, names, "is not a table of schema " + shown(place.schema)).message()};
  }
  names.table = use.column_text(1);
  if (use.column_text(0) == "view") return refuse(place, names, "is a view; name its table");
  if (use.column_int64(2) == 0) {
    return refuse(place, names, "is a virtual table, which has no triggers");
  }
  NEARLITE_ASSIGN(const bool is_ours, is_shadow(db, place, names.table));
  return is_ours ? refuse(place, names, "is a shadow table of an index") : Status();
}

// `word`: a name of the rowid that is not the name of a column.
Status check_rowid(sqlite3* db, const ContentPlace& place, const ContentNames& names,
                   const char* word) {
  const int rc = sqlite3_table_column_metadata(db, place.schema.c_str(), names.table.c_str(), word,
                                               nullptr, nullptr, nullptr, nullptr, nullptr);
  if (rc == SQLITE_OK) return {};
  if ((rc & 0xff) != SQLITE_ERROR) return from_sqlite(db, rc, place.index);
  return refuse(place, names, "is a WITHOUT ROWID table; an index needs the INTEGER PRIMARY KEY");
}

Status check_columns(sqlite3* db, const ContentPlace& place, ContentNames& names,
                     std::string& declared_type) {
  std::string key;
  int key_count = 0;
  bool is_integer = false;
  std::string vector;
  std::array<const char*, 3> words{"_rowid_", "rowid", "oid"};  // of the rowid, if not of a column
  bool has_rowid_column = false;
  NEARLITE_TRY(visit_pragma(db, place, "table_xinfo", names.table, [&](StatementUse& row) {
    const std::string name(row.column_text(kInfoName));
    const std::string type(row.column_text(kInfoType));
    if (row.column_int64(kInfoKey) != 0) {
      ++key_count;
      key = name;
      is_integer = equals_ignoring_case(type, "integer");
    }
    for (const char*& word : words) {
      if (word != nullptr && equals_ignoring_case(name, word)) word = nullptr;
    }
    has_rowid_column = has_rowid_column || equals_ignoring_case(name, names.rowid);
    if (equals_ignoring_case(name, names.vector)) {
      vector = name;
      declared_type = type;
    }
  }));
  for (const char* word : words) {
    if (word == nullptr) continue;
    NEARLITE_TRY(check_rowid(db, place, names, word));
    break;
  }
  // INTEGER PRIMARY KEY DESC, as against ASC, is no name of the rowid, and has an index of its own.
  bool has_index = false;
  NEARLITE_TRY(visit_pragma(db, place, "index_list", names.table, [&](StatementUse& row) {
    has_index = has_index || row.column_text(kIndexOrigin) == "pk";
  }));
  if (key_count != 1 || !is_integer || has_index) {
    return refuse(place, names,
                  "has no INTEGER PRIMARY KEY: VACUUM may renumber its rows, and the index would "
                  "point to other ones");
  }
  const bool is_rowid_word = !has_rowid_column && (equals_ignoring_case(names.rowid, "rowid") ||
                                                   equals_ignoring_case(names.rowid, "oid") ||
                                                   equals_ignoring_case(names.rowid, "_rowid_"));
  if (names.rowid.empty() || is_rowid_word) names.rowid = key;
  if (!equals_ignoring_case(names.rowid, key)) {
    return refuse(
        place, names,
        "has the INTEGER PRIMARY KEY " + shown(key) + ", content_rowid is " + shown(names.rowid));
  }
  names.rowid = key;
  if (!vector.empty()) {
    names.vector = vector;
    return {};
  }
  return {Code::kNotFound, refuse(place, names, "has no column " + shown(names.vector)).message()};
}

}  // namespace

std::string log_name(std::string_view index) { return std::string(index) + "_changes"; }

Result<TriggerState> read_triggers(sqlite3* db, const ContentPlace& place,
                                   const ContentNames& known) {
  NEARLITE_ASSIGN(
      Statement find,
      Statement::prepare(db,
                         "SELECT tbl_name, sql FROM " + quote_identifier(place.schema) +
                             ".sqlite_master WHERE type = 'trigger' AND name = ?1 COLLATE NOCASE",
                         place.index));
  std::array<std::string, 3> texts;
  std::array<std::string, 3> tables;
  for (std::size_t i = 0; i < kEvents.size(); ++i) {
    const std::string name = trigger_name(place.index, kEvents[i]);
    StatementUse use = find.use();
    NEARLITE_ASSIGN(const bool found, use.bind_text(1, name).step());
    if (!found) continue;
    tables[i] = use.column_text(0);
    texts[i] = use.column_text(1);
  }
  TriggerState state;
  state.names = names_in(texts[kUpdate]);
  if (state.names && !equals_ignoring_case(state.names->table, tables[kUpdate])) {
    state.names.reset();
  }
  for (std::size_t i = 0; i < kEvents.size(); ++i) {
    const std::string name = shown(trigger_name(place.index, kEvents[i]));
    if (texts[i].empty()) {
      state.problems.push_back("trigger " + name + " is missing");
    } else if (texts[i] !=
               "CREATE TRIGGER " + trigger_text(place, state.names.value_or(known), i)) {
      state.problems.push_back("trigger " + name + " is not as it was made");
    }
  }
  if (place.sync == ContentSync::kLog) {
    NEARLITE_ASSIGN(const std::string log, sql_of(db, place.schema, log_name(place.index)));
    if (log.empty()) {
      state.problems.push_back("table " + shown(log_name(place.index)) + " is missing");
    }
  }
  return state;
}

Status create_triggers(sqlite3* db, const ContentPlace& place, const ContentNames& names) {
  for (std::size_t i = 0; i < kEvents.size(); ++i) {
    const std::string sql =
        "CREATE TRIGGER " + quote_identifier(place.schema) + "." + trigger_text(place, names, i);
    NEARLITE_TRY(execute(db, sql, place.index));
  }
  return {};
}

Status drop_triggers(sqlite3* db, const ContentPlace& place) {
  for (const std::string_view event : kEvents) {
    const std::string name = qualified(place.schema, trigger_name(place.index, event));
    NEARLITE_TRY(execute(db, "DROP TRIGGER IF EXISTS " + name, place.index));
  }
  return {};
}

Status create_log(sqlite3* db, const ContentPlace& place) {
  if (place.sync != ContentSync::kLog) return {};
  return execute(db,
                 "CREATE TABLE " + qualified(place.schema, log_name(place.index)) +
                     "(change_no INTEGER PRIMARY KEY AUTOINCREMENT, rid INTEGER)",
                 place.index);
}

Status drop_log(sqlite3* db, const ContentPlace& place) {
  if (place.sync != ContentSync::kLog) return {};
  return execute(db, "DROP TABLE IF EXISTS " + qualified(place.schema, log_name(place.index)),
                 place.index);
}

Status rename_log(sqlite3* db, const ContentPlace& place, std::string_view new_index) {
  if (place.sync != ContentSync::kLog) return {};
  NEARLITE_ASSIGN(const std::string log, sql_of(db, place.schema, log_name(place.index)));
  if (log.empty()) return {};
  return execute(db,
                 "ALTER TABLE " + qualified(place.schema, log_name(place.index)) + " RENAME TO " +
                     quote_identifier(log_name(new_index)),
                 place.index);
}

Status check_content(sqlite3* db, const ContentPlace& place, ContentNames& names,
                     std::string& declared_type) {
  NEARLITE_TRY(check_kind(db, place, names));
  return check_columns(db, place, names, declared_type);
}

}  // namespace nearlite::sqlite
