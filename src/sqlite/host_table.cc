// SQLite's functions, for the loadable modules: each goes to the host's table, so that a module
// uses the SQLite it was loaded by and is linked with none. The rest of src/sqlite is compiled
// once, with ordinary calls, which the linker resolves here in a module and by libsqlite3 in the
// static library. A call that has no line here is a link error (--no-undefined); the version
// scripts keep these names out of the process.
//
// Parameters stand in the order of sqlite3.h, named a, b, c. The table of an older host is shorter
// than the one in the header: sqlite/api.h says what that means for young functions.
#define SQLITE_CORE 1  // Without the macros of sqlite3ext.h, which would replace the names below.
#include <sqlite3ext.h>

#include <cstdarg>

#include "sqlite/host.h"

namespace {

const sqlite3_api_routines* table = nullptr;  // Set before any call; the same for all connections.

}  // namespace

void nearlite::sqlite::use_host(const sqlite3_api_routines* routines) noexcept { table = routines; }

#define FORWARD_AS(member, result, name, parameters, arguments) \
  result sqlite3_##name parameters { return table->member arguments; }
#define FORWARD(result, name, parameters, arguments) \
  FORWARD_AS(name, result, name, parameters, arguments)

extern "C" {

// The formatter takes what stands inside the parentheses for products.
// clang-format off
FORWARD(void*, aggregate_context, (sqlite3_context* a, int b), (a, b));
FORWARD(int, bind_blob64,
        (sqlite3_stmt* a, int b, const void* c, sqlite3_uint64 d, void (*e)(void*)),
        (a, b, c, d, e));
FORWARD(int, bind_double, (sqlite3_stmt* a, int b, double c), (a, b, c));
FORWARD(int, bind_int64, (sqlite3_stmt* a, int b, sqlite3_int64 c), (a, b, c));
FORWARD(int, bind_null, (sqlite3_stmt* a, int b), (a, b));
FORWARD(int, bind_parameter_count, (sqlite3_stmt* a), (a));
FORWARD(int, bind_text64,
        (sqlite3_stmt* a, int b, const char* c, sqlite3_uint64 d, void (*e)(void*),
         unsigned char f),
        (a, b, c, d, e, f));
FORWARD(int, bind_value, (sqlite3_stmt* a, int b, const sqlite3_value* c), (a, b, c));
FORWARD(int, bind_zeroblob64, (sqlite3_stmt* a, int b, sqlite3_uint64 c), (a, b, c));
FORWARD(int, blob_bytes, (sqlite3_blob* a), (a));
FORWARD(int, blob_close, (sqlite3_blob* a), (a));
FORWARD(int, blob_open,
        (sqlite3* a, const char* b, const char* c, const char* d, sqlite3_int64 e, int f,
         sqlite3_blob** g),
        (a, b, c, d, e, f, g));
FORWARD(int, blob_read, (sqlite3_blob* a, void* b, int c, int d), (a, b, c, d));
FORWARD(int, blob_reopen, (sqlite3_blob* a, sqlite3_int64 b), (a, b));
FORWARD(int, blob_write, (sqlite3_blob* a, const void* b, int c, int d), (a, b, c, d));
FORWARD(int, busy_timeout, (sqlite3* a, int b), (a, b));
FORWARD(sqlite3_int64, changes64, (sqlite3* a), (a));
FORWARD(int, clear_bindings, (sqlite3_stmt* a), (a));
FORWARD(int, close_v2, (sqlite3* a), (a));
FORWARD(const void*, column_blob, (sqlite3_stmt* a, int b), (a, b));
FORWARD(int, column_bytes, (sqlite3_stmt* a, int b), (a, b));
FORWARD(int, column_count, (sqlite3_stmt* a), (a));
FORWARD(double, column_double, (sqlite3_stmt* a, int b), (a, b));
FORWARD(sqlite3_int64, column_int64, (sqlite3_stmt* a, int b), (a, b));
FORWARD(const char*, column_name, (sqlite3_stmt* a, int b), (a, b));
FORWARD(const unsigned char*, column_text, (sqlite3_stmt* a, int b), (a, b));
FORWARD(int, column_type, (sqlite3_stmt* a, int b), (a, b));
FORWARD(sqlite3_value*, column_value, (sqlite3_stmt* a, int b), (a, b));
FORWARD(int, complete, (const char* a), (a));
FORWARD(sqlite3*, context_db_handle, (sqlite3_context* a), (a));
FORWARD(int, create_function_v2,
        (sqlite3* a, const char* b, int c, int d, void* e, void (*f)(sqlite3_context*, int,
         sqlite3_value**), void (*g)(sqlite3_context*, int, sqlite3_value**),
         void (*h)(sqlite3_context*), void (*i)(void*)),
        (a, b, c, d, e, f, g, h, i));
FORWARD(int, create_module_v2,
        (sqlite3* a, const char* b, const sqlite3_module* c, void* d, void (*e)(void*)),
        (a, b, c, d, e));
FORWARD(const char*, db_filename, (sqlite3* a, const char* b), (a, b));
FORWARD(sqlite3*, db_handle, (sqlite3_stmt* a), (a));
FORWARD(int, db_readonly, (sqlite3* a, const char* b), (a, b));
FORWARD(int, db_status, (sqlite3* a, int b, int* c, int* d, int e), (a, b, c, d, e));
FORWARD(int, declare_vtab, (sqlite3* a, const char* b), (a, b));
FORWARD(const char*, errmsg, (sqlite3* a), (a));
FORWARD(const char*, errstr, (int a), (a));
FORWARD(int, exec,
        (sqlite3* a, const char* b, int (*c)(void*, int, char**, char**), void* d, char** e),
        (a, b, c, d, e));
FORWARD(int, extended_errcode, (sqlite3* a), (a));
FORWARD(int, file_control, (sqlite3* a, const char* b, int c, void* d), (a, b, c, d));
FORWARD(int, finalize, (sqlite3_stmt* a), (a));
FORWARD(void, free, (void* a), (a));
FORWARD(int, get_autocommit, (sqlite3* a), (a));
FORWARD(void*, get_auxdata, (sqlite3_context* a, int b), (a, b));
FORWARD_AS(interruptx, void, interrupt, (sqlite3* a), (a));
FORWARD(sqlite3_int64, last_insert_rowid, (sqlite3* a), (a));
FORWARD(const char*, libversion, (), ());
FORWARD(int, libversion_number, (), ());
FORWARD(void*, malloc64, (sqlite3_uint64 a), (a));
FORWARD(int, open_v2, (const char* a, sqlite3** b, int c, const char* d), (a, b, c, d));
FORWARD(int, prepare_v3,
        (sqlite3* a, const char* b, int c, unsigned int d, sqlite3_stmt** e, const char** f),
        (a, b, c, d, e, f));
FORWARD(void, progress_handler, (sqlite3* a, int b, int (*c)(void*), void* d), (a, b, c, d));
FORWARD(int, reset, (sqlite3_stmt* a), (a));
FORWARD(void, result_blob64,
        (sqlite3_context* a, const void* b, sqlite3_uint64 c, void (*d)(void*)), (a, b, c, d));
FORWARD(void, result_double, (sqlite3_context* a, double b), (a, b));
FORWARD(void, result_error, (sqlite3_context* a, const char* b, int c), (a, b, c));
FORWARD(void, result_error_code, (sqlite3_context* a, int b), (a, b));
FORWARD(void, result_error_nomem, (sqlite3_context* a), (a));
FORWARD(void, result_int, (sqlite3_context* a, int b), (a, b));
FORWARD(void, result_int64, (sqlite3_context* a, sqlite3_int64 b), (a, b));
FORWARD(void, result_null, (sqlite3_context* a), (a));
FORWARD(void, result_subtype, (sqlite3_context* a, unsigned int b), (a, b));
FORWARD(void, result_text, (sqlite3_context* a, const char* b, int c, void (*d)(void*)),
        (a, b, c, d));
FORWARD(void, result_text64,
        (sqlite3_context* a, const char* b, sqlite3_uint64 c, void (*d)(void*), unsigned char e),
        (a, b, c, d, e));
FORWARD(void, result_value, (sqlite3_context* a, sqlite3_value* b), (a, b));
FORWARD(void, set_auxdata, (sqlite3_context* a, int b, void* c, void (*d)(void*)), (a, b, c, d));
FORWARD(void, set_last_insert_rowid, (sqlite3* a, sqlite3_int64 b), (a, b));
FORWARD(const char*, sql, (sqlite3_stmt* a), (a));
FORWARD(int, step, (sqlite3_stmt* a), (a));
FORWARD(void, str_appendchar, (sqlite3_str* a, int b, char c), (a, b, c));
FORWARD(int, str_errcode, (sqlite3_str* a), (a));
FORWARD(char*, str_finish, (sqlite3_str* a), (a));
FORWARD(int, str_length, (sqlite3_str* a), (a));
FORWARD(sqlite3_str*, str_new, (sqlite3* a), (a));
FORWARD(int, stricmp, (const char* a, const char* b), (a, b));
FORWARD(int, table_column_metadata,
        (sqlite3* a, const char* b, const char* c, const char* d, const char** e, const char** f,
         int* g, int* h, int* i),
        (a, b, c, d, e, f, g, h, i));
FORWARD(int, txn_state, (sqlite3* a, const char* b), (a, b));
FORWARD(int, uri_boolean, (const char* a, const char* b, int c), (a, b, c));
FORWARD(const char*, uri_parameter, (const char* a, const char* b), (a, b));
FORWARD(void*, user_data, (sqlite3_context* a), (a));
FORWARD(const void*, value_blob, (sqlite3_value* a), (a));
FORWARD(int, value_bytes, (sqlite3_value* a), (a));
FORWARD(double, value_double, (sqlite3_value* a), (a));
FORWARD(sqlite3_value*, value_dup, (const sqlite3_value* a), (a));
FORWARD(void, value_free, (sqlite3_value* a), (a));
FORWARD(int, value_int, (sqlite3_value* a), (a));
FORWARD(sqlite3_int64, value_int64, (sqlite3_value* a), (a));
FORWARD(int, value_nochange, (sqlite3_value* a), (a));
FORWARD(int, value_numeric_type, (sqlite3_value* a), (a));
FORWARD(unsigned int, value_subtype, (sqlite3_value* a), (a));
FORWARD(const unsigned char*, value_text, (sqlite3_value* a), (a));
FORWARD(int, value_type, (sqlite3_value* a), (a));
FORWARD(const char*, vtab_collation, (sqlite3_index_info* a, int b), (a, b));
FORWARD(int, vtab_in, (sqlite3_index_info* a, int b, int c), (a, b, c));
FORWARD(int, vtab_in_first, (sqlite3_value* a, sqlite3_value** b), (a, b));
FORWARD(int, vtab_in_next, (sqlite3_value* a, sqlite3_value** b), (a, b));
FORWARD(int, vtab_nochange, (sqlite3_context* a), (a));
FORWARD(int, vtab_on_conflict, (sqlite3* a), (a));
// clang-format on

// Functions with "..." cannot be forwarded: their twins that take a va_list are called.

void sqlite3_log(int code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char* const text = table->vmprintf(format, arguments);
  va_end(arguments);
  table->log(code, "%s", text == nullptr ? "out of memory" : text);
  table->free(text);
}

char* sqlite3_mprintf(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char* const text = table->vmprintf(format, arguments);
  va_end(arguments);
  return text;
}

void sqlite3_str_appendf(sqlite3_str* string, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  table->str_vappendf(string, format, arguments);
  va_end(arguments);
}

// Of the options there are, only this one has an argument.
int sqlite3_vtab_config(sqlite3* db, int option, ...) {
  if (option != SQLITE_VTAB_CONSTRAINT_SUPPORT) return table->vtab_config(db, option);
  va_list arguments;
  va_start(arguments, option);
  const int is_on = va_arg(arguments, int);
  va_end(arguments);
  return table->vtab_config(db, option, is_on);
}

}  // extern "C"
