#include "support/check_database.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "support/oracle.h"
#include "support/random.h"

namespace nearlite::test {
namespace {

struct TableName {
  std::string schema;
  std::string name;
  bool is_index = false;
  bool is_legacy = false;  // as sqlite-vec made it: no index of ours
  [[nodiscard]] std::string sql() const { return "\"" + schema + "\".\"" + name + "\""; }
};

std::string failure(Database& database, const std::string& sql, int code) {
  return "fault: " + code_name(code) + " from " + sql + ": " + database.message();
}

// Those of an index: its shadow tables, and the log of external content, whose rows are not
// content.
constexpr const char* kShadowKinds[] = {"rows",    "vectors", "codes",   "links",  "dead",
                                        "commits", "config",  "changes", "sparse", "unmerged"};
// Those of sqlite-vec, and what a move leaves of them.
constexpr const char* kLegacyKinds[] = {"chunks",       "rowids",        "info",
                                        "auxiliary",    "vector_chunks", "metadatachunks",
                                        "metadatatext", "emptied"};

// docs_rows, docs_links2 of docs.
bool is_shadow(const std::string& name, const std::vector<TableName>& tables) {
  for (const TableName& table : tables) {
    const auto is_of = [&](const char* kind) {
      const std::string stem = table.name + "_" + kind;
      return name.starts_with(stem) &&
             name.find_first_not_of("0123456789", stem.size()) == std::string::npos;
    };
    const bool is_virtual = table.is_index || table.is_legacy;
    if (is_virtual && (std::any_of(std::begin(kShadowKinds), std::end(kShadowKinds), is_of) ||
                       std::any_of(std::begin(kLegacyKinds), std::end(kLegacyKinds), is_of))) {
      return true;
    }
  }
  return false;
}

std::string list_tables(Database& database, std::vector<TableName>& tables) {
  Rows schemas;
  std::string sql = "PRAGMA database_list";
  if (const int code = database.run(sql, {}, &schemas)) return failure(database, sql, code);
  for (const Row& schema : schemas) {
    const auto& schema_name = std::get<std::string>(schema[1]);
    if (schema_name == "temp") continue;
    Rows names;
    const std::string schema_table = "\"" + schema_name + "\".sqlite_master";
    sql = "SELECT name, sql LIKE 'CREATE VIRTUAL TABLE%', EXISTS(SELECT 1 FROM " + schema_table +
          " AS o WHERE o.name = t.name || '_rowids') FROM " + schema_table +
          " AS t WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 2 DESC, 1";
    if (const int code = database.run(sql, {}, &names)) return failure(database, sql, code);
    std::vector<TableName> here;
    for (const Row& row : names) {
      const auto& name = std::get<std::string>(row[0]);
      const bool is_virtual = row[1] == Value(std::int64_t{1});
      const bool is_legacy = is_virtual && row[2] == Value(std::int64_t{1});
      if (is_virtual || !is_shadow(name, here))
        here.push_back({schema_name, name, is_virtual && !is_legacy, is_legacy});
    }
    tables.insert(tables.end(), here.begin(), here.end());
  }
  return {};
}

std::uint64_t hash_bytes(std::uint64_t hash, std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) {
    hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3ULL;
  }
  return hash * 0x9e3779b97f4a7c15ULL + bytes.size();
}

std::uint64_t hash_of(std::uint64_t hash, const Value& value) {
  if (const auto* blob = std::get_if<Blob>(&value)) return hash_bytes(hash + 1, *blob);
  const std::string text = to_text(value);
  return hash_bytes(hash, std::as_bytes(std::span(text.data(), text.size())));
}

std::string hash_query(Database& database, const std::string& sql) {
  Rows rows;
  if (const int code = database.run(sql, {}, &rows)) return failure(database, sql, code);
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const Row& row : rows) {
    for (const Value& value : row) hash = hash_of(hash, value);
  }
  char text[60];
  std::snprintf(text, sizeof text, "%zu rows %016llx", rows.size(),
                static_cast<unsigned long long>(hash));
  return text;
}

