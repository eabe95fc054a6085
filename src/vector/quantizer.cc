#include "vector/quantizer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/assert.h"
#include "vector/quantize_loops.h"
#include "vector/quantize_simd.h"
#include "vector/query_code.h"
#include "vector/sign_code.h"
#include "vector/simd_target.h"

namespace nearlite {
namespace {

// Sixteen float32 fill the 64 bytes of the shortest int8 code.
constexpr std::uint32_t kFloatDimMax = 16;

// Rotated unit vectors of width w have components of standard deviation 1 / sqrt(w); one in 26
// million lies beyond 5.5 deviations, and is clipped.
constexpr double kClipDeviations = 5.5;

// Keeps squared lengths, 2^(2 * 55) * 16,384 = 2^124, and four times that finite.
constexpr float kMagnitudeMax = 0x1p55f;

// Below this, 127 * 256 / magnitude would overflow; squares are zero long before.
constexpr float kMagnitudeMin = 0x1p-110f;

constexpr float kCodeMax = 127.0f;
constexpr float kFractions = 256.0f;  // residual units in a step

// Components of a code, padding included.
constexpr std::size_t width_of(const CodeFormat& format) noexcept {
  if (is_bits(format.kind)) return std::size_t{8} * format.code_bytes;
  return is_int8(format.kind) ? format.code_bytes : format.code_bytes / sizeof(float);
}

constexpr std::uint32_t padded(std::size_t bytes) noexcept {
  return static_cast<std::uint32_t>((bytes + 63) / 64 * 64);
}

CodeKind code_kind(const QuantizerOptions& options) noexcept {
  const bool floats = options.quantize == Quantize::kNone || options.dim <= kFloatDimMax;
  switch (options.metric) {
    case Metric::kCosine:
      if (floats) return CodeKind::kFloatL2;
      return options.quantize == Quantize::kBit ? CodeKind::kSignBits : CodeKind::kInt8Global;
    case Metric::kL2: return floats ? CodeKind::kFloatL2 : CodeKind::kInt8ScaledL2;
    case Metric::kIp: return floats ? CodeKind::kFloatDot : CodeKind::kInt8ScaledDot;
    case Metric::kL1: return CodeKind::kFloatL1;
    case Metric::kHamming: break;
  }
  return CodeKind::kBits;
}

/// The passes, compiled for one target.
struct Loops {
  double (*sum_of_squares)(const float* values, std::size_t width) noexcept;
  void (*multiply)(float* values, std::size_t width, double factor) noexcept;
  void (*limit)(float* values, std::size_t width, float magnitude_max) noexcept;
  float (*largest)(const float* values, std::size_t width) noexcept;
  std::int32_t (*split)(const float* values, std::size_t width, float per_step, std::byte* code,
                        std::byte* residual) noexcept;
  float (*squared_distance)(const float* query, const std::byte* code, const std::byte* residual,
                            std::size_t width, float unit) noexcept;
  float (*product)(const float* query, const std::byte* code, const std::byte* residual,
                   std::size_t width, float unit) noexcept;
};

}  // namespace

// Functions of this target; `source` is the namespace with the passes, which are inlined into them.
#define NEARLITE_LOOPS(source)                                                                    \
  double sum_of_squares(const float* values, std::size_t width) noexcept {                        \
    return loops::sum_of_squares(values, width);                                                  \
  }                                                                                               \
  void multiply(float* values, std::size_t width, double factor) noexcept {                       \
    loops::multiply(values, width, factor);                                                       \
  }                                                                                               \
  void limit_all(float* values, std::size_t width, float magnitude_max) noexcept {                \
    source::limit(values, width, magnitude_max);                                                  \
  }                                                                                               \
  float largest_of(const float* values, std::size_t width) noexcept {                             \
    return source::largest(values, width);                                                        \
  }                                                                                               \
  std::int32_t split_all(const float* values, std::size_t width, float per_step, std::byte* code, \
                         std::byte* residual) noexcept {                                          \
    return source::split(values, width, per_step, code, residual);                                \
  }                                                                                               \
  template <bool squares>                                                                         \
  float compare_all(const float* query, const std::byte* code, const std::byte* residual,         \
                    std::size_t width, float unit) noexcept {                                     \
    return source::compare<squares>(query, code, residual, width, unit);                          \
  }                                                                                               \
  constexpr Loops kLoops{sum_of_squares, multiply,          limit_all,         largest_of,        \
                         split_all,      compare_all<true>, compare_all<false>};

namespace scalar {
namespace {
NEARLITE_LOOPS(loops)
}  // namespace
}  // namespace scalar

#if NEARLITE_X86
NEARLITE_AVX2_BEGIN
namespace avx2 {
namespace {
NEARLITE_LOOPS(avx2)
}  // namespace
}  // namespace avx2
NEARLITE_AVX2_END

NEARLITE_AVX512_BEGIN
namespace avx512 {
namespace {
NEARLITE_LOOPS(avx512)
}  // namespace
}  // namespace avx512
NEARLITE_AVX512_END
#endif

#undef NEARLITE_LOOPS

namespace {

const Loops& active_loops() noexcept {
#if NEARLITE_X86
  const SimdTarget target = active_simd_target();
  if (target >= SimdTarget::kAvx512) return avx512::kLoops;
  if (target >= SimdTarget::kAvx2) return avx2::kLoops;
#endif
  return scalar::kLoops;
}

void encode_bits(std::span<const float> vector, std::byte* code, std::size_t code_bytes) noexcept {
  std::memset(code, 0, code_bytes);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const auto bit = static_cast<unsigned>(vector[i] > 0.0f);
    code[i / 8] |= static_cast<std::byte>(bit << (i % 8));
  }
}

}  // namespace

