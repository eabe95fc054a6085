#include "vector/query_code.h"

#include <cstring>

#include "vector/kernel_avx2.h"
#include "vector/kernel_avx512.h"
#include "vector/kernel_neon.h"
#include "vector/kernel_scalar.h"

namespace nearlite {

#if NEARLITE_X86
NEARLITE_AVX2_BEGIN
namespace avx2 {
namespace {
bool is_narrow_query(const std::byte* query, std::size_t bytes) noexcept {
  return is_narrow(query, bytes);
}
}  // namespace
}  // namespace avx2
NEARLITE_AVX2_END
#endif

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
#if NEARLITE_X86
  if (supported_simd_target() >= SimdTarget::kAvx2)
    query.is_narrow = avx2::is_narrow_query(buffer, format.code_bytes);
#endif
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
  template <CodeKind... kinds>                                                                \
  KeyFunctions functions_among(CodeKind kind) noexcept {                                      \
    KeyFunctions found{nullptr, nullptr};                                                     \
    ((kinds == kind ? static_cast<void>(found = {one<kinds>, four<kinds>}) : void()), ...);   \
    return found;                                                                             \
  }
#define NEARLITE_INT8_KINDS CodeKind::kInt8Global, CodeKind::kInt8ScaledL2, CodeKind::kInt8ScaledDot
#define NEARLITE_ALL_KINDS \
  NEARLITE_INT8_KINDS, CodeKind::kFloatL2, CodeKind::kFloatDot, CodeKind::kFloatL1, CodeKind::kBits

// A target, and the kinds of codes it has kernels for.
#define NEARLITE_TARGET(target, ...)                                                            \
  namespace target {                                                                            \
  namespace {                                                                                   \
  NEARLITE_KEY_FUNCTIONS                                                                        \
  KeyFunctions functions(CodeKind kind) noexcept { return functions_among<__VA_ARGS__>(kind); } \
  }                                                                                             \
  }

NEARLITE_TARGET(scalar, NEARLITE_ALL_KINDS)
#if NEARLITE_X86
NEARLITE_AVX2_BEGIN
NEARLITE_TARGET(avx2, NEARLITE_ALL_KINDS)
NEARLITE_AVX2_END
NEARLITE_AVX512_BEGIN
NEARLITE_TARGET(avx512, NEARLITE_ALL_KINDS)
NEARLITE_AVX512_END
NEARLITE_AVX512VNNI_BEGIN
NEARLITE_TARGET(avx512vnni, NEARLITE_INT8_KINDS)
NEARLITE_AVX512VNNI_END
NEARLITE_AVX512POPCNT_BEGIN
NEARLITE_TARGET(avx512popcnt, CodeKind::kBits)
NEARLITE_AVX512POPCNT_END
#elif NEARLITE_ARM64
NEARLITE_TARGET(neon, NEARLITE_ALL_KINDS)
NEARLITE_DOTPROD_BEGIN
NEARLITE_TARGET(dotprod, NEARLITE_INT8_KINDS)
NEARLITE_DOTPROD_END
#endif

#undef NEARLITE_TARGET
#undef NEARLITE_ALL_KINDS
#undef NEARLITE_INT8_KINDS
#undef NEARLITE_KEY_FUNCTIONS

KeyFunctions key_functions(CodeKind kind, SimdTarget target) noexcept {
  if (is_bits(kind)) kind = CodeKind::kBits;
  static_cast<void>(target);
#if NEARLITE_X86
  if (target >= SimdTarget::kAvx512Popcnt && kind == CodeKind::kBits)
    return avx512popcnt::functions(kind);
  if (target >= SimdTarget::kAvx512Vnni && is_int8(kind)) return avx512vnni::functions(kind);
  if (target >= SimdTarget::kAvx512) return avx512::functions(kind);
  if (target >= SimdTarget::kAvx2) return avx2::functions(kind);
#elif NEARLITE_ARM64
  if (target >= SimdTarget::kDotProd && is_int8(kind)) return dotprod::functions(kind);
  if (target >= SimdTarget::kNeon) return neon::functions(kind);
#endif
  return scalar::functions(kind);
}

}  // namespace nearlite
