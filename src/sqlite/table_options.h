// What a virtual table of the module hnsw is: its columns and its settings, with the range of every
// setting in one place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nearlite/status.h"
#include "vector/types.h"

namespace nearlite::sqlite {

inline constexpr std::size_t kVectorColumnsMax = 16;
inline constexpr std::size_t kSparseColumnsMax = 16;
inline constexpr std::size_t kPartitionColumnsMax = 4;
inline constexpr std::size_t kMetadataColumnsMax = 16;
inline constexpr std::size_t kAuxiliaryColumnsMax = 16;
inline constexpr std::size_t kNameBytesMax = 255;
inline constexpr std::size_t kPathBytesMax = 1024;
inline constexpr std::uint32_t kDimDefault = 384;

/// Whose language a table speaks: USING hnsw(…) is ours, USING vec0(…) is sqlite-vec's.
enum class Front : std::uint8_t { kHnsw, kVec0 };

/// One vector column, which has an index of its own.
struct VectorColumn {
  std::string name;
  ElementType type = ElementType::kFloat32;
  std::uint32_t dim = kDimDefault;
  Metric metric = Metric::kCosine;

  // Of this column alone; 0: those of the table.
  std::uint32_t m = 0;
  std::uint32_t ef_construction = 0;
  std::uint32_t ef_search = 0;
  bool is_flat = false;  ///< searched by comparing all rows

  bool operator==(const VectorColumn&) const = default;
};

/// One sparse column (vector/sparse.h), which has an index of its own.
struct SparseColumn {
  std::string name;
  std::uint32_t dim = 0;

  bool operator==(const SparseColumn&) const = default;
};

enum class ColumnKind : std::uint8_t {
  kVector,
  kSparse,
  kPartition,  ///< text or integer
  kMetadata,   ///< text, integer, real or boolean; filterable
  kAuxiliary,  ///< any type; stored, not filterable
  kRowid,      ///< the rowid under a name; nothing is stored
  kKey,        ///< text that tells a row from all others
};

enum class ValueType : std::uint8_t { kText, kInteger, kReal, kBoolean, kBlob };

/// SQL type names: text, integer, real, boolean, blob.
[[nodiscard]] std::string_view name_of(ValueType type) noexcept;

/// A column of the table as declared, in order of declaration.
struct Column {
  ColumnKind kind = ColumnKind::kMetadata;
  std::string name;
  ValueType type = ValueType::kText;  ///< not for kVector
  std::size_t vector_index = 0;       ///< place in TableOptions::vectors, kSparse: ::sparse
  bool is_indexed = false;            ///< has an ordinary index; partition keys always
  bool is_required = false;           ///< NULL is refused
  std::string stored_as = {};         ///< its name in <t>_rows; empty: `name`

  /// Has it a column in <t>_rows?
  [[nodiscard]] bool is_stored() const noexcept {
    return kind != ColumnKind::kVector && kind != ColumnKind::kRowid;
  }
  [[nodiscard]] const std::string& stored_name() const noexcept {
    return stored_as.empty() ? name : stored_as;
  }

  bool operator==(const Column&) const = default;
};

/// When the side file is written.
enum class Persist : std::uint8_t { kCommit, kEvery, kClose };

/// How an index hears of changes to the rows it follows.
enum class ContentSync : std::uint8_t {
  kStrict,  ///< triggers write through the virtual table
  kLog,     ///< triggers note the rowid in an ordinary table; SQLite alone can write
};

/// External content: the rows are those of a table that exists already.
struct ContentOptions {
  std::string table;
  std::string rowid;  ///< empty: found
  std::string vector = "embedding";
  ContentSync sync = ContentSync::kStrict;
  bool is_deferred = false;  ///< CREATE leaves the rows to the command 'build'
  // As given; what is not is told by the table, and then stands in TableOptions::vectors.
  std::optional<ElementType> element;
  std::optional<std::uint32_t> dim;
  std::optional<Metric> metric;

