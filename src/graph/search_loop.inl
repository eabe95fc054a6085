// The search loop. Included once per SIMD target, inside the target's region and namespace;
// everything here is a template over the kind of code, whose kernel is inlined. Calls no library
// code that is not a builtin.
//
// A walk keeps the best `ef` nodes met in one sorted array and works as a pipeline of two rounds.
// The best nodes that were not expanded yet are expanded: their unvisited neighbours are gathered,
// and fetched into the cache while those of the round before are compared, four at a time. So the
// choice of a round does not know the results of the round before, which costs some comparisons,
// but the memory is never waited for. The result depends on the graph only, for the array always
// holds the smallest of all that were offered.

// How far ahead of a comparison codes are fetched, in cache lines: L2 has room for about 48
// outstanding misses, and more only wait.
inline constexpr std::size_t kPrefetchLines = 128;
// The part of a code that a walk fetches ahead: a longer one follows by itself, when it is read.
inline constexpr std::size_t kPrefetchBytesMax = 2'048;
// Nodes expanded in a round. Few in the first rounds, when the walk is still far from the query and
// what is nearest now will soon be far behind.
inline constexpr unsigned kNarrowRounds = 6;
inline constexpr unsigned kExpandedNarrow = 1;
// The same in the later rounds of a search that may end at any of them: it would have asked for
// what it does not need.
inline constexpr unsigned kExpandedStopping = 2;
// Nodes whose heads are near enough wait until so many are there, while the rest of their codes is
// being fetched.
inline constexpr std::size_t kLikelyMax = 8;
// Up to this many entries of the array are compared one and all to find a place in it.
inline constexpr std::uint32_t kCountedMax = 32;

template <CodeKind kind>
NEARLITE_ALWAYS_INLINE void prefetch_code(const Graph::Impl& graph, NodeId id,
                                          std::size_t code_bytes) {
  const std::byte* code = graph.code(id);
  __builtin_prefetch(&graph.info(id), 0, 2);
  for (std::size_t at = 0; at < code_bytes; at += 64)
    __builtin_prefetch(code + at, 0, 2);  // into L2
}

NEARLITE_ALWAYS_INLINE void prefetch_list(const Graph::Impl& graph, NodeId id, unsigned level) {
  if (level > 0) return;
  const Link* list = graph.list0(id);
  for (std::uint32_t i = 0; i < graph.capacity0; i += 16) __builtin_prefetch(list + i, 0, 3);
}

/// Four consecutive ids, or fewer at the end.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE void compare(const Graph::Impl& graph, const QueryCode& query,
                                    const NodeId* ids, std::size_t count, std::uint32_t* out) {
  const CodeFormat& format = graph.options.format;
  if (count >= 4) {
    const std::byte* codes[4];
    CodeInfo infos[4];
    for (std::size_t i = 0; i < 4; ++i) {
      codes[i] = graph.code(ids[i]);
      infos[i] = graph.info(ids[i]);
    }
    Kernel<kind>::key4(query, codes, infos, format, out);
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = Kernel<kind>::key(query, graph.code(ids[i]), graph.info(ids[i]), format);
    }
  }
}

template <CodeKind kind>
void compare_all(const Graph::Impl& graph, const QueryCode& query, const NodeId* ids,
                 std::size_t count, std::uint32_t* out) noexcept {
  const std::size_t code_bytes = graph.options.format.code_bytes;
  const std::size_t ahead = code_bytes < kPrefetchLines * 16 ? kPrefetchLines * 64 / code_bytes : 4;
  const std::size_t first = count < ahead ? count : ahead;
  for (std::size_t i = 0; i < first; ++i) prefetch_code<kind>(graph, ids[i], code_bytes);
  for (std::size_t i = 0; i < count; i += 4) {
    for (std::size_t j = i + ahead; j < i + ahead + 4 && j < count; ++j) {
      prefetch_code<kind>(graph, ids[j], code_bytes);
    }
    compare<kind>(graph, query, ids + i, count - i, out + i);
  }
}

