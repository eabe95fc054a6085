// The values of a row, out of chunks and tables; see legacy_reader.h.
#include <bit>
#include <utility>

#include "base/bytes.h"
#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/legacy_reader.h"

namespace nearlite::sqlite {
namespace {

// FORMAT of a text among the metadata: its length in bytes and its first bytes, the rest zero.
constexpr std::size_t kTextViewBytes = 16;
constexpr std::size_t kTextShortMax = 12;

std::string copy(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> view(const std::string& bytes) {
  return std::as_bytes(std::span(bytes.data(), bytes.size()));
}

// Bytes of a metadata column for `size` rows.
std::size_t metadata_bytes(ValueType type, std::size_t size) noexcept {
  if (type == ValueType::kBoolean) return size / 8;
  return size * (type == ValueType::kText ? kTextViewBytes : 8);
}

}  // namespace

void LegacyValue::take(const StatementUse& use, int column) {
  *this = LegacyValue();
  type = use.column_type(column);
  switch (type) {
    case SQLITE_INTEGER: integer = use.column_int64(column); break;
    case SQLITE_FLOAT: real = use.column_double(column); break;
    case SQLITE_TEXT: bytes = use.column_text(column); break;
    case SQLITE_BLOB: bytes = copy(use.column_blob(column)); break;
    default: break;
  }
}

void LegacyValue::result(sqlite3_context* context) const {
  switch (type) {
    case SQLITE_INTEGER: sqlite3_result_int64(context, integer); break;
    case SQLITE_FLOAT: sqlite3_result_double(context, real); break;
    case SQLITE_TEXT:
      sqlite3_result_text64(context, bytes.data(), bytes.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
      break;
    case SQLITE_BLOB:
      sqlite3_result_blob64(context, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
      break;
    default: sqlite3_result_null(context);
  }
}

void LegacyValue::bind(StatementUse& use, int index) const {
  switch (type) {
    case SQLITE_INTEGER: use.bind(index, integer); break;
    case SQLITE_FLOAT: use.bind_double(index, real); break;
    case SQLITE_TEXT: use.bind_text(index, bytes); break;
    case SQLITE_BLOB: use.bind_blob(index, view(bytes)); break;
    default: use.bind_null(index);
  }
}

Status LegacyReader::partition(const LegacyRow& row, std::size_t number, LegacyValue& out) {
  Statement& statement = partitions_[number];
  if (!statement) {
    NEARLITE_ASSIGN(statement,
                    Statement::prepare(db_,
                                       "SELECT " + numbered_kind("partition", number) + " FROM " +
                                           chunks_name() + " WHERE chunk_id = ?1",
                                       table_ + "_chunks"));
  }
  StatementUse use = statement.use();
  NEARLITE_ASSIGN(const bool found, use.bind(1, row.chunk.value_or(0)).step());
  if (!found) return damaged_row(row, "its chunk is missing");
  out.take(use, 0);
  return {};
}

Status LegacyReader::metadata(const LegacyRow& row, std::size_t column, LegacyValue& out) {
  const ValueType type = options_.columns[column].type;
  const std::size_t number = place_of(column, ColumnKind::kMetadata);
  const auto place = static_cast<std::size_t>(row.offset);
  NEARLITE_TRY(load_chunk(row.chunk.value_or(0)));
  NEARLITE_TRY(chunk_bytes(metadata_[number], numbered_kind("metadatachunks", number), "data",
                           *chunk_, metadata_bytes(type, chunk_->size)));
  const std::span<const std::byte> bytes = view(metadata_[number].bytes);
  switch (type) {
    case ValueType::kBoolean:
      out.type = SQLITE_INTEGER;
      out.integer = has_bit(bytes, place) ? 1 : 0;
      return {};
    case ValueType::kInteger:
      out.type = SQLITE_INTEGER;
      out.integer = nearlite::Reader(bytes.subspan(place * 8, 8)).i64();
      return {};
    case ValueType::kReal: {
      const std::uint64_t bits = nearlite::Reader(bytes.subspan(place * 8, 8)).u64();
      out.real = std::bit_cast<double>(bits);
      // SQLite takes a NaN for NULL.
      out.type = out.real == out.real ? SQLITE_FLOAT : SQLITE_NULL;
      return {};
    }
    default:
      return long_text(row, number, copy(bytes.subspan(place * kTextViewBytes, kTextViewBytes)),
                       out);
  }
}

// `text`: the length and the first bytes, which are all when the text is short.
Status LegacyReader::long_text(const LegacyRow& row, std::size_t number, const std::string& text,
                               LegacyValue& out) {
  const std::size_t length = nearlite::Reader(view(text)).u32();
  out.type = SQLITE_TEXT;
  if (length <= kTextShortMax) {
    out.bytes = text.substr(4, length);
    return {};
  }
  const std::string kind = numbered_kind("metadatatext", number);
  bool found = false;
  NEARLITE_TRY(by_rowid(texts_[number], kind, "data", row, out, found));
  const bool fits = found && out.type == SQLITE_TEXT && out.bytes.size() == length &&
                    out.bytes.compare(0, kTextShortMax, text, 4) == 0;
  if (fits) return {};
  return damaged(kind, "the text of row " + std::to_string(row.rowid) + " is not the one of " +
                           std::to_string(length) + " bytes that its chunk begins with");
}

Status LegacyReader::value(const LegacyRow& row, std::size_t column, LegacyValue& out) {
  out = LegacyValue();
  const Column& wanted = options_.columns[column];
  switch (wanted.kind) {
    case ColumnKind::kRowid:
      out.type = SQLITE_INTEGER;
      out.integer = row.rowid;
      return {};
    case ColumnKind::kKey: out = row.key; return {};
    case ColumnKind::kVector:
      out.type = SQLITE_BLOB;
      return vector(row, wanted.vector_index, out.bytes);
    case ColumnKind::kPartition:
      return partition(row, place_of(column, ColumnKind::kPartition), out);
    case ColumnKind::kMetadata: return metadata(row, column, out);
    case ColumnKind::kAuxiliary: {
      const std::size_t number = place_of(column, ColumnKind::kAuxiliary);
      bool found = false;
      NEARLITE_TRY(by_rowid(auxiliary_[number], "auxiliary", numbered_kind("value", number), row,
                            out, found));
      return found ? Status() : damaged("auxiliary", "no row " + std::to_string(row.rowid));
    }
    case ColumnKind::kSparse: break;  // of which sqlite-vec has none
  }
  return {};
}

}  // namespace nearlite::sqlite
