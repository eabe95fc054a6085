// Commands, as in FTS5: INSERT INTO t(t) VALUES('optimize'), INSERT INTO t(t, k)
// VALUES('ef_search', 200).
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/expiry.h"
#include "sqlite/table.h"
#include "sqlite/whole_number.h"
#include "vector/simd_target.h"

namespace nearlite::sqlite {

namespace {
// Problems an integrity check lists at most, per vector column.
constexpr std::size_t kProblemsMax = 100;
}  // namespace

Result<std::vector<std::string>> Table::check(std::size_t limit) {
  NEARLITE_TRY(ready());
  std::vector<std::string> problems;
  if (content_ != nullptr) NEARLITE_TRY(check_content_rows(limit, problems));
  for (std::size_t i = 0; i < indexes_.size() && problems.size() < limit; ++i) {
    const auto live = live_rows(i);
    if (!live.ok()) {
      if (live.status().code() != Code::kCorruption) return live.status();
      problems.push_back(live.status().message());
      continue;
    }
    NEARLITE_ASSIGN(auto lines, indexes_[i]->check(*live, limit - problems.size()));
    for (std::string& line : lines) problems.push_back(options_.vectors[i].name + ": " + line);
  }
  for (std::size_t i = 0; i < sparse_.size() && problems.size() < limit; ++i)
    NEARLITE_TRY(sparse_[i]->check(problems));
  return problems;
}

Status Table::command(std::string_view name, sqlite3_value* argument) {
  NEARLITE_TRY(ready());
  if (name == "build") return build_command(argument);
  if (name == "expire") return expire_command(argument);
  const bool has_argument = argument != nullptr && sqlite3_value_type(argument) != SQLITE_NULL;
  if (has_argument) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(argument));
    if (text == nullptr) return bare_code(SQLITE_NOMEM);
    const std::string value(text, static_cast<std::size_t>(sqlite3_value_bytes(argument)));
    return change_setting(name, value);
  }
  if (name == "sync") return apply_log();
  if (name == "upgrade" && options_.front == Front::kVec0) return {};  // it is ours already
  if (name == "save") return save();
  if (name == "integrity-check") {
    NEARLITE_ASSIGN(const auto problems, check(kProblemsMax));
    if (problems.empty()) return {};
    return error(Code::kCorruption,
                 std::to_string(problems.size()) + " problem(s); the first: " + problems.front());
  }
  if (name == "repair") {
    if (content_ != nullptr) return repair_content();
    NEARLITE_ASSIGN(const auto problems, check(1));
    return problems.empty() ? Status() : rebuild();
  }
  if (name == "measure") return measure();
  const bool is_upkeep = name == "rebuild" || name == "optimize" || name == "compact";
  if (is_upkeep) NEARLITE_TRY(expire(unix_now()));
  if (is_upkeep) {
    if (name == "rebuild") NEARLITE_TRY(rebuild());
    for (auto& index : indexes_) {
      if (name == "rebuild") break;
      NEARLITE_TRY(name == "compact" ? index->compact() : index->optimize());
    }
    for (auto& index : sparse_) {
      if (name == "rebuild") break;
      NEARLITE_TRY(name == "compact" ? index->rebuild() : index->merge());
    }
    return options_.target_recall_ppm == 0 ? Status() : measure();
  }
  return error(Code::kInvalidArgument,
               "unknown command " + shown(name) +
                   "; there are optimize, compact, repair, rebuild, "
                   "integrity-check, sync, build, expire, measure, save, and settings");
}

// 'build' goes on with what CREATE left, k rows of it where k is given.
Status Table::build_command(sqlite3_value* argument) {
  if (content_ == nullptr) {
    return error(Code::kInvalidArgument, "build is for indexes over another table's rows");
  }
  if (sqlite3_value_type(argument) == SQLITE_NULL) return build(UINT64_MAX);
  const auto limit = whole_number(argument);
  if (!limit || *limit < 1)
    return error(Code::kInvalidArgument, "build: k is a number of rows, 1 or more");
  return build(static_cast<std::uint64_t>(*limit));
}

Status Table::rebuild() {
  if (content_ != nullptr) return rebuild_content();
  for (std::size_t i = 0; i < indexes_.size(); ++i) {
    NEARLITE_ASSIGN(const auto live, live_rows(i));
    NEARLITE_TRY(indexes_[i]->rebuild(live));
  }
  for (auto& index : sparse_) NEARLITE_TRY(index->rebuild());
  return {};
}

// A setting holds for this connection at once, and for others when they connect.
Status Table::change_setting(std::string_view name, const std::string& value) {
  if (name == "threads") {  // of this connection only; results do not depend on it
    const int count = std::atoi(value.c_str());
    if (count < 0 || count > 64)
      return error(Code::kInvalidArgument, "threads: 0 to 64, got " + shown(value));
    for (auto& index : indexes_) index->options().thread_count = static_cast<std::uint32_t>(count);
    return {};
  }
  NEARLITE_TRY(change_option(name_, name, value, options_));
  drop_own_settings(name, options_);
  const std::string canonical = canonical_option(name);
  const std::string text = option_text(options_, canonical);
  NEARLITE_TRY(indexes_.front()->store().put_config(
      "setting." + canonical, std::as_bytes(std::span(text.data(), text.size()))));
  settings_changed_ = true;
  if (canonical == "ef_search" && options_.target_recall_ppm != 0) {
    return change_setting("target_recall", "0");  // who says how wide has no target
  }
  apply_settings();
  return canonical == "target_recall" && options_.target_recall_ppm != 0 ? measure() : Status();
}

