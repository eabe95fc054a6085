#include "sqlite/legacy_reader.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/try.h"
#include "sqlite/boundary.h"

namespace nearlite::sqlite {

bool LegacyChunk::is_taken(std::size_t place) const noexcept { return has_bit(validity, place); }

RowId LegacyChunk::rowid(std::size_t place) const noexcept {
  return nearlite::Reader(std::span(rowids).subspan(place * 8, 8)).i64();
}

LegacyReader::LegacyReader(sqlite3* db, std::string schema, std::string table,
                           const TableOptions& options, const LegacyLayout& layout)
    : db_(db),
      schema_(std::move(schema)),
      table_(std::move(table)),
      options_(options),
      layout_(layout),
      vectors_(options.vectors.size()),
      metadata_(kMetadataColumnsMax),
      texts_(kMetadataColumnsMax),
      partitions_(kPartitionColumnsMax),
      auxiliary_(kAuxiliaryColumnsMax) {}

Status LegacyReader::damaged(const std::string& kind, const std::string& problem) const {
  return corruption(table_ + "_" + kind, problem);
}

Status LegacyReader::damaged_row(const LegacyRow& row, const std::string& problem) const {
  return corruption(table_, "row " + std::to_string(row.rowid) + ": " + problem);
}

// The how manieth of its kind a column is.
std::size_t LegacyReader::place_of(std::size_t column, ColumnKind kind) const {
  const auto begin = options_.columns.begin();
  return static_cast<std::size_t>(
      std::count_if(begin, begin + static_cast<std::ptrdiff_t>(column),
                    [&](const Column& other) { return other.kind == kind; }));
}

void LegacyReader::forget() {
  chunk_.reset();
  for (Cached& cached : vectors_) cached.chunk.reset();
  for (Cached& cached : metadata_) cached.chunk.reset();
}

void LegacyReader::drop_statements() noexcept {
  find_.close();
  load_.close();
  for (Cached& cached : vectors_) cached.statement.close();
  for (Cached& cached : metadata_) cached.statement.close();
  for (auto* statements : {&texts_, &partitions_, &auxiliary_}) {
    for (Statement& statement : *statements) statement.close();
  }
}

bool LegacyReader::needs_chunks() const {
  return std::any_of(layout_.vectors.begin(), layout_.vectors.end(),
                     [](LegacyVectors place) { return place != LegacyVectors::kGraph; }) ||
         std::any_of(options_.columns.begin(), options_.columns.end(), [](const Column& column) {
           return column.kind == ColumnKind::kMetadata || column.kind == ColumnKind::kPartition;
         });
}

Status LegacyReader::take_row(const StatementUse& use, LegacyRow& row) {
  row = LegacyRow();
  row.rowid = use.column_int64(0);
  row.key.take(use, 1);
  const bool has_key = std::any_of(options_.columns.begin(), options_.columns.end(),
                                   [](auto& c) { return c.kind == ColumnKind::kKey; });
  if (has_key && row.key.type != SQLITE_TEXT) return damaged_row(row, "its key is no text");
  if (use.column_type(2) == SQLITE_NULL && !needs_chunks()) return {};
  if (use.column_type(2) != SQLITE_INTEGER || use.column_type(3) != SQLITE_INTEGER)
    return damaged_row(row, "it has no place in a chunk");
  row.chunk = use.column_int64(2);
  row.offset = use.column_int64(3);
  NEARLITE_TRY(load_chunk(*row.chunk));
  if (row.offset < 0 || row.offset >= static_cast<std::int64_t>(chunk_->size))
    return damaged_row(row, "place " + std::to_string(row.offset) + " is not in its chunk");
  const auto place = static_cast<std::size_t>(row.offset);
  if (!chunk_->is_taken(place) || chunk_->rowid(place) != row.rowid) {
    return damaged_row(row, "chunk " + std::to_string(*row.chunk) + " knows nothing of it");
  }
  return {};
}

Result<bool> LegacyReader::find(RowId rowid, LegacyRow& row) {
  if (!find_) {
    NEARLITE_ASSIGN(find_, Statement::prepare(db_,
                                              std::string("SELECT ") + kRowColumns + " FROM " +
                                                  rows_name() + " WHERE rowid = ?1",
                                              table_ + "_rowids"));
  }
  StatementUse use = find_.use();
  NEARLITE_ASSIGN(const bool found, use.bind(1, rowid).step());
  if (found) NEARLITE_TRY(take_row(use, row));
  return found;
}

Result<std::int64_t> LegacyReader::count_rows() {
  NEARLITE_ASSIGN(Statement statement,
                  Statement::prepare(db_, "SELECT count(*) FROM " + rows_name(), table_));
  StatementUse use = statement.use();
  NEARLITE_ASSIGN(const bool row, use.step());
  return row ? use.column_int64(0) : std::int64_t{0};
}

Status LegacyReader::take_chunk(const StatementUse& use, LegacyChunk& chunk) const {
  NEARLITE_ASSIGN(chunk.id, use.get_int64(0));
  NEARLITE_ASSIGN(const std::int64_t size, use.get_int64(1));
  NEARLITE_ASSIGN(const auto validity, use.get_blob(2));
  NEARLITE_ASSIGN(const auto rowids, use.get_blob(3));
  const auto bytes = static_cast<std::int64_t>(validity.size());
  if (size < 8 || size % 8 != 0 || bytes != size / 8 || rowids.size() / 64 != validity.size() ||
      rowids.size() % 64 != 0) {
    return damaged("chunks", "chunk " + std::to_string(chunk.id) + ": size " +
                                 std::to_string(size) + " with " + std::to_string(bytes) +
                                 " bytes of validity and " + std::to_string(rowids.size()) +
                                 " of rowids");
  }
  chunk.size = static_cast<std::size_t>(size);
  chunk.validity.assign(validity.begin(), validity.end());
  chunk.rowids.assign(rowids.begin(), rowids.end());
  return {};
}

Status LegacyReader::load_chunk(std::int64_t id) {
  if (chunk_ && chunk_->id == id) return {};
  chunk_.reset();
  if (!load_) {
    NEARLITE_ASSIGN(load_, Statement::prepare(db_,
                                              "SELECT chunk_id, size, validity, rowids FROM " +
                                                  chunks_name() + " WHERE chunk_id = ?1",
                                              table_ + "_chunks"));
  }
  StatementUse use = load_.use();
  NEARLITE_ASSIGN(const bool found, use.bind(1, id).step());
  if (!found) return damaged("chunks", "there is no chunk " + std::to_string(id));
  LegacyChunk chunk;
  NEARLITE_TRY(take_chunk(use, chunk));
  chunk_ = std::move(chunk);
  return {};
}

// `column` of the row of a chunk, which must be a blob of `expected` bytes.
Status LegacyReader::chunk_bytes(Cached& cached, const std::string& kind, const char* column,
                                 const LegacyChunk& chunk, std::size_t expected) {
  if (cached.chunk == chunk.id && cached.bytes.size() == expected) return {};
  cached.chunk.reset();
  if (!cached.statement) {
    NEARLITE_ASSIGN(
        cached.statement,
        Statement::prepare(
            db_, std::string("SELECT ") + column + " FROM " + name(kind) + " WHERE rowid = ?1",
            table_ + "_" + kind));
  }
  StatementUse use = cached.statement.use();
  NEARLITE_ASSIGN(const bool found, use.bind(1, chunk.id).step());
  if (!found) return damaged(kind, "nothing of chunk " + std::to_string(chunk.id));
  NEARLITE_ASSIGN(const auto bytes, use.get_blob(0));
  if (bytes.size() != expected) {
    return damaged(kind, "chunk " + std::to_string(chunk.id) + ": expected " +
                             std::to_string(expected) + " bytes, got " +
                             std::to_string(bytes.size()));
  }
  cached.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  cached.chunk = chunk.id;
  return {};
}

Status LegacyReader::chunk_vectors(const LegacyChunk& chunk, std::size_t vector_index,
                                   std::string& out) {
  const VectorColumn& column = options_.vectors[vector_index];
  Cached& cached = vectors_[vector_index];
  NEARLITE_TRY(chunk_bytes(cached, numbered_kind("vector_chunks", vector_index), "vectors", chunk,
                           chunk.size * vector_bytes(column.type, column.dim)));
  out.swap(cached.bytes);
  cached.chunk.reset();
  return {};
}

Status LegacyReader::by_rowid(Statement& statement, const std::string& kind,
                              const std::string& column, const LegacyRow& row, LegacyValue& out,
                              bool& found) {
  if (!statement) {
    NEARLITE_ASSIGN(
        statement,
        Statement::prepare(db_, "SELECT " + column + " FROM " + name(kind) + " WHERE rowid = ?1",
                           table_ + "_" + kind));
  }
  StatementUse use = statement.use();
  NEARLITE_ASSIGN(found, use.bind(1, row.rowid).step());
  if (found) out.take(use, 0);
  return {};
}

Status LegacyReader::vector(const LegacyRow& row, std::size_t vector_index, std::string& out) {
  const VectorColumn& column = options_.vectors[vector_index];
  const std::size_t bytes = vector_bytes(column.type, column.dim);
  Cached& cached = vectors_[vector_index];
  if (layout_.vectors[vector_index] == LegacyVectors::kChunks) {
    NEARLITE_TRY(load_chunk(row.chunk.value_or(0)));
    NEARLITE_TRY(chunk_bytes(cached, numbered_kind("vector_chunks", vector_index), "vectors",
                             *chunk_, chunk_->size * bytes));
    out.assign(cached.bytes, static_cast<std::size_t>(row.offset) * bytes, bytes);
    return {};
  }
  const bool is_rescore = layout_.vectors[vector_index] == LegacyVectors::kRescore;
  const std::string kind = numbered_kind(is_rescore ? "rescore_vectors" : "vectors", vector_index);
  LegacyValue value;
  bool found = false;
  NEARLITE_TRY(by_rowid(cached.statement, kind, "vector", row, value, found));
  if (value.type != SQLITE_BLOB || value.bytes.size() != bytes)
    return damaged(kind, "no vector of row " + std::to_string(row.rowid));
  out = std::move(value.bytes);
  return {};
}

}  // namespace nearlite::sqlite
