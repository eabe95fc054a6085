// The loops of search_loop.inl and neighbors_loop.inl for int8 codes and CPUs with AVX-512
// and VNNI.
#include "graph/sorted_avx512.h"
#include "graph/walk.h"
#include "vector/kernel_avx512.h"
#include "vector/simd_target.h"
#if NEARLITE_X86
NEARLITE_AVX512VNNI_BEGIN
namespace nearlite::avx512vnni {
namespace {

#include "graph/pool.inl"

#include "graph/search_loop.inl"
#include "graph/search_among.inl"
#include "graph/neighbors_loop.inl"
#include "graph/int8_kernels_of.inl"

}  // namespace

const GraphKernels& graph_kernels(CodeKind kind) noexcept { return int8_kernels_of(kind); }

}  // namespace nearlite::avx512vnni
NEARLITE_AVX512VNNI_END
#endif  // NEARLITE_X86
