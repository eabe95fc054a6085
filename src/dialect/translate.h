// pgvector's SQL as SQLite takes it. docs/dialect.md is the reference.
//
// A statement is split into tokens (token.h); what is pgvector's is found among them and replaced
// (edits.h), everything else stays as it is, to the byte. There is no tree of the whole statement:
// only clauses, operands and table names are recognised (clauses.h, operands.h), so that SQL of
// SQLite we have never heard of passes. A search is turned to an index where that gives the rows
// and the order that the exact scan gives (nearest.h).
#pragma once

#include <string_view>

#include "dialect/schema.h"
#include "nearlite/database.h"
#include "nearlite/status.h"

namespace nearlite::dialect {

/// Translates the statement of `script` that begins at `at`, which is moved behind its semicolon.
/// Errors: kInvalidArgument with line, column and place in `script`; those of `schema`.
Result<Translation> translate_next(std::string_view script, std::size_t& at, Schema& schema);

/// Translates every statement of `script` against the same schema.
Result<Translation> translate(std::string_view script, Schema& schema);

}  // namespace nearlite::dialect
