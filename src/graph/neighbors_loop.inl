// The diversity heuristic. Included once per SIMD target, after search_loop.inl.
//
// Tight groups. Where many vectors nearly coincide, the plain heuristic loses all links between
// groups: an entry outside is nearer to some member of the group than to the centre by a hair, so
// that member covers it, and the nearest ones, all of the group, take all places anyway. Hence the
// candidates are cut where the distance jumps (is_far_beyond): seen from beyond a jump everything
// before it is one place, so it covers nothing there; it gets at most half of the places; and as
// the members of a group share the work of leading out of it, but choose alike, what lies beyond a
// jump is covered only by what is clearly nearer to it. Without a jump this is the plain heuristic.

/// QueryCode::offset of bytes (value + 128) that add up to `sum`.
NEARLITE_ALWAYS_INLINE std::int32_t offset_of(std::uint32_t sum, std::size_t bytes) {
  return 128 * (static_cast<std::int32_t>(sum) - 128 * static_cast<std::int32_t>(bytes));
}

/// A stored code as a query. Float and bit codes are used where they are.
template <CodeKind kind>
QueryCode as_query(const Graph::Impl& graph, NodeId id, std::byte* buffer) noexcept {
  QueryCode query;
  query.info = graph.info(id);
  const std::byte* const code = graph.code(id);
  if constexpr (!is_int8(kind)) {
    query.data = code;
  } else {
    const std::size_t bytes = graph.options.format.code_bytes;
    const std::size_t head = graph.head_bytes;
    std::uint32_t sum = 0;
    if (head > 0) {
      sum = to_query(code, buffer, head);
      query.head_offset = offset_of(sum, head);
    }
    sum += to_query(code + head, buffer + head, bytes - head);
    query.data = buffer;
    query.offset = offset_of(sum, bytes);
    query.is_narrow = is_narrow(buffer, bytes);
  }
  return query;
}

/// Whether `key` is so far beyond `before` that all up to there is one place, seen from there: at
/// least four times the distance.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE bool is_far_beyond(std::uint32_t before, std::uint32_t key) {
  if constexpr (kind == CodeKind::kInt8Global || kind == CodeKind::kBits) {
    return key / 16 > before;
  } else if constexpr (kind == CodeKind::kInt8ScaledL2 || kind == CodeKind::kFloatL2) {
    return key - before > 4U << 23;  // by the exponent of a float
  } else if constexpr (kind == CodeKind::kFloatL1) {
    return key - before > 2U << 23;
  } else {
    return false;  // inner products are no distances
  }
}

/// The key at about 0.7 of the distance.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE std::uint32_t clearly_nearer(std::uint32_t key) {
  if constexpr (kind == CodeKind::kInt8Global || kind == CodeKind::kBits) return key / 2;
  // A float below 2^-125 would lose its order, but is no distance between groups.
  return key - (kind == CodeKind::kFloatL1 ? 1U << 22 : 1U << 23);
}

/// Whether a node kept before, behind the same jump, is nearer to the candidate than the centre is.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE bool is_covered(const Graph::Impl& graph, const Selection& s, NodeId id,
                                       std::uint32_t key_to_center, std::byte* buffer) {
  if (s.kept_count == s.group_first) return false;
  if (s.group_first > 0) key_to_center = clearly_nearer<kind>(key_to_center);
  const CodeFormat& format = graph.options.format;
  const QueryCode query = as_query<kind>(graph, id, buffer);
  const std::byte* const* codes = s.kept_codes.data();
  const CodeInfo* const* infos = s.kept_infos.data();
  std::uint32_t i = s.group_first;
  for (; i + 4 <= s.kept_count; i += 4) {
    std::uint32_t keys[4];
    Kernel<kind>::key4(query, codes + i, infos + i, format, keys);
    if (keys[0] < key_to_center || keys[1] < key_to_center || keys[2] < key_to_center ||
        keys[3] < key_to_center) {
      return true;
    }
  }
  for (; i < s.kept_count; ++i) {
    if (Kernel<kind>::key(query, codes[i], *infos[i], format) < key_to_center) return true;
  }
  return false;
}

