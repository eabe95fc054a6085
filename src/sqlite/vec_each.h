// vec_each(v): the components of a vector as rows (rowid from 0, value). Real numbers, or integers
// for int8 and bit vectors. NULL has no rows.
#pragma once

#include "nearlite/status.h"
#include "sqlite/api.h"

namespace nearlite::sqlite {

Status register_vec_each(sqlite3* db);
/// As sqlite-vec has it: NULL is an error, and the bits of a byte come highest first (in
/// vec_to_json() lowest first).
Status register_vec0_each(sqlite3* db);

}  // namespace nearlite::sqlite
