// External content: the vectors stay in rows of a table that is not ours, and the index keeps of
// each only its code and a fingerprint.
//
// Somebody else writes those rows, so a node is only a claim: "row r had a vector with this
// fingerprint". A search therefore reads the row of every node it would return. A row whose vector
// has another fingerprint is scored by what it holds now, and one that has none is dropped.
//
// Threads: one at a time, the thread that owns the connection.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "graph/types.h"
#include "nearlite/status.h"

namespace nearlite {

/// What the graph cannot answer for, in the caller's snapshot.
struct ContentState {
  /// False: rows may have changed without a trace. Only the rows themselves can be asked.
  bool is_tracked = true;
  /// Rows known to have changed since they were indexed, ascending.
  std::vector<RowId> changed;
  /// Rows from this one on have not been indexed yet.
  std::optional<RowId> unbuilt_from;
};

class Content {
 public:
  using Visitor = std::function<Status(RowId rowid, std::span<const std::byte> stored)>;

  virtual ~Content() = default;

  virtual Result<ContentState> state() = 0;
  /// The vector of a row in the index's element type; false where the row is gone, or has NULL or
  /// something that is no vector of this index. `out` holds vector_bytes().
  virtual Result<bool> read(RowId rowid, std::span<std::byte> out) = 0;
  /// Visits every row from `first` on that has a vector, ascending. `stored` lives during the call
  /// only.
  virtual Status scan(RowId first, const Visitor& visit) = 0;
};

inline constexpr RowId kRowIdMin = std::numeric_limits<RowId>::min();

}  // namespace nearlite
