#include "dialect/nearest.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace nearlite::dialect {
namespace {

bool is_rowid_name(std::string_view name) {
  return equals_ignoring_case(name, "rowid") || equals_ignoring_case(name, "oid") ||
         equals_ignoring_case(name, "_rowid_");
}

class Search {
 public:
  Search(const Source& source, const Operands& operands, const std::vector<Select>& selects,
         const Select& select, const std::vector<Distance>& distances, Edits& edits)
      : source_(source),
        operands_(operands),
        selects_(selects),
        select_(select),
        distances_(distances),
        edits_(edits) {}

  bool run() {
    if (select_.is_compound || select_.is_grouped || select_.has_outer_join || !select_.has_limit ||
        select_.order.size() != 1 || select_.sources.empty()) {
      return false;
    }
    const Term& term = select_.order.front();
    if (term.is_descending || (term.has_nulls && !term.has_nulls_last)) return false;
    const Distance* distance = find_distance(without_parentheses(term.range));
    if (distance == nullptr) distance = find_by_alias(term.range);
    if (distance == nullptr) return false;
    const auto metric = metric_of(source_.text(distance->symbol));
    if (!metric) return false;
    if (!find_index(distance->left, *metric)) {
      if (!find_index(distance->right, *metric)) return false;
      query_ = distance->left;
    } else {
      query_ = distance->right;
    }
    if (!is_independent(query_)) return false;
    rewrite(term);
    return true;
  }

 private:
  [[nodiscard]] Range without_parentheses(Range range) const {
    while (!range.empty() && source_.close_of(range.first) == range.last) {
      ++range.first;
      --range.last;
    }
    return range;
  }

  [[nodiscard]] const Distance* find_distance(Range range) const {
    for (const Distance& distance : distances_) {
      if (distance.left.first == range.first && distance.right.last == range.last) {
        return &distance;
      }
    }
    return nullptr;
  }

  // ORDER BY distance, where it is AS distance; ORDER BY 2.
  [[nodiscard]] const Distance* find_by_alias(Range range) const {
    if (range.empty() || range.first != range.last) return nullptr;
    std::vector<Range> items = split_at_commas(source_, select_.items);
    std::size_t ordinal = 0;
    if (source_.is(range.first, TokenKind::kNumber)) {
      const std::string_view digits = source_.text(range.first);
      std::from_chars(digits.data(), digits.data() + digits.size(), ordinal);
      // * stands for any number of columns.
      if (ordinal == 0 || ordinal > items.size()) return nullptr;
      for (const Range& item : items) {
        if (item.empty() || source_.is_symbol(item.last, "*")) return nullptr;
      }
    } else if (!source_.is_name(range.first)) {
      return nullptr;
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::size_t alias = alias_of(operands_, source_, items[i]);
      const bool is_it =
          ordinal != 0 ? i + 1 == ordinal
                       : alias != kNone &&
                             equals_ignoring_case(source_.name(alias), source_.name(range.first));
      if (is_it) return find_distance(without_parentheses(items[i]));
    }
    return nullptr;
  }

  bool find_index(Range operand, Metric metric) {
    const ColumnUse use = find_column(source_, selects_, operands_.strip(operand));
    if (use.select != &select_ || use.item->is_optional) return false;
    const TableInfo& info = *use.item->info;
    if (info.rowid_name.empty()) return false;
    const auto found =
        std::find_if(info.indexes.begin(), info.indexes.end(), [&](const IndexInfo& index) {
          return index.metric == metric && equals_ignoring_case(index.column, use.column->name);
        });
    if (found == info.indexes.end()) return false;
    item_ = use.item;
    index_ = &*found;
    return true;
  }

  // Whether a name at `token` may mean a row of this query: then it is no constant of the search.
  [[nodiscard]] bool may_mean_this_query(std::size_t token) const {
    const std::string name = source_.name(token);
    const bool is_qualifier = source_.is(token + 1, TokenKind::kDot);
    const auto has = [&](const FromItem& item, bool if_unknown) {
      if (is_qualifier) return equals_ignoring_case(source_.name(item.reference), name);
      if (!item.info) return if_unknown;
      return item.info->find_column(name) != nullptr || is_rowid_name(name);
    };
    for (const Select& inner : selects_) {
      const bool is_inside = query_.first <= inner.keyword && inner.keyword <= query_.last;
      if (!is_inside || !inner.contains(token)) continue;
      for (const FromItem& item : inner.sources) {
        if (item.range.first <= token && token <= item.range.last) return false;
        if (has(item, false)) return false;
      }
    }
    return std::any_of(select_.sources.begin(), select_.sources.end(),
                       [&](const FromItem& item) { return has(item, true); });
  }

