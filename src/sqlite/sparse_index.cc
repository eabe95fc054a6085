// Reading and noting; merging is in sparse_merge.cc, checking in sparse_check.cc.
#include "sqlite/sparse_index.h"

#include <algorithm>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/shadow_tables.h"

namespace nearlite::sqlite {

namespace {

// So many rows may be noted when a transaction commits, and while one goes on.
constexpr std::int64_t kUnmergedMax = 512;
constexpr std::uint64_t kNotedMax = 8'192;
// What a row of the table takes beside its blob.
constexpr std::uint32_t kRecordBytes = 24;

}  // namespace

std::uint32_t sparse_block_bytes(std::uint32_t page_size) noexcept {
  // https://sqlite.org/fileformat2.html, "Cell Payload Overflow Pages": index pages keep this much.
  const std::uint32_t local = (std::max(page_size, 512U) - 12) * 64 / 255 - 23;
  return std::clamp(local - kRecordBytes, kSparseBlockBytesMin, kSparseBlockBytesMax);
}

void SparseIndex::set_table(const std::string& table) {
  drop_statements();
  place_.table = table;
}

void SparseIndex::drop_statements() noexcept {
  for (Statement* statement : {&note_change_, &note_new_, &count_, &unmerged_, &value_, &before_,
                               &first_, &next_, &read_, &put_, &delete_})
    statement->close();
}

// As SQL has it, and for messages. <table>_rows is one for all columns.
std::string SparseIndex::name(std::string_view kind) const {
  return shadow_name(place_.schema, place_.table, kind, kind == "rows" ? "" : place_.suffix);
}

std::string SparseIndex::label(std::string_view kind) const {
  return place_.table + "_" + std::string(kind) + (kind == "rows" ? "" : place_.suffix);
}

Status SparseIndex::prepare(Statement& statement, std::string_view before, std::string_view kind,
                            std::string_view after) {
  if (statement) return {};
  std::string sql(before);
  sql.append(name(kind)).append(after);
  NEARLITE_ASSIGN(statement, Statement::prepare(db_, sql, label(kind)));
  return {};
}

Status SparseIndex::usable() const {
  if (poison_.empty()) return {};
  return {Code::kInternal, "nearlite: " + label("sparse") + ": roll back: " + poison_};
}

void SparseIndex::end() noexcept {
  is_writing_ = false;
  noted_count_ = 0;
  poison_.clear();
}

Status SparseIndex::note_change(RowId rowid) {
  NEARLITE_TRY(usable());
  is_writing_ = true;
  if (!note_change_) {
    // What is noted already stays: the blocks have not changed since.
    NEARLITE_TRY(prepare(note_change_, "INSERT OR IGNORE INTO ", "unmerged",
                         "(rowid, merged) SELECT rowid, " + place_.column + " FROM " +
                             name("rows") + " WHERE rowid = ?1"));
  }
  NEARLITE_TRY(note_change_.use().bind(1, rowid).run());
  ++noted_count_;
  return {};
}

Status SparseIndex::note_new(RowId rowid) {
  NEARLITE_TRY(usable());
  is_writing_ = true;
  NEARLITE_TRY(
      prepare(note_new_, "INSERT OR IGNORE INTO ", "unmerged", "(rowid, merged) VALUES(?1, NULL)"));
  NEARLITE_TRY(note_new_.use().bind(1, rowid).run());
  ++noted_count_;
  return {};
}

Status SparseIndex::merge_if_much(bool is_commit) {
  NEARLITE_TRY(usable());
  if (!is_commit) return noted_count_ >= kNotedMax ? merge() : Status();
  // Though nothing was noted since it last merged: that may have been taken back.
  if (!is_writing_) return {};
  NEARLITE_TRY(prepare(count_, "SELECT count(*) FROM ", "unmerged", ""));
  bool is_much = false;
  {
    StatementUse use = count_.use();
    NEARLITE_ASSIGN(const bool row, use.step());
    is_much = row && use.column_int64(0) > kUnmergedMax;
  }
  return is_much ? merge() : Status();
}

Status SparseIndex::decode(std::uint32_t term, RowId first, const StatementUse& use, int column,
                           std::vector<Posting>& out) const {
  NEARLITE_ASSIGN(const auto data, use.get_blob(column));
  const Status status = decode_postings(term, first, data, out);
  return status.ok() ? status : corruption(label("sparse"), status.message());
}

Result<std::optional<RowId>> SparseIndex::read(std::uint32_t term, RowId from, RowId until,
                                               std::vector<Posting>& out) {
  NEARLITE_TRY(usable());
  NEARLITE_TRY(prepare(read_, "SELECT first, data FROM ", "sparse",
                       " WHERE term = ?1 AND first >= ?2 ORDER BY first"));
  StatementUse use = read_.use();
  use.bind(1, std::int64_t{term}).bind(2, from);
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) return std::optional<RowId>();
    NEARLITE_ASSIGN(const std::int64_t first, use.get_int64(0));
    if (!out.empty() && out.back().rowid >= first) {
      return corruption(label("sparse"), "blocks of term " + std::to_string(term) + " overlap at " +
                                             std::to_string(first));
    }
    if (first > until) return std::optional<RowId>(first);
    NEARLITE_TRY(decode(term, first, use, 1, out));
  }
}

// A column of <t>_rows or <t>_unmerged; NULL is none.
Result<std::optional<SparseVector>> SparseIndex::vector_of(const StatementUse& use, int column,
                                                           std::string_view table,
                                                           RowId rowid) const {
  if (use.column_type(column) == SQLITE_NULL) return std::optional<SparseVector>();
  std::optional<SparseVector> vector(std::in_place);
  Status status(Code::kInvalidArgument, "no blob");
  if (use.column_type(column) == SQLITE_BLOB) {
    NEARLITE_ASSIGN(const auto blob, use.get_blob(column));
    status = parse_sparse_blob(blob, place_.dim, *vector);
  }
  if (status.ok()) return vector;
  return corruption(label(table), "row " + std::to_string(rowid) + ": " + status.message());
}

Result<std::optional<SparseVector>> SparseIndex::value(RowId rowid) {
  if (!value_)
    NEARLITE_TRY(
        prepare(value_, "SELECT " + place_.column + " FROM ", "rows", " WHERE rowid = ?1"));
  StatementUse use = value_.use();
  NEARLITE_ASSIGN(const bool found, use.bind(1, rowid).step());
  if (!found) return std::optional<SparseVector>();
  return vector_of(use, 0, "rows", rowid);
}

Status SparseIndex::read_unmerged(const VisitRow& visit) {
  NEARLITE_TRY(usable());
  if (!unmerged_) {
    NEARLITE_TRY(
        prepare(unmerged_, "SELECT u.rowid, r." + place_.column + " FROM ", "unmerged",
                " AS u LEFT JOIN " + name("rows") + " AS r ON r.rowid = u.rowid ORDER BY u.rowid"));
  }
  StatementUse use = unmerged_.use();
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) return {};
    const RowId rowid = use.column_int64(0);
    NEARLITE_ASSIGN(const auto vector, vector_of(use, 1, "rows", rowid));
    NEARLITE_TRY(visit(rowid, vector));
  }
}

}  // namespace nearlite::sqlite
