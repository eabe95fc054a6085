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
// The part of a code that is fetched before a round: a longer one follows by itself, when it is
// read.
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

template <CodeKind kind>
NEARLITE_ALWAYS_INLINE void prefetch_code(const Graph::Impl& graph, NodeId id,
                                          std::size_t code_bytes) {
  const std::byte* code = graph.code(id);
  __builtin_prefetch(&graph.info(id), 0, 2);
  for (std::size_t at = 0; at < code_bytes; at += 64)
    __builtin_prefetch(code + at, 0, 2);  // into L2
}

/// Up to four ids and their codes. In place of those that are missing stands the first one: four
/// are compared as fast as one.
struct Four {
  Four(const Graph::Impl& graph, const NodeId* first, const NodeId* end)
      : count(end - first < 4 ? static_cast<std::size_t>(end - first) : 4) {
    for (std::size_t i = 0; i < 4; ++i) {
      ids[i] = first[i < count ? i : 0];
      codes[i] = graph.code(ids[i]);
      infos[i] = &graph.info(ids[i]);
    }
  }

  std::size_t count;
  NodeId ids[4];
  const std::byte* codes[4];
  const CodeInfo* infos[4];
};

/// The keys of those that are there.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE void compare(const Graph::Impl& graph, const QueryCode& query,
                                    const Four& four, std::uint32_t* out) {
  std::uint32_t keys[4];
  Kernel<kind>::key4(query, four.codes, four.infos, graph.options.format, keys);
  for (std::size_t i = 0; i < four.count; ++i) out[i] = keys[i];
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
    compare<kind>(graph, query, Four(graph, ids + i, ids + count), out + i);
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
    const Four four(graph, ids.data() + i, ids.data() + ids.size());
    for (std::size_t q = 0; q < queries.size(); ++q)
      compare<kind>(graph, queries[q], four, keys + q * stride + i);
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

/// Up to four codes that are compared in the next round. A line of each is fetched with every block
/// of those that are compared now: asked for all at once, they would keep the loop waiting.
struct FourAhead {
  FourAhead(const Graph::Impl& graph, const std::byte* nothing, const NodeId*& next,
            const NodeId* next_end) {
    for (const std::byte*& code : codes) {
      code = nothing;
      if (next == next_end) continue;
      code = graph.code(*next);
      __builtin_prefetch(&graph.info(*next), 0, 2);
      ++next;
    }
  }
  NEARLITE_ALWAYS_INLINE void fetch(std::size_t at) const {
    __builtin_prefetch(codes[0] + at, 0, 2);  // into L2
    __builtin_prefetch(codes[1] + at, 0, 2);
    __builtin_prefetch(codes[2] + at, 0, 2);
    __builtin_prefetch(codes[3] + at, 0, 2);
  }

  const std::byte* codes[4];
};

/// Lets those of four wait that get into the pool.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE void offer(const Graph::Impl& graph, unsigned level, const Four& four,
                                  const std::uint32_t keys[4], Pool& pool, Waiting& waiting) {
  waiting.count =
      append_less(keys, four.ids, four.count, bound_of(pool), waiting.packed, waiting.count);
  if (waiting.count > Waiting::kMax - 4) merge<kind>(graph, level, pool, waiting);
}

/// One round: `at` is compared now, `next` in the round to come.
struct Round {
  const NodeId* at;
  const NodeId* end;
  const NodeId* next;
  const NodeId* next_end;
};

/// Compares the ids of one round and puts the nearest into the pool. Meanwhile fetches what is
/// needed next: the codes of the next round, and the lists of the nodes expanded after it.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE void compare_whole(const Graph::Impl& graph, const QueryCode& query,
                                          unsigned level, Round round, Pool& pool) {
  Waiting waiting;
  for (; round.at < round.end; round.at += 4) {
    const Four four(graph, round.at, round.end);
    const FourAhead ahead(graph, query.data, round.next, round.next_end);
    std::uint32_t keys[4];
    Kernel<kind>::key4(query, four.codes, four.infos, graph.options.format, keys, ahead);
    offer<kind>(graph, level, four, keys, pool, waiting);
  }
  if (waiting.count > 0) merge<kind>(graph, level, pool, waiting);
  const std::size_t code_bytes = graph.options.format.code_bytes;
  const std::size_t fetched_bytes = code_bytes < kPrefetchBytesMax ? code_bytes : kPrefetchBytesMax;
  for (; round.next < round.next_end; ++round.next)
    prefetch_code<kind>(graph, *round.next, fetched_bytes);
}

