#include "vector/distance.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "vector/simd_target.h"

namespace nearlite {
namespace {

constexpr std::size_t kLanes = 8;

/// The sums that a metric needs; which ones, the operation says.
struct Sums {
  double first = 0.0;
  double second = 0.0;
};

enum class Operation { kDot, kSquared, kAbsolute, kCosine };

struct Lanes {
  double first[kLanes] = {};
  double second[kLanes] = {};
};

// Eight components. Compiled once per target; the loops run over constant counts, which compilers
// vectorise.
template <Operation operation>
NEARLITE_ALWAYS_INLINE void add_block(Lanes& lanes, const float* a, const float* b) {
  for (std::size_t i = 0; i < kLanes; ++i) {
    const double x = a[i];
    const double y = b[i];
    if constexpr (operation == Operation::kDot) {
      lanes.first[i] += x * y;
    } else if constexpr (operation == Operation::kSquared) {
      lanes.first[i] += (x - y) * (x - y);
    } else if constexpr (operation == Operation::kAbsolute) {
      lanes.first[i] += std::abs(x - y);
    } else {
      lanes.first[i] += x * y;
      lanes.second[i] += y * y;
    }
  }
}

NEARLITE_ALWAYS_INLINE double total(double (&lanes)[kLanes]) {
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

template <Operation operation>
NEARLITE_ALWAYS_INLINE Sums sum(const float* a, const float* b, std::size_t dim) {
  Lanes lanes;
  std::size_t at = 0;
  for (; at + kLanes <= dim; at += kLanes) add_block<operation>(lanes, a + at, b + at);
  if (at < dim) {
    // Zeros add +0 to the lanes behind the end, which no sum notices.
    float tail_a[kLanes] = {};
    float tail_b[kLanes] = {};
    std::memcpy(tail_a, a + at, (dim - at) * sizeof(float));
    std::memcpy(tail_b, b + at, (dim - at) * sizeof(float));
    add_block<operation>(lanes, tail_a, tail_b);
  }
  return {total(lanes.first), total(lanes.second)};
}

NEARLITE_ALWAYS_INLINE std::uint64_t count_bits(const std::byte* a, const std::byte* b,
                                                std::size_t bytes) {
  std::uint64_t count = 0;
  std::size_t at = 0;
  for (; at < bytes; at += 8) {
    const std::size_t size = std::min<std::size_t>(8, bytes - at);
    std::uint64_t x = 0;
    std::uint64_t y = 0;
    std::memcpy(&x, a + at, size);
    std::memcpy(&y, b + at, size);
    count += static_cast<std::uint64_t>(std::popcount(x ^ y));
  }
  return count;
}

struct Functions {
  Sums (*dot)(const float* a, const float* b, std::size_t dim) noexcept;
  Sums (*squared)(const float* a, const float* b, std::size_t dim) noexcept;
  Sums (*absolute)(const float* a, const float* b, std::size_t dim) noexcept;
  Sums (*cosine)(const float* a, const float* b, std::size_t dim) noexcept;
  std::uint64_t (*bits)(const std::byte* a, const std::byte* b, std::size_t bytes) noexcept;
};

}  // namespace

#define NEARLITE_DISTANCES                                                                    \
  template <Operation operation>                                                              \
  Sums sum_of(const float* a, const float* b, std::size_t dim) noexcept {                     \
    return sum<operation>(a, b, dim);                                                         \
  }                                                                                           \
  std::uint64_t bits_of(const std::byte* a, const std::byte* b, std::size_t bytes) noexcept { \
    return count_bits(a, b, bytes);                                                           \
  }                                                                                           \
  constexpr Functions kFunctions{sum_of<Operation::kDot>, sum_of<Operation::kSquared>,        \
                                 sum_of<Operation::kAbsolute>, sum_of<Operation::kCosine>,    \
                                 bits_of};

namespace scalar {
namespace {
NEARLITE_DISTANCES
}  // namespace
}  // namespace scalar

#if NEARLITE_X86
NEARLITE_AVX2_BEGIN
namespace avx2 {
namespace {
NEARLITE_DISTANCES
}  // namespace
}  // namespace avx2
NEARLITE_AVX2_END

NEARLITE_AVX512_BEGIN
namespace avx512 {
namespace {
NEARLITE_DISTANCES
}  // namespace
}  // namespace avx512
NEARLITE_AVX512_END
#endif

#undef NEARLITE_DISTANCES

namespace {

const Functions& active_functions() noexcept {
#if NEARLITE_X86
  const SimdTarget target = active_simd_target();
  if (target >= SimdTarget::kAvx512) return avx512::kFunctions;
  if (target >= SimdTarget::kAvx2) return avx2::kFunctions;
#endif
  return scalar::kFunctions;
}

double sum_of_squares(const float* vector, std::size_t dim) noexcept {
  return active_functions().dot(vector, vector, dim).first;
}

/// From the squares of the one vector, and the products and squares of the other.
double cosine_of(double squares, const Sums& sums) noexcept {
  // The product is 0, or no number if a component is not finite.
  if (squares == 0.0 || sums.second == 0.0) return 0.0 * sums.second;
  // One root of the product, because sqrt(x * x) is exactly x: equal vectors have similarity 1.
  return std::clamp(sums.first / std::sqrt(squares * sums.second), -1.0, 1.0);
}

double differing_signs(const float* a, const float* b, std::size_t dim) noexcept {
  std::size_t count = 0;
  for (std::size_t i = 0; i < dim; ++i) count += (a[i] > 0.0f) != (b[i] > 0.0f) ? 1u : 0u;
  return static_cast<double>(count);
}

}  // namespace

double cosine_similarity(const float* a, const float* b, std::size_t dim) noexcept {
  return cosine_of(sum_of_squares(a, dim), active_functions().cosine(a, b, dim));
}

double norm(const float* vector, std::size_t dim) noexcept {
  return std::sqrt(sum_of_squares(vector, dim));
}

DistanceFrom::DistanceFrom(Metric metric, const float* a, std::size_t dim) noexcept
    : metric_(metric), a_(a), dim_(dim) {
  if (metric == Metric::kCosine) squares_ = sum_of_squares(a, dim);
}

double DistanceFrom::to(const float* b) const noexcept {
  const Functions& functions = active_functions();
  switch (metric_) {
    case Metric::kCosine: return 1.0 - cosine_of(squares_, functions.cosine(a_, b, dim_));
    case Metric::kL2: return std::sqrt(functions.squared(a_, b, dim_).first);
    case Metric::kIp: return 0.0 - functions.dot(a_, b, dim_).first;
    case Metric::kL1: return functions.absolute(a_, b, dim_).first;
    case Metric::kHamming: return differing_signs(a_, b, dim_);
  }
  return 0.0;
}

double distance(Metric metric, const float* a, const float* b, std::size_t dim) noexcept {
  return DistanceFrom(metric, a, dim).to(b);
}

double hamming_distance(const std::byte* a, const std::byte* b, std::size_t bytes) noexcept {
  return static_cast<double>(active_functions().bits(a, b, bytes));
}

}  // namespace nearlite
