// Hashes: XXH3 for checksums and chained commit ids (FORMAT: its values are written to disk; XXH3
// is stable since xxHash 0.8), and a bit mixer for seeded choices. Not for secrets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nearlite {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

[[nodiscard]] std::uint64_t hash64(std::span<const std::byte> bytes,
                                   std::uint64_t seed = 0) noexcept;
[[nodiscard]] Hash128 hash128(std::span<const std::byte> bytes, std::uint64_t seed = 0) noexcept;

/// Every bit of the result depends on every bit of `value`: the finaliser of splitmix64. A
/// bijection.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t value) noexcept {
  value += 0x9E37'79B9'7F4A'7C15u;
  value = (value ^ (value >> 30)) * 0xBF58'476D'1CE4'E5B9u;
  value = (value ^ (value >> 27)) * 0x94D0'49BB'1331'11EBu;
  return value ^ (value >> 31);
}

/// The hash of bytes that arrive piece by piece: equal to the hash of all of them in one piece.
class Hasher {
 public:
  explicit Hasher(std::uint64_t seed = 0) noexcept;

  void bytes(std::span<const std::byte> piece) noexcept;
  /// Numbers count as their little-endian bytes.
  void u8(std::uint8_t value) noexcept;
  void u32(std::uint32_t value) noexcept;
  void u64(std::uint64_t value) noexcept;

  /// The hash of what came so far; more may follow.
  [[nodiscard]] std::uint64_t digest64() const noexcept;
  [[nodiscard]] Hash128 digest128() const noexcept;

 private:
  // Room for XXH3's state, whose header stays out of ours (checked in hash.cc).
  alignas(64) std::byte state_[576];
};

}  // namespace nearlite
