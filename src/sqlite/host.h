// Which SQLite the functions sqlite3_… are. In a loadable module, that of the host, through the
// table it gives (host_table.cc); in the static library, the one that is linked (host_linked.cc).
// All other files are compiled once for both.
#pragma once

struct sqlite3_api_routines;

namespace nearlite::sqlite {

// Called first by every entry point. The table outlives the module.
void use_host(const sqlite3_api_routines* routines) noexcept;

}  // namespace nearlite::sqlite
