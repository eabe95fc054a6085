// What a table that exists already tells about its vectors: the declared type of the column
// ("vector(384)", "float[384]", "halfvec(384)"), or else the first vector in it.
#pragma once

#include <string>

#include "sqlite/content_schema.h"

namespace nearlite::sqlite {

/// Completes options.vectors from options.content, the table and its declared type. Errors:
/// kInvalidArgument when nothing tells the dimensions, or option and table contradict each other.
Status infer_vectors(sqlite3* db, const ContentPlace& place, const ContentNames& names,
                     const std::string& declared_type, TableOptions& options);

}  // namespace nearlite::sqlite
