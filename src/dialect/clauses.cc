#include "dialect/clauses.h"

#include <algorithm>

#include "base/text.h"
#include "base/try.h"

namespace nearlite::dialect {
namespace {

const std::initializer_list<std::string_view> kCompound{"union", "intersect", "except"};
const std::initializer_list<std::string_view> kJoinWords{"natural", "left",  "right", "full",
                                                         "outer",   "inner", "cross", "join"};

bool is_statement_end(const Source& source, std::size_t index) {
  return index >= source.size() || source.is(index, TokenKind::kClose) ||
         source.is_word(index, kCompound) || source.is_word(index, "returning") ||
         source.has_words(index, {"on", "conflict"});
}

// FROM, but not that of IS DISTINCT FROM.
bool is_from(const Source& source, std::size_t index) {
  return source.is_word(index, "from") && !(index > 0 && source.is_word(index - 1, "distinct"));
}

// A word that begins the clause behind another one.
bool is_clause(const Source& source, std::size_t index) {
  return is_from(source, index) ||
         source.is_word(index, {"where", "having", "limit", "offset", "fetch"}) ||
         source.has_words(index, {"group", "by"}) || source.has_words(index, {"order", "by"}) ||
         (source.is_word(index, "window") && source.is_word(index + 2, "as"));
}

Term read_term(const Source& source, Range range) {
  Term term;
  term.last = range.last;
  const auto drop = [&](std::size_t count) { range.last -= count; };
  if (range.last >= range.first + 2 && source.is_word(range.last - 1, "nulls")) {
    term.has_nulls = true;
    term.has_nulls_last = source.is_word(range.last, "last");
    drop(2);
  }
  if (range.last > range.first && source.is_word(range.last, {"asc", "desc"})) {
    term.is_descending = source.is_word(range.last, "desc");
    drop(1);
  }
  term.range = range;
  return term;
}

std::vector<Term> read_terms(const Source& source, std::size_t first) {
  std::size_t end = first;
  while (!is_statement_end(source, end) && !is_clause(source, end) &&
         !source.is_word(end, {"rows", "range", "groups", "for"})) {
    end = source.after(end);
  }
  std::vector<Term> terms;
  if (end == first) return terms;
  for (const Range& range : split_at_commas(source, {first, end - 1})) {
    if (!range.empty()) terms.push_back(read_term(source, range));
  }
  return terms;
}

class SelectReader {
 public:
  SelectReader(const Source& source, Schema& schema) : source_(source), schema_(schema) {}

  Result<Select> read(std::size_t keyword) {
    select_.keyword = keyword;
    select_.is_compound = is_in_compound(keyword);
    std::size_t at = keyword + 1;
    if (source_.is_word(at, "distinct")) select_.is_grouped = true;
    if (source_.is_word(at, {"distinct", "all"})) ++at;
    select_.items = take_clause(at);
    while (!is_statement_end(source_, at) && is_clause(source_, at)) read_clause(at);
    select_.whole = {keyword, at - 1};
    NEARLITE_TRY(read_from());
    return select_;
  }

  /// UPDATE or DELETE of the table at `table`; everything else of the statement belongs to it.
  Result<Select> read_change(std::size_t keyword, std::size_t table) {
    select_.keyword = keyword;
    select_.whole = {keyword, source_.size() - 1};
    select_.from = select_.whole;
    NEARLITE_ASSIGN(FromItem item, read_item(table));
    select_.from = {};
    select_.sources.push_back(std::move(item));
    return select_;
  }

 private:
  // From `at`, which is moved behind it, to the next clause.
  Range take_clause(std::size_t& at) {
    Range range{at, at};
    while (!is_statement_end(source_, at) && !is_clause(source_, at)) at = source_.after(at);
    range.last = at - 1;
    if (range.last < range.first || at == range.first) return {};
    return range;
  }

  void read_clause(std::size_t& at) {
    const std::size_t word = at;
    at += source_.is_word(at, {"group", "order"}) ? 2 : 1;
    const std::size_t first = at;
    const Range range = take_clause(at);
    if (is_from(source_, word)) {
      select_.from = range;
    } else if (source_.is_word(word, "where")) {
      select_.where = range;
    } else if (source_.is_word(word, {"group", "having"})) {
      select_.is_grouped = true;
    } else if (source_.is_word(word, "order")) {
      select_.order = read_terms(source_, first);
    } else if (source_.is_word(word, "limit")) {
      select_.has_limit = true;
      if (split_at_commas(source_, range).size() == 1) select_.limit = range;
    } else if (source_.is_word(word, "offset")) {
      select_.offset = range;
    }
  }

