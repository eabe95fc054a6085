#include "dialect/expressions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "base/text.h"
#include "base/try.h"
#include "dialect/clauses.h"
#include "dialect/nearest.h"
#include "dialect/operands.h"

namespace nearlite::dialect {
namespace {

// Types of PostgreSQL and what SQLite's CAST makes of them; empty: the value as it is, for SQLite
// has no such type and keeps it as text or number anyway.
struct CastType {
  std::string_view name;
  std::string_view sqlite;
};
constexpr std::array<CastType, 30> kCastTypes{{
    {"smallint", "INTEGER"},
    {"int2", "INTEGER"},
    {"integer", "INTEGER"},
    {"int", "INTEGER"},
    {"int4", "INTEGER"},
    {"bigint", "INTEGER"},
    {"int8", "INTEGER"},
    {"real", "REAL"},
    {"float", "REAL"},
    {"float4", "REAL"},
    {"float8", "REAL"},
    {"double precision", "REAL"},
    {"numeric", "NUMERIC"},
    {"decimal", "NUMERIC"},
    {"text", "TEXT"},
    {"varchar", "TEXT"},
    {"char", "TEXT"},
    {"character", "TEXT"},
    {"character varying", "TEXT"},
    {"bpchar", "TEXT"},
    {"name", "TEXT"},
    {"bytea", "BLOB"},
    {"boolean", ""},
    {"bool", ""},
    {"json", ""},
    {"jsonb", ""},
    {"uuid", ""},
    {"date", ""},
    {"timestamp", ""},
    {"timestamptz", ""},
}};

bool is_number_text(std::string_view text) {
  return text.find_first_not_of("0123456789+-.eE, \t\n") == std::string_view::npos;
}

class Expressions {
 public:
  Expressions(const Source& source, Schema& schema, bool may_use_index, Edits& edits)
      : source_(source),
        schema_(schema),
        operands_(source),
        may_use_index_(may_use_index),
        edits_(edits) {}

  Status run() {
    NEARLITE_TRY(literals());
    NEARLITE_ASSIGN(distances_, operands_.find_distances());
    parameters();
    NEARLITE_ASSIGN(selects_, find_selects(source_, schema_));
    NEARLITE_TRY(casts());
    NEARLITE_TRY(arithmetic());
    for (const Distance& distance : distances_) operate(distance);
    aggregates();
    std::vector<Term> by_index;
    if (may_use_index_) {
      for (auto select = selects_.rbegin(); select != selects_.rend(); ++select) {
        if (use_index(source_, operands_, selects_, *select, distances_, edits_)) {
          by_index.push_back(select->order.front());
        }
      }
    }
    sort_nulls(by_index);
    return {};
  }

 private:
  void replace(std::size_t token, std::string what) {
    edits_.replace(source_.at(token).begin, source_.at(token).end, std::move(what));
  }

  Status literals() {
    for (std::size_t i = 0; i < source_.size(); ++i) {
      if (source_.is(i, TokenKind::kDollarString)) {
        const std::string_view text = source_.text(i);
        const std::size_t tag = text.find('$', 1) + 1;
        replace(i, quote_string(text.substr(tag, text.size() - 2 * tag)));
      }
      if (!source_.is(i, TokenKind::kWord) || !source_.touches(i, i + 1)) continue;
      if (source_.is(i + 1, TokenKind::kString)) {
        if (source_.is_word(i, "b")) replace(i, "");  // B'101'
        if (source_.is_word(i, "e")) {
          return source_.error(Range{i, i + 1},
                               "strings with escapes are not translated; write '…', in which only"
                               " the quote is special");
        }
      }
      if (source_.is_word(i, "array") && source_.text(i + 1).starts_with("[")) {
        NEARLITE_TRY(array(i));
      }
    }
    return {};
  }

  // ARRAY[1,2,3] becomes '[1,2,3]'.
  Status array(std::size_t word) {
    const std::string_view text = source_.text(word + 1);
    if (!is_number_text(text.substr(1, text.size() - 2))) {
      return source_.error(Range{word, word + 1},
                           "only arrays of numbers are translated; json_array(…) takes anything");
    }
    edits_.replace(source_.at(word).begin, source_.at(word + 1).end, quote_string(text));
    return {};
  }

