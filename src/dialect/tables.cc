// Column types: vector(3) stays the declared type, which SQLite allows, and gets a check of its
// length in plain SQL, so that the table can be written without the extension, too.
#include <charconv>
#include <string>

#include "base/text.h"
#include "base/try.h"
#include "dialect/clauses.h"
#include "dialect/definitions.h"
#include "dialect/operands.h"
#include "vector/types.h"

namespace nearlite::dialect {
namespace {

const std::initializer_list<std::string_view> kSerials{"serial",  "bigserial", "smallserial",
                                                       "serial2", "serial4",   "serial8"};
const std::initializer_list<std::string_view> kWholeNumbers{"bigint", "int8", "integer",
                                                            "int",    "int4", "smallint"};

class Table {
 public:
  explicit Table(Task& task) : source_(task.source), schema_(task.schema), edits_(task.edits) {}

  Status run() {
    if (source_.is_word(0, "create")) return create();
    if (source_.has_words(0, {"alter", "table"})) return alter();
    return {};
  }

 private:
  Status create() {
    std::size_t at = 1;
    if (source_.is_word(at, "unlogged")) {
      edits_.replace(source_.at(at).begin, source_.at(at + 1).begin, "");
      ++at;
    }
    if (source_.is_word(at, {"temp", "temporary"})) ++at;
    if (!source_.is_word(at, "table")) return {};
    ++at;
    if (source_.has_words(at, {"if", "not", "exists"})) at += 3;
    at += source_.is(at + 1, TokenKind::kDot) ? 3 : 1;
    const std::size_t close = source_.close_of(at);
    if (close == kNone || close == at + 1) return {};
    const std::vector<Range> parts = split_at_commas(source_, {at + 1, close - 1});
    for (const Range& part : parts) {
      if (part.empty()) continue;
      if (has_serial(part) || is_vector_type(source_.name(part.first + 1))) is_foreign_ = true;
      find_key(part);
    }
    for (const Range& part : parts) {
      if (!part.empty() && part.last > part.first) NEARLITE_TRY(column(part));
    }
    return {};
  }

  // ALTER TABLE t ADD [COLUMN] [IF NOT EXISTS] name type …
  Status alter() {
    std::size_t at = 2;
    const bool is_qualified = source_.is(at + 1, TokenKind::kDot);
    const std::string schema = is_qualified ? source_.name(at) : std::string();
    const std::string table = source_.name(is_qualified ? at + 2 : at);
    at += is_qualified ? 3 : 1;
    if (source_.has_words(at, {"alter", "column"}) || source_.is_word(at, "alter")) {
      return source_.error(Range{at, source_.size() - 1},
                           "SQLite cannot change the type of a column; add another one");
    }
    if (!source_.is_word(at, "add")) return {};
    at += source_.is_word(at + 1, "column") ? 2 : 1;
    if (source_.has_words(at, {"if", "not", "exists"})) {
      NEARLITE_ASSIGN(const auto info, schema_.find_table(schema, table));
      if (info && info->find_column(source_.name(at + 3)) != nullptr) {
        edits_.replace(source_.begin(), source_.end(), "/* the column is there */");
        return {};
      }
      edits_.replace(source_.at(at).begin, source_.at(at + 3).begin, "");
      at += 3;
    }
    if (!source_.is_name(at) || at + 1 >= source_.size()) return {};
    return column({at, source_.size() - 1});
  }

  [[nodiscard]] bool has_serial(Range part) const {
    return part.last > part.first && source_.is_word(part.first + 1, kSerials);
  }

  // PRIMARY KEY (id), as a part of its own.
  void find_key(Range part) {
    std::size_t at = part.first;
    if (source_.is_word(at, "constraint")) at += 2;
    if (!source_.has_words(at, {"primary", "key"})) return;
    if (source_.close_of(at + 2) == at + 4) key_ = source_.name(at + 3);
  }