  // Whether a UNION or the like stands at the same depth.
  [[nodiscard]] bool is_in_compound(std::size_t keyword) const {
    const std::size_t parent = source_.parent(keyword);
    std::size_t at = parent == kNone ? 0 : parent + 1;
    while (at < source_.size() && !source_.is(at, TokenKind::kClose)) {
      if (source_.is_word(at, kCompound)) return true;
      at = source_.after(at);
    }
    return false;
  }

  Status read_from() {
    if (select_.from.empty()) return {};
    bool is_optional = false;
    std::size_t at = select_.from.first;
    while (at <= select_.from.last) {
      NEARLITE_ASSIGN(FromItem item, read_item(at));
      item.is_optional = is_optional;
      select_.sources.push_back(std::move(item));
      is_optional = false;
      // ON … or USING (…), up to the next comma or join.
      while (at <= select_.from.last && !source_.is(at, TokenKind::kComma) &&
             !(source_.is_word(at, kJoinWords) && !source_.is(at + 1, TokenKind::kOpen))) {
        at = source_.after(at);
      }
      while (at <= select_.from.last &&
             (source_.is(at, TokenKind::kComma) || source_.is_word(at, kJoinWords))) {
        if (source_.is_word(at, "left")) is_optional = true;
        if (source_.is_word(at, {"right", "full"})) select_.has_outer_join = true;
        ++at;
      }
    }
    return {};
  }

  Result<FromItem> read_item(std::size_t& at) {
    FromItem item;
    if (source_.is_word(at, "lateral")) {
      return source_.error(at,
                           "SQLite has no LATERAL; a search for each row is a join: "
                           "… JOIN vss_knn(q.vector, 10, 'index') AS k");
    }
    if (source_.is_word(at, "only") && source_.is_name(at + 1)) ++at;
    item.range.first = at;
    item.reference = at;
    bool is_table = source_.is_name(at);
    std::size_t last = at;
    if (is_table) {
      if (source_.is(at + 1, TokenKind::kDot) && source_.is_name(at + 2)) {
        item.schema = source_.name(at);
        last = at + 2;
      }
      item.table = source_.name(last);
      item.reference = last;
      if (source_.is(last + 1, TokenKind::kOpen)) is_table = false;  // a function
    }
    at = last;
    if (source_.close_of(at) != kNone) at = source_.close_of(at);
    if (source_.close_of(at + 1) != kNone) at = source_.close_of(at + 1);
    ++at;
    if (source_.is_word(at, "as") && source_.is_name(at + 1)) {
      item.reference = at + 1;
      at += 2;
    } else if (at <= select_.from.last && source_.is_name(at) && is_operand_name(at)) {
      item.reference = at++;
    }
    item.range.last = at - 1;
    if (!is_table) {
      item.table.clear();
      return item;
    }
    if (item.schema.empty() && is_defined_by_with(source_, item.range.first, item.table)) {
      return item;
    }
    NEARLITE_ASSIGN(item.info, schema_.find_table(item.schema, item.table));
    return item;
  }

  // A name that is no word of a join: an alias.
  [[nodiscard]] bool is_operand_name(std::size_t index) const {
    return source_.is(index, TokenKind::kQuotedName) ||
           (!is_reserved(source_.text(index)) && !source_.is_word(index, {"outer", "indexed"}));
  }

