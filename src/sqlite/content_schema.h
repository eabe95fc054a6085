// What external content leaves in the schema: three triggers on the user's table and, with
// sync='log', the table they write to.
//
// The triggers are also where the present names are kept. ALTER TABLE rewrites them when the table
// or a column is renamed, but not the arguments of CREATE VIRTUAL TABLE; so names are read from the
// text of the update trigger, and a trigger counts only if it is, letter for letter, what we would
// write for these names.
//
// Names may be anything a stranger's schema holds: they are quoted everywhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nearlite/status.h"
#include "sqlite/api.h"
#include "sqlite/table_options.h"

namespace nearlite::sqlite {

struct ContentNames {
  std::string table;
  std::string rowid;   ///< its INTEGER PRIMARY KEY
  std::string vector;  ///< the column with the vectors

  bool operator==(const ContentNames&) const = default;
};

/// Where an index and the table it follows are.
struct ContentPlace {
  std::string schema;
  std::string index;
  ContentSync sync = ContentSync::kStrict;
  /// What strict triggers write to, while the index is being renamed; empty: the index.
  std::string target = {};
};

/// The hidden column through which triggers tell which row they touched.
inline constexpr std::string_view kTouchedColumn = "touched_row";

/// "<index>_changes", unquoted: an ordinary table, so that SQLite without the extension may write.
[[nodiscard]] std::string log_name(std::string_view index);

/// What the schema says about an index's triggers.
struct TriggerState {
  /// From the update trigger, if there is one that we understand.
  std::optional<ContentNames> names;
  /// What is missing or not as we made it, one a line.
  std::vector<std::string> problems;
};
/// `known` are the names to compare with when the update trigger tells none.
Result<TriggerState> read_triggers(sqlite3* db, const ContentPlace& place,
                                   const ContentNames& known);

/// Makes the triggers, and the log where there is one. A trigger that exists already is an error.
Status create_triggers(sqlite3* db, const ContentPlace& place, const ContentNames& names);
/// Triggers that are missing are not an error.
Status drop_triggers(sqlite3* db, const ContentPlace& place);
Status create_log(sqlite3* db, const ContentPlace& place);
Status drop_log(sqlite3* db, const ContentPlace& place);
Status rename_log(sqlite3* db, const ContentPlace& place, std::string_view new_index);

/// Checks that the table can be followed: an ordinary table of the index's schema whose rowid has a
/// name (others are renumbered by VACUUM). Names come back as the schema spells them; an empty
/// `rowid` is found. `declared_type` is that of the vector column. Errors: kInvalidArgument;
/// kNotFound when the table or a column is gone.
Status check_content(sqlite3* db, const ContentPlace& place, ContentNames& names,
                     std::string& declared_type);

}  // namespace nearlite::sqlite
