// CSV and TSV as RFC 4180 has them: a header line, fields in double quotes where they hold the
// separator, a quote (doubled) or a line feed. CR LF and LF end lines. An empty field without
// quotes is NULL; every other value is text, and SQLite converts it to the column's type.
#include <algorithm>

#include "base/try.h"
#include "formats/reader.h"

namespace nearlite::formats {
namespace {

class CsvReader final : public Reader {
 public:
  CsvReader(Input input, char separator) noexcept
      : Reader(std::move(input)), separator_(separator) {}

  Status read_header() {
    Row row;
    NEARLITE_ASSIGN(const bool has_header, read_record(row));
    if (!has_header) return failure(1, "the file is empty; a header line is needed");
    if (!row.problem.empty()) return failure(row.line, row.problem);
    for (const Value& value : row.values) {
      const auto* name = std::get_if<std::string>(&value);
      if (name == nullptr) return failure(row.line, "the header has a column without a name");
      if (std::find(columns_.begin(), columns_.end(), *name) != columns_.end()) {
        return failure(row.line, "the header names column '" + *name + "' twice");
      }
      columns_.push_back(*name);
    }
    return {};
  }

  Result<bool> next(Row& row) override {
    NEARLITE_ASSIGN(const bool has_row, read_record(row));
    if (!has_row) return false;
    if (row.problem.empty() && row.values.size() != columns_.size()) {
      row.problem = "expected " + std::to_string(columns_.size()) + " fields, got " +
                    std::to_string(row.values.size());
    }
    row.values.resize(columns_.size());
    return true;
  }

 private:
  enum class Place : std::uint8_t { kFieldStart, kInField, kInQuotes, kAfterQuote };

  // A record is one line, or several when a line feed stands in quotes. Blank lines are skipped.
  Result<bool> read_record(Row& row) {
    row.problem.clear();
    row.values.clear();
    do {
      record_.clear();
      row.line = line_ + 1;
      NEARLITE_ASSIGN(const bool has_line, read_physical_line());
      if (!has_line) return false;
    } while (record_ == "\n" || record_ == "\r\n");
    if (row.line == 1 && record_.starts_with("\xEF\xBB\xBF")) record_.erase(0, 3);
    while (has_open_quote()) {
      NEARLITE_ASSIGN(const bool has_line, read_physical_line());
      // Who knows how many rows it has swallowed: none of them may count as one bad row.
      if (!has_line) return failure(row.line, "a quote is not closed");
    }
    if (record_.ends_with('\n')) record_.pop_back();
    if (record_.ends_with('\r')) record_.pop_back();
    split(row);
    scanned_ = 0;
    place_ = Place::kFieldStart;
    return true;
  }

  Result<bool> read_physical_line() {
    const auto read = input_.read_line(record_, kRowBytesMax);
    if (!read.ok()) {
      if (read.status().code() != Code::kInvalidArgument) return read;
      return failure(line_ + 1, "a row is longer than " + std::to_string(kRowBytesMax) + " bytes");
    }
    if (*read) ++line_;
    return read;
  }

  // Whether the record ends inside a quoted field; looks at each byte once. A quote opens a field
  // only at its beginning, so that a stray one spoils its own row and not the next.
  bool has_open_quote() {
    for (; scanned_ < record_.size(); ++scanned_) {
      const char letter = record_[scanned_];
      if (place_ == Place::kInQuotes) {
        if (letter == '"') place_ = Place::kAfterQuote;
      } else if (letter == '"' && place_ != Place::kInField) {
        place_ = Place::kInQuotes;
      } else {
        place_ = letter == separator_ ? Place::kFieldStart : Place::kInField;
      }
    }
    return place_ == Place::kInQuotes;
  }

  void split(Row& row) {
    std::size_t at = 0;
    for (;;) {
      if (row.values.size() == kColumnsMax) {
        row.problem = "more than " + std::to_string(kColumnsMax) + " fields";
        return;
      }
      if (at < record_.size() && record_[at] == '"') {
        at = quoted_field(at + 1, row);
      } else {
        const std::size_t end = std::min(record_.find(separator_, at), record_.size());
        std::string field = record_.substr(at, end - at);
        if (field.find('"') != std::string::npos && row.problem.empty()) {
          row.problem = "a quote inside a field that does not begin with one";
        }
        if (field.empty()) {
          row.values.emplace_back(Null());
        } else {
          row.values.emplace_back(std::move(field));
        }
        at = end;
      }
      if (at >= record_.size()) return;
      if (record_[at] != separator_) {
        if (row.problem.empty()) row.problem = "text after the closing quote of a field";
        return;
      }
      ++at;
    }
  }

  // From behind the opening quote to behind the closing one.
  std::size_t quoted_field(std::size_t at, Row& row) {
    std::string field;
    for (; at < record_.size(); ++at) {
      if (record_[at] == '"') {
        if (at + 1 >= record_.size() || record_[at + 1] != '"') break;
        ++at;
      }
      field += record_[at];
    }
    if (at >= record_.size() && row.problem.empty()) row.problem = "a quote is not closed";
    row.values.emplace_back(std::move(field));
    return std::min(at + 1, record_.size());
  }

  char separator_;
  std::uint64_t line_ = 0;
  std::string record_;
  std::size_t scanned_ = 0;
  Place place_ = Place::kFieldStart;
};

}  // namespace

Result<std::unique_ptr<Reader>> open_csv(Input input, char separator) {
  auto reader = std::make_unique<CsvReader>(std::move(input), separator);
  NEARLITE_TRY(reader->read_header());
  return std::unique_ptr<Reader>(std::move(reader));
}

}  // namespace nearlite::formats
