// What a small graph takes of memory, in a process that has freed large blocks before.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <vector>

#include "unit/graph/graph_fixture.h"

namespace nearlite {
namespace {

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// Most indexes are small. Each once took the memory of 8,192 nodes, 20 MB at 384 dimensions, from
// the second on: calloc() reuses blocks that were freed, and clears them by hand.
TEST(GraphMemory, OfASmallGraphIsLittle) {
  for (int i = 0; i < 3; ++i) {
    std::vector<std::vector<char>> freed(12, std::vector<char>(std::size_t{16} << 20));
    freed[0][7] = 1;
  }
  ClusteredVectors source(31, 384, 5, 0.4f);
  const std::vector<TestCode> codes = encode_many(source, 20);
  const std::size_t before = resident_bytes();
  std::vector<std::unique_ptr<Graph>> graphs;
  for (int i = 0; i < 10; ++i) {
    graphs.push_back(make_graph(graph_options(384, 16, 30)));
    insert_all(*graphs.back(), codes);
  }
  EXPECT_LT(resident_bytes() - before, std::size_t{10} << 20) << "ten graphs of twenty nodes";
}
#endif

}  // namespace
}  // namespace nearlite
