// Searching an index whose codes are coarse (is_coarse()): signs only, an eighth of an int8 code
// and no residual. They tell roughly who is near, so a walk keeps more candidates, by estimates of
// their distances (SignQuery); and rows are measured in that order, until the next estimates are so
// far beyond the k-th distance that they can hardly be wrong by as much (as in Gao & Long,
// "RaBitQ", 2024).
#include <algorithm>

#include "base/try.h"
#include "graph/stop_rule.h"
#include "index/scratch.h"
#include "index/view.h"
#include "index/walk_plan.h"

namespace nearlite {

namespace {
// Rows measured at a time: their bytes come with one call.
constexpr std::size_t kBatch = 16;
// A row is worth reading while its estimate may be wrong by so many deviations. Measured at widths
// of 48 to 200: 2 miss rows that 2.5 find, 3 read more and find the same. Who asks for more gets
// more, so that a recall of 1 can be had.
constexpr double kDeviations = 2.5;
constexpr double kDeviationsPerDoubling = 0.5;
constexpr std::uint64_t kUsualWidth = 200;
// A walk through thousands of equal codes widens (Index::is_tied()); their rows are not all read.
constexpr std::uint64_t kMeasuredFactor = 4;

double deviations(std::uint32_t ef_search) {
  constexpr double kOne = 1U << kStopSlackShift;
  return kDeviations +
         kDeviationsPerDoubling * static_cast<double>(doublings(ef_search, kUsualWidth)) / kOne;
}

bool seems_nearer(const SearchScratch::Approximate& a, const SearchScratch::Approximate& b) {
  return a.distance != b.distance ? a.distance < b.distance : a.id < b.id;
}
}  // namespace

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

// Of coarse codes: leaves those in scratch.wanted that are worth reading one by one, as rows of
// external content are. Others: all.
void Index::narrow_coarse(const View& view, const SearchRequest& request) {
  if (!is_coarse(view.cache->graph().options().format.kind)) return;
  std::vector<NodeId>& wanted = scratch_->wanted;
  const std::uint64_t count = coarse_measured(request.k, ef_search_of(request));
  if (wanted.size() <= count) return;
  approximate(view);
  auto& approximate = scratch_->approximate;
  const auto last = approximate.begin() + static_cast<std::ptrdiff_t>(count);
  std::nth_element(approximate.begin(), last - 1, approximate.end(), seems_nearer);
  wanted.clear();
  std::for_each(approximate.begin(), last, [&](const auto& one) { wanted.push_back(one.id); });
}

// Turns scratch.approximate into hits: measures them nearest estimate first, until what is left can
// hardly be among the k nearest.
Result<std::vector<Hit>> Index::settle_coarse(const View& view, const SearchRequest& request) {
  const Graph& graph = view.cache->graph();
  auto& approximate = scratch_->approximate;
  std::sort(approximate.begin(), approximate.end(), seems_nearer);
  const std::uint64_t most = kMeasuredFactor * coarse_width(request.k, ef_search_of(request));
  if (approximate.size() > most) approximate.resize(most);
  const double wrong_max = deviations(ef_search_of(request));
  std::vector<Hit> nearest;
  std::vector<Hit> batch;
  for (std::size_t at = 0; at < approximate.size();) {
    const std::size_t size = std::max(kBatch, at == 0 ? request.k : 0);
    batch.clear();
    for (; at < approximate.size() && batch.size() < size; ++at) {
      const auto& [estimate, id] = approximate[at];
      const double least = estimate - wrong_max * view.quantizer->deviation(estimate);
      if (nearest.size() >= request.k && least > nearest.back().distance) break;
      batch.push_back({estimate, graph.rowid(id), id, false, read_fingerprint(graph, id)});
    }
    if (batch.empty()) break;
    NEARLITE_TRY(measure(request.query, batch));
    nearest.insert(nearest.end(), batch.begin(), batch.end());
    std::sort(nearest.begin(), nearest.end(), is_nearer);
    if (nearest.size() > request.k) nearest.resize(request.k);
  }
  return nearest;
}

}  // namespace nearlite
