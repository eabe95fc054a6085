// The loops of search_loop.inl and neighbors_loop.inl for any CPU.
#include "graph/sorted_scalar.h"
#include "graph/walk.h"
#include "vector/kernel_scalar.h"
#include "vector/simd_target.h"

namespace nearlite::scalar {
namespace {

#include "graph/pool.inl"

#include "graph/search_loop.inl"
#include "graph/search_among.inl"
#include "graph/neighbors_loop.inl"
#include "graph/kernels_of.inl"

}  // namespace

const GraphKernels& graph_kernels(CodeKind kind) noexcept { return kernels_of(kind); }

}  // namespace nearlite::scalar
