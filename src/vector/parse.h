// Vectors as users write them: JSON text and blobs. Independent of the locale. Messages say what is
// wrong and where, without the name of the table or column, which the caller puts in front.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nearlite/status.h"
#include "vector/types.h"

namespace nearlite {

/// How a number may be written: as in JSON, or also as C's strtod reads it (".5", "+1").
enum class NumberStyle : std::uint8_t { kJson, kC };

/// Reads a JSON array of numbers, "[1, 2.5, -3e-4]", rounded to the nearest float32. Blanks may
/// stand between the parts. `dim_expected` 0 takes any length in [1, kDimMax]. `out` is replaced;
/// on failure its content is undefined. Errors: kInvalidArgument: not such an array, wrong count,
/// beyond the range of float32.
Status parse_vector_text(std::string_view text, std::size_t dim_expected, std::vector<float>& out,
                         NumberStyle style = NumberStyle::kJson);

/// Reads a bit string, "1011", the first component first. Same arguments as parse_vector_text().
Status parse_bit_text(std::string_view text, std::size_t dim_expected, std::vector<float>& out);
/// Whether `text` has the form of one: digits 0 and 1 only, at least one.
[[nodiscard]] bool is_bit_text(std::string_view text) noexcept;

/// Reads stored components of `type`, little-endian; the size must be that of `dim_expected`
/// components, or with 0 of any whole number of them. Unused bits of a bit vector are ignored.
/// Errors: kInvalidArgument: wrong size, NaN or infinity.
Status parse_vector_blob(std::span<const std::byte> blob, ElementType type,
                         std::size_t dim_expected, std::vector<float>& out);

/// "[1,2.5,-0.0003]": the shortest numbers that read back as the same floats.
[[nodiscard]] std::string format_vector_json(std::span<const float> vector);

/// One such number; also "nan" and "inf", for messages.
[[nodiscard]] std::string format_number(float value);

}  // namespace nearlite
