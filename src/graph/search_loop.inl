// The search loop. Included once per SIMD target, inside the target's region and namespace;
// everything here is a template over the kind of code, whose kernel is inlined. Calls no library
// code that is not a builtin.
//
// A walk keeps the best `ef` nodes met in one sorted array. In each round the two best that were
// not expanded yet are expanded: their unvisited neighbours are gathered first, then fetched, then
// compared four at a time. Two at once hides more of the memory latency than one and gains recall
// (performance.md); the result of a round does not depend on the order of the neighbours, because
// the array always holds the smallest of all that were offered.

// How far ahead codes are fetched, in cache lines: L2 has room for about 48 outstanding misses, and
// more only wait.
inline constexpr std::size_t kPrefetchLines = 128;

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

/// Appends the neighbours of `id` that were not visited to scratch.gathered, marks them, returns
/// the new count.
template <bool patched>
NEARLITE_ALWAYS_INLINE std::size_t gather(const WalkView& view, NodeId id, unsigned level,
                                          NodeId* gathered, std::size_t count,
                                          std::uint64_t* visited, std::uint32_t* touched,
                                          std::size_t& touched_count) {
  const Link* list = list_of<patched>(view, id, level);
  const std::uint32_t capacity = view.graph->capacity(level);
  for (std::uint32_t i = 0; i < capacity; ++i) {
    const NodeId next = read_link(list[i]);
    if (next == kNodeNone) break;
    if (next > view.limit) continue;
    // Without branches: about half of the neighbours were visited, which half cannot be predicted.
    const std::uint32_t word = next >> 6;
    const std::uint64_t bit = std::uint64_t{1} << (next & 63);
    const std::uint64_t before = visited[word];
    visited[word] = before | bit;
    touched[touched_count] = word;
    touched_count += before == 0 ? 1 : 0;
    gathered[count] = next;
    count += (before & bit) == 0 ? 1 : 0;
  }
  return count;
}

/// Puts `packed` in its place if it is among the best; returns the place, or `size` when it is not.
NEARLITE_ALWAYS_INLINE std::uint32_t insert_sorted(std::uint64_t* pool, std::uint32_t& size,
                                                   std::uint32_t ef, std::uint64_t packed) {
  if (size == ef && packed > pool[size - 1]) return size;
  std::uint32_t low = 0;
  for (std::uint32_t length = size; length > 0;) {
    const std::uint32_t half = (length + 1) / 2;
    const std::uint32_t mask = 0U - static_cast<std::uint32_t>(pool[low + half - 1] < packed);
    low += half & mask;
    length -= half;
  }
  const std::uint32_t last = size < ef ? size++ : size - 1;
  __builtin_memmove(pool + low + 1, pool + low, std::size_t{last - low} * sizeof(std::uint64_t));
  pool[low] = packed;
  return low;
}

template <CodeKind kind, bool patched>
void walk(const WalkView& view, const QueryCode& query, unsigned level, std::uint64_t start,
          WalkScratch& scratch) noexcept {
  const Graph::Impl& graph = *view.graph;
  std::uint64_t* const pool = scratch.pool.data();
  std::uint64_t* const visited = scratch.visited.data();
  std::uint32_t* const touched = scratch.touched.data();
  NodeId* const gathered = scratch.gathered.data();
  const std::uint32_t ef = scratch.ef;
  const std::size_t code_bytes = graph.options.format.code_bytes;
  const std::size_t ahead = code_bytes < kPrefetchLines * 16 ? kPrefetchLines * 64 / code_bytes : 4;

  std::uint32_t size = 1;
  std::uint32_t cursor = 0;  // everything before it is expanded
  std::size_t touched_count = 1;
  pool[0] = start;
  touched[0] = id_of(start) >> 6;
  visited[touched[0]] = std::uint64_t{1} << (id_of(start) & 63);

  while (true) {
    std::size_t count = 0;
    unsigned expanded = 0;
    for (; cursor < size && expanded < 2; ++cursor) {
      if ((pool[cursor] & 1) != 0) continue;
      pool[cursor] |= 1;
      ++expanded;
      count = gather<patched>(view, id_of(pool[cursor]), level, gathered, count, visited, touched,
                              touched_count);
    }
    if (expanded == 0) break;
    const std::size_t first = count < ahead ? count : ahead;
    for (std::size_t i = 0; i < first; ++i) prefetch_code<kind>(graph, gathered[i], code_bytes);
    for (std::size_t i = 0; i < count; i += 4) {
      for (std::size_t j = i + ahead; j < i + ahead + 4 && j < count; ++j) {
        prefetch_code<kind>(graph, gathered[j], code_bytes);
      }
      std::uint32_t keys[4];
      compare<kind>(graph, query, gathered + i, count - i, keys);
      const std::size_t end = count - i < 4 ? count - i : 4;
      for (std::size_t j = 0; j < end; ++j) {
        const std::uint32_t place = insert_sorted(pool, size, ef, pack(keys[j], gathered[i + j]));
        if (place <= cursor + 1)
          prefetch_list(graph, gathered[i + j], level);  // among the next to be expanded
        if (place < cursor) cursor = place;
      }
    }
  }
  for (std::size_t i = 0; i < touched_count; ++i) visited[touched[i]] = 0;
  scratch.pool_size = size;
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
        if (next <= view.limit) ids[count++] = next;
      }
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