  bool operator==(const ContentOptions&) const = default;
};

/// Hidden columns of the virtual table, which follow the declared ones: arguments and results of
/// searches, and the column that takes commands.
enum class HiddenColumn : std::uint8_t {
  kDistance,
  kK,
  kEfSearch,
  kExact,
  kFilter,
  kAfterDistance,
  kAfterRowid,
  kNow,
  kCommand,  ///< called like the table
  kTouched,  ///< external content: the triggers write to it
};

struct TableOptions {
  Front front = Front::kHnsw;
  std::vector<VectorColumn> vectors;  ///< never empty after parse_arguments()
  std::vector<SparseColumn> sparse;
  std::vector<Column> columns;  ///< all columns, vectors included

  std::optional<ContentOptions> content;

  std::uint32_t m = 16;                 ///< 2–128
  std::uint32_t ef_construction = 200;  ///< 1–10,000
  std::uint32_t ef_search = 200;        ///< 1–100,000; not given: as ef_construction
  Quantize quantize = Quantize::kInt8;
  std::uint32_t target_recall_ppm = 0;       ///< millionths, 0 = none; decides ef_search where set
  std::uint32_t tombstone_rebuild_pct = 30;  ///< 0–100; 100 = never
  std::uint32_t parallel_insert_threshold = 256;  ///< 1–1,000,000 rows
  Persist persist = Persist::kCommit;
  std::uint64_t exact_up_to = 0;    ///< rows; so small a table is compared whole
  std::uint32_t persist_every = 0;  ///< commits; kEvery only
  std::string path;                 ///< of the side file; empty = none
  std::string expires_at;           ///< an integer metadata column; empty = rows do not end

  /// Is a row known by a text key, and not by its rowid?
  [[nodiscard]] bool has_key() const noexcept;

  bool operator==(const TableOptions&) const = default;
};

/// The hidden columns of such a table, in order, and their names (that of kCommand is the table's).
[[nodiscard]] std::vector<HiddenColumn> hidden_columns(std::string_view table,
                                                       const TableOptions& options);
[[nodiscard]] std::string_view name_of(HiddenColumn column) noexcept;

/// Lets the option of the table count for all vector columns, also those that had their own.
void drop_own_settings(std::string_view option, TableOptions& options);

/// Sets the option `name` from its text ("m" from "32", "persist" from "every 100"). Columns are
/// not options. Errors: kNotFound for an unknown option, kInvalidArgument otherwise; messages begin
/// "nearlite: <table>: ".
Status set_option(std::string_view table, std::string_view name, std::string_view value,
                  TableOptions& options);

/// Whether `column` can have codes of this kind; `owner` begins the message. Errors:
/// kInvalidArgument.
Status check_quantize(std::string_view owner, Quantize quantize, const VectorColumn& column);

/// set_option() for options that may change after creation: ef_construction (ef), ef_search,
/// target_recall, tombstone_rebuild_pct, parallel_insert_threshold, persist. Other known options
/// fail with kInvalidArgument.
Status change_option(std::string_view table, std::string_view name, std::string_view value,
                     TableOptions& options);

/// The text from which set_option() makes the present value; empty for an unknown name.
[[nodiscard]] std::string option_text(const TableOptions& options, std::string_view name);

/// The name under which an option is kept: "ef" is "ef_construction"; others in lower case. Empty
/// when unknown.
[[nodiscard]] std::string canonical_option(std::string_view name);

/// Fills in what a content table told of its vectors. Errors: kInvalidArgument for a combination
/// that is not possible.
Status settle_content(std::string_view table, ElementType element, std::uint32_t dim,
                      TableOptions& options);

/// The option `name` of external content (content, content_rowid, content_vector, sync, build,
/// element) from its text. Errors: kNotFound for another name, else kInvalidArgument.
Status set_content_option(std::string_view table, std::string_view name, std::string_view value,
                          ContentOptions& options);

/// A failure of the user's input: "nearlite: <table>: <problem>".
[[nodiscard]] Status invalid(std::string_view table, std::string_view problem);

/// `value` in single quotes, shortened and without control characters, for messages.
[[nodiscard]] std::string shown(std::string_view value);

}  // namespace nearlite::sqlite
