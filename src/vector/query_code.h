// A code made ready for comparison with many others, and comparison of single pairs outside the hot
// loops.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vector/simd_target.h"
#include "vector/types.h"

namespace nearlite {

/// Prepares `code` for the kernels: copies it into `buffer`, int8 kinds as signed bytes, and
/// computes the offset. `buffer` is the caller's: 64-byte aligned, format.code_bytes long, alive as
/// long as the result; it may not overlap `code`.
[[nodiscard]] QueryCode prepare_query(const CodeFormat& format, const std::byte* code,
                                      CodeInfo info, std::byte* buffer) noexcept;

/// Comparison functions of one kind on one target, for callers that compare too seldom to be
/// compiled per target themselves.
struct KeyFunctions {
  std::uint32_t (*key)(const QueryCode& query, const std::byte* code, CodeInfo info,
                       const CodeFormat& format) noexcept;
  void (*key4)(const QueryCode& query, const std::byte* const codes[4], const CodeInfo infos[4],
               const CodeFormat& format, std::uint32_t out[4]) noexcept;
};

/// REQUIRES: target <= supported_simd_target().
[[nodiscard]] KeyFunctions key_functions(CodeKind kind, SimdTarget target) noexcept;

}  // namespace nearlite
