#include "sqlite/dialect_schema.h"

#include <algorithm>

#include "base/text.h"
#include "base/try.h"
#include "dialect/clauses.h"
#include "dialect/translate.h"
#include "sqlite/arguments.h"
#include "sqlite/boundary.h"
#include "sqlite/content_schema.h"
#include "sqlite/handles.h"
#include "sqlite/read_scope.h"
#include "sqlite/settings.h"
#include "sqlite/translate.h"

namespace nearlite::sqlite {
namespace {

using dialect::ColumnInfo;
using dialect::IndexInfo;
using dialect::ObjectKind;
using dialect::TableInfo;

// What CREATE VIRTUAL TABLE … USING hnsw(…) says.
struct Definition {
  bool is_hnsw = false;
  TableOptions options;

  [[nodiscard]] bool has_content() const noexcept { return options.content.has_value(); }
};

Definition read_definition(const std::string& name, const std::string& sql) {
  Definition definition;
  const dialect::Source source(sql, 0, sql.size());
  if (!source.has_words(0, {"create", "virtual", "table"})) return definition;
  std::size_t at = 3;
  while (at < source.size() && !source.has_words(at, {"using", "hnsw"})) ++at;
  if (at >= source.size()) return definition;
  definition.is_hnsw = true;
  // Arguments are split as SQLite splits them: at commas outside of parentheses.
  const std::size_t close = source.close_of(at + 2);
  std::vector<std::string> arguments;
  if (close != dialect::kNone && close > at + 3) {
    for (const dialect::Range& range : dialect::split_at_commas(source, {at + 3, close - 1})) {
      arguments.emplace_back(source.text(range));
    }
  }
  std::vector<const char*> texts;
  for (const std::string& argument : arguments) texts.push_back(argument.c_str());
  auto options = parse_arguments(name, texts);
  if (options.ok()) definition.options = std::move(*options);
  return definition;
}

// Blobs of these types do not say what they are.
std::string reader_of(ElementType type) {
  switch (type) {
    case ElementType::kFloat16: return "vec_f16";
    case ElementType::kBFloat16: return "vec_bf16";
    case ElementType::kInt8: return "vec_int8";
    case ElementType::kBit: return "vec_bit";
    case ElementType::kFloat32: break;
  }
  return {};
}

// The same for a column of the user's, of which only the declared type tells.
std::string reader_of(const std::string& declared_type) {
  const std::string type = to_lower(declared_type.substr(0, declared_type.find_first_of("( [")));
  return type == "halfvec" || type == "float16" ? reader_of(ElementType::kFloat16) : std::string();
}

// `name` is the table as index_name() gives it; its first vector column needs no more.
void add_own_indexes(const TableOptions& options, const std::string& name, TableInfo& info) {
  for (const VectorColumn& vector : options.vectors) {
    const bool is_first = &vector == &options.vectors.front();
    const std::string full = info.schema + "." + info.name + "." + vector.name;
    info.indexes.push_back({is_first ? name : full, vector.name, vector.metric});
    for (ColumnInfo& column : info.columns) {
      if (!equals_ignoring_case(column.name, vector.name)) continue;
      column.type = (vector.type == ElementType::kBit ? "bit(" : "vector(") +
                    std::to_string(vector.dim) + ")";
      column.reader = reader_of(vector.type);
    }
  }
}

// A name of the rowid that no column of another meaning hides.
std::string find_rowid_name(const TableInfo& info) {
  for (const char* name : {"rowid", "oid", "_rowid_"}) {
    if (info.find_column(name) == nullptr) return name;
  }
  return {};
}

void nearlite_translate(sqlite3_context* context, int /*count*/, sqlite3_value** argv) noexcept {
  guard(context, [&]() -> Status {
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) return {};
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(argv[0]));
    if (text == nullptr) return bare_code(SQLITE_NOMEM);
    const std::string_view sql(text, static_cast<std::size_t>(sqlite3_value_bytes(argv[0])));
    sqlite3* db = sqlite3_context_db_handle(context);
    forget_local_settings(db);
    NEARLITE_ASSIGN([[maybe_unused]] const ReadScope scope, ReadScope::open(db));
    DialectSchema schema(db);
    NEARLITE_ASSIGN(const Translation translation, dialect::translate(sql, schema));
    sqlite3_result_text64(context, translation.sql.data(), translation.sql.size(), SQLITE_TRANSIENT,
                          SQLITE_UTF8);
    return {};
  });
}

}  // namespace

// Where SQLite finds a name without a schema: temp, main, then what is attached.
Result<std::optional<DialectSchema::Entry>> DialectSchema::find_entry(std::string_view schema,
                                                                      std::string_view name) {
  NEARLITE_ASSIGN(std::vector<std::string> schemas, list_schemas(db_));
  std::stable_partition(schemas.begin(), schemas.end(),
                        [](const std::string& one) { return one == "temp"; });
  for (const std::string& one : schemas) {
    if (!schema.empty() && !equals_ignoring_case(one, schema)) continue;
    NEARLITE_ASSIGN(Statement statement,
                    Statement::prepare(db_,
                                       "SELECT name, type, sql FROM " + quote_identifier(one) +
                                           ".sqlite_master WHERE name = ?1 COLLATE NOCASE"
                                           " AND type <> 'trigger'",
                                       one, 0));
    StatementUse use = statement.use();
    NEARLITE_ASSIGN(const bool row, use.bind_text(1, name).step());
    if (!row) continue;
    return std::optional(Entry{one, std::string(use.column_text(0)),
                               std::string(use.column_text(1)), std::string(use.column_text(2))});
  }
  return std::optional<Entry>();
}

