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

/// An index and the table that has its rows: itself, or the table it was made over.
struct IndexTable {
  std::string name;
  std::string rows;
  std::string id = "rowid";           ///< what the id is called in `rows`
  std::vector<VectorColumn> vectors;  ///< at least one; named as in `rows`
  std::vector<std::string> columns;   ///< the others of `rows`, but for id and hidden ones
  std::vector<std::string> sparse;    ///< those of `columns` that hold sparse vectors
  bool stores_text = false;           ///< the vectors' column in `rows` is declared as text

  [[nodiscard]] const VectorColumn& vector() const { return vectors.front(); }
  [[nodiscard]] bool owns_rows() const { return rows == name; }
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

/// Whether `table` declares a column of it as text.
Result<bool> is_text_column(Database& database, const std::string& table,
                            const std::string& column);

/// `parameter`, a vector, as SQL that gives what `table.rows` stores.
[[nodiscard]] std::string as_stored(const IndexTable& table, std::string_view parameter);

/// `parameter`, a float32 vector, as SQL that gives the column's element type.
[[nodiscard]] std::string as_element(const VectorColumn& column, std::string_view parameter);

/// The column as SQL that knows its element type: a stored blob does not say it.
[[nodiscard]] std::string as_typed_blob(const VectorColumn& column);

/// One of `table.columns` as SQL that gives what import takes: sparse vectors as text. `prefix` of
/// the name: "t." or empty.
[[nodiscard]] std::string as_written(const IndexTable& table, const std::string& column,
                                     const std::string& prefix = {});

/// The only value of the first row of `sql`.
Result<std::int64_t> ask_number(Database& database, std::string_view sql);

}  // namespace nearlite::cli
