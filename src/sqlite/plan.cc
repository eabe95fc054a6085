#include "sqlite/plan.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/try.h"
#include "sqlite/boundary.h"

namespace nearlite::sqlite {

namespace {

// Rough costs in units of one row read; only their order matters to the planner.
constexpr double kSearchCost = 100.0;
constexpr double kScanCost = 1'000'000.0;
constexpr double kRowidCost = 10.0;

// Collects terms while walking the constraints of one xBestIndex call.
class Planner {
 public:
  Planner(std::string_view table, const TableOptions& options, sqlite3_index_info* info)
      : options_(options), info_(info), hidden_columns_(hidden_columns(table, options)) {
    hidden_ = static_cast<int>(options.columns.size());
  }

  Status run() {
    NEARLITE_TRY(find_query());
    if (blocked_) return bare_code(SQLITE_CONSTRAINT);
    for (int i = 0; i < info_->nConstraint; ++i) consider(i);
    if (blocked_) return bare_code(SQLITE_CONSTRAINT);
    order();
    estimate();
    const std::string text = encode_plan(terms_) + describe();
    info_->idxStr = sqlite3_mprintf("%s", text.c_str());
    if (info_->idxStr == nullptr) return bare_code(SQLITE_NOMEM);
    info_->needToFreeIdxStr = 1;
    info_->idxNum = search_ ? kPlanSearch : kPlanScan;
    return {};
  }

 private:
  const sqlite3_index_info::sqlite3_index_constraint& at(int i) const {
    return info_->aConstraint[i];
  }

  [[nodiscard]] bool is_vector(int column) const {
    return column >= 0 && column < hidden_ &&
           options_.columns[static_cast<std::size_t>(column)].kind == ColumnKind::kVector;
  }

  [[nodiscard]] bool is_searched(int column) const {
    return is_vector(column) ||
           (column >= 0 && column < hidden_ &&
            options_.columns[static_cast<std::size_t>(column)].kind == ColumnKind::kSparse);
  }

  [[nodiscard]] bool is_rowid(int column) const {
    return column < 0 ||
           (column < hidden_ &&
            options_.columns[static_cast<std::size_t>(column)].kind == ColumnKind::kRowid);
  }

  [[nodiscard]] bool is_distance(int column) const {
    return column >= hidden_ &&
           hidden_columns_[static_cast<std::size_t>(column - hidden_)] == HiddenColumn::kDistance;
  }

  void add(int i, char kind, int column, bool omit) {
    PlanTerm term;
    term.kind = kind;
    term.column = column;
    term.op = at(i).op;
    if (kind == 'f' || kind == 'F') {
      const char* collation = sqlite3_vtab_collation(info_, i);
      if (collation != nullptr && sqlite3_stricmp(collation, "BINARY") != 0)
        term.collation = collation;
    }
    terms_.push_back(std::move(term));
    info_->aConstraintUsage[i].argvIndex = static_cast<int>(terms_.size());
    info_->aConstraintUsage[i].omit = omit ? 1 : 0;
  }

  Status find_query() {
    for (int i = 0; i < info_->nConstraint; ++i) {
      if (at(i).op != SQLITE_INDEX_CONSTRAINT_MATCH || !is_searched(at(i).iColumn)) continue;
      if (search_ && options_.front == Front::kVec0) {
        return {Code::kInvalidArgument, "only 1 MATCH operator is allowed in a single vec0 query"};
      }
      if (at(i).usable == 0 || search_) {
        blocked_ = true;  // the query comes from a table further right, or there are two
        return {};
      }
      search_ = true;
      const Column& column = options_.columns[static_cast<std::size_t>(at(i).iColumn)];
      const char kind = column.kind == ColumnKind::kSparse ? 's' : 'v';
      add(i, kind, static_cast<int>(column.vector_index), true);
    }
    return {};
  }

