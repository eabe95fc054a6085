#include "sqlite/table.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/hash.h"
#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/legacy_layout.h"
#include "storage/side_file.h"

namespace nearlite::sqlite {

namespace {

// Keys of <t>_config; docs/format.md.
constexpr std::string_view kFormatKey = "format_version";
constexpr std::string_view kUuidKey = "uuid";
constexpr std::string_view kLayoutKey = "vectors_per_block";  // + column suffix
constexpr std::string_view kSparseKey = "sparse_block_bytes";
constexpr std::string_view kSettingPrefix = "setting.";

std::string hex(const Hash128& hash) {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(hash.high),
                static_cast<unsigned long long>(hash.low));
  return text;
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

Result<std::int64_t> pragma_value(sqlite3* db, const std::string& schema,
                                  const std::string& pragma) {
  NEARLITE_ASSIGN(
      Statement statement,
      Statement::prepare(db, "PRAGMA " + quote_identifier(schema) + "." + pragma, schema, 0));
  StatementUse use = statement.use();
  NEARLITE_ASSIGN(const bool row, use.step());
  return row ? use.column_int64(0) : std::int64_t{0};
}

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

// The columns of <t>_rows. An index belongs to the table as a constraint that always holds, so that
// ALTER TABLE … RENAME takes it along; it has all that evaluating a condition reads.
std::string row_columns(const TableOptions& options) {
  std::string columns = "rowid INTEGER PRIMARY KEY";
  for (std::size_t i = 0; i < options.vectors.size(); ++i)
    columns += ", " + Table::node_column(i) + " INTEGER";
  for (const Column& column : options.columns) {
    if (!column.is_stored()) continue;
    columns += ", " + quote_identifier(column.stored_name());
    if (column.kind == ColumnKind::kAuxiliary) continue;
    if (column.kind == ColumnKind::kKey) {
      columns += " TEXT NOT NULL UNIQUE";
      continue;
    }
    switch (column.type) {
      case ValueType::kText: columns += " TEXT"; break;
      case ValueType::kInteger:
      case ValueType::kBoolean: columns += " INTEGER"; break;
      case ValueType::kReal: columns += " REAL"; break;
      case ValueType::kBlob: columns += " BLOB"; break;
    }
  }
  std::string nodes;
  for (std::size_t i = 0; i < options.vectors.size(); ++i) nodes += ", " + Table::node_column(i);
  for (const Column& column : options.columns) {
    if (column.is_indexed)
      columns += ", UNIQUE(" + quote_identifier(column.stored_name()) + nodes + ", rowid)";
  }
  return columns;
}

// A number of the process's environment, at most `max`; `usual` if there is none.
std::uint32_t from_environment(const char* name, std::uint32_t usual, int max) {
  const char* text = std::getenv(name);
  if (text == nullptr) return usual;
  return static_cast<std::uint32_t>(std::clamp(std::atoi(text), 0, max));
}

}  // namespace

Table::Table(Connection& connection, std::string schema, std::string name, TableOptions options)
    : connection_(connection),
      db_(connection.db()),
      schema_(std::move(schema)),
      name_(std::move(name)),
      options_(std::move(options)),
      hidden_(hidden_columns(name_, options_)),
      declared_(options_) {}

Status Table::error(Code code, std::string_view what) const {
  return {code, "nearlite: " + name_ + ": " + std::string(what)};
}

std::string Table::rows_name() const { return shadow_name(schema_, name_, "rows"); }

std::string Table::source_name() const {
  return content_ != nullptr ? content_->quoted_table() : rows_name();
}

std::string Table::source_rowid() const {
  return content_ != nullptr ? quote_identifier(content_->names().rowid) : "rowid";
}

std::string Table::node_column(std::size_t vector_index) {
  return "node_id" + column_suffix(vector_index);
}

Status Table::prepare(Statement& statement, const std::string& sql) {
  if (statement) return {};
  NEARLITE_ASSIGN(statement, Statement::prepare(db_, sql, name_ + "_rows"));
  return {};
}

Result<std::size_t> Table::find_vector(std::string_view name) const {
  if (name.empty()) return std::size_t{0};
  const std::string wanted(name);
  for (std::size_t i = 0; i < options_.vectors.size(); ++i) {
    if (sqlite3_stricmp(options_.vectors[i].name.c_str(), wanted.c_str()) == 0) return i;
  }
  return error(Code::kNotFound, "no vector column called " + wanted);
}

Result<std::shared_ptr<Table>> Table::create(Connection& connection, const std::string& schema,
                                             const std::string& name, const TableOptions& given,
                                             std::span<const char* const> arguments) {
  std::shared_ptr<Table> table(new Table(connection, schema, name, given));
  const TableOptions& options = table->options_;
  sqlite3* db = connection.db();
  NEARLITE_TRY(check_path(name, options.path));
  if (options.content) NEARLITE_TRY(table->learn_content());
  // No clock, no randomness: the same statements on the same database give the same uuid, and a
  // table that is dropped and made again gets another one.
  NEARLITE_ASSIGN(const std::int64_t schema_version, pragma_value(db, schema, "schema_version"));
  NEARLITE_ASSIGN(const std::int64_t page_size, pragma_value(db, schema, "page_size"));
  Hasher hasher;
  hasher.bytes(bytes_of(name));
  for (const char* argument : arguments) hasher.bytes(bytes_of(argument));
  hasher.u64(static_cast<std::uint64_t>(schema_version));
  table->uuid_ = hex(hasher.digest128());

  NEARLITE_TRY(create_config_table(db, schema, name));
  NEARLITE_TRY(
      execute(db, "CREATE TABLE " + table->rows_name() + "(" + row_columns(options) + ")", name));
  std::vector<VectorLayout> layouts;
  for (std::size_t i = 0; i < options.vectors.size(); ++i) {
    NEARLITE_TRY(create_shadow_tables(db, schema, name, column_suffix(i), table->blocks()));
    layouts.push_back(choose_vector_layout(
        static_cast<std::uint32_t>(slot_content_bytes(table->index_options(i))),
        static_cast<std::uint32_t>(page_size)));
  }
  NEARLITE_TRY(table->make_indexes(layouts));
  table->make_sparse(sparse_block_bytes(static_cast<std::uint32_t>(page_size)));
  for (std::size_t i = 0; i < options.sparse.size(); ++i)
    NEARLITE_TRY(create_sparse_tables(db, schema, name, column_suffix(i)));
  for (const auto& index : table->indexes_) {
    const std::string& side_file = index->side_file().path;
    if (!side_file.empty()) NEARLITE_TRY(check_side_file(side_file));
  }
  Store& config = table->indexes_.front()->store();
  NEARLITE_TRY(config.put_config(kFormatKey, bytes_of(std::to_string(kFormatVersion))));
  NEARLITE_TRY(config.put_config(kUuidKey, bytes_of(table->uuid_)));
  if (!options.sparse.empty()) {
    const std::uint32_t bytes = sparse_block_bytes(static_cast<std::uint32_t>(page_size));
    NEARLITE_TRY(config.put_config(kSparseKey, bytes_of(std::to_string(bytes))));
  }
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    NEARLITE_TRY(config.put_config(std::string(kLayoutKey) + column_suffix(i),
                                   bytes_of(std::to_string(layouts[i].capacity))));
    NEARLITE_TRY(table->indexes_[i]->create());
  }
  table->is_new_ = true;
  if (options.content) NEARLITE_TRY(table->start_content());
  connection.add(table);
  return table;
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

Table::~Table() {
  for (auto& index : indexes_) index->close();
}

Status Table::save() {
  for (auto& index : indexes_) NEARLITE_TRY(index->save());
  return {};
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

Blocks Table::blocks() const noexcept {
  return options_.content ? Blocks::kCodes : Blocks::kVectors;
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

namespace {

// Config values are short texts kept as blobs.
Result<std::string> config_text(Store& store, std::string_view key) {
  NEARLITE_ASSIGN(const auto bytes, store.find_config(key));
  if (!bytes) return std::string();
  return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

}  // namespace

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

void Table::drop_statements() noexcept {
  for (Statement* statement :
       {&exists_, &nodes_, &insert_, &update_, &delete_, &patterns_, &key_, &expired_})
    statement->close();
  for (auto& index : sparse_) index->drop_statements();
  for (SqliteStore* store : stores_) store->drop_statements();
  if (content_ != nullptr) content_->drop_statements();
}

void Table::detach() noexcept {
  if (--attach_count_ == 0) drop_statements();
}

void Table::set_name(const std::string& name) {
  if (name == name_) return;
  drop_statements();
  name_ = name;
  hidden_ = hidden_columns(name, options_);
  for (std::size_t i = 0; i < indexes_.size(); ++i) {
    stores_[i]->set_table(name);
    indexes_[i]->options().label = name + "." + options_.vectors[i].name;
  }
  for (auto& index : sparse_) index->set_table(name);
  if (content_ != nullptr) content_->set_index(name);
}

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

void Table::retire() noexcept {
  is_retired_ = true;
  for (auto& index : indexes_) index->rollback();
  end_sparse();
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

Result<std::string> Table::pattern_answers() {
  NEARLITE_TRY(prepare(patterns_,
                       "SELECT ('a' LIKE 'A') || ('ä' LIKE 'Ä') || ('ab' LIKE 'a_') || "
                       "('abc' LIKE 'a%') || ('a' GLOB 'A') || ('abc' GLOB 'a*') || "
                       "('b' GLOB '[a-c]')"));
  StatementUse use = patterns_.use();
  NEARLITE_ASSIGN(const bool row, use.step());
  const std::string answers(row ? use.column_text(0) : std::string_view());
  // PRAGMA case_sensitive_like decides about the first.
  return answers == "1011011" || answers == "0011011" ? answers : std::string();
}

Result<std::vector<std::pair<NodeId, RowId>>> Table::live_rows(std::size_t vector_index) {
  const std::string column = node_column(vector_index);
  NEARLITE_ASSIGN(Statement statement,
                  Statement::prepare(db_,
                                     "SELECT " + column + ", rowid FROM " + rows_name() +
                                         " WHERE " + column + " IS NOT NULL",
                                     name_ + "_rows"));
  std::vector<std::pair<NodeId, RowId>> rows;
  StatementUse use = statement.use();
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) break;
    NEARLITE_ASSIGN(const std::int64_t id, use.get_int64(0));
    if (id < 1 || id > kNodeIdMax)
      return corruption(name_ + "_rows", "node id " + std::to_string(id));
    rows.emplace_back(static_cast<NodeId>(id), use.column_int64(1));
  }
  std::sort(rows.begin(), rows.end());
  const auto twice = std::adjacent_find(
      rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twice != rows.end()) {
    return corruption(name_ + "_rows",
                      "node " + std::to_string(twice->first) + " belongs to two rows");
  }
  return rows;
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
  name_in_doubt_ = false;
  std::vector<std::string> candidates = former_names_;
  candidates.push_back(name_);
  for (auto name = candidates.rbegin(); name != candidates.rend(); ++name) {
    NEARLITE_ASSIGN(const bool here, has_shadow_tables(*name));
    if (here) {
      set_name(*name);
      return {};
    }
  }
  return {};
}

bool Table::is_real() {
  if (is_retired_) return false;
  if (name_in_doubt_ && !find_current_name().ok()) return false;
  if (!is_new_ && !was_dropped_ && former_names_.empty()) return true;
  const auto here = has_shadow_tables(name_);
  return here.ok() && *here;
}

}  // namespace nearlite::sqlite
