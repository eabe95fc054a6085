#include "dialect/operands.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/try.h"

namespace nearlite::dialect {
namespace {

// Words that stand between expressions. All of them are keywords of SQLite that it does not take as
// a name without quotes, or nearly so.
constexpr std::array<std::string_view, 47> kReserved{
    "select",   "from",   "where",   "and",    "or",        "not",    "in",      "is",
    "like",     "glob",   "between", "on",     "using",     "having", "group",   "order",
    "by",       "limit",  "offset",  "when",   "then",      "else",   "case",    "as",
    "distinct", "all",    "union",   "except", "intersect", "values", "set",     "returning",
    "join",     "left",   "right",   "full",   "inner",     "cross",  "natural", "asc",
    "desc",     "escape", "collate", "isnull", "notnull",   "with",   "window"};

constexpr std::array<std::string_view, 5> kVectorTypes{"vector", "halfvec", "sparsevec", "bit",
                                                       "varbit"};

struct Operator {
  std::string_view symbol;
  std::string_view function;
  std::optional<Metric> metric;
};
constexpr std::array<Operator, 6> kOperators{{
    {"<->", "vec_distance_l2", Metric::kL2},
    {"<#>", "vec_distance_ip", Metric::kIp},
    {"<=>", "vec_distance_cosine", Metric::kCosine},
    {"<+>", "vec_distance_l1", Metric::kL1},
    {"<~>", "hamming_distance", Metric::kHamming},
    {"<%>", "jaccard_distance", std::nullopt},
}};

const Operator* find_operator(std::string_view symbol) noexcept {
  const auto* found = std::find_if(kOperators.begin(), kOperators.end(),
                                   [&](const Operator& one) { return one.symbol == symbol; });
  return found == kOperators.end() ? nullptr : found;
}

}  // namespace

bool is_reserved(std::string_view word) noexcept {
  return std::any_of(kReserved.begin(), kReserved.end(),
                     [&](std::string_view one) { return equals_ignoring_case(one, word); });
}

bool is_vector_type(std::string_view type) noexcept {
  return std::any_of(kVectorTypes.begin(), kVectorTypes.end(),
                     [&](std::string_view one) { return equals_ignoring_case(one, type); });
}

std::string_view function_of(std::string_view symbol) noexcept {
  const Operator* found = find_operator(symbol);
  return found == nullptr ? std::string_view() : found->function;
}

std::optional<Metric> metric_of(std::string_view symbol) noexcept {
  const Operator* found = find_operator(symbol);
  return found == nullptr ? std::nullopt : found->metric;
}

Operands::Operands(const Source& source) : source_(source), colons_of_(source.size(), kNone) {
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (!source.is(i, TokenKind::kCast)) continue;
    const std::size_t last = type_last(i);
    if (last != kNone) colons_of_[last] = i;
  }
}

// double precision, character varying(3), real[].
std::size_t Operands::type_last(std::size_t colons) const {
  std::size_t last = colons + 1;
  if (!source_.is_name(last)) return kNone;
  if (source_.has_words(last, {"double", "precision"}) || source_.is_word(last + 1, "varying")) {
    ++last;
  }
  if (source_.close_of(last + 1) != kNone) last = source_.close_of(last + 1);
  while (source_.is(last + 1, TokenKind::kQuotedName) && source_.text(last + 1) == "[]") ++last;
  return last;
}

bool Operands::is_operand_end(std::size_t index) const {
  switch (source_.at(index).kind) {
    case TokenKind::kClose:
    case TokenKind::kQuotedName:
    case TokenKind::kString:
    case TokenKind::kDollarString:
    case TokenKind::kBlob:
    case TokenKind::kNumber:
    case TokenKind::kParameter: return index < source_.size();
    case TokenKind::kWord:
      return (index > 0 && source_.is(index - 1, TokenKind::kDot)) ||
             !is_reserved(source_.text(index));
    default: return false;
  }
}

// The first part of a name a.b.c that ends at `last`.
std::size_t Operands::name_first(std::size_t last) const {
  std::size_t first = last;
  while (first >= 2 && source_.is(first - 1, TokenKind::kDot) && source_.is_name(first - 2)) {
    first -= 2;
  }
  return first;
}

// B'101', ARRAY[1,2,3]: two tokens, one value.
bool Operands::is_prefixed(std::size_t first) const {
  return source_.touches(first, first + 1) &&
         ((source_.is_word(first, "b") && source_.is(first + 1, TokenKind::kString)) ||
          (source_.is_word(first, "array") && source_.text(first + 1).starts_with("[")));
}

std::size_t Operands::primary_first(std::size_t last) const {
  for (;;) {
    if (!is_operand_end(last)) return kNone;
    if (colons_of_[last] != kNone) {
      if (colons_of_[last] == 0) return kNone;
      last = colons_of_[last] - 1;
      continue;
    }
    if (source_.is_word(last, "end")) {
      int depth = 0;
      for (std::size_t i = last + 1; i-- > 0;) {
        if (source_.is_word(i, "end")) ++depth;
        if (source_.is_word(i, "case") && --depth == 0) return i;
      }
      return kNone;
    }
    if (source_.is_name(last) && last > 1 && source_.is_word(last - 1, "over")) {
      last -= 2;
      continue;
    }
    if (last > 0 && is_prefixed(last - 1)) return last - 1;
    if (source_.is_name(last)) return name_first(last);
    if (!source_.is(last, TokenKind::kClose)) return last;
    const std::size_t open = source_.at(last).partner;
    if (open == last) return kNone;
    if (open == 0 || !source_.is_name(open - 1) || !is_operand_end(open - 1)) return open;
    if (!source_.is_word(open - 1, {"over", "filter"})) return name_first(open - 1);
    if (open < 2) return kNone;
    last = open - 2;
  }
}

