// Searching an index over somebody else's rows.
//
// The graph proposes nodes, and the row of each is read: the fingerprint tells whether the row
// still holds what was indexed. Rows known to have changed, rows not indexed yet, and rows that
// turn out to be different from what the graph knows are scored by what they hold now; their nodes
// are hidden, and the walk goes on until k nodes are left that were right. So every answer is a row
// of the caller's snapshot with its distance, and a row that the index knows of is not missed.
//
// INVARIANT E1. A row is returned only after it was read in the caller's snapshot.
// INVARIANT E2. A row known to be unlike its node is scored by what it holds, its node is hidden.
#include <algorithm>

#include "base/try.h"
#include "index/scratch.h"
#include "index/view.h"

namespace nearlite {

namespace {
// Every round hides nodes that had changed unseen. Where there are ever more of them, the rows are
// scanned.
constexpr int kRoundsMax = 6;
// Reading and comparing a row costs about as much as 20 comparisons of codes.
constexpr std::size_t kAllowedScanMax = 2'000;

bool is_allowed(const SearchRequest& request, RowId rowid) {
  return request.allowed_rows == nullptr ||
         std::binary_search(request.allowed_rows->begin(), request.allowed_rows->end(), rowid);
}

/// Reads rows and keeps the nearest.
class RowScorer {
 public:
  RowScorer(Content& content, const IndexOptions& options, const SearchRequest& request)
      : content_(content),
        distance_(options, request.query),
        nearest_(request),
        stored_(vector_bytes(options.element, options.dim)) {}

  /// False: the row has no vector.
  Result<bool> read(RowId rowid) { return content_.read(rowid, stored_); }
  [[nodiscard]] std::span<const std::byte> stored() const noexcept { return stored_; }

  Status add(RowId rowid, NodeId id, std::span<const std::byte> stored) {
    NEARLITE_ASSIGN(const double exact, distance_.to(stored));
    nearest_.add({exact, rowid, id});
    return {};
  }
  Status add_row(RowId rowid) {
    NEARLITE_ASSIGN(const bool found, read(rowid));
    return found ? add(rowid, kNodeNone, stored_) : Status();
  }
  Status add_from(RowId first, const SearchRequest& request) {
    return content_.scan(first, [&](RowId rowid, std::span<const std::byte> stored) {
      return is_allowed(request, rowid) ? add(rowid, kNodeNone, stored) : Status();
    });
  }
  std::vector<Hit> take() { return nearest_.take(); }

 private:
  Content& content_;
  ExactDistance distance_;
  NearestHits nearest_;
  std::vector<std::byte> stored_;
};

}  // namespace

bool Index::is_row_wanted(const View& view, const SearchRequest& request, RowId rowid) {
  return is_allowed(request, rowid) &&
         (view.hidden_rows == nullptr || !view.hidden_rows->contains(rowid));
}

Result<std::vector<Hit>> Index::scan_content(const SearchRequest& request) {
  RowScorer rows(*content_, options_, request);
  if (request.allowed_rows != nullptr) {
    for (const RowId rowid : *request.allowed_rows) NEARLITE_TRY(rows.add_row(rowid));
  } else {
    NEARLITE_TRY(rows.add_from(kRowIdMin, request));
  }
  return rows.take();
}

// nullopt: only the rows themselves can tell.
Result<std::optional<std::vector<Hit>>> Index::search_content(const View& view,
                                                              const SearchRequest& request) {
  NEARLITE_ASSIGN(const ContentState state, content_->state());
  const std::optional<std::vector<Hit>> scan;
  if (!state.is_tracked) return scan;
  const std::size_t population =
      request.allowed_rows != nullptr ? request.allowed_rows->size() : view.live_count;
  if (request.allowed_rows != nullptr &&
      population <= std::max<std::size_t>(kAllowedScanMax, 2 * request.k)) {
    return scan;
  }
  RowScorer rows(*content_, options_, request);
  for (const RowId rowid : state.changed) {
    const bool is_unbuilt = state.unbuilt_from && rowid >= *state.unbuilt_from;
    if (!is_unbuilt && is_allowed(request, rowid)) NEARLITE_TRY(rows.add_row(rowid));
  }
  if (state.unbuilt_from) NEARLITE_TRY(rows.add_from(*state.unbuilt_from, request));
  if (view.live_count == 0) return std::optional(rows.take());

  NEARLITE_TRY(view.quantizer->prepare_search(request.query, scratch_->query));
  const Graph& graph = view.cache->graph();
  std::set<RowId> hidden(state.changed.begin(), state.changed.end());
  std::set<NodeId> seen;
  View walk = view;
  walk.hidden_rows = &hidden;
  for (int round = 0; round < kRoundsMax; ++round) {
    const std::size_t wanted = std::min<std::size_t>(request.k, population);
    if (!collect_candidates(walk, request, wanted)) return scan;
    narrow_coarse(walk, request);
    bool is_right = true;
    for (const NodeId id : scratch_->wanted) {
      if (!seen.insert(id).second) continue;
      const RowId rowid = graph.rowid(id);
      NEARLITE_ASSIGN(const bool found, rows.read(rowid));
      const bool is_same = found && fingerprint(rows.stored()) == read_fingerprint(graph, id);
      if (found) NEARLITE_TRY(rows.add(rowid, is_same ? id : kNodeNone, rows.stored()));
      if (!is_same) hidden.insert(rowid);
      is_right = is_right && is_same;
    }
    if (is_right) return std::optional(rows.take());
  }
  return scan;
}

}  // namespace nearlite