  const Source& source_;
  Schema& schema_;
  Select select_;
};

}  // namespace

std::vector<Range> split_at_commas(const Source& source, Range range) {
  std::vector<Range> parts;
  if (range.empty()) return parts;
  std::size_t first = range.first;
  for (std::size_t at = range.first; at <= range.last; at = source.after(at)) {
    if (!source.is(at, TokenKind::kComma)) continue;
    parts.push_back(at == first ? Range{} : Range{first, at - 1});
    first = at + 1;
  }
  parts.push_back(first > range.last ? Range{} : Range{first, range.last});
  return parts;
}

std::size_t alias_of(const Operands& operands, const Source& source, Range& expression) {
  if (expression.empty() || expression.last == expression.first) return kNone;
  const std::size_t last = expression.last;
  if (!source.is_name(last) || source.is(last - 1, TokenKind::kDot)) return kNone;
  if (source.is_word(last - 1, "as")) {
    if (last - 1 == expression.first) return kNone;
    expression.last = last - 2;
    return last;
  }
  const bool is_alias = source.is(last, TokenKind::kQuotedName) || !is_reserved(source.text(last));
  if (!is_alias || source.is_word(last, "end") || !operands.is_operand_end(last - 1)) {
    return kNone;
  }
  if (source.is(last - 1, TokenKind::kCast)) return kNone;
  expression.last = last - 1;
  return last;
}

std::vector<Term> find_order_terms(const Source& source) {
  std::vector<Term> all;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (!source.has_words(i, {"order", "by"})) continue;
    const std::vector<Term> terms = read_terms(source, i + 2);
    all.insert(all.end(), terms.begin(), terms.end());
  }
  return all;
}

// WITH [RECURSIVE] name [(…)] AS [NOT] [MATERIALIZED] (…), name …: of this depth and those around.
bool is_defined_by_with(const Source& source, std::size_t at, std::string_view name) {
  const std::initializer_list<std::string_view> kBodies{"select", "insert", "update", "delete",
                                                        "values"};
  for (std::size_t parent = at; parent != kNone;) {
    parent = source.parent(parent);
    std::size_t i = parent == kNone ? 0 : parent + 1;
    while (i < at && !source.is_word(i, "with")) i = source.after(i);
    if (i >= at) continue;
    i += source.is_word(i + 1, "recursive") ? 2 : 1;
    while (source.is_name(i) && !source.is_word(i, kBodies)) {
      if (equals_ignoring_case(source.name(i), name)) return true;
      while (i < source.size() && !source.is(i, TokenKind::kComma) && !source.is_word(i, kBodies)) {
        i = source.after(i);
      }
      if (source.is(i, TokenKind::kComma)) ++i;
    }
  }
  return false;
}

ColumnUse find_column(const Source& source, const std::vector<Select>& selects, Range range) {
  if (range.empty() || !source.is_name(range.last)) return {};
  const bool is_qualified =
      range.last == range.first + 2 && source.is(range.first + 1, TokenKind::kDot);
  if (!is_qualified && range.last != range.first) return {};
  const std::string name = source.name(range.last);
  const std::string table = is_qualified ? source.name(range.first) : std::string();
  // Inner queries come behind those around them.
  for (auto select = selects.rbegin(); select != selects.rend(); ++select) {
    if (!select->contains(range.first)) continue;
    ColumnUse use;
    for (const FromItem& item : select->sources) {
      if (is_qualified && !equals_ignoring_case(source.name(item.reference), table)) continue;
      const ColumnInfo* column = item.info ? item.info->find_column(name) : nullptr;
      if (is_qualified && column == nullptr) return {};
      if (column == nullptr) continue;
      if (use.column != nullptr) return {};
      use = {&*select, &item, column};
    }
    if (use.column != nullptr) return use;
  }
  return {};
}

bool is_innermost(const std::vector<Select>& selects, const Select& select, std::size_t token) {
  const Select* innermost = nullptr;
  for (const Select& one : selects) {
    if (one.contains(token)) innermost = &one;
  }
  return innermost == &select;
}

Result<std::vector<Select>> find_selects(const Source& source, Schema& schema) {
  std::vector<Select> selects;
  for (std::size_t i = 0; i < source.size(); ++i) {
    const bool is_delete = source.has_words(i, {"delete", "from"});
    if (is_delete || source.is_word(i, "update")) {
      if (source.parent(i) != kNone || !selects.empty()) continue;
      std::size_t table = i + (is_delete ? 2 : source.is_word(i + 1, "or") ? 3 : 1);
      NEARLITE_ASSIGN(Select select, SelectReader(source, schema).read_change(i, table));
      selects.push_back(std::move(select));
    }
    if (!source.is_word(i, "select")) continue;
    NEARLITE_ASSIGN(Select select, SelectReader(source, schema).read(i));
    selects.push_back(std::move(select));
  }
  return selects;
}

}  // namespace nearlite::dialect
