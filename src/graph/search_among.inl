// The walk of a filtered search, in the manner of ACORN (Patel et al. 2024). Included behind
// search_loop.inl, whose pool, comparison and pipeline it uses.
//
// Only nodes of a set get into the pool. Where a neighbour is not in the set, its own neighbours
// that are take its place, until an expanded node has as many as a list holds: so the walk runs on
// a graph of the set's nodes that exists nowhere. It starts at several of them, for where the set
// lies far from the query, nothing near the query leads there.

// Lists of neighbours outside the set that are fetched before the first of them is read.
inline constexpr std::uint32_t kHopsAhead = 8;
// What reading the list of such a neighbour costs, in comparisons.
inline constexpr std::uint64_t kHopCost = 2;

NEARLITE_ALWAYS_INLINE bool is_member(const NodeSubset& subset, NodeId id) {
  return id <= subset.last && (subset.bits[id >> 6] >> (id & 63) & 1) != 0;
}

/// Marks `id`; whether it was not before.
NEARLITE_ALWAYS_INLINE bool visit(std::uint64_t* visited, NodeId id) {
  std::uint64_t& word = visited[id >> 6];
  const std::uint64_t before = word;
  word = before | std::uint64_t{1} << (id & 63);
  return (before >> (id & 63) & 1) == 0;
}

/// Appends unvisited members two links away from `id` at most to `out`, at most twice as many as a
/// list holds.
NEARLITE_ALWAYS_INLINE NodeId* gather_members(const WalkView& view, const NodeSubset& subset,
                                              NodeId id, std::uint64_t* visited, NodeId* out,
                                              std::uint64_t& hop_count) {
  const Graph::Impl& graph = *view.graph;
  const std::uint32_t capacity = graph.capacity0;
  NodeId others[2 * kMMax];
  std::uint32_t other_count = 0;
  std::uint32_t member_count = 0;
  const Link* list = graph.list0(id);
  for (std::uint32_t i = 0; i < capacity; ++i) {
    const NodeId next = read_link(list[i]);
    if (next == kNodeNone) break;
    if (next > view.limit) continue;
    if (is_member(subset, next)) {
      ++member_count;
      if (visit(visited, next)) *out++ = next;
    } else if ((visited[next >> 6] >> (next & 63) & 1) == 0) {
      others[other_count++] = next;
    }
  }
  if (other_count == 0 || member_count >= capacity) return out;
  // Lists are in order of id: beginning always with the oldest would leave the others unfound.
  const std::uint32_t first = static_cast<std::uint32_t>((id * 0x9E37'79B1U) >> 16) % other_count;
  const auto other_at = [&](std::uint32_t i) {
    const std::uint32_t at = first + i;
    return others[at < other_count ? at : at - other_count];
  };
  for (std::uint32_t i = 0; i < kHopsAhead && i < other_count; ++i)
    prefetch_list(graph, other_at(i), 0);
  for (std::uint32_t i = 0; i < other_count && member_count < capacity; ++i) {
    if (i + kHopsAhead < other_count) prefetch_list(graph, other_at(i + kHopsAhead), 0);
    const NodeId other = other_at(i);
    visit(visited, other);
    ++hop_count;
    const Link* hop = graph.list0(other);
    for (std::uint32_t j = 0; j < capacity; ++j) {
      const NodeId next = read_link(hop[j]);
      if (next == kNodeNone) break;
      if (next > view.limit || !is_member(subset, next)) continue;
      ++member_count;
      if (visit(visited, next)) *out++ = next;
    }
  }
  return out;
}

template <CodeKind kind>
void walk_among(const WalkView& view, const QueryCode& query, const NodeSubset& subset,
                std::uint64_t start, WalkScratch& scratch) noexcept {
  const Graph::Impl& graph = *view.graph;
  std::uint64_t* const visited = scratch.visited.data();
  Pool pool{scratch.pool.data(), 0, scratch.ef, 0, {}};
  for (std::uint32_t i = 0; i < pool.max + kPoolPadding; ++i) pool.entries[i] = ~std::uint64_t{0};
  std::uint64_t hop_count = 0;
  std::uint64_t compared_count = 0;
  scratch.is_stopped = false;

  // Two halves that take turns: one is compared while the other is gathered.
  const std::size_t half = scratch.gathered.size() / 2;
  NodeId* current = scratch.gathered.data();
  NodeId* current_end = current;
  NodeId* next = current + half;
  NodeId* next_end = next;
  visit(visited, id_of(start));
  if (is_member(subset, id_of(start))) {
    pool.entries[0] = start;
    pool.size = 1;
  } else {
    next_end = gather_members(view, subset, id_of(start), visited, next_end, hop_count);
  }
  for (std::uint32_t i = 0; i < subset.seed_count; ++i) {
    const NodeId seed = subset.seeds[i];
    if (seed <= view.limit && visit(visited, seed)) *next_end++ = seed;
  }
  for (unsigned round = 0;; ++round) {
    unsigned to_expand = round < kNarrowRounds ? kExpandedNarrow : kExpandedMax;
    for (; pool.cursor < pool.size && to_expand > 0; ++pool.cursor) {
      std::uint64_t& entry = pool.entries[pool.cursor];
      if ((entry & 1) != 0) continue;
      entry |= 1;
      --to_expand;
      next_end = gather_members(view, subset, id_of(entry), visited, next_end, hop_count);
    }
    if (current == current_end && next == next_end && pool.cursor == pool.size) break;
    compare_round<kind>(graph, query, 0, {current, current_end, next, next_end}, pool);
    compared_count += static_cast<std::uint64_t>(current_end - current);
    if (compared_count + kHopCost * hop_count > subset.cost_max) {
      scratch.is_stopped = true;
      break;
    }
    NodeId* const free = current;
    current = next;
    current_end = next_end;
    next = free;
    next_end = free;
  }
  __builtin_memset(visited, 0, scratch.visited.size() * sizeof(std::uint64_t));
  scratch.pool_size = pool.size;
  scratch.compared_count = compared_count;
  scratch.hop_count = hop_count;
}
