// Searching an index whose codes are coarse (is_coarse()): signs only, an eighth of an int8 code
// and no residual. They tell roughly who is near, so a walk keeps more candidates, an estimate that
// knows the query better chooses among them, and the rows of the best are measured: the rows are
// the second plane.
#include <algorithm>

#include "index/scratch.h"
#include "index/view.h"
#include "index/walk_plan.h"

namespace nearlite {

// Distances of scratch.wanted as memory knows them, into scratch.approximate.
void Index::approximate(const View& view) {
  SearchScratch& scratch = *scratch_;
  const Graph& graph = view.cache->graph();
  scratch.approximate.clear();
  for (const NodeId id : scratch.wanted) {
    scratch.approximate.push_back(
        {view.quantizer->rescore(scratch.query, graph.code(id), graph.residual(id), graph.info(id)),
         id});
  }
}

// Of coarse codes: leaves those in scratch.wanted that are worth reading. Others: all.
void Index::narrow_coarse(const View& view, const SearchRequest& request) {
  if (!is_coarse(view.cache->graph().options().format.kind)) return;
  std::vector<NodeId>& wanted = scratch_->wanted;
  const std::uint64_t count = coarse_measured(request.k, ef_search_of(request));
  if (wanted.size() <= count) return;
  approximate(view);
  auto& approximate = scratch_->approximate;
  const auto last = approximate.begin() + static_cast<std::ptrdiff_t>(count);
  std::nth_element(approximate.begin(), last - 1, approximate.end(),
                   [](const auto& a, const auto& b) {
                     return a.distance != b.distance ? a.distance < b.distance : a.id < b.id;
                   });
  wanted.clear();
  std::for_each(approximate.begin(), last, [&](const auto& one) { wanted.push_back(one.id); });
}

}  // namespace nearlite
