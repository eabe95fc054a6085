// Bits against a query of several planes (QueryCode::planes): the differing bits of each plane,
// weighted. Included once per target, behind its OnePlane. For other kinds of codes, and one plane,
// nothing is added to OnePlane.

template <CodeKind kind>
struct Kernel {
  /// The key of one stored code against the prepared query.
  static NEARLITE_ALWAYS_INLINE std::uint32_t key(const QueryCode& query, const std::byte* code,
                                                  CodeInfo info, const CodeFormat& format) {
    std::uint32_t sum = OnePlane<kind>::key(query, code, info, format);
    if constexpr (kind == CodeKind::kBits) {
      QueryCode plane = query;
      for (std::uint32_t i = 1; i < query.planes; ++i) {
        plane.data += format.code_bytes;
        sum += OnePlane<kind>::key(plane, code, info, format) << i;
      }
    }
    return sum;
  }

  /// Four at once: out[i] = key(query, codes[i], *infos[i], format). `ahead` is fetched meanwhile.
  template <class Ahead = NothingAhead>
  static NEARLITE_ALWAYS_INLINE void key4(const QueryCode& query, const std::byte* const codes[4],
                                          const CodeInfo* const infos[4], const CodeFormat& format,
                                          std::uint32_t out[4], const Ahead& ahead = {}) {
    OnePlane<kind>::key4(query, codes, infos, format, out, ahead);
    if constexpr (kind == CodeKind::kBits) {
      QueryCode plane = query;
      for (std::uint32_t i = 1; i < query.planes; ++i) {
        std::uint32_t more[4];
        plane.data += format.code_bytes;
        OnePlane<kind>::key4(plane, codes, infos, format, more);
        for (std::size_t j = 0; j < 4; ++j) out[j] += more[j] << i;
      }
    }
  }
};
