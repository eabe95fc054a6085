// The nearest rows of a snapshot, in two stages: the graph is walked on codes, the best candidates
// are rescored in memory from code and residual, and what that leaves open is settled from the
// rows. What may be returned is decided per result: inserted and not deleted in the caller's
// snapshot (INVARIANT D1). If the graph yields fewer rows than qualify, the search widens and in
// the end scans, so that no query silently returns too few.
#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>

#include "base/try.h"
#include "index/scratch.h"
#include "index/view.h"
#include "index/walk_plan.h"
#include "vector/element.h"
#include "vector/query_code.h"

namespace nearlite {

namespace {
// Rescoring picks from this many candidates beyond 2 k.
constexpr std::size_t kRescoreSlack = 16;
constexpr std::size_t kRescoreSlackLimited = 4;
constexpr std::size_t kContentSlack = 64;
}  // namespace

std::string_view name_of(SearchPath path) noexcept {
  switch (path) {
    case SearchPath::kNone: return "none";
    case SearchPath::kGraph: return "graph";
    case SearchPath::kGraphDropping: return "graph, dropping what does not match";
    case SearchPath::kGraphAmong: return "graph, among what matches";
    case SearchPath::kMatching: return "all that match";
    case SearchPath::kComplete: return "all compared";
    case SearchPath::kExact: return "exact";
    case SearchPath::kExactOldSnapshot: return "exact (old snapshot)";
  }
  return "";
}

bool Index::View::is_visible(NodeId id) const noexcept {
  if (id > max_id) return false;
  const std::uint64_t deleted = cache->graph().delete_seq(id);
  if (deleted != 0 && deleted <= seq) return false;
  return own == nullptr || !own->dead.contains(id);
}

Status Index::check_query(std::span<const float> query) const {
  if (query.size() != options_.dim) {
    return error(Code::kInvalidArgument, "expected " + std::to_string(options_.dim) +
                                             " dimensions, got " + std::to_string(query.size()));
  }
  if (!are_finite(query)) {
    return error(Code::kInvalidArgument, "query has a component that is not finite");
  }
  return {};
}

Result<std::vector<Hit>> Index::search(const SearchRequest& request) {
  NEARLITE_TRY(check_query(request.query));
  report_ = {};
  if (request.allowed != nullptr) report_.match_count = request.allowed->size();
  if (request.allowed_rows != nullptr) report_.match_count = request.allowed_rows->size();
  if (request.k == 0) return std::vector<Hit>();
  if (write_ && write_->stale && write_->poison.empty()) NEARLITE_TRY(resync());
  const bool own = write_ && !write_->stale;
  // A poisoned transaction can only be rolled back; until then its rows may be half written, and
  // nothing of them may get into a shared cache (INVARIANT C3).
  // Which of all rows are nearest, only rows can tell where content is external or codes are
  // coarse.
  const bool is_told_by_rows = content_ || is_coarse(code_format(quantizer_options(options_)).kind);
  const bool needs_rows =
      request.exact || options_.exact_up_to == UINT64_MAX || (request.complete && is_told_by_rows);
  if (needs_rows || (write_ && !write_->poison.empty())) {
    report_.path = SearchPath::kExact;
    return search_exact(request);
  }
  NEARLITE_ASSIGN(const CommitRecord at, snapshot());
  View view;
  view.own = own ? write_.get() : nullptr;
  view.seq = at.seq;
  view.max_id = at.max_node_id;
  view.live_count = at.live_count;
  view.dead_count = at.dead_count;
  if (own) {
    view.live_count += write_->pending.size();
    view.live_count -= write_->dead.size();
    view.cache = write_->cache;
    view.quantizer = write_->quantizer;
  }
  if (options_.exact_up_to > 0 && view.live_count <= options_.exact_up_to) {
    report_.path = SearchPath::kExact;
    return search_exact(request);
  }
  if (!own) {
    const bool is_walk = !request.complete && !content_;
    NEARLITE_ASSIGN(view.cache, acquire(at, is_walk ? Need::kPart : Need::kWhole));
    if (view.cache) {
      // Not after the search: a process may ask only once.
      view.cache->graph().read_ahead(effective_thread_count(options_));
      view.quantizer = view.cache->quantizer();
    }
  }
  report_.node_count = view.live_count + view.dead_count;
  if (view.live_count == 0 && !content_) {
    report_.path = SearchPath::kGraph;
    return std::vector<Hit>();
  }
  if (view.cache && view.quantizer) {
    report_.path = SearchPath::kGraph;
    NEARLITE_ASSIGN(auto hits,
                    content_ ? search_content(view, request) : search_graph(view, request));
    // INVARIANT C4: another thread may have unlinked nodes that this snapshot still has while we
    // walked.
    if (hits && (own || view.cache->remembers(view.seq))) return std::move(*hits);
    report_.path = SearchPath::kExact;
  } else {
    report_.path = SearchPath::kExactOldSnapshot;
  }
  return search_exact(request);
}

Result<std::optional<std::vector<Hit>>> Index::search_graph(const View& view,
                                                            const SearchRequest& request) {
  SearchScratch& scratch = *scratch_;
  NEARLITE_TRY(view.quantizer->prepare_search(request.query, scratch.query));
  scratch.wanted.clear();
  if (request.complete) return search_complete(view, request);
  if (request.allowed != nullptr) return search_filtered(view, request);
  const std::size_t wanted = std::min<std::size_t>(request.k, view.live_count);
  if (!collect_candidates(view, request, wanted)) return std::optional<std::vector<Hit>>();
  return rescore(view, request);
}

// The key up to which a candidate may be nearer than the k-th one `kth`, whose order the codes
// alone cannot tell.
//
// A code differs from its vector by an error of 1/sqrt(12) of a step per component, so a squared
// distance D between two codes (in steps) is off by about 2 sqrt(D) * sqrt(2/12) along the
// difference, and by the errors' own length, width / 6. Four times the first and twice the second
// cover all but a few in ten thousand. In dense regions, where neighbours are closer than a step,
// this takes in the whole region.
std::uint64_t Index::rescore_limit(const View& view, const Candidate& kth) {
  const CodeFormat& format = view.cache->graph().options().format;
  const double width = format.code_bytes;
  const auto widen = [&](double squared) { return squared + 3.3 * std::sqrt(squared) + width / 3; };
  if (format.kind == CodeKind::kInt8Global) return static_cast<std::uint64_t>(widen(kth.key));
  if (format.kind != CodeKind::kInt8ScaledL2) return kth.key;
  const double step = std::bit_cast<float>(view.cache->graph().info(kth.id).a);
  if (!(step > 0)) return kth.key;
  const double distance = view.quantizer->distance_of_key(kth.key) / step;
  return sortable_key(static_cast<float>(widen(distance * distance) * step * step));
}

// Equal vectors by the hundred fill the pool with one and the same distance, and may hide what is
// nearer: then the search must widen. Not when that distance is that of equal codes, for nothing is
// nearer.
bool Index::is_tied(std::uint64_t kth_key, std::span<const Candidate> walked) const {
  const CodeKind kind = code_format(quantizer_options(options_)).kind;
  const auto equal = equal_codes_key(kind);
  return kth_key == walked.back().key && !(equal && *equal == kth_key);
}

bool Index::is_node_allowed(const View& view, const SearchRequest& request, NodeId id) const {
  if (content_) return is_row_wanted(view, request, view.cache->graph().rowid(id));
  if (request.excluded != nullptr && request.excluded->contains(id)) return false;
  return request.allowed == nullptr || request.allowed->contains(id);
}

// Nodes that this transaction inserted, which no list leads to yet.
void Index::take_pending(const View& view, const SearchRequest& request) {
  if (view.own == nullptr) return;
  for (const auto& node : view.own->pending) {
    if (!view.own->dead.contains(node.id) && is_node_allowed(view, request, node.id))
      scratch_->wanted.push_back(node.id);
  }
}

std::uint32_t Index::ef_search_of(const SearchRequest& request) const {
  return request.ef_search != 0 ? request.ef_search : options_.ef_search;
}

// Nodes that take places among the nearest, but may not be returned.
std::uint64_t Index::hidden_count(const View& view, const SearchRequest& request) {
  return view.dead_count + (request.excluded == nullptr ? 0 : request.excluded->size());
}

// How wide a walk is to be; dead nodes take places in the pool.
std::uint32_t Index::width_of(const View& view, const SearchRequest& request) const {
  std::uint64_t ef =
      std::max<std::uint64_t>(ef_search_of(request), std::uint64_t{request.k} + kExactSlack);
  if (is_coarse(view.cache->graph().options().format.kind))
    ef = coarse_width(request.k, ef_search_of(request));
  ef += ef * hidden_count(view, request) / (view.live_count + 1);
  return static_cast<std::uint32_t>(
      std::min({ef, view.live_count + view.dead_count + 1, std::uint64_t{UINT32_MAX}}));
}

// How many candidates are kept for rescoring, at least and at most.
std::pair<std::size_t, std::size_t> Index::kept_counts(const View& view,
                                                       const SearchRequest& request) const {
  // Where the error of the codes is known, rescore_limit() takes in what may be among the nearest.
  const CodeKind kind = view.cache->graph().options().format.kind;
  const bool is_limited = kind == CodeKind::kInt8Global || kind == CodeKind::kInt8ScaledL2;
  std::size_t keep = is_limited ? request.k + kRescoreSlackLimited : 2 * request.k + kRescoreSlack;
  if (is_coarse(kind)) keep = coarse_width(request.k, ef_search_of(request));
  // Rows of external content are all read: not a whole dense region of them.
  return {keep, content_ ? 2 * keep + kContentSlack : SIZE_MAX};
}

// Puts those of `walked` (nearest first) into scratch.wanted that are visible and allowed, until it
// has all that can be among the k nearest.
Index::Taken Index::take_candidates(const View& view, const SearchRequest& request,
                                    std::span<const Candidate> walked) {
  const auto [keep, keep_max] = kept_counts(view, request);
  std::vector<NodeId>& found = scratch_->wanted;
  found.clear();
  Taken taken;
  std::uint64_t limit = UINT64_MAX;
  for (const Candidate& candidate : walked.first(std::min(walked.size(), keep))) {
    view.cache->graph().prefetch_found(candidate.id);
  }
  for (const Candidate& candidate : walked) {
    if (found.size() >= keep && (candidate.key > limit || found.size() >= keep_max)) {
      taken.is_complete = true;
      break;
    }
    if (!view.is_visible(candidate.id) || !is_node_allowed(view, request, candidate.id)) continue;
    found.push_back(candidate.id);
    if (found.size() == request.k) {
      taken.kth_key = candidate.key;
      taken.kth_place = static_cast<std::size_t>(&candidate - walked.data());
      limit = rescore_limit(view, candidate);
    }
  }
  return taken;
}

// A walk that ends early. False: it may have ended too early, for instance because deleted nodes
// lie together among the nearest.
bool Index::collect_near(const View& view, const SearchRequest& request) {
  if (request.allowed_rows != nullptr ||
      !has_stop_rule(view.cache->graph().options().format.kind)) {
    return false;
  }
  const WalkPlan plan =
      plan_walk(request.k, ef_search_of(request), view.live_count, hidden_count(view, request));
  if (plan.stop.rank == 0) return false;
  auto walked = nearlite::search(view.cache->graph(), nullptr, scratch_->query.code(), plan.ef,
                                 context_, plan.stop);
  if (!walked.ok()) return false;
  report_.compared_count += context_.compared_count();
  const Taken taken = take_candidates(view, request, *walked);
  return taken.kth_place < plan.stop.rank && !is_tied(taken.kth_key, *walked);
}

// Fills scratch.wanted with visible candidates, nearest by code first; widens until there are
// enough. False: the graph does not have them, scan.
bool Index::collect_candidates(const View& view, const SearchRequest& request, std::size_t wanted) {
  std::vector<NodeId>& found = scratch_->wanted;
  found.clear();
  take_pending(view, request);
  const std::size_t pending_count = found.size();
  const std::uint64_t node_count = view.live_count + view.dead_count;
  std::uint64_t ef = width_of(view, request);
  // What the condition will drop takes places, too.
  if (request.allowed_rows != nullptr)
    ef = ef * node_count / std::max<std::size_t>(request.allowed_rows->size(), 1);
  ef = std::min<std::uint64_t>(ef, node_count + 1);
  bool is_done = collect_near(view, request);
  while (!is_done) {
    auto walked = nearlite::search(view.cache->graph(), nullptr, scratch_->query.code(),
                                   static_cast<std::uint32_t>(ef), context_);
    if (!walked.ok()) return false;
    report_.compared_count += context_.compared_count();
    const Taken taken = take_candidates(view, request, *walked);
    const bool is_whole = walked->size() < ef || ef > node_count;
    is_done =
        found.size() + pending_count >= wanted && (is_whole || !is_tied(taken.kth_key, *walked));
    if (!is_done && is_whole) return false;
    ef = std::min<std::uint64_t>(ef * 4, node_count + 1);
  }
  const std::size_t walked_count = found.size();
  take_pending(view, request);
  if (content_ && view.own != nullptr) {
    const auto [keep, keep_max] = kept_counts(view, request);
    keep_near_pending(view, request, walked_count, keep, keep_max);
  }
  return true;
}

// Of external content every candidate is read: of nodes that are not linked yet, which stand in
// scratch.wanted from `first` on, only those are kept that may be among the nearest.
void Index::keep_near_pending(const View& view, const SearchRequest& request, std::size_t first,
                              std::size_t keep, std::size_t keep_max) {
  std::vector<NodeId>& found = scratch_->wanted;
  if (found.size() - first <= keep) return;
  const Graph& graph = view.cache->graph();
  const CodeFormat& format = graph.options().format;
  const KeyFunctions functions = key_functions(format.kind, active_simd_target());
  std::vector<Candidate> near;
  for (std::size_t i = first; i < found.size(); ++i) {
    const NodeId id = found[i];
    near.push_back(
        {functions.key(scratch_->query.code(), graph.code(id), graph.info(id), format), id});
  }
  std::sort(near.begin(), near.end(), [](const Candidate& a, const Candidate& b) {
    return a.key != b.key ? a.key < b.key : a.id < b.id;
  });
  const std::uint64_t limit = rescore_limit(view, near[request.k - 1]);
  found.resize(first);
  for (std::size_t i = 0; i < near.size() && i < keep_max; ++i) {
    if (i >= keep && near[i].key > limit) break;
    found.push_back(near[i].id);
  }
}

// Orders scratch.wanted by the distance in memory and settles the best of them (settle.cc).
Result<std::optional<std::vector<Hit>>> Index::rescore(const View& view,
                                                       const SearchRequest& request) {
  approximate(view);
  NEARLITE_ASSIGN(std::vector<Hit> hits, settle(view, request));
  return std::optional(std::move(hits));
}

}  // namespace nearlite
