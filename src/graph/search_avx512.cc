// The loops of search_loop.inl and neighbors_loop.inl for CPUs with AVX-512 and VNNI.
#include "graph/sorted_avx512.h"
#include "graph/walk.h"
#include "vector/kernel_avx512.h"
#include "vector/simd_target.h"
#if NEARLITE_X86
NEARLITE_AVX512_BEGIN
namespace nearlite::avx512 {
namespace {

#include "graph/pool.inl"

#include "graph/search_loop.inl"
#include "graph/search_among.inl"
#include "graph/neighbors_loop.inl"

}  // namespace

const GraphKernels& graph_kernels(CodeKind kind) noexcept {
  switch (kind) {
    case CodeKind::kInt8Global: return kKernels<CodeKind::kInt8Global>;
    case CodeKind::kInt8ScaledL2: return kKernels<CodeKind::kInt8ScaledL2>;
    case CodeKind::kInt8ScaledDot: return kKernels<CodeKind::kInt8ScaledDot>;
    case CodeKind::kFloatL2: return kKernels<CodeKind::kFloatL2>;
    case CodeKind::kFloatDot: return kKernels<CodeKind::kFloatDot>;
    case CodeKind::kFloatL1: return kKernels<CodeKind::kFloatL1>;
    case CodeKind::kBits: return kKernels<CodeKind::kBits>;
  }
  return kKernels<CodeKind::kBits>;
}

}  // namespace nearlite::avx512
NEARLITE_AVX512_END
#endif  // NEARLITE_X86
