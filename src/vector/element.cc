#include "vector/element.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "vector/parse.h"

namespace nearlite {
namespace {

constexpr std::uint32_t kSign = 0x8000'0000u;
constexpr std::uint32_t kInfinity = 0x7F80'0000u;

Status refuse(std::size_t index, float value, const char* why) {
  return Status(Code::kInvalidArgument, "component " + std::to_string(index + 1) + " is " +
                                            format_number(value) + ": " + why);
}

void store16(std::byte* bytes, std::size_t index, std::uint16_t bits) noexcept {
  std::memcpy(bytes + 2 * index, &bits, 2);
}

std::uint16_t load16(const std::byte* bytes, std::size_t index) noexcept {
  std::uint16_t bits = 0;
  std::memcpy(&bits, bytes + 2 * index, 2);
  return bits;
}

bool is_infinite16(std::uint16_t bits, std::uint16_t infinity) noexcept {
  return (bits & 0x7FFF) == infinity;
}

}  // namespace

std::uint16_t to_float16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits & kSign) >> 16);
  const std::uint32_t magnitude = bits & ~kSign;
  if (magnitude > kInfinity) return static_cast<std::uint16_t>(sign | 0x7E00);  // NaN
  // From 65,520 on, half way between the largest float16 (65,504) and 2^16, the nearest is
  // infinity.
  if (magnitude >= std::bit_cast<std::uint32_t>(65'520.0f))
    return static_cast<std::uint16_t>(sign | 0x7C00);
  if (magnitude < std::bit_cast<std::uint32_t>(0x1p-14f)) {
    // Below the normal range float16 counts in units of 2^-24. Adding 0.5, whose last bit is worth
    // 2^-24, makes the adder round to them.
    const float aligned = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(aligned) & 0x07FF));
  }
  // Move the exponent from bias 127 to 15, then round 13 bits away: half, or just less when the
  // last bit that stays is zero. A carry runs into the exponent, as it should.
  const std::uint32_t moved = magnitude - (112u << 23);
  const std::uint32_t odd = (moved >> 13) & 1;
  return static_cast<std::uint16_t>(sign | ((moved + 0x0FFF + odd) >> 13));
}

float from_float16(std::uint16_t half) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(half & 0x7FFF) << 13;
  if (magnitude >= (0x7C00u << 13)) {  // infinity and NaN
    return std::bit_cast<float>(sign | kInfinity | (magnitude & 0x007F'FFFF));
  }
  if (magnitude < (0x0400u << 13)) {
    // Units of 2^-24: put under a leading 2^-14, which is then taken away again; exact, and without
    // denormal operands, which a host may have switched off.
    const float value = std::bit_cast<float>((113u << 23) + magnitude) - 0x1p-14f;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
  }
  return std::bit_cast<float>(sign | (magnitude + (112u << 23)));  // bias 15 to 127
}

std::uint16_t to_bfloat16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & ~kSign) > kInfinity)
    return static_cast<std::uint16_t>((bits >> 16) | 0x0040);  // NaN stays NaN
  const std::uint32_t odd = (bits >> 16) & 1;
  return static_cast<std::uint16_t>((bits + 0x7FFF + odd) >> 16);
}

float from_bfloat16(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

Status encode(ElementType type, std::span<const float> vector, std::byte* bytes) {
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (!std::isfinite(vector[i])) return refuse(i, vector[i], "not a finite number");
  }
  switch (type) {
    case ElementType::kFloat32: std::memcpy(bytes, vector.data(), vector.size_bytes()); break;
    case ElementType::kFloat16:
      for (std::size_t i = 0; i < vector.size(); ++i) {
        const std::uint16_t bits = to_float16(vector[i]);
        if (is_infinite16(bits, 0x7C00)) return refuse(i, vector[i], "float16 holds at most 65504");
        store16(bytes, i, bits);
      }
      break;
    case ElementType::kBFloat16:
      for (std::size_t i = 0; i < vector.size(); ++i) {
        const std::uint16_t bits = to_bfloat16(vector[i]);
        if (is_infinite16(bits, 0x7F80))
          return refuse(i, vector[i], "bfloat16 holds at most 3.3895314e+38");
        store16(bytes, i, bits);
      }
      break;
    case ElementType::kInt8:
      for (std::size_t i = 0; i < vector.size(); ++i) {
        const bool fits =
            vector[i] >= -128.0f && vector[i] <= 127.0f && vector[i] == std::trunc(vector[i]);
        if (!fits) return refuse(i, vector[i], "int8 holds whole numbers from -128 to 127");
        bytes[i] = static_cast<std::byte>(static_cast<std::int8_t>(vector[i]));
      }
      break;
    case ElementType::kBit:
      std::memset(bytes, 0, vector_bytes(type, vector.size()));
      for (std::size_t i = 0; i < vector.size(); ++i) {
        const auto bit = static_cast<unsigned>(vector[i] > 0.0f);
        bytes[i / 8] |= static_cast<std::byte>(bit << (i % 8));
      }
      break;
  }
  return {};
}

void decode(ElementType type, const std::byte* bytes, std::size_t dim, float* vector) noexcept {
  switch (type) {
    case ElementType::kFloat32: std::memcpy(vector, bytes, dim * sizeof(float)); break;
    case ElementType::kFloat16:
      for (std::size_t i = 0; i < dim; ++i) vector[i] = from_float16(load16(bytes, i));
      break;
    case ElementType::kBFloat16:
      for (std::size_t i = 0; i < dim; ++i) vector[i] = from_bfloat16(load16(bytes, i));
      break;
    case ElementType::kInt8:
      for (std::size_t i = 0; i < dim; ++i)
        vector[i] = static_cast<float>(static_cast<std::int8_t>(bytes[i]));
      break;
    case ElementType::kBit:
      for (std::size_t i = 0; i < dim; ++i) {
        vector[i] = static_cast<float>((static_cast<unsigned>(bytes[i / 8]) >> (i % 8)) & 1u);
      }
      break;
  }
}

const float* stored_floats(ElementType type, const std::byte* bytes) noexcept {
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(bytes) % alignof(float) == 0;
  return type == ElementType::kFloat32 && is_aligned ? reinterpret_cast<const float*>(bytes)
                                                     : nullptr;
}

bool are_finite(std::span<const float> values) noexcept {
  // By the exponent, without leaving the loop early and in lanes: so it is done in whole registers.
  constexpr std::uint32_t kExponent = 0x7F80'0000U;
  constexpr std::size_t kLanes = 16;
  const auto is_found = [](float value) {
    return (std::bit_cast<std::uint32_t>(value) & kExponent) == kExponent ? ~0U : 0U;
  };
  std::uint32_t found[kLanes] = {};
  std::size_t at = 0;
  for (; at + kLanes <= values.size(); at += kLanes) {
    for (std::size_t i = 0; i < kLanes; ++i) found[i] |= is_found(values[at + i]);
  }
  for (; at < values.size(); ++at) found[0] |= is_found(values[at]);
  std::uint32_t any = 0;
  for (const std::uint32_t lane : found) any |= lane;
  return any == 0;
}

}  // namespace nearlite
