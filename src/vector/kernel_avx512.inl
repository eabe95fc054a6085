// Comparison of codes in blocks of 64 bytes. Included once per target of AVX-512, behind the
// add_block() that the target has for integers.

template <CodeKind kind>
struct OnePlane {
  static NEARLITE_ALWAYS_INLINE std::uint32_t key(const QueryCode& query, const std::byte* code,
                                                  CodeInfo info, const CodeFormat& format) {
    const std::size_t bytes = format.code_bytes;
    if constexpr (is_int8(kind) || kind == CodeKind::kBits) {
      __m512i even = _mm512_setzero_si512();  // two chains hide half of the latency
      __m512i odd = _mm512_setzero_si512();
      std::size_t at = 0;
      for (; at + 128 <= bytes; at += 128) {
        even = add_block<kind>(even, load(query.data + at), load(code + at));
        odd = add_block<kind>(odd, load(query.data + at + 64), load(code + at + 64));
      }
      if (at < bytes) even = add_block<kind>(even, load(query.data + at), load(code + at));
      const std::int32_t sum = sum_of(_mm512_add_epi32(even, odd));
      if constexpr (kind == CodeKind::kBits) {
        return static_cast<std::uint32_t>(sum);
      } else {
        return finish_key<kind>(sum - query.offset, query.info, info);
      }
    } else {
      __m512 lanes = _mm512_setzero_ps();
      for (std::size_t at = 0; at < bytes; at += 64) {
        lanes = add_floats<kind>(lanes, load_floats(query.data + at), load_floats(code + at));
      }
      const float sum = reduce_quarter(fold(lanes));
      return sortable_key(kind == CodeKind::kFloatDot ? -sum : sum);
    }
  }

  template <class Ahead = NothingAhead>
  static NEARLITE_ALWAYS_INLINE void key4(const QueryCode& query, const std::byte* const codes[4],
                                          const CodeInfo* const infos[4], const CodeFormat& format,
                                          std::uint32_t out[4], const Ahead& ahead = {}) {
    const std::size_t bytes = format.code_bytes;
    const std::byte* const c0 = codes[0];
    const std::byte* const c1 = codes[1];
    const std::byte* const c2 = codes[2];
    const std::byte* const c3 = codes[3];
    __m128i keys;
    if constexpr (is_int8(kind) || kind == CodeKind::kBits) {
      __m512i s0 = _mm512_setzero_si512();
      __m512i s1 = s0;
      __m512i s2 = s0;
      __m512i s3 = s0;
      for (std::size_t at = 0; at < bytes; at += 64) {
        ahead.fetch(at);
        const __m512i q = load(query.data + at);
        s0 = add_block<kind>(s0, q, load(c0 + at));
        s1 = add_block<kind>(s1, q, load(c1 + at));
        s2 = add_block<kind>(s2, q, load(c2 + at));
        s3 = add_block<kind>(s3, q, load(c3 + at));
      }
      keys = sums_of(s0, s1, s2, s3);
      if constexpr (kind != CodeKind::kBits) {
        keys =
            finish_keys<kind>(_mm_sub_epi32(keys, _mm_set1_epi32(query.offset)), query.info, infos);
      }
    } else {
      __m512 s0 = _mm512_setzero_ps();
      __m512 s1 = s0;
      __m512 s2 = s0;
      __m512 s3 = s0;
      for (std::size_t at = 0; at < bytes; at += 64) {
        ahead.fetch(at);
        const __m512 q = load_floats(query.data + at);
        s0 = add_floats<kind>(s0, q, load_floats(c0 + at));
        s1 = add_floats<kind>(s1, q, load_floats(c1 + at));
        s2 = add_floats<kind>(s2, q, load_floats(c2 + at));
        s3 = add_floats<kind>(s3, q, load_floats(c3 + at));
      }
      __m128 sums = reduce_quarters(fold(s0), fold(s1), fold(s2), fold(s3));
      if constexpr (kind == CodeKind::kFloatDot) sums = _mm_xor_ps(sums, _mm_set1_ps(-0.0f));
      keys = sortable_keys(sums);
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), keys);
  }
};
