// Reproducible randomness for tests.
//
// Every random test starts from one 64-bit seed, taken from NEARLITE_SEED if that is set, and
// prints it with the command that repeats the run. The standard library's distributions differ
// between libraries, so the few draws that tests need are written out here: the same seed gives the
// same statements everywhere.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

namespace nearlite::test {

/// splitmix64: tiny, splittable (any 64-bit number is a good seed), and good enough to choose
/// statements with.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// A number in [0, bound); bound 0 gives 0.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  /// A number in [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }
  bool chance(unsigned percent) { return below(100) < percent; }
  /// In [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  /// Standard normal (Box and Muller).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - unit()));
    return radius * std::cos(6.283185307179586 * unit());
  }

 private:
  std::uint64_t state_;
};

/// Mixes two numbers into a seed, so that (seed, n) names a stream of its own.
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  return Random(a ^ (b * 0xd1342543de82ef95ULL + 0x2545f4914f6cdd1dULL)).next();
}

/// The seed of this run: NEARLITE_SEED, or `fallback` (fixed, so that CI is reproducible; long runs
/// set the variable).
std::uint64_t seed_of_run(std::uint64_t fallback);

/// An integer from the environment, or `fallback` when it is not set.
std::uint64_t environment_number(const char* name, std::uint64_t fallback);

/// "NEARLITE_SEED=7 <this program> --gtest_filter=<the running test>", the line that repeats a
/// failure.
std::string replay_command(std::uint64_t seed);

}  // namespace nearlite::test
