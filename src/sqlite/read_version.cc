#include "sqlite/read_version.h"

#include <string_view>

namespace nearlite::sqlite {

std::optional<std::uint32_t> read_version(sqlite3* db, const std::string& schema) noexcept {
  const char* const name = schema.c_str();
  if (schema != "main" || sqlite3_txn_state(db, name) != SQLITE_TXN_READ) return {};
  sqlite3_vfs* vfs = nullptr;
  std::uint32_t version = 0;
  if (sqlite3_file_control(db, name, SQLITE_FCNTL_VFS_POINTER, &vfs) != SQLITE_OK ||
      vfs == nullptr || std::string_view(vfs->zName) == "memdb" ||
      sqlite3_file_control(db, name, SQLITE_FCNTL_DATA_VERSION, &version) != SQLITE_OK) {
    return {};
  }
  return version;
}

bool shares_page_cache(sqlite3* db) noexcept {
  // The second number counts only this connection's part of what is shared.
  int whole = 0;
  int part = 0;
  int highest = 0;
  return sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_USED, &whole, &highest, 0) != SQLITE_OK ||
         sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_USED_SHARED, &part, &highest, 0) !=
             SQLITE_OK ||
         whole != part;
}

}  // namespace nearlite::sqlite
