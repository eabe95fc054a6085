// The functions that pgvector has under names of its own, and what its operators and casts become
// where no function of ours fits: bit strings, casts, sums of vectors. docs/dialect.md lists them.
#pragma once

#include "nearlite/status.h"
#include "sqlite/api.h"

namespace nearlite::sqlite {

Status register_pgvector_functions(sqlite3* db);

}  // namespace nearlite::sqlite
