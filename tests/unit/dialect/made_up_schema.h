// A schema that a test makes up.
#pragma once

#include <string>
#include <vector>

#include "base/text.h"
#include "dialect/translate.h"

namespace nearlite::dialect {

class MadeUpSchema : public Schema {
 public:
  /// items(id, embedding vector(3), half halfvec(3), bits bit text(3), byte bit text(8), price,
  /// plain) with indexes
  /// for l2 and cosine on embedding; plain_items, the same without indexes; docs, a table of the
  /// module hnsw, whose column small is of float16.
  MadeUpSchema() {
    TableInfo items;
    items.schema = "main";
    items.name = "items";
    items.columns = {{"id", "INTEGER", true, ""},        {"embedding", "vector(3)", false, ""},
                     {"half", "halfvec(3)", false, ""},  {"bits", "bit text(3)", false, ""},
                     {"byte", "bit text(8)", false, ""}, {"price", "REAL", false, ""},
                     {"plain", "TEXT", false, ""}};
    tables.push_back(items);
    tables.back().name = "plain_items";
    items.indexes = {{"main.ix", "embedding", Metric::kL2},
                     {"main.ix_cosine", "embedding", Metric::kCosine}};
    tables.push_back(items);
    TableInfo docs;
    docs.schema = "main";
    docs.name = "docs";
    docs.columns = {{"embedding", "vector(3)", false, ""},
                    {"small", "vector(3)", false, "vec_f16"}};
    docs.indexes = {{"main.docs.embedding", "embedding", Metric::kIp},
                    {"main.docs.small", "small", Metric::kL2}};
    tables.push_back(docs);
  }

  Result<std::optional<TableInfo>> find_table(std::string_view schema,
                                              std::string_view name) override {
    for (const TableInfo& table : tables) {
      if (!schema.empty() && !equals_ignoring_case(schema, table.schema)) continue;
      if (equals_ignoring_case(name, table.name)) return std::optional(table);
    }
    return std::optional<TableInfo>();
  }

  Result<ObjectKind> find_object(std::string_view /*schema*/, std::string_view name) override {
    if (name == "docs") return ObjectKind::kVectorTable;
    if (name.starts_with("ix")) return ObjectKind::kVectorIndex;
    if (name == "plain_index" || name == "items_price_idx") return ObjectKind::kIndex;
    for (const TableInfo& table : tables) {
      if (equals_ignoring_case(name, table.name)) return ObjectKind::kTable;
    }
    return ObjectKind::kNothing;
  }

  [[nodiscard]] bool in_transaction() const noexcept override { return is_in_transaction; }

  std::vector<TableInfo> tables;
  bool is_in_transaction = false;
};

}  // namespace nearlite::dialect
