// In the static library the functions of SQLite are those that are linked.
#include "sqlite/host.h"

void nearlite::sqlite::use_host(const sqlite3_api_routines* /*routines*/) noexcept {}
