// A cursor over an hnsw table: a scan of <t>_rows, or a search.
#pragma once

#include <memory>

#include "sqlite/filter.h"
#include "sqlite/search_stream.h"
#include "sqlite/sparse_stream.h"

namespace nearlite::sqlite {

/// What SQLite asks of a cursor.
class RowSource {
 public:
  RowSource() = default;
  virtual ~RowSource() = default;
  RowSource(const RowSource&) = delete;
  RowSource& operator=(const RowSource&) = delete;

  /// Begins anew: a plan of choose_plan() with its values, which live until it returns.
  virtual Status filter(int plan, const char* terms, std::span<sqlite3_value*> values) = 0;
  virtual Status next() = 0;
  [[nodiscard]] virtual bool at_end() const noexcept = 0;
  [[nodiscard]] virtual RowId rowid() const noexcept = 0;
  virtual Status column(sqlite3_context* context, int column) = 0;
};

class Cursor final : public RowSource {
 public:
  explicit Cursor(std::shared_ptr<Table> table) : table_(std::move(table)) {}

  Status filter(int plan, const char* terms, std::span<sqlite3_value*> values) override;
  Status next() override;
  [[nodiscard]] bool at_end() const noexcept override;
  [[nodiscard]] RowId rowid() const noexcept override;
  Status column(sqlite3_context* context, int column) override;

 private:
  Status take_k(sqlite3_value* value, SearchStream::Arguments& arguments) const;
  Status open_scan(const Filter& filter);
  Status step_scan();
  Status load_row();
  Status row_column(sqlite3_context* context, int column, StatementUse& row);
  [[nodiscard]] std::string select_list() const;

  std::shared_ptr<Table> table_;
  HitSource* hits_ = nullptr;  // of a search: one of the two below; null during a scan
  SearchStream stream_;
  SparseStream sparse_stream_;

  // A scan: one statement that is stepped as SQLite asks.
  Statement scan_;
  std::unique_ptr<StatementUse> scan_use_;
  bool scan_end_ = true;

  // A search: other columns of the present hit, read when one is asked for.
  Statement row_;
  std::unique_ptr<StatementUse> row_use_;
};

}  // namespace nearlite::sqlite
