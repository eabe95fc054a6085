// Searches that an index can answer: ORDER BY column <-> query LIMIT n.
//
// The table stays in the query, and everything that is said of it; what hands out its rows in order
// is joined before it:
//
//   SELECT * FROM items WHERE price < 5 ORDER BY embedding <-> '[1,2,3]' LIMIT 10
//   SELECT * FROM nearlite_nearest CROSS JOIN items WHERE (price < 5)
//     AND nearlite_id = items.rowid AND nearlite_query = '[1,2,3]'
//     AND nearlite_index = 'items_embedding_idx' ORDER BY nearlite_place LIMIT 10
//
// nearlite_nearest (src/sqlite/nearest.cc) yields every row of the table once, those without a
// vector last, so the join neither adds rows nor loses any, whatever else the query does; its
// columns are hidden, so * does not show them. The query vector moves from ORDER BY to the end of
// WHERE: no parameter changes its place among the others.
#pragma once

#include <string>
#include <vector>

#include "dialect/clauses.h"
#include "dialect/edits.h"
#include "dialect/operands.h"

namespace nearlite::dialect {

/// Leads `select` to an index if it has the shape. Inner queries are to be dealt with before those
/// round them, and all operators before any query.
bool use_index(const Source& source, const Operands& operands, const std::vector<Select>& selects,
               const Select& select, const std::vector<Distance>& distances, Edits& edits);

}  // namespace nearlite::dialect
