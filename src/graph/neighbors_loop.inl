// The diversity heuristic. Included once per SIMD target, after search_loop.inl.

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
    std::uint32_t sum = 0;
    // A fixed inner length lets the compiler use whole vectors.
    for (std::size_t block = 0; block < bytes; block += 64) {
      for (std::size_t i = 0; i < 64; ++i) {
        const auto value = static_cast<std::uint8_t>(code[block + i]);
        buffer[block + i] = static_cast<std::byte>(value ^ 0x80U);
        sum += value;
      }
    }
    query.data = buffer;
    query.offset = 128 * (static_cast<std::int32_t>(sum) - 128 * static_cast<std::int32_t>(bytes));
  }
  return query;
}

/// Whether a node kept before is nearer to the candidate than the centre is.
template <CodeKind kind>
NEARLITE_ALWAYS_INLINE bool is_covered(const Graph::Impl& graph, const Selection& s, NodeId id,
                                       std::uint32_t key_to_center, std::byte* buffer) {
  if (s.kept_count == 0) return false;
  const CodeFormat& format = graph.options.format;
  const QueryCode query = as_query<kind>(graph, id, buffer);
  const std::byte* const* codes = s.kept_codes.data();
  const CodeInfo* infos = s.kept_infos.data();
  std::uint32_t i = 0;
  for (; i + 4 <= s.kept_count; i += 4) {
    std::uint32_t keys[4];
    Kernel<kind>::key4(query, codes + i, infos + i, format, keys);
    if (keys[0] < key_to_center || keys[1] < key_to_center || keys[2] < key_to_center ||
        keys[3] < key_to_center) {
      return true;
    }
  }
  for (; i < s.kept_count; ++i) {
    if (Kernel<kind>::key(query, codes[i], infos[i], format) < key_to_center) return true;
  }
  return false;
}

NEARLITE_ALWAYS_INLINE void keep(const Graph::Impl& graph, Selection& s, NodeId id) {
  s.kept.data()[s.kept_count] = id;
  s.kept_codes.data()[s.kept_count] = graph.code(id);
  s.kept_infos.data()[s.kept_count] = graph.info(id);
  ++s.kept_count;
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
  for (std::uint32_t i = 0; i < s.candidate_count && (free_places > 0 || protected_left > 0); ++i) {
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
      if (is_covered<kind>(graph, s, id, key, buffer)) {
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
  kernels.descend = [](const WalkView& view, const QueryCode& query, unsigned from, unsigned to,
                       std::uint64_t start) noexcept {
    return view.slots == nullptr ? descend<kind, false>(view, query, from, to, start)
                                 : descend<kind, true>(view, query, from, to, start);
  };
  kernels.keys = compare_all<kind>;
  kernels.select = select<kind>;
  kernels.prepare = as_query<kind>;
  return kernels;
}

template <CodeKind kind>
inline constexpr GraphKernels kKernels = make_kernels<kind>();
