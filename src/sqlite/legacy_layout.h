// Where sqlite-vec keeps the rows of a vec0 table, from its first release to v0.1.10.
//
//   <t>_rowids(rowid, id, chunk_id, chunk_offset)   a row, its text key, its place
//   <t>_chunks(chunk_id, size, validity, rowids)    `size` places: which are taken, by whom;
//                                                   with partition keys also partition00 …
//   <t>_vector_chunksNN(rowid, vectors)             rowid = chunk_id; `size` vectors in one blob
//   <t>_rescore_vectorsNN, <t>_vectorsNN(rowid, vector)   a row for each vector, where the column
//   is
//                                                   INDEXED BY rescore or diskann (v0.1.10)
//   <t>_metadatachunksNN(rowid, data)               8 bytes a number, 16 a text, one bit a boolean
//   <t>_metadatatextNN(rowid, data)                 texts of more than 12 bytes, by row
//   <t>_auxiliary(rowid, value00 …)                 by row
//   <t>_info(key, value)                            since v0.1.6: the version
//
// Numbers are little-endian, bits lowest first. `rowid` is a column of the chunk tables, which
// hides the true rowid, and is not always the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nearlite/status.h"
#include "sqlite/api.h"
#include "sqlite/table_options.h"
#include "storage/store.h"

namespace nearlite::sqlite {

/// Where the vectors of a column are.
enum class LegacyVectors : std::uint8_t { kChunks, kRescore, kGraph };

struct LegacyLayout {
  std::vector<LegacyVectors> vectors;  ///< of each vector column
  std::vector<std::string> kinds;      ///< the shadow tables there are, without "<t>_"
};

/// "rowids" and 0 -> "schema"."t_rowids"; with a number "vector_chunks00".
[[nodiscard]] std::string numbered_kind(std::string_view kind, std::size_t number);
[[nodiscard]] std::string legacy_name(std::string_view schema, std::string_view table,
                                      std::string_view kind);

/// Whether <t>_chunks and <t>_rowids are there, and no <t>_config of ours.
Result<bool> has_legacy_tables(sqlite3* db, const std::string& schema, const std::string& table);

/// Looks which of the shadow tables such a table may have there are. Errors: kCorruption when one
/// that must be there is not, or a vector column is indexed in a way unknown to us.
Result<LegacyLayout> find_legacy_layout(sqlite3* db, const std::string& schema,
                                        const std::string& table, const TableOptions& options);

/// "emptied1" and so on: what is left of them after an upgrade.
[[nodiscard]] std::string emptied_kind(std::size_t number);
/// How many there are stands in the config of the table, with which they go from then on.
Status remember_emptied(Store& config, std::size_t count);
Status drop_emptied(sqlite3* db, const std::string& schema, const std::string& table,
                    Store& config);
Status rename_emptied(sqlite3* db, const std::string& schema, const std::string& table,
                      const std::string& new_table, Store& config);

/// For xShadowName: is `name` the kind of a table of sqlite-vec's, or of an emptied one?
[[nodiscard]] bool is_legacy_kind(std::string_view name) noexcept;

}  // namespace nearlite::sqlite
