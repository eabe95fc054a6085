// The table rows are imported into, and which column of the file goes where.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/index_table.h"
#include "formats/reader.h"
#include "nearlite/nearlite.h"

namespace nearlite::cli {

/// Threads: one. The Database must outlive it.
class ImportTarget {
 public:
  /// `arguments.table` may also be an ordinary table, whose triggers feed an index; its vector
  /// column is `embedding`, as JSON text where it is declared as text, else as a blob.
  static Result<ImportTarget> open(Database& database, const ImportArguments& arguments);

  [[nodiscard]] const std::string& table() const noexcept { return table_; }
  /// Dimensions of the index; 0: not known (an ordinary table).
  [[nodiscard]] std::size_t dim() const noexcept { return dim_; }

  /// Decides where the columns of the file go; once more whenever there are more of them.
  /// Errors: kInvalidArgument: an asked for column is not there; kNotFound: nothing fits.
  Status map(const std::vector<std::string>& columns);

  /// The place of the column whose text is embedded; none unless --text was given.
  [[nodiscard]] std::optional<std::size_t> text_place() const noexcept { return text_place_; }
  /// Columns of the file that go nowhere.
  [[nodiscard]] const std::vector<std::string>& unused() const noexcept { return unused_; }

  /// Inserts a row. `id` and `vector` override what the file's own columns say.
  Status insert(const formats::Row& row, std::optional<std::int64_t> id,
                const std::vector<float>* vector);

 private:
  ImportTarget(Database& database, const ImportArguments& arguments) noexcept
      : database_(&database), arguments_(&arguments) {}
  Status open_index();
  Status open_ordinary(std::vector<std::string> columns);
  Status prepare();
  Status bind(int parameter, const formats::Value& value, const char* what);

  Database* database_;
  const ImportArguments* arguments_;
  std::string table_;
  std::string id_column_ = "rowid";
  std::string vector_column_;
  std::string vector_sql_;  ///< with {} for the parameter
  std::size_t dim_ = 0;
  std::vector<std::string> others_;  ///< columns of the table

  // The current mapping: places in the file's columns.
  std::optional<std::size_t> id_place_;
  std::optional<std::size_t> vector_place_;
  std::optional<std::size_t> text_place_;
  std::vector<std::pair<std::size_t, std::string>> pairs_;
  std::vector<std::string> unused_;
  std::optional<Statement> insert_;
};

}  // namespace nearlite::cli
