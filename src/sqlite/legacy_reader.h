// The rows of a table that sqlite-vec wrote, as they stand. Nothing is written.
//
// Every size, number and place that comes from the file is checked against the others; what does
// not fit is SQLITE_CORRUPT_VTAB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nearlite/status.h"
#include "sqlite/handles.h"
#include "sqlite/legacy_layout.h"
#include "sqlite/table_options.h"
#include "storage/records.h"

namespace nearlite::sqlite {

/// Bit number `index`, the lowest of the first byte first. REQUIRES: it is one of them.
[[nodiscard]] inline bool has_bit(std::span<const std::byte> bits, std::size_t index) noexcept {
  return (std::to_integer<unsigned>(bits[index / 8]) >> (index % 8) & 1) != 0;
}

/// A value out of a file, owned.
struct LegacyValue {
  int type = SQLITE_NULL;
  std::int64_t integer = 0;
  double real = 0;
  std::string bytes;  ///< of a text or blob

  /// Column `column` of where `use` stands.
  void take(const StatementUse& use, int column);
  void result(sqlite3_context* context) const;
  /// REQUIRES: this lives until the end of the use.
  void bind(StatementUse& use, int index) const;
};

/// A row and where the rest of it is.
struct LegacyRow {
  RowId rowid = 0;
  LegacyValue key;                    ///< the text key, where the table has one
  std::optional<std::int64_t> chunk;  ///< none: only possible where nothing lies in chunks
  std::int64_t offset = 0;
};

/// What a chunk says of its places, checked.
struct LegacyChunk {
  std::int64_t id = 0;
  std::size_t size = 0;
  std::vector<std::byte> validity;
  std::vector<std::byte> rowids;

  [[nodiscard]] bool is_taken(std::size_t place) const noexcept;
  [[nodiscard]] RowId rowid(std::size_t place) const noexcept;
};

/// Reads one table, preferably chunk after chunk: it keeps the last one. Threads: that of the
/// connection.
class LegacyReader {
 public:
  LegacyReader(sqlite3* db, std::string schema, std::string table, const TableOptions& options,
               const LegacyLayout& layout);

  /// Columns that take_row() reads, for statements over rows_name().
  static constexpr const char* kRowColumns = "rowid, id, chunk_id, chunk_offset";
  [[nodiscard]] std::string rows_name() const { return name("rowids"); }
  [[nodiscard]] std::string chunks_name() const { return name("chunks"); }
  /// Reads what `use` stands at into `row`, and looks whether its chunk agrees.
  Status take_row(const StatementUse& use, LegacyRow& row);
  /// The row of this id; false when there is none.
  Result<bool> find(RowId rowid, LegacyRow& row);
  Result<std::int64_t> count_rows();
  /// Whether every row must have a place in a chunk.
  [[nodiscard]] bool needs_chunks() const;

  /// A column's value; vectors are blobs. `column` counts as TableOptions::columns does.
  Status value(const LegacyRow& row, std::size_t column, LegacyValue& out);
  /// The stored bytes of a vector.
  Status vector(const LegacyRow& row, std::size_t vector_index, std::string& out);

  /// Reads columns chunk_id, size, validity, rowids.
  Status take_chunk(const StatementUse& use, LegacyChunk& chunk) const;
  /// All vectors of a chunk of a column that keeps them there.
  Status chunk_vectors(const LegacyChunk& chunk, std::size_t vector_index, std::string& out);

  /// To be called before a new run: others may have written.
  void forget();
  void drop_statements() noexcept;

 private:
  // The bytes of one chunk in one of the tables that have a row for each.
  struct Cached {
    Statement statement;
    std::optional<std::int64_t> chunk;
    std::string bytes;
  };

  [[nodiscard]] std::string name(std::string_view kind) const {
    return legacy_name(schema_, table_, kind);
  }
  [[nodiscard]] Status damaged(const std::string& kind, const std::string& problem) const;
  [[nodiscard]] Status damaged_row(const LegacyRow& row, const std::string& problem) const;
  [[nodiscard]] std::size_t place_of(std::size_t column, ColumnKind kind) const;
  Status load_chunk(std::int64_t id);
  Status chunk_bytes(Cached& cached, const std::string& kind, const char* column,
                     const LegacyChunk& chunk, std::size_t expected);
  Status by_rowid(Statement& statement, const std::string& kind, const std::string& column,
                  const LegacyRow& row, LegacyValue& out, bool& found);
  Status metadata(const LegacyRow& row, std::size_t column, LegacyValue& out);
  Status long_text(const LegacyRow& row, std::size_t number, const std::string& view,
                   LegacyValue& out);
  Status partition(const LegacyRow& row, std::size_t number, LegacyValue& out);

  sqlite3* db_;
  std::string schema_;
  std::string table_;
  const TableOptions& options_;
  const LegacyLayout& layout_;
  std::optional<LegacyChunk> chunk_;
  Statement find_;
  Statement load_;
  std::vector<Cached> vectors_;   // of each vector column
  std::vector<Cached> metadata_;  // of each metadata column
  std::vector<Statement> texts_;  // the same
  std::vector<Statement> partitions_;
  std::vector<Statement> auxiliary_;
};

}  // namespace nearlite::sqlite
