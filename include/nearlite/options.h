/// Nearlite: the choices a caller has. Plain structs; every field has the default of docs/sql.md.
///
/// The inline namespace `v1` is the version of this part of the interface in symbol names: programs
/// write `nearlite::Index`, linkers see `nearlite::v1::Index`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "nearlite/status.h"

namespace nearlite {
inline namespace v1 {

/// How far apart two vectors are. Smaller is nearer, with every metric.
enum class Metric : std::uint8_t {
  kCosine = 0,   ///< 1 − cos, from 0 to 2; 1 when one of the vectors is zero
  kL2 = 1,       ///< Euclidean, root taken
  kIp = 2,       ///< negative inner product
  kL1 = 3,       ///< sum of absolute differences
  kHamming = 4,  ///< differing bits; of Element::kBit only
};

/// How a component is stored. The API takes and gives float32 in every case.
enum class Element : std::uint8_t {
  kFloat32 = 0,
  kFloat16 = 1,
  kBfloat16 = 2,
  kInt8 = 3,  ///< integers from −128 to 127
  kBit = 4,   ///< 1 where a component is positive, else 0; dim is a multiple of 8
};

/// Codes that the graph keeps in memory: of int8 about two bytes a component, of bit an eighth of a
/// byte (cosine only, and rows are read to choose among what they find), of none four.
enum class Quantize { kInt8 = 0, kBit = 1, kNone = 2 };

/// What a new index is. Ranges are those of docs/sql.md; a value outside is kInvalidArgument.
struct IndexOptions {
  /// Components of a vector, 1 to 16,384. Must be given.
  int dim = 0;
  Metric metric = Metric::kCosine;
  Element element = Element::kFloat32;
  /// Neighbours a node has, 2 to 128. More: better recall, more memory, slower inserts.
  int m = 16;
  /// Width of the search at insert, 1 to 10,000.
  int ef_construction = 200;
  /// Width of a query's search, 1 to 100,000; 0: as `ef_construction`.
  int ef_search = 0;
  /// What the graph is walked on. Distances are exact with each.
  Quantize quantize = Quantize::kInt8;
  /// Share of dead nodes, 0 to 100 percent, from which lists are repaired; 100: never by itself.
  int tombstone_rebuild_pct = 30;
  /// Rows of a transaction from which threads help to link them, 1 to 1,000,000.
  int parallel_insert_threshold = 256;
  /// Name of the vector column.
  std::string column = "embedding";
  /// Further columns as CREATE VIRTUAL TABLE takes them: "lang text, year integer, +title text".
  std::string columns = {};
  /// Side file beside the database: a bare file name; empty: none.
  std::string path = {};
  /// When the side file is written: "commit", "every N" or "close".
  std::string persist = "commit";

  /// Presets. `high_recall`: ef_construction 400, ef_search 200. `fast`: 100 and 40.
  [[nodiscard]] static IndexOptions of(int dim);
  [[nodiscard]] static IndexOptions high_recall(int dim);
  [[nodiscard]] static IndexOptions fast(int dim);
};

/// A value for a parameter of a filter: NULL, integer, real, text.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;

/// A found row.
struct Hit {
  std::int64_t id = 0;  ///< the rowid
  double distance = 0;  ///< exact, in the metric of the index

  bool operator==(const Hit&) const = default;
};

/// How one search is done.
struct SearchOptions {
  /// Width of the search, 1 to 100,000; 0: the setting of the index. More: better recall, slower.
  int ef_search = 0;
  /// Compare with all rows: recall 1, time in proportion to the number of rows.
  bool exact = false;
  /// An SQL expression over the columns of the table, which hits must satisfy ("year >= ?1 AND
  /// lang = 'en'"); empty: none. It becomes part of a statement: values of other people belong into
  /// `parameters`. As many hits come as without a filter if so many rows qualify.
  std::string filter = {};
  /// Values of ?1, ?2, … in `filter`.
  std::vector<Value> parameters = {};
  /// Only rows behind this one, in the order of distance and id: the last hit of a page, and the
  /// next page comes; the pages together hold every row once. The first page: an id of INT64_MIN at
  /// −infinity. Cost: compares with all rows in memory (those that satisfy the filter), at any
  /// depth.
  std::optional<Hit> after = {};
};

/// When writes become durable. A write that was *acknowledged* (its call returned ok) is seen by
/// every later search of the same Index or VectorStore at once; *flushed* it also survives a crash
/// of process or machine. Unflushed writes are one open SQLite transaction: a crash loses all of
/// them or none, never half a batch, and other connections neither see them nor can write
/// meanwhile.
struct SyncMode {
  enum class Kind : std::uint8_t {
    kPerOp = 0,    ///< every call commits; the default of everything that is opened
    kEveryN = 1,   ///< commits once `n` writes have gathered (rows of a batch count one by one)
    kOnFlush = 2,  ///< only flush(), close(), save() and maintenance commit
  };
  Kind kind = Kind::kPerOp;
  std::uint32_t n = 1;  ///< kEveryN: at least 1; a crash loses the last n − 1 writes at most

  [[nodiscard]] static constexpr SyncMode per_op() { return {}; }
  [[nodiscard]] static constexpr SyncMode every(std::uint32_t n) { return {Kind::kEveryN, n}; }
  [[nodiscard]] static constexpr SyncMode on_flush() { return {Kind::kOnFlush, 1}; }
  bool operator==(const SyncMode&) const = default;
};

/// How far long work is.
struct Progress {
  enum class Phase : std::uint8_t {
    kReading = 0,     ///< rows are taken in; `done` of `total`
    kFinishing = 1,   ///< rows are linked and committed; `done` stays
    kMaintaining = 2  ///< optimize, compact, repair, rebuild, save; nothing is counted
  };
  Phase phase = Phase::kReading;
  std::uint64_t done = 0;
  std::uint64_t total = 0;  ///< 0: not known
};

/// Watches long work and may end it. Work that is ended fails with kInterrupted and leaves the
/// database as it was before; inside a Transaction SQLite may roll back the whole of it, which
/// Transaction::is_open() tells.
///
/// Threads: `on_progress` is called in the thread that works, about ten times a second, must not
/// use the connection at work, and must not throw; `stop` may be requested from any thread.
struct Watch {
  std::function<bool(const Progress&)> on_progress = {};  ///< false: stop
  std::stop_token stop = {};
};

/// Hands out rows for a bulk insert: sets `id`, fills `vector` (dim components) and returns true,
/// or returns false when there are no more. A failure ends the work and is passed on.
using RowSource = std::function<Result<bool>(std::int64_t& id, std::span<float> vector)>;
/// Takes rows one by one. False: no more are wanted.
using RowSink = std::function<bool(std::int64_t id, std::span<const float> vector)>;
/// Takes hits one by one, nearest first. False: no more are wanted.
using HitSink = std::function<bool(const Hit& hit)>;

/// What an index is and how it fares; see nearlite_stats in docs/sql.md.
struct IndexStats {
  std::string column;  ///< the vector column
  Element element = Element::kFloat32;
  int dim = 0;
  Metric metric = Metric::kCosine;
  std::uint64_t live = 0;          ///< rows with a vector
  std::uint64_t dead = 0;          ///< deleted nodes that still route
  std::uint64_t memory_bytes = 0;  ///< of the graph in memory; 0 before the first search
  bool cached = false;             ///< memory stands at this snapshot
  std::uint64_t loads = 0;         ///< how often this connection read the whole index
  std::uint64_t image_loads = 0;   ///< how often it started from the side file
  std::uint64_t saves = 0;         ///< how often it wrote the side file
  std::uint64_t catch_ups = 0;     ///< how often it took in what other connections committed
  std::string last_path;           ///< how the last search was answered: "graph", "exact", …
  // Of an index over a table of the user's (Content); else empty, 0 and true.
  std::string content_table = {};
  std::string content_rowid = {};
  bool is_built = true;  ///< false: rows that are not linked yet are scanned by searches
  int ef_search = 0;     ///< width of searches that do not say it themselves
  // Where the index has a target_recall (docs/sql.md); else 0 and empty.
  double target_recall = 0;
  double measured_recall = 0;
  std::string recall_warning = {};  ///< why the target may not be held; empty: it is
};

}  // namespace v1
}  // namespace nearlite