/// Every code is read once for all queries. Row q of `keys` has place for `stride` of them.
template <CodeKind kind>
void compare_many(const Graph::Impl& graph, std::span<const QueryCode> queries,
                  std::span<const NodeId> ids, std::uint32_t* keys, std::size_t stride) noexcept {
  const std::size_t code_bytes = graph.options.format.code_bytes;
  constexpr std::size_t kAhead = 8;
  for (std::size_t i = 0; i < ids.size(); i += 4) {
    for (std::size_t j = i + kAhead; j < i + kAhead + 4 && j < ids.size(); ++j)
      prefetch_code<kind>(graph, ids[j], code_bytes);
    for (std::size_t q = 0; q < queries.size(); ++q)
      compare<kind>(graph, queries[q], ids.data() + i, ids.size() - i, keys + q * stride + i);
  }
}

template <bool patched>
NEARLITE_ALWAYS_INLINE const Link* list_of(const WalkView& view, NodeId id, unsigned level) {
  const Graph::Impl& graph = *view.graph;
  if constexpr (patched) {
    const std::uint32_t index = find_id(view.slots, view.slot_mask, id);
    if (index != kIdMissing && view.patches[index] != nullptr) {
      const std::size_t offset =
          level == 0 ? 0 : graph.capacity0 + std::size_t{level - 1} * graph.options.m;
      return view.patches[index] + offset;
    }
  }
  return graph.list(id, level);
}

NEARLITE_ALWAYS_INLINE NodeId read_link(const Link& link) {
  return link.load(std::memory_order_acquire);
}

/// Appends the neighbours of `id` that were not visited to `out`, marks them, returns the new end.
template <bool patched>
NEARLITE_ALWAYS_INLINE NodeId* gather(const WalkView& view, NodeId id, unsigned level,
                                      std::uint32_t capacity, std::uint64_t* visited, NodeId* out) {
  const NodeId limit = view.limit;
  const Link* list = list_of<patched>(view, id, level);
  for (const Link* const end = list + capacity; list != end; ++list) {
    const NodeId next = read_link(*list);
    if (next == kNodeNone) break;
    if (next > limit) continue;
    // Without branches: about half of the neighbours were visited, which half cannot be predicted.
    std::uint64_t& word = visited[next >> 6];
    const std::uint64_t before = word;
    word = before | std::uint64_t{1} << (next & 63);
    *out = next;
    out += 1 - (before >> (next & 63) & 1);
  }
  return out;
}

/// The number of entries below `packed` among the first `size` of a sorted array that is filled up
/// with the largest number to a multiple of eight.
NEARLITE_ALWAYS_INLINE std::uint32_t rank_of(const std::uint64_t* sorted, std::uint32_t size,
                                             std::uint64_t packed) {
  std::uint32_t low = 0;
  while (size > kCountedMax) {
    const std::uint32_t half = size / 2;
    low += sorted[low + half - 1] < packed ? half : 0;
    size -= half;
  }
  std::uint32_t rank = low;
  for (std::uint32_t i = 0; i < size; i += 8) rank += count_less(sorted + low + i, packed);
  return rank;
}

/// Candidates that wait to be put into the pool: one by one they would move its entries many times.
struct Waiting {
  static constexpr std::uint32_t kMax = 16;
  std::uint32_t count = 0;
  alignas(64) std::uint64_t packed[kMax];
};

/// The sorted array of a walk. Places behind `size` hold the largest number.
struct Pool {
  std::uint64_t* entries;
  std::uint32_t size;
  std::uint32_t max;     // ef
  std::uint32_t cursor;  // everything before it is expanded
  StopRule stop;
  std::uint64_t limit = ~std::uint64_t{0};  // by `stop`: what is beyond it does not count
};

