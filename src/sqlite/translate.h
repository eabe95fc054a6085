// pgvector's dialect against the schema of a connection, for the C++ API, whose words for metrics
// are not those of the vector layer.
#pragma once

#include <cstddef>
#include <string_view>

#include "nearlite/database.h"
#include "nearlite/status.h"
#include "sqlite/api.h"

namespace nearlite::sqlite {

/// Translates the statement of `script` that begins at `at`, which is moved behind it.
/// Errors: kInvalidArgument with line, column and place in `script`; those of reading the schema.
Result<Translation> translate_next(sqlite3* db, std::string_view script, std::size_t& at);

}  // namespace nearlite::sqlite
