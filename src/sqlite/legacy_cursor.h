// A cursor over a table that sqlite-vec wrote: a scan in order of rowid, or a search, which
// compares every row.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sqlite/cursor.h"
#include "sqlite/legacy_condition.h"
#include "sqlite/legacy_table.h"

namespace nearlite::sqlite {

class LegacyCursor final : public RowSource {
 public:
  explicit LegacyCursor(std::shared_ptr<LegacyTable> table);
  ~LegacyCursor() override;

  Status filter(int plan, const char* terms, std::span<sqlite3_value*> values) override;
  Status next() override;
  [[nodiscard]] bool at_end() const noexcept override;
  [[nodiscard]] RowId rowid() const noexcept override { return row_.rowid; }
  Status column(sqlite3_context* context, int column) override;

 private:
  struct Query;
  struct Hit {
    double distance = 0;
    RowId rowid = 0;
  };

  static bool is_before(const Hit& a, const Hit& b) noexcept;
  Status begin(int plan, const char* terms, std::span<sqlite3_value*> values);
  Status note(Status status) noexcept;
  Status add_term(const PlanTerm& term, sqlite3_value* value);
  Status open_scan();
  Status step_scan();
  Status search(const Query& query);
  Status search_rows(const Query& query);
  Status search_chunks(const Query& query);
  Status search_chunk(const Query& query, const LegacyChunk& chunk, std::int64_t& count);
  Status compare(const Query& query, RowId rowid, const std::byte* vector);
  Status settle();

  std::shared_ptr<LegacyTable> table_;
  LegacyReader reader_;
  LegacyRow row_;
  bool searching_ = false;
  bool is_reading_ = false;  // the table knows

  // What the plan asks for: of <t>_rowids, of the chunks' partition keys, and of single rows. A
  // search that begins with rows asks the partition keys of these, too.
  LegacyTerms row_terms_;
  LegacyTerms chunk_terms_;
  std::optional<LegacyCondition> condition_;
  std::optional<LegacyCondition> chunk_condition_;

  Statement scan_;
  std::unique_ptr<StatementUse> scan_use_;
  bool scan_end_ = true;

  std::vector<float> decoded_;
  std::vector<Hit> hits_;  // while searching a heap, the farthest first
  std::size_t at_ = 0;
};

}  // namespace nearlite::sqlite
