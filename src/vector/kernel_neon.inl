// Comparison of codes for 64-bit ARM. Included once per target, behind its add_products().

template <CodeKind kind>
struct OnePlane {
  static NEARLITE_ALWAYS_INLINE std::uint32_t key(const QueryCode& query, const std::byte* code,
                                                  CodeInfo info, const CodeFormat& format) {
    const std::size_t bytes = format.code_bytes;
    if constexpr (is_int8(kind)) {
      int32x4_t even = vdupq_n_s32(0);  // two chains hide half of the latency
      int32x4_t odd = even;
      for (std::size_t at = 0; at < bytes; at += 32) {
        even = add_products(even, load_query(query.data + at), load_values(code + at));
        odd = add_products(odd, load_query(query.data + at + 16), load_values(code + at + 16));
      }
      return finish_key<kind>(vaddvq_s32(vaddq_s32(even, odd)), query.info, info);
    } else if constexpr (kind == CodeKind::kBits) {
      return count_differing(query.data, code, bytes);
    } else {
      return float_key<kind>(query.data, code, bytes);
    }
  }

  template <class Ahead = NothingAhead>
  static NEARLITE_ALWAYS_INLINE void key4(const QueryCode& query, const std::byte* const codes[4],
                                          const CodeInfo* const infos[4], const CodeFormat& format,
                                          std::uint32_t out[4], const Ahead& ahead = {}) {
    if constexpr (is_int8(kind)) {
      int32x4_t sums[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
      for (std::size_t block = 0; block < format.code_bytes; block += 64) {
        ahead.fetch(block);
        for (std::size_t at = block; at < block + 64; at += 16) {
          const int8x16_t q = load_query(query.data + at);
          for (std::size_t i = 0; i < 4; ++i)
            sums[i] = add_products(sums[i], q, load_values(codes[i] + at));
        }
      }
      for (std::size_t i = 0; i < 4; ++i)
        out[i] = finish_key<kind>(vaddvq_s32(sums[i]), query.info, *infos[i]);
    } else {
      for (std::size_t at = 0; at < format.code_bytes; at += 64) ahead.fetch(at);
      for (std::size_t i = 0; i < 4; ++i) out[i] = key(query, codes[i], *infos[i], format);
    }
  }
};
