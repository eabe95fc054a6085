// The 18 SQL functions of sqlite-vec, as its documentation describes them.
#pragma once

#include "nearlite/status.h"
#include "sqlite/api.h"

namespace nearlite::sqlite {

/// What vec_debug() says on a connection that has these functions.
inline constexpr const char* kVec0DebugMark = "Build: nearlite ";

Status register_vec0_functions(sqlite3* db);

}  // namespace nearlite::sqlite
