// This file alone is compiled with -mavx2 (CMakeLists.txt), by which xxHash chooses its loop. So it
// includes nothing whose functions the linker might keep for everybody: what xxhash.h defines is
// static here.
#include "base/hash_avx2.h"

#if defined(__x86_64__)

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace nearlite::avx2 {

std::uint64_t hash64(const std::byte* bytes, std::size_t size, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes, size, seed);
}

}  // namespace nearlite::avx2

#endif
