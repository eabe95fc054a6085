// The clauses of queries: each SELECT with its FROM, WHERE, ORDER BY and LIMIT, at any depth.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dialect/operands.h"
#include "dialect/schema.h"
#include "dialect/source.h"

namespace nearlite::dialect {

/// One item of a FROM.
struct FromItem {
  Range range;               ///< name, arguments and alias; not the join words before it
  std::string schema;        ///< as written; empty where it was not
  std::string table;         ///< empty for a query in parentheses or a function
  std::size_t reference;     ///< the token that names it in expressions: its alias, or its name
  bool is_optional = false;  ///< on the right of LEFT JOIN
  std::optional<TableInfo> info;  ///< nothing: not a table of the schema
};

struct Term {
  Range range;       ///< without ASC, DESC, NULLS FIRST, NULLS LAST
  std::size_t last;  ///< with them
  bool is_descending = false;
  bool has_nulls = false;       ///< NULLS FIRST or NULLS LAST is written
  bool has_nulls_last = false;  ///< … and it is LAST
};

struct Select {
  std::size_t keyword = kNone;  ///< the token SELECT
  Range items;                  ///< the result columns
  Range from;                   ///< empty: there is no FROM; without the keyword, as below
  Range where;
  std::vector<Term> order;
  bool has_limit = false;
  Range limit;  ///< the expression; empty when written as LIMIT offset, count
  Range offset;
  bool is_compound = false;     ///< part of a UNION or the like
  bool is_grouped = false;      ///< DISTINCT, GROUP BY, HAVING
  bool has_outer_join = false;  ///< RIGHT or FULL
  Range whole;
  std::vector<FromItem> sources;

  [[nodiscard]] bool contains(std::size_t token) const noexcept {
    return whole.first <= token && token <= whole.last;
  }
};

/// Every SELECT of the statement, the outer before the inner; before them the UPDATE or DELETE, if
/// it is one, as a SELECT with that one table and nothing else. Tables that a WITH defines are not
/// looked up. Errors: those of `schema`; LATERAL, which SQLite has not.
Result<std::vector<Select>> find_selects(const Source& source, Schema& schema);

/// A column that an expression names, and where it comes from.
struct ColumnUse {
  const Select* select = nullptr;
  const FromItem* item = nullptr;
  const ColumnInfo* column = nullptr;
};

/// The column that `name` or `table.name` at `range` stands for, looked for from the innermost
/// query outwards; no column when it is none, or it cannot be told.
ColumnUse find_column(const Source& source, const std::vector<Select>& selects, Range range);

/// Whether `token` belongs to `select` itself, and not to a query inside it.
bool is_innermost(const std::vector<Select>& selects, const Select& select, std::size_t token);

/// The terms of every ORDER BY, those of windows and aggregates included.
std::vector<Term> find_order_terms(const Source& source);

/// Splits at the commas of one depth.
std::vector<Range> split_at_commas(const Source& source, Range range);

/// The name that AS, or its place at the end, gives to a result column; kNone when there is none.
/// `expression` becomes the range without it.
std::size_t alias_of(const Operands& operands, const Source& source, Range& expression);

/// Whether a WITH around the token `at` defines `name`.
bool is_defined_by_with(const Source& source, std::size_t at, std::string_view name);

}  // namespace nearlite::dialect
