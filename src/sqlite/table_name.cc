// ALTER TABLE … RENAME and DROP TABLE, and under which name a table is after a rollback.
#include "base/try.h"
#include "sqlite/connection.h"
#include "sqlite/legacy_layout.h"
#include "sqlite/table.h"
#include "sqlite/table_config.h"

namespace nearlite::sqlite {

Status Table::rename(const std::string& new_name) {
  drop_statements();
  if (options_.content) NEARLITE_TRY(rename_content(new_name));
  for (std::size_t i = 0; i < stores_.size(); ++i) {
    NEARLITE_TRY(rename_shadow_tables(db_, schema_, name_, column_suffix(i), new_name, blocks()));
  }
  for (std::size_t i = 0; i < sparse_.size(); ++i)
    NEARLITE_TRY(rename_sparse_tables(db_, schema_, name_, column_suffix(i), new_name));
  if (options_.front == Front::kVec0)
    NEARLITE_TRY(rename_emptied(db_, schema_, name_, new_name, indexes_.front()->store()));
  NEARLITE_TRY(rename_config_table(db_, schema_, name_, new_name));
  NEARLITE_TRY(execute(
      db_, "ALTER TABLE " + rows_name() + " RENAME TO " + quote_identifier(new_name + "_rows"),
      name_));
  former_names_.push_back(name_);
  set_name(new_name);
  NEARLITE_TRY(finish_rename_content());
  return options_.front == Front::kHnsw ? connection_.register_knn(new_name) : Status();
}

Status Table::destroy() {
  const bool writing = is_writing();
  if (writing) NEARLITE_TRY(connection_.enlist(shared_from_this()));
  drop_statements();
  const auto drop = [&]() -> Status {
    if (options_.content) {
      NEARLITE_TRY(drop_triggers(db_, content_place()));
      NEARLITE_TRY(drop_log(db_, content_place()));
    }
    for (std::size_t i = 0; i < options_.vectors.size(); ++i) {
      NEARLITE_TRY(drop_shadow_tables(db_, schema_, name_, column_suffix(i), blocks()));
    }
    for (std::size_t i = 0; i < options_.sparse.size(); ++i)
      NEARLITE_TRY(drop_sparse_tables(db_, schema_, name_, column_suffix(i)));
    if (options_.front == Front::kVec0 && broken_.ok())
      NEARLITE_TRY(drop_emptied(db_, schema_, name_, indexes_.front()->store()));
    NEARLITE_TRY(drop_config_table(db_, schema_, name_));
    return execute(db_, "DROP TABLE IF EXISTS " + rows_name(), name_);
  };
  if (Status status = drop(); !status.ok()) {
    // Another statement may be running (SQLITE_LOCKED): the table stays, with what the transaction
    // has written.
    rollback_to();
    return status;
  }
  for (auto& index : indexes_) index->remove_side_file();
  if (writing) {
    was_dropped_ = true;
    rollback_to();
  } else {
    connection_.remove(*this);
  }
  return {};
}

Result<bool> Table::has_shadow_tables(const std::string& name) {
  const auto has_our_uuid = [&](SqliteStore& store) -> Result<bool> {
    if (!store.tables_exist()) return false;
    NEARLITE_ASSIGN(const std::string uuid, config_text(store, kUuidKey));
    return uuid == uuid_;
  };
  if (name == name_) return has_our_uuid(*stores_.front());  // its statements are prepared
  SqliteStore probe(db_, schema_, name, "", VectorLayout());
  return has_our_uuid(probe);
}

// A ROLLBACK TO may have undone a rename: finds the name under which our tables are now.
Status Table::find_current_name() {
  std::vector<std::string> candidates = former_names_;
  candidates.push_back(name_);
  for (auto name = candidates.rbegin(); name != candidates.rend(); ++name) {
    NEARLITE_ASSIGN(const bool here, has_shadow_tables(*name));
    if (!here) continue;
    set_name(*name);
    break;
  }
  name_in_doubt_ = false;
  return {};
}

Status Table::settle_name() {
  return name_in_doubt_ && !is_retired_ ? find_current_name() : Status();
}

Result<bool> Table::is_real() {
  if (is_retired_) return false;
  if (!broken_.ok()) return true;  // ready() says what is wrong
  const auto here = has_shadow_tables(name_);
  // A damaged uuid is no other table's.
  if (here.status().code() == Code::kCorruption) return true;
  return here;
}

bool Table::is_left_behind(const Table& successor) const noexcept {
  const bool is_of_this_transaction =
      is_new_ || was_dropped_ || is_writing() || !former_names_.empty();
  return this != &successor && !is_attached() && !is_of_this_transaction &&
         schema_ == successor.schema_ && equals_ignoring_case(name_, successor.name_);
}

}  // namespace nearlite::sqlite
