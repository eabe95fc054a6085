// All of xxHash is compiled into this file (XXH_INLINE_ALL), so that the extension loads nothing
// but SQLite's host: a dynamic libxxhash may be missing where the extension is used.
#include "base/hash.h"

#include <new>
#include <type_traits>

#include "base/hash_avx2.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace nearlite {
namespace {

XXH3_state_t* state_of(std::byte* bytes) noexcept {
  return std::launder(reinterpret_cast<XXH3_state_t*>(bytes));
}
const XXH3_state_t* state_of(const std::byte* bytes) noexcept {
  return std::launder(reinterpret_cast<const XXH3_state_t*>(bytes));
}

#if defined(__x86_64__)
bool has_avx2() noexcept {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0;
}
const bool kHasAvx2 = has_avx2();
#endif

}  // namespace

std::uint64_t hash64(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
#if defined(__x86_64__)
  if (bytes.size() > XXH3_MIDSIZE_MAX && kHasAvx2)
    return avx2::hash64(bytes.data(), bytes.size(), seed);
#endif
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Hash128 hash128(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.low64, hash.high64};
}

Hasher::Hasher(std::uint64_t seed) noexcept {
  static_assert(sizeof(XXH3_state_t) <= sizeof(state_) && alignof(XXH3_state_t) <= 64);
  static_assert(std::is_trivially_copyable_v<XXH3_state_t>, "Hasher is copied byte by byte");
  auto* state = ::new (static_cast<void*>(state_)) XXH3_state_t;
  XXH3_INITSTATE(state);
  // Both widths share the state and its initialisation; only the digests differ.
  static_cast<void>(XXH3_64bits_reset_withSeed(state, seed));
}

void Hasher::bytes(std::span<const std::byte> piece) noexcept {
  static_cast<void>(XXH3_64bits_update(state_of(state_), piece.data(), piece.size()));
}
void Hasher::u8(std::uint8_t value) noexcept { bytes(std::as_bytes(std::span(&value, 1))); }
void Hasher::u32(std::uint32_t value) noexcept { bytes(std::as_bytes(std::span(&value, 1))); }
void Hasher::u64(std::uint64_t value) noexcept { bytes(std::as_bytes(std::span(&value, 1))); }

std::uint64_t Hasher::digest64() const noexcept { return XXH3_64bits_digest(state_of(state_)); }

Hash128 Hasher::digest128() const noexcept {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_of(state_));
  return {hash.low64, hash.high64};
}

}  // namespace nearlite
