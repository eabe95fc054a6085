// One hnsw table as one connection sees it: its options, its rows in <t>_rows, and one Index per
// vector column.
//
// Truth is <t>_rows(rowid, node_id…, other columns) and the vectors of the nodes; everything here
// can be read back from them. The object outlives the sqlite3_vtab (see connection.h).
//
// Threads: those of the connection, one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "index/index.h"
#include "nearlite/status.h"
#include "sqlite/content_table.h"
#include "sqlite/handles.h"
#include "sqlite/measure.h"
#include "sqlite/sparse_index.h"
#include "sqlite/sqlite_store.h"
#include "sqlite/table_options.h"

namespace nearlite::sqlite {

class Connection;
class Table;

/// Why rows of an index over another table's cannot be written.
Status refuse_write(const Table& table);

/// How a row write ended; SQLite needs the plain code for conflicts.
enum class Written : std::uint8_t { kDone, kConflict };

/// What a vector is given for; messages of vec0 say so.
enum class VectorUse : std::uint8_t { kInsert, kUpdate, kQuery };

class Table : public std::enable_shared_from_this<Table> {
 public:
  /// CREATE: makes the shadow tables.
  static Result<std::shared_ptr<Table>> create(Connection& connection, const std::string& schema,
                                               const std::string& name, const TableOptions& options,
                                               std::span<const char* const> arguments);
  /// CONNECT: finds the table this connection has met before, or reads its config.
  static Result<std::shared_ptr<Table>> open(Connection& connection, const std::string& schema,
                                             const std::string& name, TableOptions options);
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  /// DESTROY: drops the shadow tables. With uncommitted changes the table stays known until the
  /// transaction ends, for ROLLBACK TO may bring them back (transaction_guard.h).
  Status destroy();
  /// Another object stands for this uuid now: ends what this one has begun.
  void retire() noexcept;
  Status rename(const std::string& new_name);

