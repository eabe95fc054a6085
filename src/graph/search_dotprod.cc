// The loops of search_loop.inl and neighbors_loop.inl for int8 codes and 64-bit ARM with the
// dot product of Armv8.2.
#include "graph/sorted_scalar.h"
#include "graph/walk.h"
#include "vector/kernel_neon.h"
#include "vector/simd_target.h"
#if NEARLITE_ARM64
NEARLITE_DOTPROD_BEGIN
namespace nearlite::dotprod {
using scalar::append_less;
using scalar::count_less;
using scalar::insert_sorted;
namespace {

#include "graph/pool.inl"

#include "graph/search_loop.inl"
#include "graph/search_among.inl"
#include "graph/neighbors_loop.inl"
#include "graph/int8_kernels_of.inl"

}  // namespace

const GraphKernels& graph_kernels(CodeKind kind) noexcept { return int8_kernels_of(kind); }

}  // namespace nearlite::dotprod
NEARLITE_DOTPROD_END
#endif  // NEARLITE_ARM64