CodeFormat code_format(const QuantizerOptions& options) noexcept {
  CodeFormat format;
  format.kind = code_kind(options);
  format.dim = options.dim;
  if (is_int8(format.kind)) {
    format.code_bytes = padded(options.dim);
    format.residual_bytes = format.code_bytes;
  } else if (is_bits(format.kind)) {
    format.code_bytes = padded((std::size_t{options.dim} + 7) / 8);
  } else {
    format.code_bytes = padded(sizeof(float) * options.dim);
  }
  return format;
}

Status EncodeScratch::reserve(const CodeFormat& format) {
  const std::size_t bytes = sizeof(float) * width_of(format);
  if (Status status = values_.reserve(bytes); !status.ok()) return status;
  return spare_.reserve(bytes);
}

Quantizer::Quantizer(const QuantizerOptions& options, std::span<const float> centre)
    : options_(options), format_(code_format(options)), width_(width_of(format_)) {
  if (!is_int8(format_.kind) && format_.kind != CodeKind::kSignBits) return;
  rotation_.emplace(static_cast<std::uint32_t>(width_), options.seed);
  const double width = static_cast<double>(width_);
  step_ = static_cast<float>(std::min(1.0, kClipDeviations / std::sqrt(width)) / double{kCodeMax});
  if (uses_centre() && !centre.empty()) {
    centre_.assign(width_, 0.0f);
    std::copy(centre.begin(), centre.end(), centre_.begin());
  }
}

std::uint32_t head_squares(const CodeFormat& format, const std::byte* code) noexcept {
  std::uint32_t squares = 0;
  for (std::size_t i = 0, end = head_bytes(format); i < end; ++i) {
    const int value = static_cast<int>(code[i]) - 128;
    squares += static_cast<std::uint32_t>(value * value);
  }
  return squares;
}

bool Quantizer::load(std::span<const float> vector, float* values, float* spare) const noexcept {
  NEARLITE_ASSERT(vector.size() == options_.dim);
  std::memcpy(values, vector.data(), vector.size() * sizeof(float));
  std::memset(values + vector.size(), 0, (width_ - vector.size()) * sizeof(float));
  if (options_.metric == Metric::kCosine) {
    const Loops& loops = active_loops();
    const double squares = loops.sum_of_squares(values, width_);
    if (squares == 0.0) return false;
    loops.multiply(values, width_, 1.0 / std::sqrt(squares));
  } else if (is_int8(format_.kind) || format_.kind == CodeKind::kFloatDot) {
    if (!centre_.empty()) loops::subtract(values, centre_.data(), width_);
    active_loops().limit(values, width_, kMagnitudeMax);
  }
  if (rotation_) rotation_->apply(values, spare);
  return true;
}

void Quantizer::encode_values(const float* values, std::byte* code, std::byte* residual,
                              CodeInfo& info) const noexcept {
  info = {};
  if (format_.kind == CodeKind::kSignBits) {
    encode_signs({values, width_}, code);
    return;
  }
  if (!is_int8(format_.kind)) {
    std::memcpy(code, values, format_.code_bytes);
    return;
  }
  const Loops& loops = active_loops();
  if (format_.kind == CodeKind::kInt8Global) {
    info.b =
        static_cast<std::uint32_t>(loops.split(values, width_, kFractions / step_, code, residual));
    info.a = head_squares(format_, code);
    return;
  }
  const float magnitude = loops.largest(values, width_);
  const bool vanishes = magnitude < kMagnitudeMin;
  const float per_step = vanishes ? 0.0f : kCodeMax * kFractions / magnitude;
  const float scale = vanishes ? 0.0f : magnitude / kCodeMax;
  const auto squares = static_cast<float>(loops.split(values, width_, per_step, code, residual));
  // In the order of finish_key(), so that equal codes have distance exactly zero.
  info.a = std::bit_cast<std::uint32_t>(scale);
  info.b = std::bit_cast<std::uint32_t>((scale * scale) * squares);
}

void Quantizer::encode(std::span<const float> vector, std::byte* code, std::byte* residual,
                       CodeInfo& info, EncodeScratch& scratch) const noexcept {
  if (format_.kind == CodeKind::kBits) {
    info = {};
    encode_bits(vector, code, format_.code_bytes);
    return;
  }
  float* const values = scratch.values_.as<float>();
  static_cast<void>(load(vector, values, scratch.spare_.as<float>()));
  encode_values(values, code, residual, info);
}