/// The last entry that counts when `kth` is the stop.rank-th nearest.
///
/// What the codes may err is 3.3 sqrt(D) + bytes / 3 for a squared distance D in steps
/// (Index::rescore_limit); the root is at most D / 128 + 349.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE std::uint64_t limit_of(const Graph::Impl& graph, const StopRule& stop,
                                              std::uint64_t kth) {
  const std::uint32_t key = key_of(kth);
  const std::uint32_t error = 349 + graph.options.format.code_bytes / 3;
  std::uint64_t limit = ~std::uint32_t{0};
  if constexpr (kind == CodeKind::kInt8Global) {
    limit = key +
            (std::uint64_t{key} * (stop.slack + (1U << kStopSlackShift >> 7)) >> kStopSlackShift) +
            error;
  } else if constexpr (has_stop_rule(kind)) {
    constexpr float kUnit = 1.0f / (1U << kStopSlackShift);
    const float step =
        kind == CodeKind::kFloatL2 ? 0.0f : __builtin_bit_cast(float, graph.info(id_of(kth)).a);
    const float squared = __builtin_bit_cast(float, key ^ 0x8000'0000u);
    const float farther = squared * (1.0f + 1.0f / 128 + static_cast<float>(stop.slack) * kUnit) +
                          static_cast<float>(error) * (step * step);
    // Not what overflowed, or was no number on a damaged page.
    if (farther >= squared && farther < __FLT_MAX__)
      limit = __builtin_bit_cast(std::uint32_t, farther) ^ 0x8000'0000u;
  }
  return limit < ~std::uint32_t{0} ? limit << 32 | ~std::uint32_t{0} : ~std::uint64_t{0};
}

/// What is not below it does not get into the pool.
NEARLITE_ALWAYS_INLINE std::uint64_t bound_of(const Pool& pool) {
  const std::uint64_t last = pool.entries[pool.max - 1];
  return last < pool.limit || pool.stop.keeps_rest ? last : pool.limit;
}

/// Merges what waits into the pool, and fetches the lists of what gets in: most of it is expanded,
/// and by then the list should be there.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE void merge(const Graph::Impl& graph, unsigned level, Pool& pool,
                                  Waiting& waiting) {
  alignas(64) std::uint64_t sorted[Waiting::kMax];
  const std::uint32_t count = waiting.count;
  for (std::uint32_t i = count; i < Waiting::kMax; ++i) waiting.packed[i] = ~std::uint64_t{0};
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t packed = waiting.packed[i];
    sorted[count_less(waiting.packed, packed) + count_less(waiting.packed + 8, packed)] = packed;
  }
  waiting.count = 0;
  std::uint32_t end = pool.size;  // what is at or behind it is in its place
  for (std::uint32_t i = count; i-- > 0;) {
    const std::uint32_t place = rank_of(pool.entries, pool.size, sorted[i]);
    if (place < pool.max) prefetch_list(graph, id_of(sorted[i]), level);
    // The entries [place, end) move i + 1 places up; what would get beyond the last place is lost.
    if (place + i + 1 < pool.max) {
      const std::uint32_t kept = end < pool.max - i - 1 ? end : pool.max - i - 1;
      __builtin_memmove(pool.entries + place + i + 1, pool.entries + place,
                        (kept > place ? kept - place : 0) * sizeof(std::uint64_t));
    }
    if (place + i < pool.max) pool.entries[place + i] = sorted[i];
    end = place;
  }
  pool.size = pool.size + count < pool.max ? pool.size + count : pool.max;
  if (end < pool.cursor) pool.cursor = end;
  if (has_stop_rule(kind) && pool.stop.rank != 0 && pool.size >= pool.stop.rank)
    pool.limit = limit_of<kind>(graph, pool.stop, pool.entries[pool.stop.rank - 1]);
}

/// Compares up to four ids and lets those wait that get into the pool.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE void offer(const Graph::Impl& graph, const QueryCode& query, unsigned level,
                                  const NodeId* ids, std::size_t count, Pool& pool,
                                  Waiting& waiting) {
  std::uint32_t keys[4];
  compare<kind>(graph, query, ids, count, keys);
  const std::uint64_t bound = bound_of(pool);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t packed = pack(keys[i], ids[i]);
    waiting.packed[waiting.count] = packed;
    waiting.count += packed < bound ? 1 : 0;
  }
  if (waiting.count > Waiting::kMax - 4) merge<kind>(graph, level, pool, waiting);
}