// The function pragma_table_xinfo is not used: a table of a stranger's schema could bear its name.
Status DialectSchema::read_columns(const Entry& entry, TableInfo& info) {
  NEARLITE_ASSIGN(Statement statement,
                  Statement::prepare(db_,
                                     "PRAGMA " + quote_identifier(entry.schema) + ".table_xinfo(" +
                                         quote_identifier(entry.name) + ")",
                                     entry.name, 0));
  StatementUse use = statement.use();
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) return {};
    ColumnInfo column;
    column.name = use.column_text(1);
    column.type = use.column_text(2);
    column.is_primary_key = use.column_int64(5) != 0;
    column.reader = reader_of(column.type);
    info.columns.push_back(std::move(column));
  }
}

// A name as find_index() takes it. Without the schema it is found fastest; where that might mean
// another table it is not left out.
Result<std::string> DialectSchema::index_name(const std::string& schema, const std::string& name) {
  NEARLITE_ASSIGN(const std::vector<std::string> schemas, list_schemas(db_));
  const bool is_plain = schemas.size() == 1 && name.find('.') == std::string::npos;
  return is_plain ? name : schema + "." + name;
}

// Indexes over a table are in its schema: they write by its triggers.
Status DialectSchema::read_indexes_over(const Entry& entry, TableInfo& info) {
  NEARLITE_ASSIGN(Statement statement,
                  Statement::prepare(db_,
                                     "SELECT name, sql FROM " + quote_identifier(entry.schema) +
                                         ".sqlite_master WHERE type = 'table'"
                                         " AND sql LIKE 'CREATE VIRTUAL TABLE%' ORDER BY rowid",
                                     entry.schema, 0));
  StatementUse use = statement.use();
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) return {};
    const std::string name(use.column_text(0));
    const Definition definition = read_definition(name, std::string(use.column_text(1)));
    if (!definition.has_content()) continue;
    NEARLITE_TRY(add_index_over(entry, name, *definition.options.content, info));
  }
}

Status DialectSchema::add_index_over(const Entry& entry, const std::string& name,
                                     const ContentOptions& content, TableInfo& info) {
  // A renamed table, or column, has its new name in the triggers only.
  const ContentNames created{content.table, content.rowid, content.vector};
  NEARLITE_ASSIGN(const TriggerState triggers,
                  read_triggers(db_, {entry.schema, name, content.sync}, created));
  const ContentNames& names = triggers.names ? *triggers.names : created;
  if (!equals_ignoring_case(names.table, entry.name)) return {};
  for (ColumnInfo& column : info.columns) {
    if (!equals_ignoring_case(column.name, names.vector)) continue;
    // Bits as text, which the dialect's type bit(n) is, say by themselves what they are.
    const bool is_bit_text = column.is_vector() && column.type.starts_with("bit text");
    if (content.element && !is_bit_text) column.reader = reader_of(*content.element);
    const bool is_bits = content.element == ElementType::kBit;
    const Metric metric = content.metric.value_or(is_bits ? Metric::kHamming : Metric::kCosine);
    NEARLITE_ASSIGN(std::string index, index_name(entry.schema, name));
    info.indexes.push_back({std::move(index), column.name, metric});
  }
  return {};
}

Result<std::optional<TableInfo>> DialectSchema::find_table(std::string_view schema,
                                                           std::string_view name) {
  NEARLITE_ASSIGN(const std::optional<Entry> entry, find_entry(schema, name));
  if (!entry || entry->type == "index") return std::optional<TableInfo>();
  TableInfo info;
  info.schema = entry->schema;
  info.name = entry->name;
  NEARLITE_TRY(read_columns(*entry, info));
  info.rowid_name = find_rowid_name(info);
  if (entry->type == "view") return std::optional(std::move(info));
  const Definition definition = read_definition(entry->name, entry->sql);
  if (definition.is_hnsw && !definition.has_content()) {
    NEARLITE_ASSIGN(const std::string index, index_name(info.schema, info.name));
    add_own_indexes(definition.options, index, info);
  } else if (!definition.is_hnsw) {
    NEARLITE_TRY(read_indexes_over(*entry, info));
  }
  return std::optional(std::move(info));
}

Result<ObjectKind> DialectSchema::find_object(std::string_view schema, std::string_view name) {
  NEARLITE_ASSIGN(const std::optional<Entry> entry, find_entry(schema, name));
  if (!entry) return ObjectKind::kNothing;
  if (entry->type == "index") return ObjectKind::kIndex;
  const Definition definition = read_definition(entry->name, entry->sql);
  if (!definition.is_hnsw) return ObjectKind::kTable;
  return definition.has_content() ? ObjectKind::kVectorIndex : ObjectKind::kVectorTable;
}

Result<Translation> translate_next(sqlite3* db, std::string_view script, std::size_t& at) {
  forget_local_settings(db);
  DialectSchema schema(db);
  return dialect::translate_next(script, at, schema);
}

bool DialectSchema::in_transaction() const noexcept { return sqlite3_get_autocommit(db_) == 0; }

Status register_translate(sqlite3* db) {
  const int rc = sqlite3_create_function_v2(
      db, "nearlite_translate", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, nullptr,
      c_callback<&nearlite_translate>(), nullptr, nullptr, nullptr);
  return rc == SQLITE_OK ? Status() : from_sqlite(db, rc, "nearlite_translate");
}

}  // namespace nearlite::sqlite
