// What a table does when a transaction ends. Its life may end with it: tables are made, renamed and
// dropped inside transactions, too.
#include "base/try.h"
#include "sqlite/connection.h"
#include "sqlite/table.h"

namespace nearlite::sqlite {

Status Table::sync() {
  const bool has_log = options_.content && options_.content->sync == ContentSync::kLog;
  if (is_retired_ || (!is_writing() && !is_new_ && !was_dropped_ && !has_log)) return {};
  const sqlite3_int64 last_rowid = sqlite3_last_insert_rowid(db_);
  if (name_in_doubt_) NEARLITE_TRY(find_current_name());
  NEARLITE_ASSIGN(const bool here, has_shadow_tables(name_));
  is_gone_ = !here;
  if (!here) {
    // The creation was rolled back, or the table dropped (another one may have its name now): there
    // is nothing to keep in step, and the other rows of the transaction must be able to commit.
    return {};
  }
  Status status = apply_log();
  if (status.ok()) status = merge_sparse(true);
  if (status.ok()) status = measure_when_due();
  for (auto& index : indexes_) {
    if (!status.ok()) break;
    status = index->sync();
  }
  sqlite3_set_last_insert_rowid(db_, last_rowid);
  return status;
}

void Table::commit() noexcept {
  for (auto& index : indexes_) is_gone_ ? index->rollback() : index->commit();
  end_sparse();
  if (is_gone_) connection_.remove(*this);  // the caller holds it
  is_retired_ = is_retired_ || is_gone_;
  is_gone_ = was_dropped_ = false;
  settings_changed_ = false;
  is_new_ = false;
  former_names_.clear();
  name_in_doubt_ = false;
}

// A cursor that is still open keeps the sqlite3_vtab of a table that is not there any more, or has
// its old name again: neither may be found by name.
void Table::rollback() noexcept {
  for (auto& index : indexes_) index->rollback();
  end_sparse();
  if (content_ != nullptr) content_->forget();
  settings_in_doubt_ = settings_in_doubt_ || settings_changed_;
  settings_changed_ = false;
  is_retired_ = is_retired_ || is_new_;
  if (is_new_) connection_.remove(*this);  // the caller holds it
  is_gone_ = was_dropped_ = is_new_ = false;
  name_in_doubt_ = !former_names_.empty();
}

void Table::rollback_to() noexcept {
  for (auto& index : indexes_) index->rollback_to();
  if (content_ != nullptr) content_->forget();
  settings_in_doubt_ = settings_in_doubt_ || settings_changed_;
  name_in_doubt_ = name_in_doubt_ || !former_names_.empty();
}

}  // namespace nearlite::sqlite
