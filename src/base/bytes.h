// Little-endian bytes in and out of memory, bounded. Everything that comes from disk is decoded
// with Reader, which can neither read beyond its input nor trust a length in it; what it cannot
// read makes it fail for good, so that a decoder checks once, at its end:
//
//   Reader reader(blob);
//   record.id = reader.u32();
//   record.links = reader.bytes(reader.varint32());
//   if (!reader.finished()) return Status(Code::kCorruption, …);
//
// Varints are LEB128: seven bits a byte, lowest first. Only the shortest form is accepted, so that
// equal values have equal bytes.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace nearlite {

static_assert(std::endian::native == std::endian::little, "big-endian hosts need byte swaps here");

/// Bytes that hold the largest varint.
inline constexpr std::size_t kVarintBytesMax = 10;

/// Bytes that the varint of `value` takes.
[[nodiscard]] constexpr std::size_t varint_bytes(std::uint64_t value) noexcept {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

/// Signed numbers as unsigned ones that are small when the number is near zero: 0, -1, 1, -2 become
/// 0, 1, 2, 3.
[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) noexcept {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) noexcept {
  return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

/// Reads from bytes it does not own. After the first failure every read yields zero or an empty
/// span, and ok() is false.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] std::uint8_t u8() noexcept { return fixed<std::uint8_t>(); }
  [[nodiscard]] std::uint16_t u16() noexcept { return fixed<std::uint16_t>(); }
  [[nodiscard]] std::uint32_t u32() noexcept { return fixed<std::uint32_t>(); }
  [[nodiscard]] std::uint64_t u64() noexcept { return fixed<std::uint64_t>(); }
  [[nodiscard]] std::int64_t i64() noexcept { return std::bit_cast<std::int64_t>(u64()); }
  [[nodiscard]] float f32() noexcept { return std::bit_cast<float>(u32()); }

  [[nodiscard]] std::uint64_t varint() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t byte = u8();
      if (failed_) return 0;
      // The tenth byte holds bit 63 only; a last byte of zero would be a longer form of a shorter
      // number.
      if ((shift == 63 && byte > 1) || (shift != 0 && byte == 0)) break;
      value |= (byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    failed_ = true;
    return 0;
  }

  /// A varint that must fit 32 bits.
  [[nodiscard]] std::uint32_t varint32() noexcept {
    const std::uint64_t value = varint();
    if (value > UINT32_MAX) failed_ = true;
    return failed_ ? 0 : static_cast<std::uint32_t>(value);
  }

  [[nodiscard]] std::int64_t signed_varint() noexcept { return unzigzag(varint()); }

  /// The next `count` bytes, in place; empty on failure.
  [[nodiscard]] std::span<const std::byte> bytes(std::size_t count) noexcept {
    if (failed_ || count > remaining()) {
      failed_ = true;
      return {};
    }
    const auto result = bytes_.subspan(offset_, count);
    offset_ += count;
    return result;
  }

  /// Makes the reader fail: for decoders that find a value out of its range.
  void fail() noexcept { failed_ = true; }

  [[nodiscard]] bool ok() const noexcept { return !failed_; }
  /// Nothing failed and nothing is left.
  [[nodiscard]] bool finished() const noexcept { return !failed_ && remaining() == 0; }
  [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - offset_; }
  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }

 private:
  template <std::unsigned_integral Value>
  Value fixed() noexcept {
    Value value = 0;
    const auto source = bytes(sizeof(Value));
    if (!source.empty()) std::memcpy(&value, source.data(), sizeof(Value));
    return value;
  }

  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
  bool failed_ = false;
};

/// Appends to a vector it does not own; std::bad_alloc may escape.
class Writer {
 public:
  explicit Writer(std::vector<std::byte>& out) noexcept : out_(&out) {}

  void u8(std::uint8_t value) { fixed(value); }
  void u16(std::uint16_t value) { fixed(value); }
  void u32(std::uint32_t value) { fixed(value); }
  void u64(std::uint64_t value) { fixed(value); }
  void i64(std::int64_t value) { fixed(std::bit_cast<std::uint64_t>(value)); }
  void f32(float value) { fixed(std::bit_cast<std::uint32_t>(value)); }

  void varint(std::uint64_t value) {
    std::byte buffer[kVarintBytesMax];
    std::size_t size = 0;
    for (; value >= 0x80; value >>= 7) buffer[size++] = static_cast<std::byte>(value | 0x80);
    buffer[size++] = static_cast<std::byte>(value);
    bytes({buffer, size});
  }

  void signed_varint(std::int64_t value) { varint(zigzag(value)); }

  void bytes(std::span<const std::byte> source) {
    out_->insert(out_->end(), source.begin(), source.end());
  }

  [[nodiscard]] std::size_t size() const noexcept { return out_->size(); }

 private:
  template <std::unsigned_integral Value>
  void fixed(Value value) {
    std::byte buffer[sizeof(Value)];
    std::memcpy(buffer, &value, sizeof(Value));
    bytes({buffer, sizeof(Value)});
  }

  std::vector<std::byte>* out_;
};

}  // namespace nearlite
