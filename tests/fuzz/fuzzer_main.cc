// libFuzzer's way in. One program for all targets: NEARLITE_FUZZ_TARGET names the one to run.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "fuzz/targets.h"

namespace {

const nearlite::test::FuzzTarget* target = nullptr;

}  // namespace

extern "C" __attribute__((visibility("default"))) int LLVMFuzzerInitialize(int* /*argc*/,
                                                                           char*** /*argv*/) {
  const char* name = std::getenv("NEARLITE_FUZZ_TARGET");
  for (const auto& one : nearlite::test::fuzz_targets()) {
    if (name != nullptr && std::string_view(name) == one.name) target = &one;
  }
  if (target != nullptr) return 0;
  std::fprintf(stderr, "NEARLITE_FUZZ_TARGET must be one of:");
  for (const auto& one : nearlite::test::fuzz_targets()) std::fprintf(stderr, " %s", one.name);
  std::fprintf(stderr, "\n");
  std::exit(2);
}

extern "C" __attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(
    const std::uint8_t* data, std::size_t size) {
  target->run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