Element element_of(const std::string& name) {
  for (const Element element :
       {Element::kFloat16, Element::kBfloat16, Element::kInt8, Element::kBit}) {
    if (name == name_of(element)) return element;
  }
  return Element::kFloat;
}

Metric metric_of(const std::string& name) {
  for (const Metric metric : {Metric::kL2, Metric::kIp, Metric::kL1, Metric::kHamming}) {
    if (name == name_of(metric)) return metric;
  }
  return Metric::kCosine;
}

std::string check_query(Database& database, const TableName& table, const std::string& column,
                        const TableShape& shape, const Records& records, const Vector& query,
                        double& recall) {
  const std::size_t k = 10;
  for (const bool exact : {true, false}) {
    const std::string sql = "SELECT rowid, distance FROM " + table.sql() + " WHERE \"" + column +
                            "\" MATCH ?1 AND k = ?2" + (exact ? " AND exact = 1" : "") +
                            " ORDER BY distance";
    Rows rows;
    const int code = database.run(sql, {shape.blob(query), static_cast<std::int64_t>(k)}, &rows);
    if (code != SQLITE_OK) return failure(database, sql, code);
    std::vector<Hit> hits;
    if (std::string fault = to_hits(rows, hits); !fault.empty()) return sql + ": " + fault;
    const Verdict verdict = judge(shape, records, query, k, hits, exact);
    if (!verdict.fault.empty()) return (exact ? "exact search: " : "search: ") + verdict.fault;
    if (!exact) recall += verdict.recall;
  }
  return {};
}

std::string check_column(Database& database, const TableName& table, const std::string& column,
                         const TableShape& shape, const SoundOptions& options) {
  const std::string sql = "SELECT rowid, \"" + column + "\" FROM " + table.sql();
  Rows rows;
  if (const int code = database.run(sql, {}, &rows)) return failure(database, sql, code);
  Records records;
  std::vector<const Vector*> vectors;
  for (const Row& row : rows) {
    Record record;
    if (const auto* blob = std::get_if<Blob>(&row[1])) {
      record.embedding = decode(shape.element, *blob, shape.dim);
      if (record.embedding->size() != shape.dim) return table.name + ": a vector of wrong size";
    }
    const auto place = records.emplace(std::get<std::int64_t>(row[0]), std::move(record)).first;
    if (place->second.embedding) vectors.push_back(&*place->second.embedding);
  }
  Random random(7);
  double recall = 0;
  for (std::size_t i = 0; i < options.query_count; ++i) {
    const Vector query =
        vectors.empty() ? Vector(shape.dim, 1.0F) : *vectors[random.below(vectors.size())];
    std::string fault = check_query(database, table, column, shape, records, query, recall);
    if (!fault.empty()) return table.name + "." + column + ": " + fault;
  }
  if (recall < options.recall_min * static_cast<double>(options.query_count)) {
    return table.name + "." + column + ": recall " + std::to_string(recall) + " over " +
           std::to_string(options.query_count) + " queries";
  }
  return {};
}

std::string qualified_name(const TableName& table) { return table.schema + "." + table.name; }

std::string run_check(Database& database, const TableName& table) {
  Rows rows;
  const std::string sql = "SELECT nearlite_check(?1)";
  if (const int code = database.run(sql, {qualified_name(table)}, &rows)) {
    return failure(database, sql, code);
  }
  if (rows.size() == 1 && rows[0][0] == Value("ok")) return {};
  const auto* text = rows.empty() ? nullptr : std::get_if<std::string>(&rows[0][0]);
  return "nearlite_check(" + table.name + "): " + (text != nullptr ? *text : "no text");
}

