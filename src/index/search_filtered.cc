// Searching among the nodes that match a condition.
//
// How many match is known, so the cheapest of three ways is chosen: comparing all of them, which
// misses none; a walk among them; or, where nearly all match, the usual walk, a little wider. A
// walk that does not yield k rows, or has cost as much as comparing all would have, is followed by
// comparing all: so k rows come whenever k match, and the dearest search is a scan of the codes.
#include <algorithm>

#include "base/try.h"
#include "index/scratch.h"
#include "index/view.h"

namespace nearlite {

namespace {
// Measured at 100,000 x 384, in comparisons of a walk, which waits for memory. One of a scan, which
// goes through ascending ids:
constexpr double kScanCost = 0.8;
// A walk, for each place of its pool:
constexpr double kWalkCost = 10;
// The same among those that match, where more is compared and every list is searched for them:
constexpr double kAmongCost = 20;
// The list of a node that does not match:
constexpr double kHopCost = 2;
// Where fewer match, two links lead to too few others that do: the nodes that match fall apart.
constexpr double kAmongMin = 0.01;
constexpr double kWidenMax = 4;
constexpr std::size_t kSeeds = 128;
// Members compared at a time; the nearest wait in a heap of at least this many.
constexpr std::size_t kCompareStep = 512;
constexpr std::size_t kNearestMin = 64;

double share_of(const NodeSet& set, std::uint64_t node_count) {
  return std::min(1.0, static_cast<double>(set.size()) /
                           static_cast<double>(std::max<std::uint64_t>(node_count, 1)));
}

// Where two links lead to fewer members than a list holds, a walk among them finds its way worse:
// it must be wider by this.
double widening(double share, double list_size) {
  return std::clamp(1 / (share * list_size), 1.0, kWidenMax);
}

// The ways to go, one after the other, until one of them yields enough. The last is to compare all.
std::vector<SearchPath> choose(const NodeSet& set, std::uint64_t node_count, double ef,
                               double list_size) {
  const double share = share_of(set, node_count);
  const double scan = kScanCost * static_cast<double>(set.size());
  std::vector<SearchPath> paths;
  if (!set.bits().empty() && share > 0) {
    const double dropping = kWalkCost * ef / share;
    const double hops = std::min((1 - share) / share, list_size * (1 - share));
    const double among =
        share < kAmongMin ? scan : widening(share, list_size) * ef * (kAmongCost + kHopCost * hops);
    // What does not match may be all that is near: then a walk finds others only among what does.
    if (dropping < std::min(scan, among)) paths.push_back(SearchPath::kGraphDropping);
    if (among < scan) paths.push_back(SearchPath::kGraphAmong);
  }
  paths.push_back(SearchPath::kMatching);
  return paths;
}

bool is_before(const Candidate& a, const Candidate& b) noexcept {
  return a.key != b.key ? a.key < b.key : a.id < b.id;
}

}  // namespace

// One of the two walks. False: compare all.
bool Index::walk_filtered(const View& view, const SearchRequest& request, SearchPath path) {
  const NodeSet& set = *request.allowed;
  const Graph& graph = view.cache->graph();
  const std::uint64_t node_count = view.live_count + view.dead_count;
  const std::uint64_t width = width_of(view, request);
  std::span<const Candidate> walked;
  if (path == SearchPath::kGraphAmong) {
    // It looks at the lists of nodes that do not match, too.
    if (!view.cache->graph().complete(effective_thread_count(options_)).ok()) return false;
    std::vector<NodeId> seeds = set.sample(kSeeds);
    std::erase_if(seeds, [&](NodeId id) { return !graph.is_present(id); });
    SubsetView subset;
    subset.bits = set.bits();
    subset.seeds = seeds;
    subset.cost_max = static_cast<std::uint64_t>(kScanCost * static_cast<double>(set.size()));
    const double factor = widening(share_of(set, node_count), 2 * graph.options().m);
    const auto ef = static_cast<std::uint32_t>(
        std::min(factor * static_cast<double>(width), static_cast<double>(kEfMax)));
    auto found = nearlite::search_among(graph, subset, scratch_->query.code(), ef, context_);
    report_.compared_count += context_.compared_count();
    if (!found.ok() || !*found) return false;
    walked = **found;
  } else {
    const std::uint64_t ef =
        std::min(width * node_count / std::max<std::uint64_t>(set.size(), 1), node_count) + 1;
    auto found = nearlite::search(graph, nullptr, scratch_->query.code(),
                                  static_cast<std::uint32_t>(ef), context_);
    report_.compared_count += context_.compared_count();
    if (!found.ok()) return false;
    walked = *found;
  }
  const Taken taken = take_candidates(view, request, walked);
  const std::size_t visible_count = scratch_->wanted.size();
  return visible_count >= request.k && !is_tied(taken.kth_key, walked);
}

// Fills scratch.wanted with the nearest of all that match. False: some could not be read, scan.
bool Index::compare_matching(const View& view, const SearchRequest& request) {
  SearchScratch& scratch = *scratch_;
  Graph& graph = view.cache->graph();
  scratch.members.clear();
  request.allowed->append_to(scratch.members, view.max_id);
  // The ids come from the caller's table, which may be damaged, or died and were purged since.
  std::erase_if(scratch.members, [&](NodeId id) { return !graph.has_place(id); });
  if (!graph.fetch(scratch.members).ok()) return false;
  scratch.keys.resize(kCompareStep);
  std::vector<Candidate>& nearest = scratch.nearest;
  const std::size_t member_count = scratch.members.size();
  std::size_t kept_max = std::max(kNearestMin, 4 * std::min(request.k, member_count));
  if (is_coarse(graph.options().format.kind))  // or a second pass would be needed always
    kept_max = std::max(kept_max, 2 * kept_counts(view, request).first);
  for (;; kept_max *= 8) {
    nearest.clear();
    Candidate bound{UINT32_MAX, kNodeIdMax};
    const auto keep_nearest_ones = [&] {
      const auto last = nearest.begin() + static_cast<std::ptrdiff_t>(kept_max);
      std::nth_element(nearest.begin(), last - 1, nearest.end(), is_before);
      nearest.erase(last, nearest.end());
      bound = nearest.back();
    };
    for (std::size_t at = 0; at < member_count; at += kCompareStep) {
      const std::size_t count = std::min(kCompareStep, member_count - at);
      const std::span ids = std::span(scratch.members).subspan(at, count);
      compare_codes(graph, scratch.query.code(), ids, std::span(scratch.keys).first(count));
      for (std::size_t i = 0; i < count; ++i) {
        const Candidate candidate{scratch.keys[i], ids[i]};
        if (is_before(candidate, bound)) nearest.push_back(candidate);
      }
      if (nearest.size() >= 4 * kept_max) keep_nearest_ones();
    }
    report_.compared_count += member_count;
    if (nearest.size() > kept_max) keep_nearest_ones();
    const bool is_all = nearest.size() == member_count;
    std::sort(nearest.begin(), nearest.end(), is_before);
    // A node that was purged has no list that leads to it, only the set still names it.
    std::erase_if(nearest, [&](const Candidate& one) { return !graph.is_present(one.id); });
    const Taken taken = take_candidates(view, request, nearest);
    if (is_all || taken.is_complete) return true;
  }
}

Result<std::optional<std::vector<Hit>>> Index::search_filtered(const View& view,
                                                               const SearchRequest& request) {
  const Graph& graph = view.cache->graph();
  const std::vector<SearchPath> paths =
      choose(*request.allowed, report_.node_count, width_of(view, request), 2 * graph.options().m);
  for (const SearchPath path : paths) {
    report_.has_fallen_back = path != paths.front();
    report_.path = path;
    if (path == SearchPath::kMatching) {
      if (!compare_matching(view, request)) return std::optional<std::vector<Hit>>();
    } else if (walk_filtered(view, request, path)) {
      break;
    }
  }
  take_pending(view, request);
  return rescore(view, request);
}

}  // namespace nearlite