  Status column(Range part) {
    const std::size_t type = part.first + 1;
    if (!source_.is(part.first, TokenKind::kQuotedName) &&
        source_.is_word(part.first, {"constraint", "primary", "unique", "check", "foreign"})) {
      return {};
    }
    if (source_.is_word(type, kSerials) || (is_foreign_ && source_.is_word(type, kWholeNumbers))) {
      return whole_number(part);
    }
    if (source_.is_word(type, "sparsevec")) {
      return source_.error(type, "there are no sparse vectors; use vector(n)");
    }
    const bool is_bits = source_.is_word(type, "bit");
    if (!is_bits && !source_.is_word(type, {"vector", "halfvec"})) return {};
    const std::size_t close = source_.close_of(type + 1);
    if (close == kNone && !is_bits) return {};  // of any length
    std::uint32_t dim = 1;                      // bit is bit(1)
    if (close != kNone) {
      const std::string_view text = source_.text(Range{type + 2, close - 1});
      const auto read = std::from_chars(text.data(), text.data() + text.size(), dim);
      if (read.ec != std::errc() || read.ptr != text.data() + text.size() || dim < 1 ||
          dim > kDimMax) {
        return source_.error(Range{type + 1, close},
                             "expected 1 to " + std::to_string(kDimMax) + " dimensions");
      }
    }
    if (is_bits && source_.is_word(type + 1, "varying")) return {};
    check_length(part.first, {type, close == kNone ? type : close}, dim);
    return {};
  }

  void check_length(std::size_t name, Range type, std::uint32_t dim) {
    const std::string column = quote_identifier(source_.name(name));
    const std::string count = std::to_string(dim);
    const std::string what = source_.is_word(type.first, "bit") ? " bits" : " dimensions";
    std::string check = " CONSTRAINT " +
                        quote_identifier(source_.name(name) + ": expected " + count + what) +
                        " CHECK (";
    if (source_.is_word(type.first, "bit")) {
      // Digits as text: of the type bit alone SQLite would make a number.
      edits_.replace(source_.at(type.first).begin, source_.at(type.first).end,
                     type.first == type.last ? "bit text(1)" : "bit text");
      check += "length(" + column + ") = " + count + " AND " + column + " NOT GLOB '*[^01]*')";
    } else {
      const std::size_t bytes = source_.is_word(type.first, "halfvec") ? 2 : 4;
      check += "CASE typeof(" + column + ") WHEN 'text' THEN json_array_length(" + column +
               ") = " + count + " WHEN 'blob' THEN length(" + column +
               ") = " + std::to_string(bytes * dim) + " ELSE " + column + " IS NULL END)";
    }
    edits_.wrap(source_.at(type.first).begin, source_.at(type.last).end, "", check);
  }

  // Only a column declared INTEGER PRIMARY KEY numbers its rows.
  Status whole_number(Range part) {
    const std::size_t type = part.first + 1;
    bool is_key = !key_.empty() && equals_ignoring_case(key_, source_.name(part.first));
    for (std::size_t i = type + 1; i <= part.last; i = source_.after(i)) {
      if (source_.has_words(i, {"primary", "key"})) is_key = true;
      if (!source_.is_word(i, "generated")) continue;
      // GENERATED ALWAYS AS IDENTITY, GENERATED BY DEFAULT AS IDENTITY
      std::size_t identity = i;
      while (identity <= part.last && !source_.is_word(identity, "identity")) ++identity;
      if (identity > part.last) continue;
      edits_.replace(source_.at(i - 1).end, source_.at(identity).end, "");
    }
    if (is_key) {
      edits_.replace(source_.at(type).begin, source_.at(type).end, "INTEGER");
      return {};
    }
    if (!source_.is_word(type, kSerials)) return {};
    return source_.error(type, "SQLite numbers only the primary key; add PRIMARY KEY");
  }

  const Source& source_;
  Schema& schema_;
  Edits& edits_;
  bool is_foreign_ = false;  // something in it is PostgreSQL's
  std::string key_;
};

}  // namespace

Status translate_table(Task& task) { return Table(task).run(); }

}  // namespace nearlite::dialect
