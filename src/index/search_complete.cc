// A search that may not miss a row: for pages, of which each begins where the last one ended. A row
// that one page misses would never come.
//
// All nodes that may be returned are compared by code and residual, whose error is known; those
// that it leaves in doubt (at the cursor, and at the k-th) are measured from the rows. The cost is
// one pass over what is in memory, the same for every page, and a row read for each of those: many
// where many are equally far.
#include <algorithm>
#include <cmath>

#include "base/try.h"
#include "index/scratch.h"
#include "index/view.h"

namespace nearlite {

namespace {
// Codes that are the floats themselves, or bits: only the result is rounded, and the length of a
// vector that was normalised.
constexpr float kFloatRounding = 1e-5F;
}  // namespace

float Index::distance_error(const View& view, const SearchRequest& request, NodeId id,
                            float distance) const {
  const float error = rescore_error(view, request, id, distance);
  return std::isinf(error) ? kFloatRounding * (std::abs(distance) + 0.1F) : error;
}

// Fills scratch.wanted with all nodes that may be returned.
void Index::collect_all(const View& view, const SearchRequest& request) {
  SearchScratch& scratch = *scratch_;
  const Graph& graph = view.cache->graph();
  scratch.wanted.clear();
  const auto take = [&](NodeId id) {
    if (graph.has_place(id) && graph.is_present(id) && view.is_visible(id) &&
        is_node_allowed(view, request, id)) {
      scratch.wanted.push_back(id);
    }
  };
  if (request.allowed != nullptr) {
    scratch.members.clear();
    request.allowed->append_to(scratch.members, view.max_id);
    std::for_each(scratch.members.begin(), scratch.members.end(), take);
  } else {
    for (NodeId id = 1; id <= view.max_id; ++id) take(id);
  }
  take_pending(view, request);
}

Result<std::optional<std::vector<Hit>>> Index::search_complete(const View& view,
                                                               const SearchRequest& request) {
  SearchScratch& scratch = *scratch_;
  const Graph& graph = view.cache->graph();
  report_.path = SearchPath::kComplete;
  collect_all(view, request);
  report_.compared_count += scratch.wanted.size();
  std::vector<Hit> hits;  // what must be measured
  auto& sure = scratch.approximate;
  sure.clear();
  for (const NodeId id : scratch.wanted) {
    const float distance =
        view.quantizer->rescore(scratch.query, graph.code(id), graph.residual(id), graph.info(id));
    const double error = distance_error(view, request, id, distance);
    if (!request.after || distance - error > request.after->distance) {
      sure.push_back({distance, id});
    } else if (distance + error >= request.after->distance) {
      hits.push_back({distance, graph.rowid(id), id, false, read_fingerprint(graph, id)});
    }
  }
  const auto is_less = [](const auto& a, const auto& b) { return a.distance < b.distance; };
  if (sure.size() > request.k) {
    const auto kth = sure.begin() + static_cast<std::ptrdiff_t>(request.k) - 1;
    std::nth_element(sure.begin(), kth, sure.end(), is_less);
    const float bound = kth->distance + distance_error(view, request, kth->id, kth->distance);
    std::erase_if(sure, [&](const SearchScratch::Approximate& one) {
      return one.distance - distance_error(view, request, one.id, one.distance) > bound;
    });
  }
  for (const SearchScratch::Approximate& one : sure)
    hits.push_back(
        {one.distance, graph.rowid(one.id), one.id, false, read_fingerprint(graph, one.id)});
  NEARLITE_TRY(measure(request.query, hits));
  if (request.after) {
    std::erase_if(hits, [&](const Hit& hit) { return !is_beyond(hit, *request.after); });
  }
  std::sort(hits.begin(), hits.end(), is_nearer);
  if (hits.size() > request.k) hits.resize(request.k);
  return std::optional(std::move(hits));
}

}  // namespace nearlite