  [[nodiscard]] bool is_independent(Range range) const {
    for (std::size_t i = range.first; i <= range.last; ++i) {
      if (!source_.is_name(i) || source_.is(i + 1, TokenKind::kOpen)) continue;
      if (i > 0 && (source_.is(i - 1, TokenKind::kDot) || source_.is(i - 1, TokenKind::kCast))) {
        continue;
      }
      if (source_.is(i, TokenKind::kWord) &&
          (is_reserved(source_.text(i)) || source_.is_word(i, {"null", "end"}))) {
        continue;
      }
      if (may_mean_this_query(i)) return false;
    }
    return true;
  }

  // How many rows the query takes at most, where nothing but LIMIT decides that.
  [[nodiscard]] std::string count_of_rows() const {
    const auto is_simple = [&](Range range) {
      return range.first == range.last && (source_.is(range.first, TokenKind::kNumber) ||
                                           source_.is(range.first, TokenKind::kParameter));
    };
    if (!select_.where.empty() || select_.limit.empty() || !is_simple(select_.limit)) return {};
    for (const FromItem& item : select_.sources) {
      if (&item != item_ && !item.is_optional) return {};
    }
    const auto text = [&](Range range) {
      return edits_.render(source_.at(range.first).begin, source_.at(range.last).end);
    };
    if (select_.offset.empty()) return text(select_.limit);
    if (!is_simple(select_.offset)) return {};
    return text(select_.limit) + " + " + text(select_.offset);
  }

  // With a second table in FROM, "rowid" alone would mean neither.
  void qualify_rowids(const std::string& reference) {
    if (select_.sources.size() != 1) return;
    for (std::size_t i = select_.keyword; i <= select_.whole.last; ++i) {
      if (!source_.is_word(i, {"rowid", "oid", "_rowid_"}) || source_.is(i + 1, TokenKind::kDot) ||
          source_.is(i + 1, TokenKind::kOpen) || source_.is_word(i - 1, "as") ||
          !is_innermost(selects_, select_, i)) {
        continue;
      }
      edits_.wrap(source_.at(i).begin, source_.at(i).end, reference + ".", "");
    }
  }

  void rewrite(const Term& term) {
    const std::string reference(source_.text(item_->reference));
    const std::string query =
        edits_.render(source_.at(query_.first).begin, source_.at(query_.last).end);
    qualify_rowids(reference);
    std::string condition = "nearlite_id = " + reference + "." + item_->info->rowid_name +
                            " AND nearlite_query = " + query +
                            " AND nearlite_index = " + quote_string(index_->name);
    const std::string count = count_of_rows();
    if (!count.empty()) condition += " AND nearlite_count = " + count;
    const bool has_where = !select_.where.empty();
    edits_.wrap(source_.at(select_.from.first).begin, source_.at(select_.from.last).end,
                "nearlite_nearest CROSS JOIN ", has_where ? "" : " WHERE " + condition);
    if (has_where) {
      edits_.wrap(source_.at(select_.where.first).begin, source_.at(select_.where.last).end, "(",
                  ") AND " + condition);
    }
    edits_.replace(source_.at(term.range.first).begin, source_.at(term.last).end, "nearlite_place");
  }

  const Source& source_;
  const Operands& operands_;
  const std::vector<Select>& selects_;
  const Select& select_;
  const std::vector<Distance>& distances_;
  Edits& edits_;
  const FromItem* item_ = nullptr;
  const IndexInfo* index_ = nullptr;
  Range query_;
};

}  // namespace

bool use_index(const Source& source, const Operands& operands, const std::vector<Select>& selects,
               const Select& select, const std::vector<Distance>& distances, Edits& edits) {
  return Search(source, operands, selects, select, distances, edits).run();
}

}  // namespace nearlite::dialect
