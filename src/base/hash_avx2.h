// XXH3 of long inputs for x86-64 CPUs with AVX2: the same numbers as hash64(), in half the time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nearlite::avx2 {

#if defined(__x86_64__)
/// REQUIRES: a CPU with AVX2.
[[nodiscard]] std::uint64_t hash64(const std::byte* bytes, std::size_t size,
                                   std::uint64_t seed) noexcept;
#endif

}  // namespace nearlite::avx2