  // $1 becomes ?1. Where a search is translated ? gets its number, for the vector is moved, and may
  // be needed twice.
  void parameters() {
    std::size_t greatest = 0;
    std::map<std::string_view, std::size_t> named;
    for (std::size_t i = 0; i < source_.size(); ++i) {
      if (!source_.is(i, TokenKind::kParameter)) continue;
      const std::string_view text = source_.text(i);
      std::size_t number = 0;
      const auto read = std::from_chars(text.data() + 1, text.data() + text.size(), number);
      const bool is_numbered = read.ec == std::errc() && read.ptr == text.data() + text.size();
      if (text == "?") {
        ++greatest;
        if (!distances_.empty()) replace(i, "?" + std::to_string(greatest));
      } else if (is_numbered && (text[0] == '?' || text[0] == '$')) {
        greatest = std::max(greatest, number);
        if (text[0] == '$') replace(i, "?" + std::string(text.substr(1)));
      } else if (named.emplace(text, greatest + 1).second) {
        ++greatest;
      }
    }
  }

  // Casts of operands say nothing new: the functions check what they get. But halfvec rounds, and
  // only a column is not to be hidden from its index by that.
  void mark_cast_operand(Range range, std::vector<std::size_t>& marked) const {
    const Range stripped = operands_.strip(range);
    const bool is_column = find_column(source_, selects_, stripped).column != nullptr;
    for (;;) {
      std::size_t colons = kNone;
      if (!range.empty() && source_.close_of(range.first) == range.last) {
        ++range.first;
        --range.last;
      } else if (operands_.is_cast(range, colons)) {
        const bool rounds = equals_ignoring_case(source_.name(colons + 1), "halfvec");
        if (is_column || !rounds) marked.push_back(colons);
        range.last = colons - 1;
      } else {
        return;
      }
    }
  }

  Status casts() {
    std::vector<std::size_t> of_operands;
    for (const Distance& distance : distances_) {
      mark_cast_operand(distance.left, of_operands);
      mark_cast_operand(distance.right, of_operands);
    }
    NEARLITE_ASSIGN(const std::vector<Cast> found, operands_.find_casts());
    for (const Cast& cast : found) {
      const bool is_operand =
          std::find(of_operands.begin(), of_operands.end(), cast.type.first) != of_operands.end();
      NEARLITE_TRY(translate_cast(cast, is_operand));
    }
    return {};
  }

  Status translate_cast(const Cast& cast, bool is_operand) {
    const auto become = [&](std::string before, std::string after) {
      const std::size_t end = source_.at(cast.type.last).end;
      edits_.replace(source_.at(cast.value.last).end, end, "");
      edits_.wrap(source_.at(cast.value.first).begin, end, std::move(before), std::move(after));
      return Status();
    };
    if (cast.type_name == "sparsevec") {
      return source_.error(cast.type, "there are no sparse vectors; use vector");
    }
    if (is_vector_type(cast.type_name)) {
      const bool is_number =
          cast.argument.empty() || (cast.argument.first == cast.argument.last &&
                                    source_.is(cast.argument.first, TokenKind::kNumber));
      if (!is_number) return source_.error(cast.argument, "expected a number of dimensions");
      if (is_operand) return become("", "");
      const std::string dim =
          cast.argument.empty() ? "" : ", " + std::string(source_.text(cast.argument));
      return become("vec_cast(", ", '" + cast.type_name + "'" + dim + ")");
    }
    const auto* type = std::find_if(kCastTypes.begin(), kCastTypes.end(), [&](const CastType& one) {
      return one.name == cast.type_name;
    });
    if (type == kCastTypes.end()) {
      return source_.error(cast.type, "no translation of a cast to " + cast.type_name);
    }
    if (type->sqlite.empty()) return become("", "");
    return become("CAST(", " AS " + std::string(type->sqlite) + ")");
  }

  // Which operand of a + b is a vector, as far as names tell; SQLite would compute with its text.
  [[nodiscard]] bool is_vector(std::size_t first, std::size_t last) const {
    if (first == kNone || last == kNone || last >= source_.size()) return false;
    std::size_t colons = kNone;
    if (operands_.is_cast({first, last}, colons)) {
      return is_vector_type(source_.name(colons + 1));
    }
    const ColumnUse use = find_column(source_, selects_, {first, last});
    return use.column != nullptr && use.column->is_vector();
  }

