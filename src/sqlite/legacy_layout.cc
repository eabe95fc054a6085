#include "sqlite/legacy_layout.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "base/text.h"
#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/handles.h"

namespace nearlite::sqlite {
namespace {

// Of tables, and of their number in the config.
constexpr std::string_view kEmptied = "emptied";
// sqlite-vec has no more: five for each vector column, two for each metadata column, and four.
constexpr std::size_t kEmptiedMax = 128;

constexpr std::array<std::string_view, 4> kPlainKinds{"chunks", "rowids", "info", "auxiliary"};
constexpr std::array<std::string_view, 8> kNumberedKinds{
    "vector_chunks", "rescore_chunks", "rescore_vectors", "vectors",
    "diskann_nodes", "diskann_buffer", "metadatachunks",  "metadatatext"};

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// The names of a schema's ordinary tables, asked for one by one.
class Finder {
 public:
  static Result<Finder> open(sqlite3* db, const std::string& schema, std::string table) {
    Finder finder;
    finder.table_ = std::move(table);
    NEARLITE_ASSIGN(finder.statement_,
                    Statement::prepare(db,
                                       "SELECT 1 FROM " + quote_identifier(schema) +
                                           ".sqlite_master WHERE type = 'table' AND name = ?1 "
                                           "COLLATE NOCASE",
                                       finder.table_));
    return finder;
  }
  Result<bool> has(std::string_view kind) {
    const std::string name = table_ + "_" + std::string(kind);
    StatementUse use = statement_.use();
    return use.bind_text(1, name).step();
  }

