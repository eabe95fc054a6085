// A table over somebody else's rows: bringing nodes in step with them, at once (triggers), later
// (the log), for the first time (the build), or by comparing everything (check and repair).
//
// There is one verb: set_row(), which makes the node of a row what the row says now. All others
// differ in which rows they look at.
#include <algorithm>
#include <map>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/content_infer.h"
#include "sqlite/table.h"
#include "sqlite/table_config.h"

namespace nearlite::sqlite {

namespace {
// Keys of <t>_config: what was learnt at creation. Names are those of then; see content_schema.h.
constexpr std::string_view kTableKey = "content.table";
constexpr std::string_view kRowidKey = "content.rowid";
constexpr std::string_view kVectorKey = "content.vector";
constexpr std::string_view kElementKey = "content.element";
constexpr std::string_view kDimKey = "content.dim";

}  // namespace

Status refuse_write(const Table& table) {
  return invalid(table.name(), "its rows are those of " + shown(table.content()->names().table) +
                                   "; write there, and the index follows");
}

ContentPlace Table::content_place() const { return {schema_, name_, options_.content->sync}; }

// CREATE: what the table tells about itself.
Status Table::learn_content() {
  content_names_ = {options_.content->table, options_.content->rowid, options_.content->vector};
  std::string declared_type;
  NEARLITE_TRY(check_content(db_, content_place(), content_names_, declared_type));
  NEARLITE_TRY(infer_vectors(db_, content_place(), content_names_, declared_type, options_));
  declared_ = options_;
  return {};
}

Status Table::write_content_config() {
  Store& config = indexes_.front()->store();
  const VectorColumn& column = options_.vectors.front();
  const std::string dim = std::to_string(column.dim);
  NEARLITE_TRY(config.put_config(kTableKey, bytes_of(content_names_.table)));
  NEARLITE_TRY(config.put_config(kRowidKey, bytes_of(content_names_.rowid)));
  NEARLITE_TRY(config.put_config(kVectorKey, bytes_of(content_names_.vector)));
  NEARLITE_TRY(config.put_config(kElementKey, bytes_of(name_of(column.type))));
  return config.put_config(kDimKey, bytes_of(dim));
}

// CONNECT.
Status Table::load_content_config(Store& config) {
  NEARLITE_ASSIGN(content_names_.table, needed_config_text(config, kTableKey));
  NEARLITE_ASSIGN(content_names_.rowid, needed_config_text(config, kRowidKey));
  NEARLITE_ASSIGN(content_names_.vector, needed_config_text(config, kVectorKey));
  NEARLITE_ASSIGN(const std::string element, needed_config_text(config, kElementKey));
  NEARLITE_ASSIGN(const std::string dim_text, needed_config_text(config, kDimKey));
  const auto type = find_element_type(element);
  const int dim = std::atoi(dim_text.c_str());
  if (!type || dim < 1 || dim > static_cast<int>(kDimMax)) {
    return corruption(name_ + "_config", "content vectors: " + shown(element + " " + dim_text));
  }
  const Status status = settle_content(name_, *type, static_cast<std::uint32_t>(dim), options_);
  if (!status.ok()) return corruption(name_ + "_config", status.message());
  declared_ = options_;
  return {};
}

// CREATE, after the tables are there.
Status Table::start_content() {
  NEARLITE_TRY(write_content_config());
  NEARLITE_TRY(create_log(db_, content_place()));
  NEARLITE_TRY(create_triggers(db_, content_place(), content_names_));
  NEARLITE_TRY(content_->set_unbuilt_from(kRowIdMin));
  return options_.content->is_deferred ? Status() : build(UINT64_MAX);
}

// Makes the node of one row what the row says.
Status Table::set_row(const ContentTable::Row& row) {
  const KeepLastRowid keep(db_);
  Index& index = *indexes_.front();
  NEARLITE_ASSIGN(const std::vector<NodeId> ids, node_ids(row.rowid));
  const NodeId old_id = ids.empty() ? kNodeNone : ids.front();
  if (!row.has_vector) return erase(row.rowid);
  if (old_id != kNodeNone) {
    NEARLITE_ASSIGN(const bool is_same, index.holds(old_id, row.stored));
    if (is_same) return {};
  }
  NEARLITE_ASSIGN(const NodeId id, index.next_id());
  NEARLITE_TRY(prepare(insert_, "INSERT OR REPLACE INTO " + rows_name() + "(rowid, " +
                                    node_column(0) + ") VALUES(?1, ?2)"));
  NEARLITE_TRY(insert_.use().bind(1, row.rowid).bind(2, std::int64_t{id}).run());
  Status status = index.insert(id, row.rowid, row.values);
  if (status.ok() && old_id != kNodeNone) status = index.erase(old_id);
  if (!status.ok()) index.poison("a row was half indexed: " + status.message());
  return status;
}

// Triggers come here: `rowid` was inserted, changed or deleted.
Status Table::touch(RowId rowid) {
  NEARLITE_TRY(ready());
  ContentTable::Row& row = touched_;
  NEARLITE_TRY(content_->read_row(rowid, row));
  NEARLITE_TRY(row.problem);
  NEARLITE_ASSIGN(const auto unbuilt, content_->unbuilt_from());
  if (unbuilt && rowid >= *unbuilt) row.has_vector = false;  // its turn comes
  return set_row(row);
}

// Indexes the next `limit` rows that have not been looked at yet.
Status Table::build(std::uint64_t limit) {
  NEARLITE_ASSIGN(const auto from, content_->unbuilt_from());
  if (!from) return {};
  RowId last = 0;
  std::uint64_t count = 0;
  NEARLITE_TRY(content_->scan_rows(*from, limit, [&](ContentTable::Row& row) {
    NEARLITE_TRY(row.problem);
    last = row.rowid;
    ++count;
    return set_row(row);
  }));
  const bool is_done = count < limit || last == INT64_MAX;
  return content_->set_unbuilt_from(is_done ? std::optional<RowId>() : std::optional(last + 1));
}

// Does what the log asks for. What became no vector meanwhile is not indexed: whoever wrote it had
// no extension to tell it, and a COMMIT of somebody else is not the place to complain.
Status Table::apply_log() {
  if (!content_ || options_.content->sync != ContentSync::kLog) return {};
  const auto problems = content_->schema_problems();
  NEARLITE_TRY(problems.status());
  if (!problems->empty()) return {};  // nothing to follow; searches scan
  NEARLITE_ASSIGN(const std::vector<RowId> rows, content_->read_log());
  if (rows.empty()) return {};
  NEARLITE_ASSIGN(const auto unbuilt, content_->unbuilt_from());
  for (const RowId rowid : rows) {
    NEARLITE_TRY(content_->read_row(rowid, touched_));
    if (unbuilt && rowid >= *unbuilt) touched_.has_vector = false;
    NEARLITE_TRY(set_row(touched_));
  }
  return content_->clear_log();
}

// Visits every row whose node is not what the row says, though nothing tells so; `why` is a phrase.
Status Table::find_differences(
    const std::function<Status(RowId rowid, const std::string& why)>& visit) {
  NEARLITE_ASSIGN(const ContentState state, content_->state());
  const auto is_due = [&](RowId rowid) {
    return !(state.unbuilt_from && rowid >= *state.unbuilt_from) &&
           !std::binary_search(state.changed.begin(), state.changed.end(), rowid);
  };
  NEARLITE_ASSIGN(const auto live, live_rows(0));
  std::map<RowId, NodeId> nodes;
  for (const auto& [id, rowid] : live) nodes.emplace(rowid, id);
  NEARLITE_TRY(content_->scan_rows(kRowIdMin, INT64_MAX, [&](ContentTable::Row& row) {
    const auto found = nodes.find(row.rowid);
    const NodeId id = found == nodes.end() ? kNodeNone : found->second;
    if (found != nodes.end()) nodes.erase(found);
    if (!is_due(row.rowid)) return Status();
    if (id == kNodeNone) {
      if (row.has_vector) return visit(row.rowid, "is not indexed");
      return row.problem.ok() ? Status() : visit(row.rowid, row.problem.message());
    }
    if (!row.has_vector) return visit(row.rowid, "has no vector, yet node " + std::to_string(id));
    NEARLITE_ASSIGN(const auto known, indexes_.front()->stored_fingerprint(id));
    if (known && *known == fingerprint(row.stored)) return Status();
    return visit(row.rowid, "has another vector than node " + std::to_string(id));
  }));
  for (const auto& [rowid, id] : nodes) {
    if (is_due(rowid)) NEARLITE_TRY(visit(rowid, "is gone, yet has node " + std::to_string(id)));
  }
  return {};
}

Status Table::check_content_rows(std::size_t limit, std::vector<std::string>& problems) {
  NEARLITE_ASSIGN(problems, content_->schema_problems());
  if (!content_->ready().ok()) return {};  // no rows to compare with
  return find_differences([&](RowId rowid, const std::string& why) {
    if (problems.size() < limit) {
      problems.push_back("row " + std::to_string(rowid) + " of " + content_->names().table + " " +
                         why);
    }
    return Status();
  });
}

// The rows are somebody else's and whole: what of ours is damaged is made again.
Status Table::repair_content() {
  NEARLITE_TRY(content_->repair_triggers());
  const auto live = live_rows(0);
  if (live.status().code() == Code::kCorruption) return rebuild_content();
  NEARLITE_TRY(live.status());
  NEARLITE_ASSIGN(const auto problems, indexes_.front()->check(*live, 1));
  if (!problems.empty()) return rebuild_content();
  std::vector<RowId> rows;
  NEARLITE_TRY(find_differences([&](RowId rowid, const std::string& /*why*/) {
    rows.push_back(rowid);
    return Status();
  }));
  for (const RowId rowid : rows) {
    NEARLITE_TRY(content_->read_row(rowid, touched_));
    NEARLITE_TRY(set_row(touched_));
  }
  return {};
}

// Forgets all nodes and indexes the rows afresh.
Status Table::rebuild_content() {
  NEARLITE_TRY(content_->ready());
  NEARLITE_TRY(content_->repair_triggers());
  Index& index = *indexes_.front();
  NEARLITE_TRY(index.rebuild({}));
  const auto fill = [&]() -> Status {
    NEARLITE_TRY(execute(db_, "DELETE FROM " + rows_name(), name_));
    NEARLITE_TRY(content_->set_unbuilt_from(std::nullopt));
    if (options_.content->sync == ContentSync::kLog) NEARLITE_TRY(content_->clear_log());
    return content_->scan_rows(kRowIdMin, INT64_MAX, [&](ContentTable::Row& row) {
      return row.has_vector ? set_row(row) : Status();
    });
  };
  const Status status = fill();
  if (!status.ok()) index.poison("a rebuild was half done: " + status.message());
  return status;
}

// The triggers bear the index's name. Those that were not as they should be are not made good here:
// that would hide that changes were missed.
Status Table::rename_content(const std::string& new_name) {
  ContentPlace rewritten = content_place();
  rewritten.target = new_name;  // SQLite has changed what the triggers write to already
  NEARLITE_ASSIGN(const TriggerState after, read_triggers(db_, rewritten, content_names_));
  NEARLITE_ASSIGN(const TriggerState before, read_triggers(db_, content_place(), content_names_));
  const bool was_intact = after.problems.empty() || before.problems.empty();
  const auto names = after.names ? after.names : before.names;
  NEARLITE_TRY(drop_triggers(db_, content_place()));
  NEARLITE_TRY(rename_log(db_, content_place(), new_name));
  if (was_intact && names) renamed_ = names;
  return {};
}

Status Table::finish_rename_content() {
  if (!renamed_) return {};
  const auto names = std::exchange(renamed_, std::nullopt);
  return create_triggers(db_, content_place(), *names);
}

}  // namespace nearlite::sqlite
