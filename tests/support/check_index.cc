#include "support/check_index.h"

#include <algorithm>

namespace nearlite::test {
namespace {

std::string sql_fault(Database& database, const std::string& sql, int code) {
  return code_name(code) + " from " + sql + ": " + database.message();
}

std::string compare_rows(const Records& found, const Records& expected) {
  for (const auto& [rowid, record] : expected) {
    const auto row = found.find(rowid);
    if (row == found.end()) return "row " + std::to_string(rowid) + " is missing";
    if (row->second == record) continue;
    std::string fault = "row " + std::to_string(rowid) + " differs:";
    if (row->second.embedding != record.embedding) {
      fault += " embedding" + std::string(row->second.embedding ? "" : " is NULL") +
               (record.embedding ? "" : " should be NULL");
    }
    if (row->second.lang != record.lang) fault += " lang=" + to_text(row->second.lang);
    if (row->second.year != record.year) fault += " year=" + to_text(row->second.year);
    if (row->second.title != record.title) fault += " title=" + to_text(row->second.title);
    return fault;
  }
  for (const auto& [rowid, record] : found) {
    if (!expected.contains(rowid)) return "row " + std::to_string(rowid) + " should not be there";
  }
  return {};
}

// The function that gives a blob its element type.
const char* constructor_of(Element element) {
  switch (element) {
    case Element::kFloat: return "vec_f32";
    case Element::kFloat16: return "vec_f16";
    case Element::kBfloat16: return "vec_bf16";
    case Element::kInt8: return "vec_int8";
    case Element::kBit: return "vec_bit";
  }
  return "?";
}

// The distance a search shows is the scalar function's, to the last bit.
std::string check_scalar(Database& database, const std::string& table, const TableShape& shape,
                         const Blob& query, std::int64_t k) {
  const std::string typed = constructor_of(shape.element);  // a bare blob would be read as float32
  const std::string sql =
      std::string("SELECT n.rowid, n.distance, vec_distance_") + name_of(shape.metric) + "(" +
      typed + "(r.embedding), " + typed + "(?1)) FROM (SELECT rowid, distance FROM " + table +
      " WHERE embedding MATCH ?1 AND k = ?2) AS n JOIN " + table + " AS r ON r.rowid = n.rowid";
  Rows rows;
  if (const int code = database.run(sql, {query, k}, &rows)) return sql_fault(database, sql, code);
  for (const Row& row : rows) {
    if (row[1] != row[2]) {
      return "row " + to_text(row[0]) + ": distance " + to_text(row[1]) +
             " but the function says " + to_text(row[2]);
    }
  }
  return {};
}

std::string check_queries(Database& database, const std::string& table, const TableShape& shape,
                          const Records& expected, const CheckOptions& options) {
  std::vector<const Vector*> vectors;
  for (const auto& [rowid, record] : expected) {
    if (record.embedding) vectors.push_back(&*record.embedding);
  }
  Random random(options.seed);
  double recall = 0;
  for (std::size_t i = 0; i < options.query_count; ++i) {
    Vector query(shape.dim, 1.0F);
    if (!vectors.empty()) query = *vectors[random.below(vectors.size())];
    const auto k = static_cast<std::int64_t>(i == 0 ? 10 : 1 + random.below(30));
    const Blob blob = shape.blob(query);
    for (const bool exact : {true, false}) {
      const std::string sql = shape.knn_sql(table, options.engine, exact);
      Rows rows;
      if (const int code = database.run(sql, {blob, k}, &rows)) {
        return sql_fault(database, sql, code);
      }
      std::vector<Hit> hits;
      std::string fault = to_hits(rows, hits);
      if (!fault.empty()) return sql + ": " + fault;
      const Verdict verdict =
          judge(shape, expected, query, static_cast<std::size_t>(k), hits, exact);
      if (!verdict.fault.empty()) {
        return (exact ? "exact search: " : "search: ") + verdict.fault;
      }
      if (!exact) recall += verdict.recall;
    }
    if (options.engine == Database::Engine::kNearlite) {
      std::string fault = check_scalar(database, table, shape, blob, k);
      if (!fault.empty()) return fault;
    }
  }
  recall /= static_cast<double>(std::max<std::size_t>(1, options.query_count));
  if (options.query_count > 0 && recall < options.recall_min) {
    return "recall " + std::to_string(recall) + " over " + std::to_string(options.query_count) +
           " queries";
  }
  return {};
}

std::string check_all(Database& database, const std::string& table, const TableShape& shape,
                      const Records& expected, const CheckOptions& options) {
  if (options.self_check) {
    const std::string sql = "SELECT nearlite_check('" + table + "')";
    Rows rows;
    if (const int code = database.run(sql, {}, &rows)) return sql_fault(database, sql, code);
    if (rows.size() != 1 || rows[0][0] != Value("ok")) {
      return "nearlite_check: " + (rows.empty() ? "no row" : to_text(rows[0][0]));
    }
  }
  Rows count;
  const std::string sql = "SELECT count(*) FROM " + table;
  if (const int code = database.run(sql, {}, &count)) return sql_fault(database, sql, code);
  if (count[0][0] != Value(static_cast<std::int64_t>(expected.size()))) {
    return to_text(count[0][0]) + " rows instead of " + std::to_string(expected.size());
  }
  Records found;
  std::string fault = read_records(database, table, shape, found);
  if (fault.empty()) fault = compare_rows(found, expected);
  if (fault.empty()) fault = check_queries(database, table, shape, expected, options);
  return fault;
}

}  // namespace

std::string read_records(Database& database, const std::string& table, const TableShape& shape,
                         Records& records) {
  const std::string sql = "SELECT rowid, embedding, lang, year, title FROM " + table;
  Rows rows;
  if (const int code = database.run(sql, {}, &rows)) return sql_fault(database, sql, code);
  for (const Row& row : rows) {
    const auto* rowid = std::get_if<std::int64_t>(&row[0]);
    if (rowid == nullptr) return "a rowid is " + to_text(row[0]);
    Record record{std::nullopt, row[2], row[3], row[4]};
    if (const auto* blob = std::get_if<Blob>(&row[1])) {
      record.embedding = decode(shape.element, *blob, shape.dim);
      if (record.embedding->size() != shape.dim) {
        return "row " + to_text(row[0]) + ": the vector has " + std::to_string(blob->size()) +
               " bytes";
      }
    } else if (!std::holds_alternative<std::monostate>(row[1])) {
      return "row " + to_text(row[0]) + ": the vector is " + to_text(row[1]);
    }
    if (!records.emplace(*rowid, std::move(record)).second) {
      return "rowid " + to_text(row[0]) + " comes twice";
    }
  }
  return {};
}

std::string check_index(Database& database, const std::string& table, const TableShape& shape,
                        const Records& expected, const CheckOptions& options) {
  const bool own_transaction = !database.in_transaction();
  if (own_transaction) {
    if (const int code = database.exec("BEGIN")) return sql_fault(database, "BEGIN", code);
  }
  std::string fault = check_all(database, table, shape, expected, options);
  if (own_transaction) database.exec("COMMIT");
  return fault;
}

namespace {

struct StandIn {
  Metric metric;
  Element element;
};

void stand_in_distance(sqlite3_context* context, int, sqlite3_value** values) {
  const auto* kind = static_cast<const StandIn*>(sqlite3_user_data(context));
  const std::size_t bits = kind->element == Element::kFloat  ? 32
                           : kind->element == Element::kInt8 ? 8
                           : kind->element == Element::kBit  ? 1
                                                             : 16;
  Vector vectors[2];
  for (int i = 0; i < 2; ++i) {
    const auto* bytes = static_cast<const std::byte*>(sqlite3_value_blob(values[i]));
    const auto size = static_cast<std::size_t>(sqlite3_value_bytes(values[i]));
    vectors[i] = decode(kind->element, {bytes, size}, size * 8 / bits);
  }
  sqlite3_result_double(context, distance(kind->metric, vectors[0], vectors[1]));
}

void stand_in_check(sqlite3_context* context, int, sqlite3_value**) {
  sqlite3_result_text(context, "ok", -1, SQLITE_STATIC);
}

}  // namespace

void register_stand_in(Database& database) {
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
  for (const Metric metric :
       {Metric::kCosine, Metric::kL2, Metric::kIp, Metric::kL1, Metric::kHamming}) {
    for (const Element element :
         {Element::kFloat, Element::kFloat16, Element::kBfloat16, Element::kInt8, Element::kBit}) {
      const std::string name = std::string("stand_in_") + name_of(metric) + "_" + name_of(element);
      sqlite3_create_function_v2(database.handle(), name.c_str(), 2, kFlags,
                                 new StandIn{metric, element}, stand_in_distance, nullptr, nullptr,
                                 [](void* kind) { delete static_cast<StandIn*>(kind); });
    }
  }
  sqlite3_create_function(database.handle(), "nearlite_check", 1, SQLITE_UTF8, nullptr,
                          stand_in_check, nullptr, nullptr);
}

}  // namespace nearlite::test
