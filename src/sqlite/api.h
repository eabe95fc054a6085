// The single include of SQLite's header. Every file of src/sqlite includes this one and no other;
// whose SQLite it is, host.h says.
//
// A function younger than the oldest supported host (3.38) must not be called without a check of
// sqlite3_libversion_number(): an older host does not have it in its table.
#pragma once

#include <sqlite3.h>