  [[nodiscard]] const std::string& schema() const noexcept { return schema_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& uuid() const noexcept { return uuid_; }
  [[nodiscard]] const TableOptions& options() const noexcept { return options_; }
  /// Hidden columns of the virtual table, in order.
  [[nodiscard]] const std::vector<HiddenColumn>& hidden() const noexcept { return hidden_; }
  [[nodiscard]] sqlite3* db() const noexcept { return db_; }
  [[nodiscard]] std::size_t index_count() const noexcept { return indexes_.size(); }
  [[nodiscard]] Index& index(std::size_t vector_index) noexcept { return *indexes_[vector_index]; }
  [[nodiscard]] SparseIndex& sparse(std::size_t sparse_index) noexcept {
    return *sparse_[sparse_index];
  }
  /// The vector column called `name`; the first when empty.
  Result<std::size_t> find_vector(std::string_view name) const;

  /// To be called before name(), which it may correct: a rollback may have undone a rename.
  Status settle_name();
  /// Whether the file has this very table under its name. Not so when the table was made by a
  /// transaction that took that back, or when another connection has dropped it and perhaps made
  /// another in its place: as long as the transaction lasts, or some prepared statement, SQLite
  /// keeps the sqlite3_vtab, and it still looks attached. Cost: one row of <t>_config is read.
  Result<bool> is_real();
  /// Whether only memory is left of this table: another of its name has come, and SQLite has let go
  /// of this one.
  [[nodiscard]] bool is_left_behind(const Table& successor) const noexcept;
  /// To be called before anything else is done with the table: says why it cannot be used, if so,
  /// and reads settings again that a rollback may have changed.
  Status ready();

  // How many sqlite3_vtab objects stand for this table now.
  void attach() noexcept { ++attach_count_; }
  /// The last one to go closes all statements: an open one would keep the connection from closing.
  void detach() noexcept;
  [[nodiscard]] bool is_attached() const noexcept { return attach_count_ > 0; }

  // ---- Rows (table_write.cc). `values` are the declared columns in order, as xUpdate gives them.
  /// `rowid` null, or NULL: the next free one. On success `rowid_out` is the row's id.
  Result<Written> insert(sqlite3_value* rowid, std::span<sqlite3_value* const> values, bool replace,
                         RowId& rowid_out);
  Result<Written> update(RowId old_rowid, RowId new_rowid, std::span<sqlite3_value* const> values,
                         bool replace);
  Status erase(RowId rowid);
  /// The row with this text key. REQUIRES: options().has_key().
  Result<std::optional<RowId>> row_of_key(sqlite3_value* key);

  /// The query or stored vector in `value`: JSON text, or a blob of float32 or of the declared
  /// type.
  Status parse_vector(std::size_t vector_index, VectorUse use, sqlite3_value* value,
                      std::vector<float>& out) const;
  /// The vector of a node as a blob of the declared type.
  Status result_vector(std::size_t vector_index, NodeId id, sqlite3_context* context);

  /// The sparse vector in `value`: text or blob.
  Status parse_sparse(std::size_t sparse_index, sqlite3_value* value, SparseVector& out) const;
  /// Rows that are past their time at `now`, ascending.
  Result<std::vector<RowId>> expired_rows(std::int64_t now);

  /// Every (node, row) of a vector column, ascending by node; from <t>_rows alone.
  Result<std::vector<std::pair<NodeId, RowId>>> live_rows(std::size_t vector_index);
  /// What LIKE and GLOB answer on this connection to a few questions, if it is one of the ways
  /// SQLite itself answers them; else empty: the application has put others in their place.
  Result<std::string> pattern_answers();
  /// SQL name of <t>_rows, schema-qualified, and of its node column for a vector column.
  [[nodiscard]] std::string rows_name() const;
  /// Where a scan of the rows reads: <t>_rows, or the content table; and what the rowid is called
  /// there. REQUIRES: content()->ready() where there is one.
  [[nodiscard]] std::string source_name() const;
  [[nodiscard]] std::string source_rowid() const;
  static std::string node_column(std::size_t vector_index);

  // ---- External content (table_content.cc)
  /// The table whose rows these are; null when they are our own.
  [[nodiscard]] ContentTable* content() noexcept { return content_; }
  [[nodiscard]] const ContentTable* content() const noexcept { return content_; }
  /// Brings the node of a row in step with what the row says now.
  Status touch(RowId rowid);

  // ---- Commands (table_command.cc)
  Status command(std::string_view name, sqlite3_value* argument);
  Result<std::vector<std::string>> check(std::size_t limit);
  /// Writes the side file now.
  Status save();
  /// Rows that are past their time at `now`; those that expire() deleted last.
  Result<std::uint64_t> expired_count(std::int64_t now);
  [[nodiscard]] std::uint64_t last_expire_count() const noexcept { return expire_count_; }
  Result<std::string> stats_json();
  Result<std::uint64_t> digest();

  // ---- Transaction callbacks
  Status sync();
  void commit() noexcept;
  void rollback() noexcept;
  void rollback_to() noexcept;

 private:
  Table(Connection& connection, std::string schema, std::string name, TableOptions options);

  [[nodiscard]] ContentPlace content_place() const;
  Status learn_content();
  Status write_content_config();
  Status load_content_config(Store& config);
  Status start_content();
  Status set_row(const ContentTable::Row& row);
  Status build(std::uint64_t limit);
  Status build_command(sqlite3_value* argument);
  Status apply_log();
  Status find_differences(const std::function<Status(RowId rowid, const std::string& why)>& visit);
  Status check_content_rows(std::size_t limit, std::vector<std::string>& problems);
  Status repair_content();
  Status rebuild_content();
  Status rename_content(const std::string& new_name);
  Status finish_rename_content();

  Status rebuild();
  Status change_setting(std::string_view name, const std::string& value);
  Status load_config();
  Status load_settings();
  void apply_settings();
  void set_settings(std::size_t vector_index, IndexOptions& options) const;
  [[nodiscard]] SideFile find_side_file(const std::string& suffix) const;
  [[nodiscard]] IndexOptions index_options(std::size_t vector_index) const;
  [[nodiscard]] Blocks blocks() const noexcept;
  Status make_indexes(std::span<const VectorLayout> layouts);
  // Sparse columns (table_sparse.cc)
  void make_sparse(std::uint32_t block_bytes);
  Status merge_sparse(bool is_commit);
  void end_sparse() noexcept;

  void set_name(const std::string& name);
  void drop_statements() noexcept;
  Status find_current_name();
  Result<bool> has_shadow_tables(const std::string& name);
  Status prepare(Statement& statement, const std::string& sql);

  // One row of <t>_rows to write.
  struct NewRow;
  Status check_values(std::span<sqlite3_value* const> values, VectorUse use, NewRow& row) const;
  Result<std::optional<RowId>> find_key(std::span<sqlite3_value* const> values);
  Result<bool> row_exists(RowId rowid);
  // Expiry (expiry.cc)
  Result<bool> is_taken(RowId rowid);
  Status expire(std::int64_t now);
  Status expire_command(sqlite3_value* now);
  // Measured recall (measure.cc)
  Status measure();
  Status measure_when_due();
  Status measure_column(std::size_t vector_index);
  Result<std::vector<float>> sample_vector(std::size_t vector_index, NodeId id, RowId rowid);
  Status load_measurements();
  void describe_recall(std::size_t vector_index, const IndexStats& stats,
                       nlohmann::ordered_json& one) const;
  Status follow_measurements();
  Status note_sparse_change(RowId rowid, const NewRow* row);
  Status note_new_sparse(RowId rowid, const NewRow& row);
  [[nodiscard]] bool is_writing() const noexcept;
  void poison(const std::string& why);
  Status write_vectors(NewRow& row, RowId rowid);
  Status move_vectors(std::span<const NodeId> old_ids, NewRow& row);
  Status update_row(RowId old_rowid, RowId new_rowid, std::span<const NodeId> ids,
                    const NewRow& row);
  Result<std::vector<NodeId>> node_ids(RowId rowid);
  [[nodiscard]] Status error(Code code, std::string_view what) const;

  Connection& connection_;
  sqlite3* db_;
  std::string schema_;
  std::string name_;
  std::vector<std::string> former_names_;  // of this transaction: ROLLBACK may bring one back
  bool name_in_doubt_ = false;
  bool is_new_ = false;       // made by this transaction
  bool was_dropped_ = false;  // by this transaction; ROLLBACK TO may have brought it back
  bool is_gone_ = false;      // as of the last sync: its shadow tables are dropped
  bool is_retired_ = false;
  std::string uuid_;
  TableOptions options_;
  std::vector<HiddenColumn> hidden_;
  TableOptions declared_;  // options as CREATE gave them, without settings
  std::vector<std::optional<Measurement>> measurements_;  // one for each vector column
  std::uint32_t data_version_ = 0;                        // of which they are
  bool settings_changed_ = false;                         // by this transaction
  bool settings_in_doubt_ = false;                        // a rollback may have undone that
  Status broken_;                                         // why only DROP is possible
  int attach_count_ = 0;
  std::vector<std::unique_ptr<Index>> indexes_;
  std::vector<SqliteStore*> stores_;  // owned by indexes_
  std::vector<std::unique_ptr<SparseIndex>> sparse_;
  ContentTable* content_ = nullptr;      // owned by the index
  ContentNames content_names_;           // as of CREATE
  std::optional<ContentNames> renamed_;  // for which a rename makes triggers again
  ContentTable::Row touched_;

  Statement exists_;
  Statement nodes_;
  Statement insert_;
  Statement update_;
  Statement delete_;
  Statement patterns_;
  Statement key_;
  Statement expired_;
  std::uint64_t expire_count_ = 0;
};

}  // namespace nearlite::sqlite