/// The same by heads (Gao & Long 2023, "ADSampling"): the components of a rotated vector are alike,
/// so the distance of the first ones tells that of all, up to a known error. Where it is hopeless
/// the rest is neither fetched nor compared.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE void compare_by_heads(const Graph::Impl& graph, const QueryCode& query,
                                             unsigned level, Round round, Pool& pool) {
  const std::size_t code_bytes = graph.options.format.code_bytes;
  CodeFormat head_format = graph.options.format;
  head_format.code_bytes = graph.head_bytes;
  QueryCode head{query.data, {0, query.info.a}, query.head_offset, 0};
  head.is_narrow = query.is_narrow;
  NodeId likely[kLikelyMax + 4];
  std::size_t likely_count = 0;
  Waiting waiting;
  const auto offer_likely = [&](const NodeId* first, const NodeId* end) {
    const Four four(graph, first, end);
    std::uint32_t keys[4];
    Kernel<kind>::key4(query, four.codes, four.infos, graph.options.format, keys);
    offer<kind>(graph, level, four, keys, pool, waiting);
  };
  for (; round.at < round.end; round.at += 4) {
    const Four four(graph, round.at, round.end);
    const FourAhead ahead(graph, query.data, round.next, round.next_end);
    CodeInfo head_infos[4];
    for (std::size_t i = 0; i < 4; ++i)  // written at once, for it is read at once
      head_infos[i] = __builtin_bit_cast(CodeInfo, std::uint64_t{four.infos[i]->a} << 32);
    const CodeInfo* const infos[4] = {head_infos, head_infos + 1, head_infos + 2, head_infos + 3};
    std::uint32_t keys[4];
    Kernel<kind>::key4(head, four.codes, infos, head_format, keys, ahead);
    const std::uint64_t bound = std::uint64_t{graph.head_limit} * key_of(bound_of(pool));
    for (std::size_t i = 0; i < four.count; ++i) {
      if (std::uint64_t{keys[i]} << kHeadLimitShift > bound) continue;
      likely[likely_count++] = four.ids[i];
      for (std::size_t byte = graph.head_bytes; byte < code_bytes; byte += 64)
        __builtin_prefetch(four.codes[i] + byte, 0, 2);
    }
    if (likely_count >= kLikelyMax) {
      offer_likely(likely, likely + 4);
      likely_count -= 4;
      for (std::size_t i = 0; i < likely_count; ++i) likely[i] = likely[i + 4];
    }
  }
  for (std::size_t i = 0; i < likely_count; i += 4) offer_likely(likely + i, likely + likely_count);
  if (waiting.count > 0) merge<kind>(graph, level, pool, waiting);
  for (; round.next < round.next_end; ++round.next)
    prefetch_code<kind>(graph, *round.next, graph.head_bytes);
}

template <CodeKind kind>
NEARLITE_ALWAYS_INLINE void compare_round(const Graph::Impl& graph, const QueryCode& query,
                                          unsigned level, const Round& round, Pool& pool) {
  if constexpr (has_head(kind)) {
    if (graph.head_bytes != 0) return compare_by_heads<kind>(graph, query, level, round, pool);
  }
  compare_whole<kind>(graph, query, level, round, pool);
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
    compare_round<kind>(graph, query, level, {current, current_end, next, next_end}, pool);
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
  const Graph::Impl& graph = *view.graph;
  const std::size_t code_bytes = graph.options.format.code_bytes;
  std::uint64_t best = start;
  for (unsigned level = from; level > to; --level) {
    // Ends: `best` gets strictly smaller with every turn.
    for (std::uint64_t before = ~std::uint64_t{0}; best != before;) {
      before = best;
      const Link* list = list_of<patched>(view, id_of(best), level);
      // Most often it is where the level below begins.
      if (level == 1)
        prefetch_list(graph, id_of(best), 0);
      else
        __builtin_prefetch(graph.upper_list(id_of(best), level - 1), 0, 2);
      NodeId ids[kMMax];
      std::size_t count = 0;
      for (std::uint32_t i = 0; i < graph.options.m; ++i) {
        const NodeId next = read_link(list[i]);
        if (next == kNodeNone) break;
        if (next > view.limit) continue;
        ids[count++] = next;
        __builtin_prefetch(&graph.state(next), 0, 2);  // says where its list is
        prefetch_code<kind>(graph, next, code_bytes);
      }
      if (view.missing != nullptr && !fetch_nodes(view, ids, count)) return best;
      for (std::size_t i = 0; i < count; i += 4) {
        const Four four(graph, ids + i, ids + count);
        std::uint32_t keys[4];
        Kernel<kind>::key4(query, four.codes, four.infos, graph.options.format, keys);
        for (std::size_t j = 0; j < four.count; ++j) {
          const std::uint64_t packed = pack(keys[j], four.ids[j]);
          if (packed >= best) continue;
          best = packed;
          __builtin_prefetch(graph.upper_list(four.ids[j], level), 0, 2);
        }
      }
    }
  }
  return best;
}
