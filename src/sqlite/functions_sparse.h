// Scalar functions on sparse vectors (vector/sparse.h), which are texts or blobs.
#pragma once

#include "nearlite/status.h"
#include "sqlite/api.h"
#include "vector/sparse.h"

namespace nearlite::sqlite {

/// Reads a text or blob; `dim` 0 takes any number of dimensions. Never called for NULL. Errors:
/// kInvalidArgument with a plain phrase, without function or table; kNoMemory.
Status read_sparse(sqlite3_value* value, std::uint32_t dim, SparseVector& out);

/// Registers vec_sparse, vec_sparse_to_text and vec_distance_sparse_ip.
Status register_sparse_functions(sqlite3* db);

}  // namespace nearlite::sqlite
