// A table that exists: its config, its settings, and the indexes they make.
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "base/hash.h"
#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/table.h"
#include "sqlite/table_config.h"

namespace nearlite::sqlite {

namespace {

// Where connections of this process meet: one slot per index and database file. A database that has
// no file of its own, or whose locks do not hold, gets a slot nobody else sees.
std::shared_ptr<CacheSlot> find_slot(sqlite3* db, const std::string& schema,
                                     const std::string& index_uuid) {
  const char* file = sqlite3_db_filename(db, schema.c_str());
  struct stat info {};
  if (file == nullptr || *file == '\0' || stat(file, &info) != 0)
    return std::make_shared<CacheSlot>();
  const char* cache = sqlite3_uri_parameter(file, "cache");
  if ((cache != nullptr && sqlite3_stricmp(cache, "shared") == 0) ||
      sqlite3_uri_boolean(file, "nolock", 0) != 0) {
    return std::make_shared<CacheSlot>();
  }
  return shared_cache_slot(index_uuid + "/" + std::to_string(info.st_dev) + "/" +
                           std::to_string(info.st_ino));
}

// A number of the process's environment, at most `max`; `usual` if there is none.
std::uint32_t from_environment(const char* name, std::uint32_t usual, int max) {
  const char* text = std::getenv(name);
  if (text == nullptr) return usual;
  return static_cast<std::uint32_t>(std::clamp(std::atoi(text), 0, max));
}

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

// A schema may come from a stranger's file, so its text must not choose where we write: a bare name
// only, which is resolved beside the database file.
// What SQLite would take for a journal of a database beside it is refused, too.
Status check_path(const std::string& table, const std::string& path) {
  if (path.empty()) return {};
  if (path.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos || path[0] == '.') {
    return invalid(
        table,
        "path: expected a bare file name (the file lies beside the database), got " + shown(path));
  }
  for (const std::string_view suffix : {"-journal", "-wal", "-shm"}) {
    if (path.ends_with(suffix)) {
      return invalid(table, "path: a name that ends in " + std::string(suffix) +
                                " belongs to SQLite, got " + shown(path));
    }
  }
  return {};
}

Result<std::string> config_text(Store& store, std::string_view key) {
  NEARLITE_ASSIGN(const auto bytes, store.find_config(key));
  return bytes ? text_of(*bytes) : std::string();
}

Result<std::string> needed_config_text(Store& store, std::string_view key) {
  NEARLITE_ASSIGN(const auto bytes, store.find_config(key));
  if (!bytes) return corruption("config", "no " + std::string(key));
  return text_of(*bytes);
}

// The side file lies beside the database file; in-memory and temporary databases have none.
SideFile Table::find_side_file(const std::string& suffix) const {
  SideFile side;
  const char* file = sqlite3_db_filename(db_, schema_.c_str());
  struct stat info {};
  if (options_.path.empty() || file == nullptr || *file == '\0' || stat(file, &info) != 0)
    return side;
  const std::string database(file);
  side.path = database.substr(0, database.rfind('/') + 1) + options_.path + suffix;
  side.mode = info.st_mode & 0666;
  switch (options_.persist) {
    case Persist::kCommit: side.every = kSideFileAmortized; break;
    case Persist::kEvery: side.every = options_.persist_every; break;
    case Persist::kClose: side.every = 0; break;
  }
  return side;
}

IndexOptions Table::index_options(std::size_t vector_index) const {
  const VectorColumn& column = options_.vectors[vector_index];
  const std::string suffix = column_suffix(vector_index);
  IndexOptions options;
  options.label = name_ + "." + column.name;
  options.element = column.type;
  options.metric = column.metric;
  options.dim = column.dim;
  options.m = column.m != 0 ? column.m : options_.m;
  options.quantize = options_.quantize;
  options.seed = hash64(bytes_of(uuid_ + suffix));
  options.is_external = options_.content.has_value();
  options.centre_key = "centre" + suffix;
  options.thread_count = from_environment("NEARLITE_THREADS", 0, 64);
  options.kept_bytes_max = std::uint64_t{from_environment("NEARLITE_KEEP_MIB", 16, 1 << 20)} << 20;
  options.partial_bytes_min = std::uint64_t{from_environment("NEARLITE_PARTIAL_MIB", 4, 1 << 20)}
                              << 20;
  set_settings(vector_index, options);
  return options;
}

// What may change after creation.
void Table::set_settings(std::size_t vector_index, IndexOptions& options) const {
  const VectorColumn& column = options_.vectors[vector_index];
  options.ef_construction =
      column.ef_construction != 0 ? column.ef_construction : options_.ef_construction;
  options.ef_search = column.ef_search != 0 ? column.ef_search : options_.ef_search;
  const bool is_measured = options_.target_recall_ppm != 0 && vector_index < measurements_.size() &&
                           measurements_[vector_index];
  if (is_measured) options.ef_search = measurements_[vector_index]->ef_search;
  options.exact_up_to = column.is_flat ? UINT64_MAX : options_.exact_up_to;
  options.tombstone_rebuild_pct = options_.tombstone_rebuild_pct;
  options.parallel_insert_threshold = options_.parallel_insert_threshold;
}

Status Table::make_indexes(std::span<const VectorLayout> layouts) {
  for (std::size_t i = 0; i < options_.vectors.size(); ++i) {
    const std::string suffix = column_suffix(i);
    auto store = std::make_unique<SqliteStore>(db_, schema_, name_, suffix, layouts[i], blocks());
    store->set_mapped_max(std::uint64_t{from_environment("NEARLITE_MAP_MIB", 1 << 20, 1 << 20)}
                          << 20);
    stores_.push_back(store.get());
    indexes_.push_back(std::make_unique<Index>(index_options(i), std::move(store),
                                               find_slot(db_, schema_, uuid_ + suffix)));
    indexes_.back()->set_side_file(find_side_file(suffix));
  }
  if (!options_.content) return {};
  auto content = std::make_unique<ContentTable>(db_, content_place(), content_names_,
                                                options_.vectors.front(), *stores_.front());
  content_ = content.get();
  indexes_.front()->set_content(std::move(content));
  return {};
}

// A table whose config cannot be read can still be dropped; everything else says what is wrong.
Result<std::shared_ptr<Table>> Table::open(Connection& connection, const std::string& schema,
                                           const std::string& name, TableOptions options) {
  NEARLITE_TRY(check_path(name, options.path));
  std::shared_ptr<Table> table(new Table(connection, schema, name, std::move(options)));
  Status status = table->load_config();
  if (status.ok()) {
    if (auto known = connection.find(schema, table->uuid_)) {
      known->set_name(name);
      if (known->content_ != nullptr) known->content_->forget();
      return known;
    }
  } else if (status.code() == Code::kCorruption || status.sqlite_code() == SQLITE_ERROR) {
    // A table is missing or damaged. Other failures (no memory, interrupt, no authority) may pass.
    table->broken_ = std::move(status);
    table->uuid_ = "broken " + name;
  } else {
    return status;
  }
  connection.add(table);
  return table;
}

Status Table::load_config() {
  SqliteStore config(db_, schema_, name_, "", VectorLayout());
  NEARLITE_ASSIGN(const std::string version, config_text(config, kFormatKey));
  if (version != std::to_string(kFormatVersion)) {
    return corruption(name_, "format version " + shown(version) + " is not " +
                                 std::to_string(kFormatVersion) + ", the one this build reads");
  }
  NEARLITE_ASSIGN(uuid_, config_text(config, kUuidKey));
  if (uuid_.size() != 32) return corruption(name_ + "_config", "no uuid");
  if (options_.content) NEARLITE_TRY(load_content_config(config));
  std::vector<VectorLayout> layouts;
  for (std::size_t i = 0; i < options_.vectors.size(); ++i) {
    NEARLITE_ASSIGN(const std::string text,
                    config_text(config, std::string(kLayoutKey) + column_suffix(i)));
    const int capacity = std::atoi(text.c_str());
    if (capacity < 1 || capacity > 65'536) {
      return corruption(name_ + "_config", "vectors per block: " + shown(text));
    }
    layouts.push_back({static_cast<std::uint32_t>(slot_content_bytes(index_options(i))),
                       static_cast<std::uint32_t>(capacity)});
  }
  NEARLITE_TRY(make_indexes(layouts));
  if (!options_.sparse.empty()) {
    NEARLITE_ASSIGN(const std::string text, config_text(config, kSparseKey));
    const auto bytes = static_cast<std::uint32_t>(std::max(std::atoi(text.c_str()), 0));
    if (bytes < kSparseBlockBytesMin || bytes > kSparseBlockBytesMax)
      return corruption(name_ + "_config", "bytes of a sparse block: " + shown(text));
    make_sparse(bytes);
  }
  return load_settings();
}

Status Table::load_settings() {
  TableOptions options = declared_;
  Store& config = indexes_.front()->store();
  for (const std::string_view option : {"ef_construction", "ef_search", "tombstone_rebuild_pct",
                                        "parallel_insert_threshold", "persist", "target_recall"}) {
    NEARLITE_ASSIGN(const std::string value,
                    config_text(config, std::string(kSettingPrefix) + std::string(option)));
    if (value.empty()) continue;
    NEARLITE_TRY(change_option(name_, option, value, options));
    drop_own_settings(option, options);
  }
  options_ = std::move(options);
  NEARLITE_TRY(load_measurements());
  apply_settings();
  settings_in_doubt_ = false;
  return {};
}

void Table::apply_settings() {
  measurements_.resize(indexes_.size());
  for (std::size_t i = 0; i < indexes_.size(); ++i) set_settings(i, indexes_[i]->options());
}

Status Table::ready() {
  NEARLITE_TRY(broken_);
  if (settings_in_doubt_) return load_settings();
  return options_.target_recall_ppm == 0 ? Status() : follow_measurements();
}

// Another connection may have measured: looks whenever anybody else has written to the file.
Status Table::follow_measurements() {
  std::uint32_t version = 0;
  if (sqlite3_file_control(db_, schema_.c_str(), SQLITE_FCNTL_DATA_VERSION, &version) !=
          SQLITE_OK ||
      version == data_version_) {
    return {};
  }
  NEARLITE_TRY(load_measurements());
  apply_settings();
  data_version_ = version;
  return {};
}

}  // namespace nearlite::sqlite
