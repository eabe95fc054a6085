// The candidates of a walk: one sorted array. Included once per SIMD target, before
// search_loop.inl.

// Up to this many entries of the array are compared one and all to find a place in it.
inline constexpr std::uint32_t kCountedMax = 32;

NEARLITE_ALWAYS_INLINE void prefetch_list(const Graph::Impl& graph, NodeId id, unsigned level) {
  if (level > 0) return;
  const Link* list = graph.list0(id);
  for (std::uint32_t i = 0; i < graph.capacity0; i += 16) __builtin_prefetch(list + i, 0, 2);
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
  alignas(64) std::uint64_t sorted[Waiting::kMax + 8];
  const std::uint32_t count = waiting.count;
  for (std::uint32_t i = count; i < Waiting::kMax; ++i) waiting.packed[i] = ~std::uint64_t{0};
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t packed = waiting.packed[i];
    sorted[count_less(waiting.packed, packed) + count_less(waiting.packed + 8, packed)] = packed;
  }
  waiting.count = 0;
  std::uint32_t places[Waiting::kMax];
  for (std::uint32_t i = 0; i < count; ++i) {
    places[i] = rank_of(pool.entries, pool.size, sorted[i]);
    if (places[i] < pool.max) prefetch_list(graph, id_of(sorted[i]), level);
  }
  insert_sorted(pool.entries, pool.size, pool.max, sorted, places, count);
  const std::uint32_t end = places[0];
  pool.size = pool.size + count < pool.max ? pool.size + count : pool.max;
  if (end < pool.cursor) pool.cursor = end;
  if (has_stop_rule(kind) && pool.stop.rank != 0 && pool.size >= pool.stop.rank)
    pool.limit = limit_of<kind>(graph, pool.stop, pool.entries[pool.stop.rank - 1]);
}
