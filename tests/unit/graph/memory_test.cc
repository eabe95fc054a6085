// What a graph takes of memory.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "support/resident.h"
#include "unit/graph/graph_fixture.h"

namespace nearlite {
namespace {

#ifdef NEARLITE_TELLS_RESIDENT
// Most indexes are small. Each once took the memory of 8,192 nodes, 20 MB at 384 dimensions, from
// the second on: calloc() reuses blocks that were freed, and clears them by hand.
TEST(GraphMemory, OfASmallGraphIsLittle) {
  for (int i = 0; i < 3; ++i) {
    std::vector<std::vector<char>> freed(12, std::vector<char>(std::size_t{16} << 20));
    freed[0][7] = 1;
  }
  ClusteredVectors source(31, 384, 5, 0.4f);
  const std::vector<TestCode> codes = encode_many(source, 20);
  const std::size_t before = test::resident_bytes();
  std::vector<std::unique_ptr<Graph>> graphs;
  for (int i = 0; i < 10; ++i) {
    graphs.push_back(make_graph(graph_options(384, 16, 30)));
    insert_all(*graphs.back(), codes);
  }
  EXPECT_LT(test::resident_bytes() - before, std::size_t{10} << 20) << "ten graphs of twenty nodes";
}
#endif

}  // namespace
}  // namespace nearlite
