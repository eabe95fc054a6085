// The words of the vector layer: metrics, element types, and the format of the compact codes the
// graph is walked on. Numbers are written to disk (FORMAT): never renumber.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace nearlite {

/// Distance functions; smaller is nearer for all of them.
enum class Metric : std::uint8_t {
  kCosine = 1,   ///< 1 - cos(a, b), in [0, 2]; 1 when either vector is zero
  kL2 = 2,       ///< Euclidean distance (square root taken)
  kIp = 3,       ///< negative inner product
  kL1 = 4,       ///< sum of absolute differences
  kHamming = 5,  ///< number of differing bits
};

/// How a component is stored in a row.
enum class ElementType : std::uint8_t {
  kFloat32 = 1,
  kFloat16 = 2,
  kBFloat16 = 3,
  kInt8 = 4,
  kBit = 5
};

/// Whether the graph is walked on compact codes (option quantize=).
enum class Quantize : std::uint8_t { kInt8 = 1, kNone = 2, kBit = 3 };

inline constexpr std::uint32_t kDimMax = 16'384;

/// Bytes of one stored vector; bits are packed eight to a byte, lowest bit first.
[[nodiscard]] constexpr std::size_t vector_bytes(ElementType type, std::size_t dim) noexcept {
  switch (type) {
    case ElementType::kFloat32: return dim * 4;
    case ElementType::kFloat16:
    case ElementType::kBFloat16: return dim * 2;
    case ElementType::kInt8: return dim;
    case ElementType::kBit: return (dim + 7) / 8;
  }
  return 0;
}

/// SQL names, the same in every surface: cosine, l2, ip, l1, hamming; float, float16, bfloat16,
/// int8, bit.
[[nodiscard]] std::string_view name_of(Metric metric) noexcept;
[[nodiscard]] std::string_view name_of(ElementType type) noexcept;
[[nodiscard]] std::string_view name_of(Quantize quantize) noexcept;  // int8, none, bit
[[nodiscard]] std::optional<Metric> find_metric(std::string_view name) noexcept;
[[nodiscard]] std::optional<ElementType> find_element_type(std::string_view name) noexcept;
[[nodiscard]] std::optional<Quantize> find_quantize(std::string_view name) noexcept;

/// What a code is and how two codes are compared. The comparison of two codes is a 32-bit unsigned
/// key, smaller is nearer, the same number on every CPU.
enum class CodeKind : std::uint8_t {
  kInt8Global = 1,     ///< cosine: rotated unit vectors, one scale for all;
                       ///< key = |a|^2 + |b|^2 - 2ab in integers
  kInt8ScaledL2 = 2,   ///< l2: rotated, centred, a scale per vector;
                       ///< key = sortable(|a|^2 + |b|^2 - 2 sa sb ab)
  kInt8ScaledDot = 3,  ///< ip: rotated, a scale per vector; key = sortable(-sa sb ab)
  kFloatL2 = 4,        ///< l2, and cosine on unit vectors; float32 in a fixed summation order
  kFloatDot = 5,       ///< ip; float32 in a fixed summation order
  kFloatL1 = 6,        ///< l1; float32 in a fixed summation order
  kBits = 7,           ///< hamming; key = number of differing bits
  kSignBits = 8,       ///< cosine: signs of rotated vectors; key = number of differing bits,
                       ///< those of a search weighted by what the query knows (SignQuery)
};

/// Shape of the codes of one index. Codes are padded with zeros to a multiple of 64 bytes and start
/// on 64-byte boundaries; int8 kinds are stored as unsigned bytes (value + 128; the padding is
/// value 0, byte 128).
struct CodeFormat {
  CodeKind kind = CodeKind::kInt8Global;
  std::uint32_t dim = 0;             ///< components of the original vector
  std::uint32_t code_bytes = 0;      ///< multiple of 64
  std::uint32_t residual_bytes = 0;  ///< second plane, as long as the code; 0 but for int8 kinds
};

