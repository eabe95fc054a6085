// The loops of search_loop.inl and neighbors_loop.inl for CPUs with AVX2.
#include "graph/sorted_avx2.h"
#include "graph/walk.h"
#include "vector/kernel_avx2.h"
#include "vector/simd_target.h"
#if NEARLITE_X86
NEARLITE_AVX2_BEGIN
namespace nearlite::avx2 {
namespace {

#include "graph/pool.inl"

#include "graph/search_loop.inl"
#include "graph/search_among.inl"
#include "graph/neighbors_loop.inl"
#include "graph/kernels_of.inl"

}  // namespace

const GraphKernels& graph_kernels(CodeKind kind) noexcept { return kernels_of(kind); }

}  // namespace nearlite::avx2
NEARLITE_AVX2_END
#endif  // NEARLITE_X86
