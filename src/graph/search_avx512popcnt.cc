// The loops of search_loop.inl and neighbors_loop.inl for bits and CPUs with AVX-512 and
// VPOPCNTDQ.
#include "graph/sorted_avx512.h"
#include "graph/walk.h"
#include "vector/kernel_avx512.h"
#include "vector/simd_target.h"
#if NEARLITE_X86
NEARLITE_AVX512POPCNT_BEGIN
namespace nearlite::avx512popcnt {
namespace {

#include "graph/pool.inl"

#include "graph/search_loop.inl"
#include "graph/search_among.inl"
#include "graph/neighbors_loop.inl"

}  // namespace

const GraphKernels& graph_kernels(CodeKind) noexcept { return kKernels<CodeKind::kBits>; }

}  // namespace nearlite::avx512popcnt
NEARLITE_AVX512POPCNT_END
#endif  // NEARLITE_X86