/// The heads of up to four codes, as codes of their own.
NEARLITE_ALWAYS_INLINE void compare_heads(const Graph::Impl& graph, const QueryCode& head,
                                          const CodeFormat& format, const NodeId* ids,
                                          std::size_t count, std::uint32_t out[4]) {
  const std::byte* codes[4];
  CodeInfo infos[4];
  for (std::size_t i = 0; i < 4; ++i) {
    const NodeId id = ids[i < count ? i : 0];
    codes[i] = graph.code(id);
    infos[i] = {0, graph.info(id).a};
  }
  Kernel<CodeKind::kInt8Global>::key4(head, codes, infos, format, out);
}

/// Compares the ids of one round and puts the nearest into the pool. Meanwhile fetches what is
/// needed next: the codes of the next round, and the lists of the nodes expanded after it.
///
/// By heads (Gao & Long 2023, "ADSampling"): the components of a rotated vector are alike, so the
/// distance of the first ones tells that of all, up to a known error. Where it is hopeless the rest
/// is neither fetched nor compared.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE void compare_round(const Graph::Impl& graph, const QueryCode& query,
                                          unsigned level, const NodeId* at, const NodeId* end,
                                          const NodeId* next, const NodeId* next_end, Pool& pool) {
  const std::size_t code_bytes = graph.options.format.code_bytes;
  const std::size_t head_bytes = has_head(kind) ? graph.head_bytes : 0;
  const std::size_t fetched_bytes = head_bytes != 0                  ? head_bytes
                                    : code_bytes < kPrefetchBytesMax ? code_bytes
                                                                     : kPrefetchBytesMax;
  CodeFormat head_format = graph.options.format;
  head_format.code_bytes = static_cast<std::uint32_t>(head_bytes);
  const QueryCode head{query.data, {0, query.info.a}, query.head_offset, 0};
  NodeId likely[kLikelyMax + 4];
  std::size_t likely_count = 0;
  Waiting waiting;
  for (; at < end; at += 4) {
    const NodeId* const until = next_end - next > 4 ? next + 4 : next_end;
    for (; next < until; ++next) prefetch_code<kind>(graph, *next, fetched_bytes);
    const std::size_t count = end - at < 4 ? static_cast<std::size_t>(end - at) : 4;
    if (head_bytes == 0) {
      offer<kind>(graph, query, level, at, count, pool, waiting);
      continue;
    }
    std::uint32_t keys[4];
    compare_heads(graph, head, head_format, at, count, keys);
    const std::uint64_t bound = std::uint64_t{graph.head_limit} * key_of(bound_of(pool));
    for (std::size_t i = 0; i < count; ++i) {
      likely[likely_count] = at[i];
      const bool is_likely = std::uint64_t{keys[i]} << kHeadLimitShift <= bound;
      likely_count += is_likely ? 1 : 0;
      if (is_likely) {
        const std::byte* code = graph.code(at[i]);
        for (std::size_t byte = head_bytes; byte < code_bytes; byte += 64)
          __builtin_prefetch(code + byte, 0, 3);
      }
    }
    if (likely_count >= kLikelyMax) {
      offer<kind>(graph, query, level, likely, 4, pool, waiting);
      likely_count -= 4;
      for (std::size_t i = 0; i < likely_count; ++i) likely[i] = likely[i + 4];
    }
  }
  for (std::size_t i = 0; i < likely_count; i += 4) {
    const std::size_t count = likely_count - i < 4 ? likely_count - i : 4;
    offer<kind>(graph, query, level, likely + i, count, pool, waiting);
  }
  if (waiting.count > 0) merge<kind>(graph, level, pool, waiting);
  for (; next < next_end; ++next) prefetch_code<kind>(graph, *next, fetched_bytes);
}

