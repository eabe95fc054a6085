// The index of one sparse column: for each of its dimensions (a term) the rows that have a value
// there, in <table>_sparse<suffix>(term, first, data), blocks of postings (storage/postings.h)
// whose keys are the least rowid they may hold.
//
// A row has values at a hundred terms, so that writing it into the blocks at once would change a
// hundred pages. Rows that are written are only noted, in <table>_unmerged<suffix>(rowid, merged),
// with the value of theirs that the blocks have; when there are many, a commit merges all of them.
// Searches compare them one by one. (PostgreSQL's GIN does the same and calls it fastupdate.)
// INVARIANT S1: the blocks have exactly the postings of `merged` for rows that are noted, and of
// the value in <table>_rows for all others.
//
// All of this are rows of tables: nothing is kept in memory, so that transactions and savepoints
// are SQLite's. Threads: those of the connection, one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nearlite/status.h"
#include "sqlite/handles.h"
#include "storage/postings.h"
#include "vector/sparse.h"

namespace nearlite::sqlite {

/// Bytes of a block, so chosen that SQLite keeps it on one page with others (WITHOUT ROWID tables
/// keep about a quarter of a page in place).
[[nodiscard]] std::uint32_t sparse_block_bytes(std::uint32_t page_size) noexcept;
inline constexpr std::uint32_t kSparseBlockBytesMin = 64;
inline constexpr std::uint32_t kSparseBlockBytesMax = 4'096;

class SparseIndex {
 public:
  struct Place {
    std::string schema;
    std::string table;
    std::string suffix;
    std::string column;  ///< of <table>_rows
    std::uint32_t dim = 0;
    std::uint32_t block_bytes = 0;
  };
  SparseIndex(sqlite3* db, Place place) : db_(db), place_(std::move(place)) {}

  void set_table(const std::string& table);
  void drop_statements() noexcept;

  // ---- Writing. The row itself is written by the caller.
  /// To be called before a row is changed or deleted.
  Status note_change(RowId rowid);
  /// To be called when a row with a value is new.
  Status note_new(RowId rowid);
  /// Merges what is noted if that is much. Before a row is written, and at the end of a
  /// transaction.
  Status merge_if_much(bool is_commit);
  /// Merges everything. A failure poisons the transaction: it can only be rolled back.
  Status merge();
  /// Makes the blocks anew, from the rows alone.
  Status rebuild();
  /// This transaction has tried to note or merge something, and is not over.
  [[nodiscard]] bool is_writing() const noexcept { return is_writing_; }
  /// From now on the transaction can only be rolled back; if it is that already, nothing.
  void poison(const std::string& why) {
    if (is_writing_ && poison_.empty()) poison_ = why;
  }
  /// The transaction is over.
  void end() noexcept;

  // ---- Reading
  /// Reads the postings of a term: those of its blocks whose keys are from `from` to `until`, with
  /// ascending rowids, which may go beyond `until`. Returns the key of the block that comes next,
  /// which is beyond all of them. REQUIRES: `out` is empty.
  Result<std::optional<RowId>> read(std::uint32_t term, RowId from, RowId until,
                                    std::vector<Posting>& out);
  /// Rows that are noted, ascending, with the vector they have now; none: NULL or deleted.
  using VisitRow = std::function<Status(RowId rowid, const std::optional<SparseVector>& vector)>;
  Status read_unmerged(const VisitRow& visit);
  /// The vector of a row; none: NULL, or no such row.
  Result<std::optional<SparseVector>> value(RowId rowid);
  /// A hash of the values that rows have.
  Result<std::uint64_t> digest();
  /// Problems of the index, for an integrity check.
  Status check(std::vector<std::string>& problems);

 private:
  struct Change {
    std::uint32_t term = 0;
    bool is_removal = false;
    Posting posting;
  };
  struct Block {
    bool exists = false;
    RowId first = 0;
    std::vector<Posting> postings;
  };

  [[nodiscard]] std::string name(std::string_view kind) const;
  [[nodiscard]] std::string label(std::string_view kind) const;
  /// `before`, the name of a table, `after`.
  Status prepare(Statement& statement, std::string_view before, std::string_view kind,
                 std::string_view after);
  Status usable() const;
  Result<std::optional<SparseVector>> vector_of(const StatementUse& use, int column,
                                                std::string_view table, RowId rowid) const;

  Status write_whole(const std::function<Status()>& write);
  Status merge_all();
  Result<bool> gather_changes(std::vector<Change>& changes, RowId& last);
  Status write_changes(std::vector<Change>& changes);
  Status write_term(std::uint32_t term, std::span<const Change> changes);
  Result<Block> find_block(std::uint32_t term, RowId rowid);
  Result<std::optional<RowId>> next_first(std::uint32_t term, RowId first);
  Status write_block(std::uint32_t term, const Block& old, std::span<const Posting> postings);
  Status decode(std::uint32_t term, RowId first, const StatementUse& use, int column,
                std::vector<Posting>& out) const;
  Status compare_with_rows(std::vector<std::string>& problems);

  sqlite3* db_;
  Place place_;
  bool is_writing_ = false;
  std::uint64_t noted_count_ = 0;  // of this transaction, since it last merged
  std::string poison_;             // not empty: why nothing more may be written

  Statement note_change_;
  Statement note_new_;
  Statement count_;
  Statement unmerged_;
  Statement value_;
  Statement before_;
  Statement first_;
  Statement next_;
  Statement read_;
  Statement put_;
  Statement delete_;
};

}  // namespace nearlite::sqlite