NEARLITE_ALWAYS_INLINE void keep(const Graph::Impl& graph, Selection& s, NodeId id) {
  s.kept.data()[s.kept_count] = id;
  s.kept_codes.data()[s.kept_count] = graph.code(id);
  s.kept_infos.data()[s.kept_count] = &graph.info(id);
  ++s.kept_count;
}

/// The end of the group of candidates that begins with `first`: the next jump.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE std::uint32_t find_jump(const Selection& s, std::uint32_t first) {
  std::uint32_t end = first + 1;
  while (end < s.candidate_count &&
         !is_far_beyond<kind>(key_of(s.candidates[end - 1]), key_of(s.candidates[end]))) {
    ++end;
  }
  return end;
}

template <CodeKind kind>
void select(const Graph::Impl& graph, Selection& s) noexcept {
  std::byte* const buffer = s.query.data();
  const QueryCode center = as_query<kind>(graph, s.center, buffer);
  const std::byte* const center_code = graph.code(s.center);
  const CodeInfo center_info = graph.info(s.center);
  const std::uint32_t self_key =
      Kernel<kind>::key(center, center_code, center_info, graph.options.format);

  std::uint32_t protected_left = 0;
  if (s.is_protected != nullptr) {
    for (std::uint32_t i = 0; i < s.candidate_count; ++i) protected_left += s.is_protected[i];
  }
  std::uint32_t free_places = s.kept_max > protected_left ? s.kept_max - protected_left : 0;
  std::uint32_t equal_count = 0;
  std::uint32_t discarded_count = 0;
  s.kept_count = 0;
  std::uint32_t group_end = 0;
  std::uint32_t places_beyond = 0;
  for (std::uint32_t i = 0; i < s.candidate_count && (free_places > 0 || protected_left > 0); ++i) {
    if (i == group_end) {
      s.group_first = s.kept_count;
      group_end = find_jump<kind>(s, i);
      places_beyond = group_end < s.candidate_count ? free_places / 2 : 0;
    }
    const NodeId id = id_of(s.candidates[i]);
    const std::uint32_t key = key_of(s.candidates[i]);
    const CodeInfo info = graph.info(id);
    // Only equal codes count, not equal keys: for inner products they are two things.
    const bool is_equal =
        key == self_key && info.a == center_info.a && info.b == center_info.b &&
        __builtin_memcmp(graph.code(id), center_code, graph.options.format.code_bytes) == 0;
    if (s.is_protected != nullptr && s.is_protected[i] != 0) {
      --protected_left;
    } else {
      if (free_places == 0 || (is_equal && equal_count >= kEqualCodesMax)) continue;
      if (free_places <= places_beyond || is_covered<kind>(graph, s, id, key, buffer)) {
        if (discarded_count < s.fill_to) s.discarded.data()[discarded_count++] = id;
        continue;
      }
      --free_places;
    }
    equal_count += is_equal ? 1 : 0;
    keep(graph, s, id);
  }
  for (std::uint32_t i = 0; i < discarded_count && free_places > 0 && s.kept_count < s.fill_to;
       ++i) {
    s.kept.data()[s.kept_count++] = s.discarded.data()[i];
    --free_places;
  }
}

template <CodeKind kind>
constexpr GraphKernels make_kernels() noexcept {
  // Slots are probed only by walks that have a change: readers run a loop without that test.
  GraphKernels kernels{};
  kernels.walk = [](const WalkView& view, const QueryCode& query, unsigned level,
                    std::uint64_t start, WalkScratch& scratch) noexcept {
    if (view.slots == nullptr) {
      walk<kind, false>(view, query, level, start, scratch);
    } else {
      walk<kind, true>(view, query, level, start, scratch);
    }
  };
  kernels.walk_among = walk_among<kind>;
  kernels.descend = [](const WalkView& view, const QueryCode& query, unsigned from, unsigned to,
                       std::uint64_t start) noexcept {
    return view.slots == nullptr ? descend<kind, false>(view, query, from, to, start)
                                 : descend<kind, true>(view, query, from, to, start);
  };
  kernels.keys = compare_all<kind>;
  kernels.keys_of_many = compare_many<kind>;
  kernels.select = select<kind>;
  kernels.prepare = as_query<kind>;
  return kernels;
}

template <CodeKind kind>
inline constexpr GraphKernels kKernels = make_kernels<kind>();
