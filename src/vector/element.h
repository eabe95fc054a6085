// How components are stored: float32, float16, bfloat16, int8, bit. All arithmetic is on float32;
// this is the way there and back.
//
// FORMAT: little-endian, no header; bits are packed eight to a byte, lowest bit first, the unused
// bits of the last byte zero. Conversion to a shorter float rounds to nearest, ties to even, on
// every CPU alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "nearlite/status.h"
#include "vector/types.h"

namespace nearlite {

/// The nearest float16 or bfloat16; magnitudes beyond the largest become infinity.
[[nodiscard]] std::uint16_t to_float16(float value) noexcept;
[[nodiscard]] std::uint16_t to_bfloat16(float value) noexcept;
/// Exact.
[[nodiscard]] float from_float16(std::uint16_t bits) noexcept;
[[nodiscard]] float from_bfloat16(std::uint16_t bits) noexcept;

/// Stores `vector` as vector_bytes(type, vector.size()) bytes. float16 and bfloat16 round; int8
/// takes whole numbers in [-128, 127] only; bit stores whether a component is positive. Errors:
/// kInvalidArgument, naming the component: not finite, too large for the type, not a whole number.
Status encode(ElementType type, std::span<const float> vector, std::byte* bytes);

/// The components of stored bytes; exact. Bits become 0 and 1. REQUIRES: vector_bytes(type, dim)
/// bytes.
void decode(ElementType type, const std::byte* bytes, std::size_t dim, float* vector) noexcept;

/// The components where they lie, if they need not be decoded; else null. REQUIRES: as decode().
[[nodiscard]] const float* stored_floats(ElementType type, const std::byte* bytes) noexcept;

/// Neither infinity nor NaN among them.
[[nodiscard]] bool are_finite(std::span<const float> values) noexcept;

}  // namespace nearlite
