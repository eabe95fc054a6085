#include "base/lines_ahead.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace nearlite {
namespace {

// What it is for shows in benchmarks only; that it reads nothing shows here.
TEST(LinesAhead, TakesAnyAddress) {
  LinesAhead lines;
  const std::vector<std::byte> memory(10'000);
  lines.add(memory.data(), memory.size());
  lines.add(reinterpret_cast<const std::byte*>(std::uintptr_t{1}), 20'000);
  lines.add(memory.data(), 0);
  lines.fetch();
  lines.fetch();
  lines.add(memory.data(), 1);
  lines.clear();
  lines.fetch();
}

}  // namespace
}  // namespace nearlite
