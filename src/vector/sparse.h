// Vectors of which most components are zero: only the others are kept. Such come from models that
// weigh words (SPLADE, BM25), with one dimension for each word they know.
//
// As text they are pgvector's sparsevec, {index:value,…}/dimensions, whose indices begin at 1; as
// blob a uint32 with the number of dimensions, then all indices as uint32, which begin at 0, then
// all values as float32, little-endian. So numpy's arrays are a blob as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nearlite/status.h"

namespace nearlite {

/// Both as in pgvector.
inline constexpr std::uint32_t kSparseDimMax = 1'000'000'000;
inline constexpr std::size_t kSparseNonzerosMax = 16'000;

struct SparseVector {
  std::uint32_t dim = 0;
  std::vector<std::uint32_t> indices;  ///< ascending, each below dim
  std::vector<float> values;           ///< one for each index; finite, not zero

  bool operator==(const SparseVector&) const = default;
};

/// Reads the text form. Blanks may stand between the parts, indices in any order; zeros are left
/// out. `dim_expected` 0 takes any number of dimensions. `out` is replaced; on failure its content
/// is undefined. Errors: kInvalidArgument with a plain phrase: not of this form, other dimensions,
/// an index outside of them or twice, a value that float32 cannot hold, too many values.
Status parse_sparse_text(std::string_view text, std::uint32_t dim_expected, SparseVector& out);

/// Reads the blob form; the rest as above.
Status parse_sparse_blob(std::span<const std::byte> blob, std::uint32_t dim_expected,
                         SparseVector& out);

/// The blob form, which is the same for equal vectors.
[[nodiscard]] std::vector<std::byte> sparse_blob(const SparseVector& vector);

/// "{1:0.5,17:2}/100": the shortest numbers that read back as the same floats.
[[nodiscard]] std::string format_sparse_text(const SparseVector& vector);

/// Sum of the products, added in double precision by ascending index; nullopt if the two share no
/// index.
[[nodiscard]] std::optional<double> shared_dot(const SparseVector& a,
                                               const SparseVector& b) noexcept;

}  // namespace nearlite