Status Quantizer::prepare_search(std::span<const float> vector, SearchQuery& query) const {
  const std::size_t code_bytes = format_.code_bytes;
  for (AlignedBuffer* buffer : {&query.plane_, &query.encoded_, &query.values_}) {
    const std::size_t bytes = buffer == &query.values_    ? sizeof(float) * width_
                              : buffer == &query.encoded_ ? 2 * code_bytes
                                                          : code_bytes;
    if (Status status = buffer->reserve(bytes); !status.ok()) return status;
  }
  if (Status status = query.scratch_.reserve(format_); !status.ok()) return status;
  std::byte* const code = query.encoded_.data();
  CodeInfo info;
  query.zero_ = false;
  if (format_.kind == CodeKind::kBits) {
    encode_bits(vector, code, code_bytes);
  } else {
    float* const values = query.values_.as<float>();
    query.zero_ = !load(vector, values, query.scratch_.spare_.as<float>());
    if (format_.kind == CodeKind::kSignBits) {
      if (Status status = query.signs_.prepare({values, width_}); !status.ok()) return status;
      query.code_ = query.signs_.code();
      return {};
    }
    encode_values(values, code, code + code_bytes, info);
  }
  query.code_ = prepare_query(format_, code, info, query.plane_.data());
  return {};
}

float Quantizer::rescore(const SearchQuery& query, const std::byte* code, const std::byte* residual,
                         CodeInfo info) const noexcept {
  if (format_.kind == CodeKind::kBits) {
    const KeyFunctions functions = key_functions(format_.kind, active_simd_target());
    return static_cast<float>(functions.key(query.code_, code, info, format_));
  }
  if (format_.kind == CodeKind::kSignBits) {
    return query.zero_ ? 1.0f : 1.0f - query.signs_.cosine(code);
  }
  if (is_int8(format_.kind)) return rescore_int8(query, code, residual, info);
  return rescore_floats(query, code);
}

float Quantizer::rescore_int8(const SearchQuery& query, const std::byte* code,
                              const std::byte* residual, CodeInfo info) const noexcept {
  const Loops& loops = active_loops();
  const float* const values = query.values_.as<float>();
  if (format_.kind == CodeKind::kInt8Global) {
    if (query.zero_ || info.b == 0) return 1.0f;  // the cosine distance of a zero vector
    // |a - b|^2 / 2 = 1 - ab for unit vectors, without the cancellation of 1 - ab.
    return 0.5f * loops.squared_distance(values, code, residual, width_, step_ / kFractions);
  }
  const float unit = std::bit_cast<float>(info.a) / kFractions;
  if (format_.kind == CodeKind::kInt8ScaledL2) {
    return std::sqrt(loops.squared_distance(values, code, residual, width_, unit));
  }
  return 0.0f - unit * loops.product(values, code, residual, width_, 1.0f);
}

float Quantizer::rescore_floats(const SearchQuery& query, const std::byte* code) const noexcept {
  double sum = 0.0;
  double squares = 0.0;
  for (std::size_t i = 0; i < width_; ++i) {
    float stored = 0.0f;
    std::memcpy(&stored, code + i * sizeof(float), sizeof(float));
    const double a = query.values_.as<float>()[i];
    const double b = stored;
    squares += b * b;
    if (format_.kind == CodeKind::kFloatDot) {
      sum += a * b;
    } else if (format_.kind == CodeKind::kFloatL1) {
      sum += std::abs(a - b);
    } else {
      sum += (a - b) * (a - b);
    }
  }
  if (format_.kind == CodeKind::kFloatDot) return static_cast<float>(0.0 - sum);
  if (format_.kind == CodeKind::kFloatL1) return static_cast<float>(sum);
  if (options_.metric != Metric::kCosine) return static_cast<float>(std::sqrt(sum));
  return query.zero_ || squares == 0.0 ? 1.0f : static_cast<float>(0.5 * sum);
}

float Quantizer::deviation(float distance) const noexcept {
  return sign_deviation(1.0f - distance, width_);
}

float Quantizer::distance_of_key(std::uint32_t key) const noexcept {
  if (is_bits(format_.kind)) return static_cast<float>(key);
  if (format_.kind == CodeKind::kInt8Global) return 0.5f * step_ * step_ * static_cast<float>(key);
  const std::uint32_t flip = (key >> 31) != 0 ? 0x8000'0000u : 0xFFFF'FFFFu;
  const float value = std::bit_cast<float>(key ^ flip);
  const bool dot = format_.kind == CodeKind::kInt8ScaledDot || format_.kind == CodeKind::kFloatDot;
  if (dot || format_.kind == CodeKind::kFloatL1) return value;
  return options_.metric == Metric::kCosine ? 0.5f * value : std::sqrt(value);
}

}  // namespace nearlite
