// Whether what was read of a database is still what would be read, without reading it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sqlite/api.h"

namespace nearlite::sqlite {

/// A number of all that this connection reads of `schema` in its open transaction: while it is the
/// same, every read gives the same. Nothing where none is known:
///  - without a transaction, and in one that has written, whose changes have no number yet;
///  - in an attached database, for another file that is attached by that name may have the number;
///  - after sqlite3_deserialize(), which may put one more database in the place of the last.
/// Source: SQLITE_FCNTL_DATA_VERSION, which changes with commits of this connection, too. A tenth
/// of a microsecond.
[[nodiscard]] std::optional<std::uint32_t> read_version(sqlite3* db,
                                                        const std::string& schema) noexcept;

/// Whether other connections write into the page cache that this one reads (shared-cache mode):
/// under PRAGMA read_uncommitted it sees what they may take back, with no number of its own.
[[nodiscard]] bool shares_page_cache(sqlite3* db) noexcept;

}  // namespace nearlite::sqlite
