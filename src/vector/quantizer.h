// From vectors to the codes that the graph is walked on, and back to distances.
//
// A Quantizer is a pure function of the options of an index, its seed and its centre: equal inputs
// give equal bytes on every CPU, so codes need not be stored, and graphs built on different
// machines are the same.
//
//   cosine    normalised, rotated, one step for all vectors (kInt8Global)
//   l2        centre subtracted, rotated, a step per vector (kInt8ScaledL2)
//   ip        rotated, a step per vector (kInt8ScaledDot)
//   l1        float32 (kFloatL1)
//   hamming   bits (kBits)
// With Quantize::kBit cosine is coarser: normalised, rotated, and only the signs kept (kSignBits).
// With Quantize::kNone, or where sixteen floats are no longer than a code, cosine and l2 use
// kFloatL2 and ip uses kFloatDot.
//
// Beside an int8 code there is a residual plane, with the error of the quantisation in 256ths of a
// step. Together they give distances to about 1e-5, enough to order the candidates of a search
// without reading rows. Signs have none: their distances are estimates, to about .05.
//
// Extreme input never yields NaN: components beyond +-2^55 count as that (int8 kinds and
// kFloatDot), and int8 codes of vectors whose components are all below 2^-110 (l2, ip) are zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/aligned.h"
#include "nearlite/status.h"
#include "vector/rotation.h"
#include "vector/sign_code.h"
#include "vector/types.h"

namespace nearlite {

struct QuantizerOptions {
  Metric metric = Metric::kCosine;
  ElementType element_type = ElementType::kFloat32;
  std::uint32_t dim = 0;  ///< in [1, kDimMax]
  Quantize quantize = Quantize::kInt8;
  std::uint64_t seed = 0;
};

/// Kind and sizes of the codes of an index with these options.
[[nodiscard]] CodeFormat code_format(const QuantizerOptions& options) noexcept;

/// CodeInfo::a of a code that has a head; else 0.
[[nodiscard]] std::uint32_t head_squares(const CodeFormat& format, const std::byte* code) noexcept;

/// Working memory of encode(); one per thread. REQUIRES: reserve() before the first use with a
/// format.
class EncodeScratch {
 public:
  Status reserve(const CodeFormat& format);

 private:
  friend class Quantizer;
  AlignedBuffer values_;
  AlignedBuffer spare_;
};

/// A query in both forms: as a code for the walk, and unquantised for rescoring. Made by
/// Quantizer::prepare_search(); may be used again for another query, then it allocates nothing.
class SearchQuery {
 public:
  [[nodiscard]] const QueryCode& code() const noexcept { return code_; }

 private:
  friend class Quantizer;
  QueryCode code_;
  bool zero_ = false;     // cosine: the query has no direction
  AlignedBuffer values_;  // rotated floats, or those of a float code
  AlignedBuffer plane_;   // what code_.data points to
  AlignedBuffer encoded_;
  SignQuery signs_;  // kSignBits
  EncodeScratch scratch_;
};

/// Immutable and shared by all threads.
class Quantizer {
 public:
  /// `centre` has options.dim components, or none: then nothing is subtracted. Codes made with
  /// different centres cannot be compared.
  explicit Quantizer(const QuantizerOptions& options, std::span<const float> centre = {});

  [[nodiscard]] const CodeFormat& format() const noexcept { return format_; }
  [[nodiscard]] const QuantizerOptions& options() const noexcept { return options_; }
  /// Whether codes depend on the centre (kInt8ScaledL2 only).
  [[nodiscard]] bool uses_centre() const noexcept {
    return format_.kind == CodeKind::kInt8ScaledL2;
  }

  /// Writes format().code_bytes to `code` and format().residual_bytes to `residual` (may be null
  /// where that is 0). REQUIRES: vector.size() == dim, all components finite, 64-byte aligned
  /// destinations.
  void encode(std::span<const float> vector, std::byte* code, std::byte* residual, CodeInfo& info,
              EncodeScratch& scratch) const noexcept;

  /// Makes `query` ready for the kernels and for rescore(). Errors: kNoMemory.
  Status prepare_search(std::span<const float> vector, SearchQuery& query) const;

  /// The distance between the query and a stored vector in the index's metric, from code and
  /// residual: the relative error is about 1e-5 of the larger of distance and the vectors' own
  /// length (kSignBits: an estimate). Same bits on every CPU. About 50 ns for 384 dimensions. Never
  /// NaN.
  [[nodiscard]] float rescore(const SearchQuery& query, const std::byte* code,
                              const std::byte* residual, CodeInfo info) const noexcept;

  /// kSignBits: what rescore() errs by, as a standard deviation, where it says `distance`.
  [[nodiscard]] float deviation(float distance) const noexcept;

  /// The distance that a comparison key stands for, as well as codes alone can tell. Bits: how many
  /// differ.
  [[nodiscard]] float distance_of_key(std::uint32_t key) const noexcept;

 private:
  // Fills the scratch with the components to be quantised, padded with zeros. False: cosine of a
  // zero vector.
  bool load(std::span<const float> vector, float* values, float* spare) const noexcept;
  void encode_values(const float* values, std::byte* code, std::byte* residual,
                     CodeInfo& info) const noexcept;
  [[nodiscard]] float rescore_int8(const SearchQuery& query, const std::byte* code,
                                   const std::byte* residual, CodeInfo info) const noexcept;
  [[nodiscard]] float rescore_floats(const SearchQuery& query,
                                     const std::byte* code) const noexcept;

  QuantizerOptions options_;
  CodeFormat format_;
  std::size_t width_;                 // components of a code, padding included
  std::optional<Rotation> rotation_;  // int8 kinds and kSignBits
  std::vector<float> centre_;         // padded to width_, or empty
  float step_ = 0.0f;                 // kInt8Global: value of one unit of a code
};

}  // namespace nearlite