namespace {

Status add_content_stats(ContentTable& content, nlohmann::ordered_json& all) {
  nlohmann::ordered_json one;
  NEARLITE_ASSIGN(const auto problems, content.schema_problems());
  one["table"] = content.names().table;
  one["rowid"] = content.names().rowid;
  one["vector"] = content.names().vector;
  one["sync"] = content.place().sync == ContentSync::kLog ? "log" : "strict";
  one["problems"] = problems;
  if (problems.empty()) {
    NEARLITE_ASSIGN(const ContentState state, content.state());
    one["logged"] = state.changed.size();
    one["built"] = !state.unbuilt_from;
    if (state.unbuilt_from) one["unbuilt_from"] = *state.unbuilt_from;
  }
  all["content"] = std::move(one);
  return {};
}

// Which way the last search went, and why.
nlohmann::ordered_json search_report(const SearchReport& report) {
  nlohmann::ordered_json one;
  one["path"] = std::string(nearlite::name_of(report.path));
  one["compared"] = report.compared_count;
  if (report.path == SearchPath::kComplete) one["why"] = "a page may not miss a row";
  if (!report.match_count) return one;
  one["matching"] = *report.match_count;
  one["nodes"] = report.node_count;
  const bool again = report.has_fallen_back;
  const char* why = "";
  switch (report.path) {
    case SearchPath::kMatching:
      why = again ? "a walk found too few of them or cost too much"
                  : "comparing all that match costs less than a walk";
      break;
    case SearchPath::kGraphAmong:
      why = again ? "too few of what is near match"
                  : "too many match to compare all, too few to drop the rest";
      break;
    case SearchPath::kComplete: why = "a page may not miss a row"; break;
    case SearchPath::kGraphDropping: why = "most match"; break;
    case SearchPath::kExact: why = "asked for, or the graph did not have enough of them"; break;
    case SearchPath::kExactOldSnapshot: why = "the snapshot is older than what is in memory"; break;
    default: break;
  }
  one["why"] = why;
  return one;
}

}  // namespace

Result<std::string> Table::stats_json() {
  NEARLITE_TRY(ready());
  nlohmann::ordered_json all;
  all["table"] = name_;
  if (content_ != nullptr) NEARLITE_TRY(add_content_stats(*content_, all));
  if (!options_.expires_at.empty()) {
    NEARLITE_ASSIGN(const std::uint64_t expired, expired_count(unix_now()));
    all["expires_at"] = {{"column", options_.expires_at}, {"expired", expired}};
  }
  all["simd"] = std::string(name_of(active_simd_target()));
  all["indexes"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < indexes_.size(); ++i) {
    NEARLITE_ASSIGN(const IndexStats stats, indexes_[i]->stats());
    const VectorColumn& column = options_.vectors[i];
    const IndexOptions& options = indexes_[i]->options();
    nlohmann::ordered_json one;
    one["column"] = column.name;
    one["element"] = std::string(nearlite::name_of(column.type));
    one["dim"] = column.dim;
    one["metric"] = std::string(nearlite::name_of(column.metric));
    one["quantize"] = std::string(nearlite::name_of(options.quantize));
    one["m"] = options.m;
    one["ef_construction"] = options.ef_construction;
    one["ef_search"] = options.ef_search;
    describe_recall(i, stats, one);
    one["live"] = stats.live_count;
    one["dead"] = stats.dead_count;
    one["seq"] = stats.seq;
    one["max_node_id"] = stats.max_node_id;
    one["memory_bytes"] = stats.memory_bytes;
    one["cached"] = stats.cached;
    one["loads"] = stats.load_count;
    one["image_loads"] = stats.image_load_count;
    one["saves"] = stats.save_count;
    one["catch_ups"] = stats.catch_up_count;
    one["direct_reads"] = stores_[i]->known_count();
    one["mapped_reads"] = stores_[i]->mapped_count();
    one["last_path"] = std::string(nearlite::name_of(stats.last.path));
    one["last_search"] = search_report(stats.last);
    one["filters"] = {{"remembered", stats.predicates.count},
                      {"memory_bytes", stats.predicates.memory_bytes},
                      {"hits", stats.filters.hit_count},
                      {"catch_ups", stats.filters.catch_up_count},
                      {"scans", stats.filters.scan_count}};
    all["indexes"].push_back(std::move(one));
  }
  for (const SparseColumn& column : options_.sparse)
    all["sparse"].push_back({{"column", column.name}, {"dim", column.dim}, {"metric", "ip"}});
  return all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<std::uint64_t> Table::digest() {
  NEARLITE_TRY(ready());
  Hasher hasher;
  for (auto& index : indexes_) {
    NEARLITE_ASSIGN(const std::uint64_t part, index->digest());
    hasher.u64(part);
  }
  for (auto& index : sparse_) {
    NEARLITE_ASSIGN(const std::uint64_t part, index->digest());
    hasher.u64(part);
  }
  return hasher.digest64();
}

}  // namespace nearlite::sqlite