/// Whether the first components of a code tell about all of it: they are alike (rotated), and one
/// scale holds for all codes.
[[nodiscard]] constexpr bool has_head(CodeKind kind) noexcept {
  return kind == CodeKind::kInt8Global;
}
/// Bytes at the front of a code that are compared first; 0: all at once. Measured: at 384 bytes it
/// gains nothing, at 1,536 a fifth of a search.
[[nodiscard]] constexpr std::uint32_t head_bytes(const CodeFormat& format) noexcept {
  constexpr std::uint32_t kCodeMin = 768;
  if (!has_head(format.kind) || format.code_bytes < kCodeMin) return 0;
  return format.code_bytes / 4 & ~63u;
}

/// Two numbers a comparison needs beside the code. kInt8Global: a = sum of squares of its head, b =
/// sum of squares of the code. kInt8Scaled*: a = bits of float scale, b = bits of float squared
/// norm (of the decoded code). Float and bit kinds: unused, zero.
struct CodeInfo {
  std::uint32_t a = 0;
  std::uint32_t b = 0;
};

/// A code prepared for being compared with many others. `data` holds, for int8 kinds, signed bytes
/// (value, not value + 128); for the others the code itself. It is 64-byte aligned and code_bytes
/// long.
struct QueryCode {
  const std::byte* data = nullptr;
  CodeInfo info;
  /// int8 kinds: 128 * sum of the signed bytes, subtracted from u8 x s8 products.
  std::int32_t offset = 0;
  std::int32_t head_offset = 0;  ///< the same of the first head_bytes()
  /// int8 kinds: every pair of bytes (2 i, 2 i + 1) adds up to at most 128, positive or negative,
  /// so that its products with any two bytes of a code add up to 16 bits: one of a sign they are at
  /// most 255 * 128 together, and of two signs alone. False: not so, or nobody asked.
  bool is_narrow = false;
  /// Bits: codes at `data`, one behind the other; those that differ from plane i count 2^i each.
  std::uint32_t planes = 1;
};

/// What a comparison of four codes fetches into the cache meanwhile: nothing.
struct NothingAhead {
  void fetch(std::size_t) const noexcept {}
};

/// The comparison key of float distances: a total order of floats as unsigned integers.
/// sortable_key(0.0f) is 0x80000000: see equal_codes_key().
[[nodiscard]] inline std::uint32_t sortable_key(float distance) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(distance);
  const std::uint32_t flip = (bits >> 31) != 0 ? 0xFFFF'FFFFu : 0x8000'0000u;
  return bits ^ flip;
}

/// The key of two equal codes, where all equal codes have the same key and it is the smallest of
/// all keys. Inner products have no such key. kInt8Global and bits: only equal codes have it; the
/// float-keyed kinds may also give it to codes that differ by less than float rounding.
[[nodiscard]] constexpr std::optional<std::uint32_t> equal_codes_key(CodeKind kind) noexcept {
  switch (kind) {
    case CodeKind::kInt8Global:
    case CodeKind::kBits:
    case CodeKind::kSignBits: return 0u;
    case CodeKind::kInt8ScaledL2:
    case CodeKind::kFloatL2:
    case CodeKind::kFloatL1: return 0x8000'0000u;
    case CodeKind::kInt8ScaledDot:
    case CodeKind::kFloatDot: break;
  }
  return std::nullopt;
}

/// True for the kinds whose codes are bytes of value + 128 compared by integer inner products.
[[nodiscard]] constexpr bool is_int8(CodeKind kind) noexcept {
  return kind == CodeKind::kInt8Global || kind == CodeKind::kInt8ScaledL2 ||
         kind == CodeKind::kInt8ScaledDot;
}

/// True for the kinds that are compared by the number of differing bits.
[[nodiscard]] constexpr bool is_bits(CodeKind kind) noexcept {
  return kind == CodeKind::kBits || kind == CodeKind::kSignBits;
}

/// True where codes tell too little to choose the nearest: many candidates are measured from rows.
[[nodiscard]] constexpr bool is_coarse(CodeKind kind) noexcept {
  return kind == CodeKind::kSignBits;
}

}  // namespace nearlite
