#include "vector/query_code.h"

#include <cstring>

#include "vector/kernel_avx2.h"
#include "vector/kernel_avx512.h"
#include "vector/kernel_scalar.h"

namespace nearlite {

QueryCode prepare_query(const CodeFormat& format, const std::byte* code, CodeInfo info,
                        std::byte* buffer) noexcept {
  QueryCode query;
  query.data = buffer;
  query.info = info;
  if (!is_int8(format.kind)) {
    std::memcpy(buffer, code, format.code_bytes);
    return query;
  }
  const auto convert = [&](std::size_t first, std::size_t last) {
    std::int32_t sum = 0;
    for (std::size_t i = first; i < last; ++i) {
      const int value = static_cast<int>(code[i]) - 128;
      buffer[i] = static_cast<std::byte>(value);
      sum += value;
    }
    return 128 * sum;  // at most 128 * 128 * 16,384 = 2^28
  };
  const std::size_t head = head_bytes(format);
  query.head_offset = convert(0, head);
  query.offset = query.head_offset + convert(head, format.code_bytes);
  return query;
}

// One function per kind and target. Written once per target, because a template outside the
// target's region would be compiled for the baseline and could not inline the kernel.
#define NEARLITE_KEY_FUNCTIONS                                                                \
  template <CodeKind kind>                                                                    \
  std::uint32_t one(const QueryCode& query, const std::byte* code, CodeInfo info,             \
                    const CodeFormat& format) noexcept {                                      \
    return Kernel<kind>::key(query, code, info, format);                                      \
  }                                                                                           \
  template <CodeKind kind>                                                                    \
  void four(const QueryCode& query, const std::byte* const codes[4], const CodeInfo infos[4], \
            const CodeFormat& format, std::uint32_t out[4]) noexcept {                        \
    const CodeInfo* const places[4] = {infos, infos + 1, infos + 2, infos + 3};               \
    Kernel<kind>::key4(query, codes, places, format, out);                                    \
  }                                                                                           \
  KeyFunctions functions(CodeKind kind) noexcept {                                            \
    switch (kind) {                                                                           \
      case CodeKind::kInt8Global:                                                             \
          return {one<CodeKind::kInt8Global>, four<CodeKind::kInt8Global>};                   \
      case CodeKind::kInt8ScaledL2:                                                           \
        return {one<CodeKind::kInt8ScaledL2>, four<CodeKind::kInt8ScaledL2>};                 \
      case CodeKind::kInt8ScaledDot:                                                          \
        return {one<CodeKind::kInt8ScaledDot>, four<CodeKind::kInt8ScaledDot>};               \
      case CodeKind::kFloatL2: return {one<CodeKind::kFloatL2>, four<CodeKind::kFloatL2>};    \
      case CodeKind::kFloatDot: return {one<CodeKind::kFloatDot>, four<CodeKind::kFloatDot>}; \
      case CodeKind::kFloatL1: return {one<CodeKind::kFloatL1>, four<CodeKind::kFloatL1>};    \
      case CodeKind::kBits: return {one<CodeKind::kBits>, four<CodeKind::kBits>};             \
    }                                                                                         \
    return {nullptr, nullptr};                                                                \
  }

namespace scalar {
namespace {
NEARLITE_KEY_FUNCTIONS
}  // namespace
}  // namespace scalar

#if NEARLITE_X86
NEARLITE_AVX2_BEGIN
namespace avx2 {
namespace {
NEARLITE_KEY_FUNCTIONS
}  // namespace
}  // namespace avx2
NEARLITE_AVX2_END

NEARLITE_AVX512_BEGIN
namespace avx512 {
namespace {
NEARLITE_KEY_FUNCTIONS
}  // namespace
}  // namespace avx512
NEARLITE_AVX512_END
#endif

#undef NEARLITE_KEY_FUNCTIONS

KeyFunctions key_functions(CodeKind kind, SimdTarget target) noexcept {
#if NEARLITE_X86
  if (target == SimdTarget::kAvx512) return avx512::functions(kind);
  if (target == SimdTarget::kAvx2) return avx2::functions(kind);
#else
  static_cast<void>(target);
#endif
  return scalar::functions(kind);
}

}  // namespace nearlite
