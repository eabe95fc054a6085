// The scalar functions on vectors: vec_distance_*, cosine_similarity, constructors (vec_f32 …),
// vec_length, vec_type, vec_to_json, vec_normalize, vec_add, vec_sub, vec_slice, vec_quantize_*,
// and nearlite_version. All are deterministic and innocuous. NULL in, NULL out. docs/sql.md is the
// reference.
#pragma once

#include "nearlite/status.h"
#include "sqlite/api.h"

namespace nearlite::sqlite {

Status register_vector_functions(sqlite3* db);

/// libSQL's names for some of them, each only where no function of that name is known yet: vector,
/// vector32, vector_distance_cos, vector_distance_l2, vector_extract.
Status register_libsql_functions(sqlite3* db);

}  // namespace nearlite::sqlite
