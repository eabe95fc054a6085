// What the translator has to know of the database, as an interface: tests make one up, and
// src/sqlite reads the one of a connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nearlite/status.h"
#include "vector/types.h"

namespace nearlite::dialect {

struct ColumnInfo {
  std::string name;
  std::string type;  ///< as declared: "vector(3)", "TEXT", ""
  bool is_primary_key = false;
  /// The SQL function that makes of its values what distances are computed from, where they do not
  /// say so themselves: "vec_f16" for the blobs of a float16 column. Empty: none is needed.
  std::string reader;

  /// Whether arithmetic on it is arithmetic on vectors.
  [[nodiscard]] bool is_vector() const noexcept;
  /// n of vector(n); 0 where there is none.
  [[nodiscard]] std::uint32_t dim() const noexcept;
};

/// An index that can find the rows nearest to a vector.
struct IndexInfo {
  std::string name;  ///< as nearlite_nearest() takes it: "items_embedding_idx", "docs.embedding"
  std::string column;
  Metric metric = Metric::kL2;
};

struct TableInfo {
  std::string schema;  ///< "main"
  std::string name;
  std::vector<ColumnInfo> columns;
  std::vector<IndexInfo> indexes;
  std::string rowid_name = "rowid";  ///< a name of the rowid that no column hides; empty: none

  [[nodiscard]] const ColumnInfo* find_column(std::string_view column) const noexcept;
};

/// What stands under a name in the schema.
enum class ObjectKind : std::uint8_t {
  kNothing,
  kTable,        ///< or a view
  kIndex,        ///< an ordinary index
  kVectorIndex,  ///< a table of the module hnsw over another table's rows
  kVectorTable,  ///< a table of the module hnsw with rows of its own
};

class Schema {
 public:
  virtual ~Schema() = default;
  /// `schema` empty: wherever SQLite would find it. Nothing: there is no such table.
  virtual Result<std::optional<TableInfo>> find_table(std::string_view schema,
                                                      std::string_view name) = 0;
  virtual Result<ObjectKind> find_object(std::string_view schema, std::string_view name) = 0;
  /// Whether a transaction is open: SET LOCAL needs one.
  [[nodiscard]] virtual bool in_transaction() const noexcept = 0;
};

}  // namespace nearlite::dialect