  void consider(int i) {
    const int column = at(i).iColumn;
    const int op = at(i).op;
    const bool usable = at(i).usable != 0;
    if (op == SQLITE_INDEX_CONSTRAINT_LIMIT || op == SQLITE_INDEX_CONSTRAINT_OFFSET) {
      if (usable && search_) add(i, op == SQLITE_INDEX_CONSTRAINT_LIMIT ? 'l' : 'o', 0, false);
      return;
    }
    if (column >= hidden_) {
      hidden(i, hidden_columns_[static_cast<std::size_t>(column - hidden_)], op, usable);
      return;
    }
    if (!usable || is_vector(column) || operator_text(op) == nullptr) return;
    const bool is_rowid = this->is_rowid(column);
    // A name that would not survive the plan's text: SQLite compares.
    const char* collation = sqlite3_vtab_collation(info_, i);
    if (collation != nullptr && std::strpbrk(collation, ":;#") != nullptr) return;
    // One pass for a whole IN list; otherwise SQLite would run one search, of k rows, per value.
    const bool is_list = op == SQLITE_INDEX_CONSTRAINT_EQ && sqlite3_vtab_in(info_, i, 1) != 0;
    if (is_rowid && op == SQLITE_INDEX_CONSTRAINT_EQ && !is_list) rowid_equal_ = true;
    filtered_ = true;
    add(i, is_rowid ? (is_list ? 'R' : 'r') : (is_list ? 'F' : 'f'), is_rowid ? -1 : column, true);
  }

  void hidden(int i, HiddenColumn which, int op, bool usable) {
    const bool is_for_scans = which == HiddenColumn::kFilter || which == HiddenColumn::kNow;
    if (!search_ && !is_for_scans) return;
    if (which == HiddenColumn::kDistance) {
      if (usable && (op == SQLITE_INDEX_CONSTRAINT_LT || op == SQLITE_INDEX_CONSTRAINT_LE))
        add(i, 'u', 0, false);
      if (usable && (op == SQLITE_INDEX_CONSTRAINT_GT || op == SQLITE_INDEX_CONSTRAINT_GE))
        add(i, 'b', 0, false);
      return;
    }
    const char kind = kind_of(which);
    if (op != SQLITE_INDEX_CONSTRAINT_EQ || kind == 0) return;
    if (!usable) {
      blocked_ = true;
      return;
    }
    filtered_ = filtered_ || which == HiddenColumn::kFilter;
    add(i, kind, 0, true);
  }

  // 0: no argument.
  [[nodiscard]] static char kind_of(HiddenColumn which) noexcept {
    switch (which) {
      case HiddenColumn::kK: return 'k';
      case HiddenColumn::kEfSearch: return 'e';
      case HiddenColumn::kExact: return 'x';
      case HiddenColumn::kFilter: return 'w';
      case HiddenColumn::kAfterDistance: return 'p';
      case HiddenColumn::kAfterRowid: return 'q';
      case HiddenColumn::kNow: return 't';
      default: return 0;
    }
  }

  // For EXPLAIN QUERY PLAN, in which values are not known: which way a search goes depends on how
  // many rows match, and nearlite_stats tells.
  [[nodiscard]] std::string describe() const {
    std::string filter;
    std::string settings;
    for (const PlanTerm& term : terms_) {
      const std::string separator = filter.empty() ? "" : " and ";
      const bool is_query = term.kind == 'v' || term.kind == 's';
      const std::string column = term.column < 0 || is_query
                                     ? "rowid"
                                     : options_.columns[static_cast<std::size_t>(term.column)].name;
      switch (term.kind) {
        case 'r':
        case 'f': filter += separator + column + " " + operator_text(term.op); break;
        case 'R':
        case 'F': filter += separator + column + " in"; break;
        case 'w': filter += separator + "text"; break;
        case 'k': settings += ", k"; break;
        case 'e': settings += ", ef_search"; break;
        case 'x': settings += ", exact"; break;
        case 'l': settings += ", limit"; break;
        case 'b': settings += ", distance from"; break;
        case 'p': settings += ", after"; break;
        case 't': settings += ", now"; break;
        default: break;
      }
    }
    std::string text = std::string(1, kPlanComment) + (search_ ? " search" : " scan") + settings;
    if (!filter.empty()) text += ", matching rows: " + filter;
    return text;
  }