std::string check_table(Database& database, const TableName& table, const SoundOptions& options) {
  if (options.self_check) {
    if (std::string fault = run_check(database, table); !fault.empty()) return fault;
  }
  Rows stats;
  const std::string sql = "SELECT nearlite_stats(?1)";
  if (const int code = database.run(sql, {qualified_name(table)}, &stats)) {
    return failure(database, sql, code);
  }
  const auto json = nlohmann::json::parse(std::get<std::string>(stats[0][0]), nullptr, false);
  for (const auto& index : json["indexes"]) {
    const TableShape shape{element_of(index["element"]), metric_of(index["metric"]),
                           index["dim"].get<std::size_t>(), ""};
    std::string fault = check_column(database, table, index["column"], shape, options);
    if (!fault.empty()) return fault;
  }
  return {};
}

}  // namespace

std::string content_of(Database& database) {
  std::vector<TableName> tables;
  if (std::string fault = list_tables(database, tables); !fault.empty()) return fault;
  std::string text;
  for (const TableName& table : tables) {
    const std::string columns = table.is_index || table.is_legacy ? "rowid, *" : "*";
    text += qualified_name(table) + ": " +
            hash_query(database, "SELECT " + columns + " FROM " + table.sql() + " ORDER BY 1") +
            "\n";
    if (!table.is_index) continue;
    const TableName config{table.schema, table.name + "_config"};
    text += "  settings: " +
            hash_query(database, "SELECT key, value FROM " + config.sql() +
                                     " WHERE key LIKE 'setting.%' ORDER BY 1") +
            "\n";
  }
  return text;
}

std::string part_of(const std::string& content, const std::string& schema) {
  std::istringstream lines(content);
  std::string part;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("  ")) inside = line.starts_with(schema + ".");
    if (inside) part += line + "\n";
  }
  return part;
}

std::string find_unsound(Database& database, const SoundOptions& options) {
  if (options.integrity_check) {
    Rows rows;
    const std::string sql = "PRAGMA integrity_check";
    if (const int code = database.run(sql, {}, &rows)) return failure(database, sql, code);
    if (rows.empty() || rows[0][0] != Value("ok")) {
      return "integrity_check: " + (rows.empty() ? "nothing" : to_text(rows[0][0]));
    }
  }
  std::vector<TableName> tables;
  if (std::string fault = list_tables(database, tables); !fault.empty()) return fault;
  for (const TableName& table : tables) {
    if (!table.is_index) continue;
    if (std::string fault = check_table(database, table, options); !fault.empty()) return fault;
  }
  return {};
}

std::string try_next_write(Database& database) {
  std::vector<TableName> tables;
  if (std::string fault = list_tables(database, tables); !fault.empty()) return fault;
  for (const TableName& table : tables) {
    if (!table.is_index) continue;
    constexpr std::int64_t kRow = 1'000'003;
    Rows columns;
    std::string sql =
        "SELECT json_extract(nearlite_stats(?1), '$.indexes[0].column'),"
        " json_extract(nearlite_stats(?1), '$.indexes[0].dim'),"
        " json_extract(nearlite_stats(?1), '$.indexes[0].element'),"
        " json_extract(nearlite_stats(?1), '$.content')";
    if (const int code = database.run(sql, {qualified_name(table)}, &columns)) {
      return failure(database, sql, code);
    }
    const auto dim = static_cast<std::size_t>(std::get<std::int64_t>(columns[0][1]));
    const Blob blob = encode(element_of(std::get<std::string>(columns[0][2])), Vector(dim, 1.0F));
    TableName target = table;
    std::string column = std::get<std::string>(columns[0][0]);
    if (const auto* content = std::get_if<std::string>(&columns[0][3])) {
      const auto json = nlohmann::json::parse(*content, nullptr, false);
      target.name = json["table"];
      column = json["vector"];
    }
    sql = "INSERT INTO " + target.sql() + "(rowid, \"" + column + "\") VALUES(?1, ?2)";
    if (const int code = database.run(sql, {kRow, blob})) return failure(database, sql, code);
    sql = "DELETE FROM " + target.sql() + " WHERE rowid = ?1";
    if (const int code = database.run(sql, {kRow})) return failure(database, sql, code);
  }
  return {};
}

}  // namespace nearlite::test
