// What may stand in any statement: operators, casts, parameters, strings, aggregates of vectors;
// and the searches among its queries.
#pragma once

#include "dialect/edits.h"
#include "dialect/schema.h"
#include "dialect/source.h"
#include "nearlite/status.h"

namespace nearlite::dialect {

/// Collects the edits. `may_use_index`: not for views and triggers, which outlive the indexes of
/// today. Errors: kInvalidArgument for what has no translation; those of `schema`.
Status translate_expressions(const Source& source, Schema& schema, bool may_use_index,
                             Edits& edits);

}  // namespace nearlite::dialect
