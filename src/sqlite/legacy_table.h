// A table of vec0 that sqlite-vec made: read as it stands, moved into ours by the command
// 'upgrade'.
//
// It takes the place of Table behind a sqlite3_vtab until then. Threads: those of the connection,
// one at a time.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nearlite/status.h"
#include "sqlite/legacy_layout.h"
#include "sqlite/legacy_reader.h"
#include "sqlite/table.h"
#include "sqlite/table_options.h"

namespace nearlite::sqlite {

/// Commands that only a table of sqlite-vec's has.
inline constexpr std::string_view kUpgrade = "upgrade";
inline constexpr std::string_view kUpgradeWithoutNan = "upgrade-without-nan";

class LegacyTable {
 public:
  /// CONNECT, where has_legacy_tables(). A table whose shadow tables are not as they must be can
  /// still be dropped; ready() says what is wrong.
  static Result<std::shared_ptr<LegacyTable>> open(Connection& connection, std::string schema,
                                                   std::string name, TableOptions options,
                                                   std::span<const char* const> arguments);

  [[nodiscard]] sqlite3* db() const noexcept { return db_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const TableOptions& options() const noexcept { return options_; }
  [[nodiscard]] const LegacyLayout& layout() const noexcept { return layout_; }
  [[nodiscard]] const std::vector<HiddenColumn>& hidden() const noexcept { return hidden_; }
  /// To be called before anything is read.
  [[nodiscard]] Status ready() const;
  [[nodiscard]] LegacyReader make_reader() const {
    return {db_, schema_, name_, options_, layout_};
  }

  // Of cursors that stand at a row, under which nothing may be moved away.
  void reading_begins() noexcept { ++reading_count_; }
  void reading_ends() noexcept { --reading_count_; }

  Status destroy();
  Status rename(const std::string& new_name);
  /// What is wrong with the rows, `limit` of it at most.
  Result<std::vector<std::string>> check(std::size_t limit);

  /// Moves everything into a table of ours, which stands for this one from now on. A failure
  /// leaves everything as it was, or makes sync() fail until it is rolled back. `bad`: what to do
  /// about vectors with NaN or infinity in them.
  enum class Bad : std::uint8_t { kRefuse, kNull };
  Result<std::shared_ptr<Table>> upgrade(Bad bad);
  /// A command that is no upgrade.
  Status command(std::string_view name);
  /// xSync.
  Status sync();

 private:
  LegacyTable(Connection& connection, std::string schema, std::string name, TableOptions options);
  Result<std::vector<Status>> find_problems(std::size_t limit, Bad bad);
  Status check_rows(LegacyReader& reader, std::size_t limit, Bad bad,
                    std::vector<Status>& problems);
  Status check_row(LegacyReader& reader, const LegacyRow& row, Bad bad);
  Status check_vector(std::size_t vector_index, const LegacyValue& value) const;
  Status move_rows(Table& table);
  Status put_aside(Table& table);

  Connection& connection_;
  sqlite3* db_;
  std::string schema_;
  std::string name_;
  TableOptions options_;
  std::vector<HiddenColumn> hidden_;
  std::vector<std::string> arguments_;
  LegacyLayout layout_;
  Status broken_;
  int reading_count_ = 0;
  bool is_half_moved_ = false;
  bool is_moved_ = false;
};

}  // namespace nearlite::sqlite