 private:
  Statement statement_;
  std::string table_;
};

std::size_t count_of(const TableOptions& options, ColumnKind kind) {
  return static_cast<std::size_t>(
      std::count_if(options.columns.begin(), options.columns.end(),
                    [&](const Column& column) { return column.kind == kind; }));
}

// Before v0.1.6 there was no such table, and one of that name belongs to somebody else.
Result<bool> is_info(sqlite3* db, const std::string& schema, const std::string& table) {
  auto statement = Statement::prepare(
      db, "SELECT 1 FROM " + legacy_name(schema, table, "info") + " WHERE key = 'CREATE_VERSION'",
      table);
  if (!statement.ok()) {
    return statement.status().sqlite_code() == SQLITE_ERROR ? Result<bool>(false)
                                                            : statement.status();
  }
  return statement->use().step();
}

Result<std::size_t> emptied_count(Store& config) {
  NEARLITE_ASSIGN(const auto bytes, config.find_config(kEmptied));
  if (!bytes) return std::size_t{0};
  std::size_t count = 0;
  const auto* begin = reinterpret_cast<const char*>(bytes->data());
  std::from_chars(begin, begin + bytes->size(), count);
  return std::min(count, kEmptiedMax);
}

Status missing(const std::string& table, const std::string& kind) {
  return corruption(table, "the table " + table + "_" + kind + " of sqlite-vec is missing");
}

Status find_vectors(Finder& finder, const std::string& table, std::size_t column,
                    LegacyLayout& layout) {
  struct Place {
    std::string_view kind;
    LegacyVectors vectors;
  };
  constexpr std::array kPlaces{Place{"vector_chunks", LegacyVectors::kChunks},
                               Place{"rescore_vectors", LegacyVectors::kRescore},
                               Place{"vectors", LegacyVectors::kGraph}};
  for (const Place& place : kPlaces) {
    NEARLITE_ASSIGN(const bool here, finder.has(numbered_kind(place.kind, column)));
    if (!here) continue;
    layout.vectors.push_back(place.vectors);
    break;
  }
  if (layout.vectors.size() == column)
    return missing(table, numbered_kind("vector_chunks", column));
  for (const std::string_view kind : kNumberedKinds) {
    if (kind.starts_with("metadata")) continue;
    NEARLITE_ASSIGN(const bool here, finder.has(numbered_kind(kind, column)));
    if (here) layout.kinds.push_back(numbered_kind(kind, column));
  }
  return {};
}

}  // namespace

std::string numbered_kind(std::string_view kind, std::size_t number) {
  return std::string(kind) + (number < 10 ? "0" : "") + std::to_string(number);
}

std::string emptied_kind(std::size_t number) {
  return std::string(kEmptied) + std::to_string(number);
}

std::string legacy_name(std::string_view schema, std::string_view table, std::string_view kind) {
  return quote_identifier(schema) + "." +
         quote_identifier(std::string(table) + "_" + std::string(kind));
}

Result<bool> has_legacy_tables(sqlite3* db, const std::string& schema, const std::string& table) {
  NEARLITE_ASSIGN(Finder finder, Finder::open(db, schema, table));
  NEARLITE_ASSIGN(const bool is_ours, finder.has("config"));
  if (is_ours) return false;
  NEARLITE_ASSIGN(const bool has_chunks, finder.has("chunks"));
  NEARLITE_ASSIGN(const bool has_rowids, finder.has("rowids"));
  return has_chunks && has_rowids;
}

Result<LegacyLayout> find_legacy_layout(sqlite3* db, const std::string& schema,
                                        const std::string& table, const TableOptions& options) {
  NEARLITE_ASSIGN(Finder finder, Finder::open(db, schema, table));
  LegacyLayout layout;
  layout.kinds = {"chunks", "rowids"};
  NEARLITE_ASSIGN(const bool may_be_info, finder.has("info"));
  if (may_be_info) {
    NEARLITE_ASSIGN(const bool here, is_info(db, schema, table));
    if (here) layout.kinds.emplace_back("info");
  }
  for (std::size_t i = 0; i < options.vectors.size(); ++i)
    NEARLITE_TRY(find_vectors(finder, table, i, layout));
  std::vector<std::string> needed;
  if (count_of(options, ColumnKind::kAuxiliary) != 0) needed.emplace_back("auxiliary");
  std::size_t number = 0;
  for (const Column& column : options.columns) {
    if (column.kind != ColumnKind::kMetadata) continue;
    needed.push_back(numbered_kind("metadatachunks", number));
    if (column.type == ValueType::kText) needed.push_back(numbered_kind("metadatatext", number));
    ++number;
  }
  for (std::string& kind : needed) {
    NEARLITE_ASSIGN(const bool here, finder.has(kind));
    if (!here) return missing(table, kind);
    layout.kinds.push_back(std::move(kind));
  }
  return layout;
}

Status remember_emptied(Store& config, std::size_t count) {
  const std::string text = std::to_string(count);
  return config.put_config(kEmptied, std::as_bytes(std::span(text.data(), text.size())));
}

Status drop_emptied(sqlite3* db, const std::string& schema, const std::string& table,
                    Store& config) {
  NEARLITE_ASSIGN(const std::size_t count, emptied_count(config));
  for (std::size_t i = 1; i <= count; ++i) {
    NEARLITE_TRY(
        execute(db, "DROP TABLE IF EXISTS " + legacy_name(schema, table, emptied_kind(i)), table));
  }
  return {};
}

Status rename_emptied(sqlite3* db, const std::string& schema, const std::string& table,
                      const std::string& new_table, Store& config) {
  NEARLITE_ASSIGN(const std::size_t count, emptied_count(config));
  for (std::size_t i = 1; i <= count; ++i) {
    NEARLITE_TRY(execute(db,
                         "ALTER TABLE " + legacy_name(schema, table, emptied_kind(i)) +
                             " RENAME TO " + quote_identifier(new_table + "_" + emptied_kind(i)),
                         table));
  }
  return {};
}

bool is_legacy_kind(std::string_view name) noexcept {
  const auto equals = [&](std::string_view kind) { return equals_ignoring_case(name, kind); };
  if (std::any_of(kPlainKinds.begin(), kPlainKinds.end(), equals)) return true;
  std::size_t digits = name.size();
  while (digits > 0 && is_digit(name[digits - 1])) --digits;
  const std::size_t count = name.size() - digits;
  name = name.substr(0, digits);
  if (equals(kEmptied)) return count > 0 && count < 4;
  return count == 2 && std::any_of(kNumberedKinds.begin(), kNumberedKinds.end(), equals);
}

}  // namespace nearlite::sqlite
