// The rows that an index with external content follows: reading them, and knowing what has become
// of the table since.
//
// Names are those of the schema the caller sees (content_schema.h), looked up again when the schema
// has changed. Statements hold the schema: drop_statements() before DDL of ours and at disconnect.
//
// Threads: those of the connection, one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "index/content.h"
#include "sqlite/content_schema.h"
#include "sqlite/handles.h"
#include "storage/store.h"

namespace nearlite::sqlite {

class ContentTable final : public Content {
 public:
  /// `names`: those last known. `config` is where the state of the build is kept and must outlive
  /// this object.
  ContentTable(sqlite3* db, ContentPlace place, ContentNames names, const VectorColumn& column,
               Store& config);

  [[nodiscard]] const ContentPlace& place() const noexcept { return place_; }
  /// Looks everything up again when asked next. To be called when the index was reconnected, and
  /// when something was rolled back.
  void forget() noexcept { is_known_ = is_named_ = false; }
  void drop_statements() noexcept;
  void set_index(const std::string& name);

  /// Looks whether the schema has changed, and says why the table cannot be read, if so. To be
  /// called before each search or scan.
  Status ready();
  /// The names to use; REQUIRES: ready(), or read_row().
  [[nodiscard]] const ContentNames& names() const noexcept { return names_; }
  /// Puts the triggers back as they should be.
  Status repair_triggers();
  /// What the schema lacks, one a line.
  Result<std::vector<std::string>> schema_problems();

  // ---- For searches
  Result<ContentState> state() override;
  Result<bool> read(RowId rowid, std::span<std::byte> out) override;
  Status scan(RowId first, const Visitor& visit) override;

  // ---- For writers
  /// What a row says. A value that is no vector: `problem` says why; `values` are then empty.
  struct Row {
    RowId rowid = 0;
    bool has_vector = false;
    Status problem;
    std::vector<float> values;
    std::vector<std::byte> stored;
  };
  Status read_row(RowId rowid, Row& row);
  /// Visits rows from `first` on, at most `limit`, NULLs included, ascending. `visit` may write to
  /// other tables.
  Status scan_rows(RowId first, std::uint64_t limit, const std::function<Status(Row&)>& visit);

  Result<std::vector<RowId>> read_log();
  Status clear_log();

  Result<std::optional<RowId>> unbuilt_from();
  Status set_unbuilt_from(std::optional<RowId> rowid);

  /// "s"."documents", and the quoted column names.
  [[nodiscard]] std::string quoted_table() const;

 private:
  Status look_up();
  Status look_up_names();
  Status prepare(Statement& statement, const std::string& sql);
  Status parse_row(StatementUse& use, int column, Row& row);

  sqlite3* db_;
  ContentPlace place_;
  ContentNames names_;
  VectorColumn column_;
  Store& config_;

  // As of the schema version below; `is_known_` only of committed schemas, whose versions never
  // come back.
  bool is_known_ = false;
  bool is_named_ = false;  // names_ are good for reading until forget()
  std::int64_t schema_version_ = 0;
  std::vector<std::string> problems_;
  Status broken_;

  Row row_;
  Statement version_;
  Statement read_;
  Statement scan_;
  Statement log_;
};

}  // namespace nearlite::sqlite
