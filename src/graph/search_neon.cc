// The loops of search_loop.inl and neighbors_loop.inl for 64-bit ARM.
#include "graph/sorted_scalar.h"
#include "graph/walk.h"
#include "vector/kernel_neon.h"
#include "vector/simd_target.h"
#if NEARLITE_ARM64
namespace nearlite::neon {
using scalar::append_less;
using scalar::count_less;
using scalar::insert_sorted;
namespace {

#include "graph/pool.inl"

#include "graph/search_loop.inl"
#include "graph/search_among.inl"
#include "graph/neighbors_loop.inl"
#include "graph/kernels_of.inl"

}  // namespace

const GraphKernels& graph_kernels(CodeKind kind) noexcept { return kernels_of(kind); }

}  // namespace nearlite::neon
#endif  // NEARLITE_ARM64
