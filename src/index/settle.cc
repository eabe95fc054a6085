// The last step of a search: which of the best candidates are the k nearest, in which order, and
// how far.
//
// A distance from code and residual is accurate to about 2e-6. Where two candidates are further
// apart than such errors can explain, their order is known; rows are read only for those that are
// not, and for distances that somebody looks at. Reading a row costs more than comparing a hundred
// codes. Coarse codes only tell which candidates are worth reading (search_coarse.cc).
#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <unordered_map>

#include "base/try.h"
#include "index/scratch.h"
#include "index/view.h"

namespace nearlite {

namespace {
// A residual is rounded, so its error along one direction has a deviation of 1/sqrt(12) of a unit;
// two of them, at ten deviations, are less than eight units. Float arithmetic adds a little.
constexpr float kUnitsMax = 8;
constexpr float kRoundingMax = 8e-6F;
constexpr float kResidualUnits = 256;
// Candidates beyond k that may turn out to be nearer: where errors are not known, and where they
// are. The latter bounds what thousands of equal vectors cost.
constexpr std::size_t kSlackUnknown = 4;
constexpr std::size_t kSlackMax = 64;
}  // namespace

// Two candidates whose distances in memory differ by more than this are in the right order.
// Infinity where that is not known.
float Index::rescore_error(const View& view, const SearchRequest& request, NodeId id,
                           float distance) const {
  const Graph& graph = view.cache->graph();
  const CodeKind kind = graph.options().format.kind;
  const float rounding = kRoundingMax * (std::abs(distance) + 0.01F);
  if (kind == CodeKind::kInt8Global) {
    const float step = std::sqrt(2 * view.quantizer->distance_of_key(1));
    const float apart = std::sqrt(2 * std::max(distance, 0.0F));  // of the two unit vectors
    return kUnitsMax * step / kResidualUnits * apart + rounding;
  }
  if (kind != CodeKind::kInt8ScaledL2 && kind != CodeKind::kInt8ScaledDot) return INFINITY;
  const float unit = std::bit_cast<float>(graph.info(id).a) / kResidualUnits;
  if (kind == CodeKind::kInt8ScaledL2) return kUnitsMax * unit + kRoundingMax * distance;
  double squares = 0;
  for (const float value : request.query) squares += double{value} * double{value};
  return kUnitsMax * unit * static_cast<float>(std::sqrt(squares)) + rounding;
}

// Sorts scratch.approximate and drops what cannot be among the k nearest.
void Index::keep_nearest(const View& view, const SearchRequest& request) {
  auto& approximate = scratch_->approximate;
  const auto before = [](const auto& a, const auto& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.id < b.id;
  };
  if (approximate.size() <= request.k) {
    std::sort(approximate.begin(), approximate.end(), before);
    return;
  }
  const auto kth = approximate.begin() + static_cast<std::ptrdiff_t>(request.k) - 1;
  std::nth_element(approximate.begin(), kth, approximate.end(), before);
  const float error = rescore_error(view, request, kth->id, kth->distance);
  const float limit = kth->distance + error;
  const auto last = std::partition(kth + 1, approximate.end(), [&](const auto& candidate) {
    return candidate.distance <= limit;
  });
  const std::size_t slack = std::isinf(error) ? kSlackUnknown : kSlackMax;
  const std::size_t near_count = static_cast<std::size_t>(last - approximate.begin());
  const std::size_t keep = std::min(near_count, request.k + slack);
  std::partial_sort(approximate.begin(), approximate.begin() + static_cast<std::ptrdiff_t>(keep),
                    last, before);
  approximate.resize(keep);
}

// Turns scratch.approximate into hits.
Result<std::vector<Hit>> Index::settle(const View& view, const SearchRequest& request) {
  if (is_coarse(view.cache->graph().options().format.kind)) return settle_coarse(view, request);
  keep_nearest(view, request);
  const Graph& graph = view.cache->graph();
  const auto& approximate = scratch_->approximate;
  const std::size_t wanted = std::min<std::size_t>(request.k, approximate.size());
  std::vector<Hit> hits;
  hits.reserve(approximate.size());
  std::size_t run_begin = 0;  // hits from here on are not known to be in order
  for (std::size_t i = 0; i < approximate.size(); ++i) {
    const auto& [distance, id] = approximate[i];
    const bool is_apart = i > 0 && distance - approximate[i - 1].distance >
                                       rescore_error(view, request, id, distance);
    if (is_apart) {
      NEARLITE_TRY(order_run(request, std::span(hits).subspan(run_begin)));
      if (i >= wanted) break;
      run_begin = i;
    }
    hits.push_back({distance, graph.rowid(id), id, false, read_fingerprint(graph, id)});
  }
  NEARLITE_TRY(order_run(request, std::span(hits).subspan(run_begin)));
  hits.resize(wanted);
  if (!request.lazy_distances) NEARLITE_TRY(measure(request.query, hits));
  return hits;
}

Status Index::order_run(const SearchRequest& request, std::span<Hit> run) {
  if (run.size() < 2) return {};
  NEARLITE_TRY(measure(request.query, run));
  std::sort(run.begin(), run.end(), is_nearer);
  return {};
}

namespace {

Status set_exact(ExactDistance& distance, std::span<const std::byte> stored, Hit& hit) {
  NEARLITE_ASSIGN(hit.distance, distance.to(stored));
  hit.is_exact = true;
  return {};
}

bool is_known(const Hit& hit) noexcept { return !hit.is_exact && hit.fingerprint != 0; }

}  // namespace

Status Index::measure(std::span<const float> query, std::span<Hit> hits) {
  ExactDistance distance(options_, query);
  const std::shared_ptr<KeptVectors> kept = kept_vectors();
  if (kept) NEARLITE_TRY(measure_kept(distance, hits, *kept));
  NEARLITE_TRY(measure_known(distance, hits, kept.get()));
  std::vector<NodeId>& ids = scratch_->wanted;
  ids.clear();
  for (const Hit& hit : hits) {
    if (!hit.is_exact) ids.push_back(hit.id);
  }
  if (ids.empty()) return {};
  // Thousands of rows at one distance are possible, ten are usual.
  std::unordered_map<NodeId, std::size_t> places;
  for (std::size_t i = 0; i < hits.size() && hits.size() > kSlackMax; ++i)
    places.emplace(hits[i].id, i);
  return store_->read_vectors(ids, [&](NodeId id, RowId rowid, std::span<const std::byte> stored) {
    const auto found = places.find(id);
    const auto hit = found != places.end()
                         ? hits.begin() + static_cast<std::ptrdiff_t>(found->second)
                         : std::find_if(hits.begin(), hits.end(),
                                        [&](const Hit& candidate) { return candidate.id == id; });
    if (rowid != hit->rowid)
      return error(Code::kCorruption, "node " + std::to_string(id) + " has another row");
    NEARLITE_TRY(set_exact(distance, stored, *hit));
    if (kept && hit->fingerprint != 0 && fingerprint(stored) == hit->fingerprint)
      kept->keep({id, hit->fingerprint}, stored);
    return Status();
  });
}

// Null where none are kept: in large indexes, and of external content, whose rows are all read.
std::shared_ptr<KeptVectors> Index::kept_vectors() const {
  const std::shared_ptr<Cache> cache = write_ ? write_->cache : slot_->get();
  if (!cache || content_) return nullptr;
  return cache->kept_vectors(vector_bytes(options_.element, options_.dim), options_.kept_bytes_max);
}

Status Index::measure_kept(ExactDistance& distance, std::span<Hit> hits, KeptVectors& kept) {
  for (const Hit& hit : hits) {
    if (is_known(hit)) kept.expect(hit.id, scratch_->lines);
  }
  scratch_->lines.fetch();
  Status status;
  for (Hit& hit : hits) {
    if (!is_known(hit)) continue;
    kept.find({hit.id, hit.fingerprint}, [&](std::span<const std::byte> stored) {
      status = set_exact(distance, stored, hit);
    });
    NEARLITE_TRY(status);
  }
  return {};
}

// Of the vectors that need not be read through SQLite.
Status Index::measure_known(ExactDistance& distance, std::span<Hit> hits, KeptVectors* kept) {
  scratch_->known.clear();
  scratch_->known_hits.clear();
  for (std::size_t i = 0; i < hits.size(); ++i) {
    if (!is_known(hits[i])) continue;
    scratch_->known.push_back({hits[i].id, hits[i].fingerprint});
    scratch_->known_hits.push_back(i);
  }
  if (scratch_->known.empty()) return {};
  Status status;
  const auto measure_one = [&](std::size_t index, std::span<const std::byte> stored) {
    Status one = set_exact(distance, stored, hits[scratch_->known_hits[index]]);
    if (status.ok()) status = std::move(one);
    if (kept != nullptr) kept->keep(scratch_->known[index], stored);
  };
  store_->read_known(scratch_->known, std::ref(measure_one));  // a copy would be allocated
  return status;
}

}  // namespace nearlite
