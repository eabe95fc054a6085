// What xBestIndex decides and xFilter carries out, and the text form in which it travels (idxStr).
//
//   plan := term { ';' term }           one term per argument of xFilter, in order
//   plan ends at '#': what follows is for those who read EXPLAIN QUERY PLAN
//   term := kind column ':' operator ':' collation
//
// kinds: v query vector of vector column `column`   s query of sparse column `column`
//        k, e, x  hidden columns k, ef_search, exact
//        l, o limit and offset (hints, SQLite applies them too)  u upper bound of distance (a hint)
//        b lower bound of distance: k counts rows beyond it (SQLite applies it, too)
//        w a condition as text (hidden column filter)
//        p, q, t  hidden columns after_distance, after_rowid, now
//        r rowid <operator> value     f column <operator> value   R, F the same with an IN list
// idxNum is kSearch or kScan. Every other constraint is left to SQLite.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nearlite/status.h"
#include "sqlite/api.h"
#include "sqlite/table_options.h"

namespace nearlite::sqlite {

inline constexpr int kPlanScan = 0;
inline constexpr int kPlanSearch = 1;

struct PlanTerm {
  char kind = 0;
  int column = 0;
  int op = 0;  // SQLITE_INDEX_CONSTRAINT_…
  std::string collation;
};

/// What EXPLAIN QUERY PLAN shows behind the terms, which decode_plan() does not read.
inline constexpr char kPlanComment = '#';

/// Chooses a plan for the table `table` with these options.
Status choose_plan(std::string_view table, const TableOptions& options, sqlite3_index_info* info);

/// Reads idxStr back. It was written by choose_plan() of this process; damage is kInternal.
Result<std::vector<PlanTerm>> decode_plan(const char* text);
std::string encode_plan(const std::vector<PlanTerm>& terms);

/// SQL text of a comparison operator; null when nested SQL cannot express it.
[[nodiscard]] const char* operator_text(int op) noexcept;

}  // namespace nearlite::sqlite
