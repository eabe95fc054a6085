#include "support/scratch.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <vector>

namespace nearlite::test {

ScratchFolder::ScratchFolder() {
  const char* base = std::getenv("NEARLITE_SCRATCH");
  if (base == nullptr) base = std::getenv("TMPDIR");
  if (base == nullptr) base = "/tmp";
  std::string pattern = std::string(base) + "/nearlite-test-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder below " + pattern);
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  if (testing::Test::HasFailure() && std::getenv("NEARLITE_KEEP") != nullptr) {
    std::fprintf(stderr, "kept for a look: %s\n", path_.c_str());
    return;
  }
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void ScratchFolder::clear() const {
  std::vector<std::filesystem::path> entries;
  for (const auto& entry : std::filesystem::directory_iterator(path_))
    entries.push_back(entry.path());
  for (const auto& entry : entries) std::filesystem::remove_all(entry);
}

}  // namespace nearlite::test
