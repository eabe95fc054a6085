// The definition of each metric. Speed does not matter here; distance.cc is the fast one.
#include <bit>
#include <cmath>

#include "vector/distance.h"

namespace nearlite::reference {
namespace {

constexpr std::size_t kLanes = 8;

/// A sum in the fixed order.
class Sum {
 public:
  void add(std::size_t component, double term) noexcept { lanes_[component % kLanes] += term; }

  [[nodiscard]] double total() const noexcept {
    return ((lanes_[0] + lanes_[4]) + (lanes_[2] + lanes_[6])) +
           ((lanes_[1] + lanes_[5]) + (lanes_[3] + lanes_[7]));
  }

 private:
  double lanes_[kLanes] = {};
};

double cosine_distance(double dot, double squares_a, double squares_b) noexcept {
  if (squares_a == 0.0 || squares_b == 0.0) return 1.0;
  const double similarity = dot / std::sqrt(squares_a * squares_b);
  if (similarity > 1.0) return 0.0;
  if (similarity < -1.0) return 2.0;
  return 1.0 - similarity;
}

}  // namespace

double distance(Metric metric, const float* a, const float* b, std::size_t dim) noexcept {
  Sum dot;
  Sum squares_a;
  Sum squares_b;
  Sum squared;
  Sum absolute;
  double differing = 0.0;
  for (std::size_t i = 0; i < dim; ++i) {
    const double x = a[i];
    const double y = b[i];
    dot.add(i, x * y);
    squares_a.add(i, x * x);
    squares_b.add(i, y * y);
    squared.add(i, (x - y) * (x - y));
    absolute.add(i, std::abs(x - y));
    if ((x > 0.0) != (y > 0.0)) differing += 1.0;
  }
  switch (metric) {
    case Metric::kCosine: return cosine_distance(dot.total(), squares_a.total(), squares_b.total());
    case Metric::kL2: return std::sqrt(squared.total());
    case Metric::kIp: return 0.0 - dot.total();  // never -0
    case Metric::kL1: return absolute.total();
    case Metric::kHamming: return differing;
  }
  return 0.0;
}

double hamming_distance(const std::byte* a, const std::byte* b, std::size_t bytes) noexcept {
  int count = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    count += std::popcount(static_cast<unsigned char>(a[i] ^ b[i]));
  }
  return count;
}

}  // namespace nearlite::reference
