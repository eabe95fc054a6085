// Every input ever kept (tests/fuzz/corpus/<target>/*: seeds, what the fuzzer found worth keeping,
// and everything that once crashed), and mutations of them from a seed, in every test run: without
// clang, and in whatever build the tests are made.
//
// NEARLITE_MUTATIONS: how many per target.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fuzz/targets.h"
#include "support/random.h"
#include "support/scripts.h"
#include "support/sweep.h"

namespace nearlite::test {
namespace {

using Bytes = std::vector<std::byte>;

std::vector<Bytes> read_corpus(const std::string& target) {
  const char* source = std::getenv("NEARLITE_SOURCE_DIR");
  if (source == nullptr) source = ".";
  const std::filesystem::path folder = std::filesystem::path(source) / "tests/fuzz/corpus" / target;
  std::vector<std::filesystem::path> paths;
  if (std::filesystem::exists(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> inputs{{}};
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    const std::string bytes = text.str();
    const auto* from = reinterpret_cast<const std::byte*>(bytes.data());
    inputs.emplace_back(from, from + bytes.size());
  }
  return inputs;
}

Bytes mutate(Bytes bytes, const std::vector<Bytes>& corpus, Random& random) {
  for (std::uint64_t i = 1 + random.below(6); i > 0; --i) {
    const std::size_t at = random.below(bytes.size() + 1);
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (random.below(5)) {
      case 0:
        if (at < bytes.size()) *place ^= static_cast<std::byte>(1U << random.below(8));
        break;
      case 1:
        if (at < bytes.size()) *place = static_cast<std::byte>(random.below(256));
        break;
      case 2: bytes.insert(place, static_cast<std::byte>(random.below(256))); break;
      case 3:
        if (at < bytes.size()) bytes.erase(place);
        break;
      default: {
        const Bytes& other = corpus[random.below(corpus.size())];
        const std::size_t from = random.below(other.size() + 1);
        const std::size_t size = random.below(std::min<std::size_t>(other.size() - from, 24) + 1);
        const auto begin = other.begin() + static_cast<std::ptrdiff_t>(from);
        const Bytes piece(begin, begin + static_cast<std::ptrdiff_t>(size));
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), piece.begin(), piece.end());
      }
    }
  }
  return bytes;
}

class Fuzz : public testing::TestWithParam<FuzzTarget> {};

TEST_P(Fuzz, KeptInputsAndTheirMutations) {
  const FuzzTarget& target = GetParam();
  const std::uint64_t seed = seed_of_run(1);
  const std::vector<Bytes> corpus = read_corpus(target.name);
  EXPECT_GE(corpus.size(), 2U) << "there are no inputs to begin with";
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    announce_point(std::string(target.name) + ", kept input " + std::to_string(i));
    target.run(corpus[i]);
  }
  const std::uint64_t count =
      std::min<std::uint64_t>(points_of_run("NEARLITE_MUTATIONS", 400), 20'000);
  for (std::uint64_t n = 0; n < count; ++n) {
    Random random(mix(seed, n));
    announce_point(std::string(target.name) + ", mutation " + std::to_string(n) + " of seed " +
                   std::to_string(seed));
    target.run(mutate(corpus[random.below(corpus.size())], corpus, random));
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Fuzz,
                         testing::ValuesIn(fuzz_targets().begin(), fuzz_targets().end()),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace nearlite::test