  void order() {
    const auto* order = info_->aOrderBy;
    const int count = info_->nOrderBy;
    if (count < 1 || order[0].desc != 0) return;
    // Equal distances come by ascending rowid.
    const bool has_rowid = count == 2 && order[1].desc == 0 && is_rowid(order[1].iColumn);
    const bool is_ours = search_ ? is_distance(order[0].iColumn) && (count == 1 || has_rowid)
                                 : is_rowid(order[0].iColumn) && count == 1;
    if (is_ours) info_->orderByConsumed = 1;
  }

  void estimate() {
    if (search_) {
      info_->estimatedCost = kSearchCost;
      info_->estimatedRows = 10;
    } else if (rowid_equal_) {
      info_->estimatedCost = kRowidCost;
      info_->estimatedRows = 1;
      info_->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
    } else {
      info_->estimatedCost = filtered_ ? kScanCost / 4 : kScanCost;
      info_->estimatedRows = filtered_ ? 25'000 : 100'000;
    }
  }

  const TableOptions& options_;
  sqlite3_index_info* info_;
  std::vector<HiddenColumn> hidden_columns_;
  std::vector<PlanTerm> terms_;
  int hidden_ = 0;
  bool search_ = false;
  bool blocked_ = false;
  bool rowid_equal_ = false;
  bool filtered_ = false;
};

}  // namespace

const char* operator_text(int op) noexcept {
  switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ: return "=";
    case SQLITE_INDEX_CONSTRAINT_NE: return "<>";
    case SQLITE_INDEX_CONSTRAINT_LT: return "<";
    case SQLITE_INDEX_CONSTRAINT_LE: return "<=";
    case SQLITE_INDEX_CONSTRAINT_GT: return ">";
    case SQLITE_INDEX_CONSTRAINT_GE: return ">=";
    case SQLITE_INDEX_CONSTRAINT_IS: return "IS";
    case SQLITE_INDEX_CONSTRAINT_ISNOT: return "IS NOT";
    case SQLITE_INDEX_CONSTRAINT_ISNULL: return "IS NULL";
    case SQLITE_INDEX_CONSTRAINT_ISNOTNULL: return "IS NOT NULL";
    case SQLITE_INDEX_CONSTRAINT_LIKE: return "LIKE";
    case SQLITE_INDEX_CONSTRAINT_GLOB: return "GLOB";
    default: return nullptr;
  }
}

Status choose_plan(std::string_view table, const TableOptions& options, sqlite3_index_info* info) {
  return Planner(table, options, info).run();
}

std::string encode_plan(const std::vector<PlanTerm>& terms) {
  std::string text;
  for (const PlanTerm& term : terms) {
    if (!text.empty()) text += ';';
    text += term.kind + std::to_string(term.column) + ':' + std::to_string(term.op) + ':' +
            term.collation;
  }
  return text;
}

Result<std::vector<PlanTerm>> decode_plan(const char* text) {
  std::vector<PlanTerm> terms;
  std::string_view rest(text == nullptr ? "" : text);
  rest = rest.substr(0, rest.find(kPlanComment));
  terms.reserve(static_cast<std::size_t>(std::count(rest.begin(), rest.end(), ';')) + 1);
  const Status damaged(Code::kInternal, "nearlite: query plan is damaged");
  while (!rest.empty()) {
    std::string_view one = rest.substr(0, rest.find(';'));
    rest.remove_prefix(one.size() == rest.size() ? rest.size() : one.size() + 1);
    const std::size_t first = one.find(':');
    const std::size_t second = one.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return damaged;
    PlanTerm term;
    term.kind = one[0];
    const char* begin = one.data();
    if (std::from_chars(begin + 1, begin + first, term.column).ptr != begin + first) return damaged;
    if (std::from_chars(begin + first + 1, begin + second, term.op).ptr != begin + second)
      return damaged;
    term.collation = one.substr(second + 1);
    terms.push_back(std::move(term));
  }
  return terms;
}

}  // namespace nearlite::sqlite
