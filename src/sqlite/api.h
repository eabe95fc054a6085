// The single include of SQLite's header. Every file of src/sqlite includes this one and no other.
//
// The loadable module reaches SQLite only through the host's table of functions (`sqlite3_api`);
// extension.cc defines that pointer with SQLITE_EXTENSION_INIT1 and fills it with
// SQLITE_EXTENSION_INIT2. When SQLITE_CORE is defined (the static library, the tests), the same
// macros are empty and calls are direct.
//
// A function younger than the oldest supported host (3.38) must not be called without a check of
// sqlite3_libversion_number(): in an older host its slot of the table does not exist.
#pragma once

#include <sqlite3ext.h>

SQLITE_EXTENSION_INIT3
