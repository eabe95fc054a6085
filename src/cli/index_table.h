// What a command has to know of a table it works on: of the module hnsw, or an ordinary one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "nearlite/nearlite.h"

namespace nearlite::cli {

struct VectorColumn {
  std::string name;
  std::string element;  ///< float, float16, bfloat16, int8, bit
  std::size_t dim = 0;
  std::string metric;
};

struct IndexTable {
  std::string name;
  std::vector<VectorColumn> vectors;  ///< at least one
  std::vector<std::string> columns;   ///< the others, but for the hidden ones

  [[nodiscard]] const VectorColumn& vector() const { return vectors.front(); }
};

/// Opens a database that must be there.
Result<Database> open_database(const std::string& path, bool read_only);

/// The tables of the module hnsw, by name.
Result<std::vector<std::string>> list_indexes(Database& database);

/// The index `wanted`; when that is empty the only one, else "documents" or "vss".
/// Errors: kNotFound, with the names of those there are.
Result<IndexTable> find_index(Database& database, const std::string& wanted);

/// The names of a table's columns that are not hidden; empty when there is no such table.
Result<std::vector<std::string>> list_columns(Database& database, const std::string& table);

[[nodiscard]] bool has(const std::vector<std::string>& names, std::string_view name);

/// A name as SQL takes it: in double quotes.
[[nodiscard]] std::string as_identifier(std::string_view name);

/// `parameter`, a float32 vector, as SQL that gives the column's element type.
[[nodiscard]] std::string as_element(const VectorColumn& column, std::string_view parameter);

/// The column as SQL that knows its element type: a stored blob does not say it.
[[nodiscard]] std::string as_typed_blob(const VectorColumn& column);

/// The only value of the first row of `sql`.
Result<std::int64_t> ask_number(Database& database, std::string_view sql);

}  // namespace nearlite::cli