  Status arithmetic() {
    for (std::size_t i = 1; i + 1 < source_.size(); ++i) {
      const std::string_view symbol = source_.text(i);
      if (!source_.is(i, TokenKind::kSymbol) || !operands_.is_operand_end(i - 1) ||
          (symbol != "+" && symbol != "-" && symbol != "*" && symbol != "||")) {
        continue;
      }
      if (!is_vector(operands_.primary_first(i - 1), i - 1) &&
          !is_vector(i + 1, operands_.primary_last(i + 1))) {
        continue;
      }
      const bool is_sum = symbol == "+" || symbol == "-";
      return source_.error(i, std::string(symbol) + " of vectors is not translated" +
                                  (is_sum ? std::string("; write ") +
                                                (symbol == "+" ? "vec_add" : "vec_sub") + "(a, b)"
                                          : std::string()));
    }
    return {};
  }

  void read_column(Range operand) {
    const Range range = operands_.strip(operand);
    const ColumnUse use = find_column(source_, selects_, range);
    if (use.column == nullptr || use.column->reader.empty()) return;
    edits_.wrap(source_.at(range.first).begin, source_.at(range.last).end, use.column->reader + "(",
                ")");
  }

  void operate(const Distance& distance) {
    read_column(distance.left);
    read_column(distance.right);
    const Token& symbol = source_.at(distance.symbol);
    // Blanks before the operator go, comments stay.
    const std::size_t before = source_.at(distance.left.last).end;
    const std::string_view gap = source_.between(distance.left.last, distance.symbol);
    const bool is_blank = gap.find_first_not_of(' ') == std::string_view::npos;
    const bool has_blank = source_.at(distance.symbol + 1).begin > symbol.end;
    edits_.replace(is_blank ? before : symbol.begin, symbol.end, has_blank ? "," : ", ");
    edits_.wrap(source_.at(distance.left.first).begin, source_.at(distance.right.last).end,
                std::string(function_of(source_.text(distance.symbol))) + "(", ")");
  }

  // avg(embedding), sum(embedding).
  void aggregates() {
    for (std::size_t i = 0; i < source_.size(); ++i) {
      if (!source_.is_word(i, {"avg", "sum"})) continue;
      const std::size_t close = source_.close_of(i + 1);
      if (close == kNone || close == i + 2) continue;
      std::size_t first = i + 2;
      if (source_.is_word(first, {"distinct", "all"})) ++first;
      if (is_vector(first, close - 1)) {
        edits_.wrap(source_.at(i).begin, source_.at(i).end, "vec_", "");
      }
    }
  }

  // PostgreSQL sorts NULL behind everything, SQLite before; the distance of a row without a vector
  // is NULL.
  void sort_nulls(const std::vector<Term>& by_index) {
    for (const Term& term : find_order_terms(source_)) {
      const bool is_done = std::any_of(by_index.begin(), by_index.end(),
                                       [&](const Term& one) { return one.range == term.range; });
      if (is_done || term.has_nulls || !is_by_distance(term.range)) continue;
      edits_.wrap(source_.at(term.range.first).begin, source_.at(term.last).end, "",
                  term.is_descending ? " NULLS FIRST" : " NULLS LAST");
    }
  }

  [[nodiscard]] bool has_distance(Range range) const {
    return std::any_of(distances_.begin(), distances_.end(), [&](const Distance& distance) {
      return range.first <= distance.symbol && distance.symbol <= range.last;
    });
  }

  [[nodiscard]] bool is_by_distance(Range range) const {
    if (has_distance(range)) return true;
    if (range.first != range.last || !source_.is_name(range.first)) return false;
    for (const Select& select : selects_) {
      if (!is_innermost(selects_, select, range.first)) continue;
      for (Range item : split_at_commas(source_, select.items)) {
        const std::size_t alias = alias_of(operands_, source_, item);
        if (alias != kNone &&
            equals_ignoring_case(source_.name(alias), source_.name(range.first)) &&
            has_distance(item)) {
          return true;
        }
      }
    }
    return false;
  }

  const Source& source_;
  Schema& schema_;
  Operands operands_;
  bool may_use_index_;
  Edits& edits_;
  std::vector<Distance> distances_;
  std::vector<Select> selects_;
};

}  // namespace

Status translate_expressions(const Source& source, Schema& schema, bool may_use_index,
                             Edits& edits) {
  return Expressions(source, schema, may_use_index, edits).run();
}

}  // namespace nearlite::dialect