// From the name of a function to the end of its call.
std::size_t Operands::call_last(std::size_t last) const {
  for (;;) {
    const std::size_t close = source_.close_of(last + 1);
    if (close == kNone) return last;
    last = close;
    if (!source_.is_word(last + 1, {"over", "filter"})) return last;
    ++last;
    if (source_.is_name(last + 1)) return last + 1;  // OVER window
  }
}

std::size_t Operands::primary_last(std::size_t first) const {
  while (source_.is_symbol(first, "-") || source_.is_symbol(first, "+") ||
         source_.is_symbol(first, "~")) {
    ++first;
  }
  std::size_t last = first;
  if (source_.is(first, TokenKind::kOpen)) {
    last = source_.close_of(first);
    if (last == kNone) return kNone;
  } else if (source_.is_word(first, "case")) {
    int depth = 0;
    for (;; ++last) {
      if (last >= source_.size()) return kNone;
      if (source_.is_word(last, "case")) ++depth;
      if (source_.is_word(last, "end") && --depth == 0) break;
    }
  } else if (is_prefixed(first)) {
    last = first + 1;
  } else if (!is_operand_end(first)) {
    return kNone;
  } else if (source_.is_name(first)) {
    while (source_.is(last + 1, TokenKind::kDot) && source_.is_name(last + 2)) last += 2;
    last = call_last(last);
  }
  while (source_.is(last + 1, TokenKind::kCast) && type_last(last + 1) != kNone) {
    last = type_last(last + 1);
  }
  return last;
}

bool Operands::is_cast(Range range, std::size_t& colons) const {
  if (range.empty() || range.last >= colons_of_.size()) return false;
  colons = colons_of_[range.last];
  return colons != kNone && colons > range.first && primary_first(colons - 1) == range.first;
}

Range Operands::strip(Range range) const {
  for (;;) {
    std::size_t colons = kNone;
    if (!range.empty() && source_.close_of(range.first) == range.last) {
      ++range.first;
      --range.last;
    } else if (is_cast(range, colons) && is_vector_type(to_lower(source_.name(colons + 1)))) {
      range.last = colons - 1;
    } else {
      return range;
    }
  }
}

Result<std::vector<Cast>> Operands::find_casts() const {
  std::vector<Cast> casts;
  for (std::size_t i = 0; i < source_.size(); ++i) {
    if (!source_.is(i, TokenKind::kCast)) continue;
    Cast cast;
    cast.type = {i, type_last(i)};
    if (cast.type.last == kNone) return source_.error(i, "a type is missing behind ::");
    cast.value = {i == 0 ? kNone : primary_first(i - 1), i - 1};
    if (cast.value.first == kNone) return source_.error(i, "a value is missing before ::");
    for (std::size_t k = i + 1; k <= cast.type.last; k = source_.after(k)) {
      if (source_.is(k, TokenKind::kOpen)) {
        cast.argument = {k + 1, source_.close_of(k) - 1};
      } else {
        cast.type_name += (cast.type_name.empty() || source_.text(k) == "[]" ? "" : " ") +
                          to_lower(source_.name(k).empty() ? "[]" : source_.name(k));
      }
    }
    casts.push_back(std::move(cast));
  }
  return casts;
}

Result<std::vector<Distance>> Operands::find_distances() const {
  const auto is_any = [&](std::size_t index, std::initializer_list<std::string_view> symbols) {
    return std::any_of(symbols.begin(), symbols.end(),
                       [&](std::string_view one) { return source_.is_symbol(index, one); });
  };
  std::vector<Distance> found;
  for (std::size_t i = 0; i < source_.size(); ++i) {
    if (!source_.is(i, TokenKind::kDistance)) continue;
    Distance distance;
    distance.symbol = i;
    const std::string symbol(source_.text(i));
    std::size_t first = i == 0 ? kNone : primary_first(i - 1);
    if (first == kNone) return source_.error(i, "a vector is missing before " + symbol);
    while (first > 0) {
      const std::size_t before = first - 1;
      const bool is_sign = is_any(before, {"+", "-", "~"});
      const bool is_binary = before > 0 && is_operand_end(before - 1);
      if (is_sign && !is_binary) {
        first = before;
      } else if (is_binary && (is_any(before, {"+", "-", "*", "/", "%", "||", "->", "->>"}) ||
                               source_.is(before, TokenKind::kDistance))) {
        first = primary_first(before - 1);
        if (first == kNone) return source_.error(before, "an operand is missing");
      } else {
        break;
      }
    }
    distance.left = {first, i - 1};
    std::size_t last = primary_last(i + 1);
    if (last == kNone || last >= source_.size()) {
      return source_.error(i, "a vector is missing behind " + symbol);
    }
    while (is_any(last + 1, {"+", "-", "*", "/", "%"})) {
      const std::size_t next = primary_last(last + 2);
      if (next == kNone || next >= source_.size()) break;
      last = next;
    }
    distance.right = {i + 1, last};
    found.push_back(distance);
  }
  return found;
}

}  // namespace nearlite::dialect
