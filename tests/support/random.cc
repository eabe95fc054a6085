#include "support/random.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace nearlite::test {

std::uint64_t environment_number(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? fallback : std::strtoull(text, nullptr, 0);
}

std::uint64_t seed_of_run(std::uint64_t fallback) {
  return environment_number("NEARLITE_SEED", fallback);
}

std::string replay_command(std::uint64_t seed) {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string program(path.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  std::string command = "NEARLITE_SEED=" + std::to_string(seed) + " " + program;
  if (const auto* info = testing::UnitTest::GetInstance()->current_test_info()) {
    command += std::string(" --gtest_filter=") + info->test_suite_name() + "." + info->name();
  }
  return command;
}

}  // namespace nearlite::test