template <CodeKind kind, bool patched>
void walk(const WalkView& view, const QueryCode& query, unsigned level, std::uint64_t start,
          WalkScratch& scratch) noexcept {
  const Graph::Impl& graph = *view.graph;
  const std::uint32_t capacity = graph.capacity(level);
  std::uint64_t* const visited = scratch.visited.data();
  // Gathered ids are kept to tell which bits of `visited` to clear. When there is no place for more
  // of them, the oldest are overwritten and all bits are cleared.
  NodeId* const gathered = scratch.gathered.data();
  const NodeId* const gathered_last =
      gathered + scratch.gathered.size() - std::size_t{kExpandedMax} * capacity - 1;
  bool is_cut = false;

  Pool pool{scratch.pool.data(), 1, scratch.ef, 0, level == 0 ? scratch.stop : StopRule{}};
  const unsigned expanded_max =
      pool.stop.rank != 0 && !pool.stop.keeps_rest ? kExpandedStopping : kExpandedMax;
  for (std::uint32_t i = 0; i < pool.max + kPoolPadding; ++i) pool.entries[i] = ~std::uint64_t{0};
  pool.entries[0] = start;
  visited[id_of(start) >> 6] = std::uint64_t{1} << (id_of(start) & 63);

  NodeId* current = gathered;
  NodeId* current_end = gathered;
  for (unsigned round = 0;; ++round) {
    NodeId* next = current_end;
    if (next > gathered_last) {
      next = gathered;
      is_cut = true;
    }
    NodeId* next_end = next;
    unsigned to_expand = round < kNarrowRounds ? kExpandedNarrow : expanded_max;
    for (; pool.cursor < pool.size && to_expand > 0; ++pool.cursor) {
      std::uint64_t& entry = pool.entries[pool.cursor];
      if ((entry & 1) != 0) continue;
      if (entry > pool.limit) break;
      entry |= 1;
      --to_expand;
      next_end = gather<patched>(view, id_of(entry), level, capacity, visited, next_end);
    }
    const bool is_over = pool.cursor == pool.size || pool.entries[pool.cursor] > pool.limit;
    if (current == current_end && next == next_end && is_over) break;
    if (view.missing != nullptr &&
        !fetch_nodes(view, next, static_cast<std::size_t>(next_end - next))) {
      current_end = next_end;  // visited, too
      break;
    }
    compare_round<kind>(graph, query, level, current, current_end, next, next_end, pool);
    current = next;
    current_end = next_end;
  }
  scratch.compared_count =
      is_cut ? scratch.gathered.size() : static_cast<std::size_t>(current_end - gathered);
  if (is_cut) {
    __builtin_memset(visited, 0, scratch.visited.size() * sizeof(std::uint64_t));
  } else {
    for (const NodeId* at = gathered; at < current_end; ++at) visited[*at >> 6] = 0;
    visited[id_of(start) >> 6] = 0;
  }
  scratch.pool_size = pool.size;
  scratch.had_limit = pool.limit != ~std::uint64_t{0};
}

template <CodeKind kind, bool patched>
std::uint64_t descend(const WalkView& view, const QueryCode& query, unsigned from, unsigned to,
                      std::uint64_t start) noexcept {
  std::uint64_t best = start;
  for (unsigned level = from; level > to; --level) {
    // Ends: `best` gets strictly smaller with every turn.
    for (std::uint64_t before = ~std::uint64_t{0}; best != before;) {
      before = best;
      const Link* list = list_of<patched>(view, id_of(best), level);
      NodeId ids[kMMax];
      std::size_t count = 0;
      for (std::uint32_t i = 0; i < view.graph->options.m; ++i) {
        const NodeId next = read_link(list[i]);
        if (next == kNodeNone) break;
        if (next > view.limit) continue;
        ids[count++] = next;
        __builtin_prefetch(&view.graph->state(next), 0, 2);  // says where its list is
      }
      if (view.missing != nullptr && !fetch_nodes(view, ids, count)) return best;
      std::uint32_t keys[kMMax + 4];
      compare_all<kind>(*view.graph, query, ids, count, keys);
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t packed = pack(keys[i], ids[i]);
        if (packed < best) best = packed;
      }
    }
  }
  return best;
}
