// Rows of a file that is imported: CSV, JSON lines, NumPy's .npy, or the .fvecs, .bvecs, .ivecs of
// the data sets for nearest neighbours. One interface; a format's name or the file's ending picks
// the reader.
//
// Every file is untrusted: what a header claims is believed only as far as there are bytes, and
// memory is bounded by one row. What is wrong with one row is said in Row::problem, and the next
// row can be read; what makes the rest unreadable is a Status. Messages have file and line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "formats/input.h"
#include "nearlite/status.h"

namespace nearlite::formats {

inline constexpr std::size_t kRowBytesMax = std::size_t{64} << 20;
inline constexpr std::size_t kColumnsMax = 2'000;  // SQLite's own limit
inline constexpr std::size_t kDimMax = 16'384;

using Null = std::monostate;
using Value = std::variant<Null, std::int64_t, double, std::string, std::vector<float>>;

struct Row {
  std::uint64_t line = 0;     ///< where it begins: a line of a text file, else the row's number
  std::string problem;        ///< why it cannot be used; empty: it can
  std::vector<Value> values;  ///< as many as there are columns
};

class Reader {
 public:
  virtual ~Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// Names of the columns: of the header line (CSV), of the keys met so far (JSON lines; more may
  /// come with any row), "vector" (the binary formats).
  [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }
  /// Rows that the file says it has; 0: it does not say.
  [[nodiscard]] virtual std::uint64_t row_count() const noexcept { return 0; }
  [[nodiscard]] const Input& input() const noexcept { return input_; }

  /// Reads the next row; false at the end. Errors: kIo; kInvalidArgument: unreadable from here on.
  virtual Result<bool> next(Row& row) = 0;

 protected:
  explicit Reader(Input input) noexcept : input_(std::move(input)) {}
  /// "file:7: what", for the line or row `line`.
  [[nodiscard]] Status failure(std::uint64_t line, const std::string& what) const;

  Input input_;
  std::vector<std::string> columns_;
};

enum class Format : std::uint8_t { kCsv, kTsv, kJsonLines, kNpy, kFvecs, kBvecs, kIvecs };

/// csv, tsv, jsonl (also ndjson), npy, fvecs, bvecs, ivecs: a format's name, or a file's ending.
/// Errors: kInvalidArgument: none of these; what to do about Parquet.
Result<Format> find_format(std::string_view name);
/// The format that the ending of `path` says.
Result<Format> format_of(std::string_view path);

/// Reads what stands before the first row. Errors: as Reader::next().
Result<std::unique_ptr<Reader>> open_reader(Format format, Input input);

// One for each format; open_reader() picks.
Result<std::unique_ptr<Reader>> open_csv(Input input, char separator);
Result<std::unique_ptr<Reader>> open_json_lines(Input input);
Result<std::unique_ptr<Reader>> open_npy(Input input);
Result<std::unique_ptr<Reader>> open_vecs(Format format, Input input);

}  // namespace nearlite::formats
