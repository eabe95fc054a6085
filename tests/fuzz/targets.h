// What is fuzzed, each as a function from bytes: for libFuzzer (fuzzer_main.cc, built by clang with
// the preset `fuzz`) and for the replay of the corpus in every test run (replay_test.cc).
//
// A target returns when its input was dealt with, whatever the answer; it aborts when something
// that must hold does not (round trips, judged answers), beside what sanitizers find.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nearlite::test {

struct FuzzTarget {
  const char* name;  ///< also of its folder in tests/fuzz/corpus
  void (*run)(std::span<const std::byte> input);
};

/// All of them.
std::span<const FuzzTarget> fuzz_targets();

}  // namespace nearlite::test
