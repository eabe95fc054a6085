// The schema of a connection as the translator of pgvector's dialect asks for it.
//
// Read anew for every question: what a statement meets is the schema of its moment.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/schema.h"
#include "nearlite/status.h"
#include "sqlite/api.h"
#include "sqlite/table_options.h"

namespace nearlite::sqlite {

/// Threads: that of the connection.
class DialectSchema : public dialect::Schema {
 public:
  explicit DialectSchema(sqlite3* db) noexcept : db_(db) {}

  Result<std::optional<dialect::TableInfo>> find_table(std::string_view schema,
                                                       std::string_view name) override;
  Result<dialect::ObjectKind> find_object(std::string_view schema, std::string_view name) override;
  [[nodiscard]] bool in_transaction() const noexcept override;

 private:
  struct Entry {
    std::string schema;
    std::string name;
    std::string type;  // table, view, index
    std::string sql;
  };
  Result<std::optional<Entry>> find_entry(std::string_view schema, std::string_view name);
  Result<std::string> index_name(const std::string& schema, const std::string& name);
  Status read_columns(const Entry& entry, dialect::TableInfo& info);
  Status read_indexes_over(const Entry& entry, dialect::TableInfo& info);
  Status add_index_over(const Entry& entry, const std::string& name, const ContentOptions& content,
                        dialect::TableInfo& info);

  sqlite3* db_;
};

/// Registers nearlite_translate(sql).
Status register_translate(sqlite3* db);

}  // namespace nearlite::sqlite
