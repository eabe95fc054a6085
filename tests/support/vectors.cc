#include "support/vectors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace nearlite::test {
namespace {

// Only values that half precision represents exactly reach these two: no rounding cases.
std::uint16_t to_float16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  if (value == 0.0F) return sign;
  const int exponent = static_cast<int>((bits >> 23) & 0xffU) - 127 + 15;
  return static_cast<std::uint16_t>(sign | static_cast<unsigned>(exponent << 10) |
                                    ((bits >> 13) & 0x3ffU));
}

float from_float16(std::uint16_t half) {
  const unsigned exponent = (half >> 10) & 0x1fU;
  const unsigned mantissa = half & 0x3ffU;
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                        : std::ldexp(static_cast<float>(mantissa + 1024U),
                                                     static_cast<int>(exponent) - 25);
  return (half & 0x8000U) != 0 ? -magnitude : magnitude;
}

}  // namespace

const char* name_of(Element element) {
  switch (element) {
    case Element::kFloat: return "float";
    case Element::kFloat16: return "float16";
    case Element::kBfloat16: return "bfloat16";
    case Element::kInt8: return "int8";
    case Element::kBit: return "bit";
  }
  return "?";
}

std::vector<std::byte> encode(Element element, std::span<const float> vector) {
  std::vector<std::byte> blob;
  const auto put = [&blob](const void* from, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(from);
    blob.insert(blob.end(), bytes, bytes + size);
  };
  if (element == Element::kBit) {
    blob.resize((vector.size() + 7) / 8);
    for (std::size_t i = 0; i < vector.size(); ++i) {
      if (vector[i] > 0) blob[i / 8] |= static_cast<std::byte>(1U << (i % 8));
    }
    return blob;
  }
  for (const float value : vector) {
    if (element == Element::kFloat) {
      put(&value, sizeof value);
    } else if (element == Element::kFloat16) {
      const std::uint16_t half = to_float16(value);
      put(&half, sizeof half);
    } else if (element == Element::kBfloat16) {
      const auto half = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
      put(&half, sizeof half);
    } else {
      const auto byte = static_cast<std::int8_t>(value);
      put(&byte, sizeof byte);
    }
  }
  return blob;
}

Vector decode(Element element, std::span<const std::byte> blob, std::size_t dim) {
  Vector vector;
  if (element == Element::kBit) {
    if (blob.size() != (dim + 7) / 8) return vector;
    for (std::size_t i = 0; i < dim; ++i) {
      const bool one = ((blob[i / 8] >> (i % 8)) & std::byte{1}) != std::byte{0};
      vector.push_back(one ? 1.0F : 0.0F);
    }
    return vector;
  }
  const std::size_t size = element == Element::kFloat ? 4 : element == Element::kInt8 ? 1 : 2;
  if (blob.size() != dim * size) return vector;
  for (std::size_t i = 0; i < dim; ++i) {
    const std::byte* from = blob.data() + i * size;
    if (element == Element::kFloat) {
      float value = 0;
      std::memcpy(&value, from, sizeof value);
      vector.push_back(value);
    } else if (element == Element::kInt8) {
      vector.push_back(static_cast<float>(static_cast<std::int8_t>(*from)));
    } else {
      std::uint16_t half = 0;
      std::memcpy(&half, from, sizeof half);
      vector.push_back(element == Element::kFloat16
                           ? from_float16(half)
                           : std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16));
    }
  }
  return vector;
}

std::string to_json(std::span<const float> vector) {
  std::string text = "[";
  char digits[40];
  for (std::size_t i = 0; i < vector.size(); ++i) {
    std::snprintf(digits, sizeof digits, "%s%.9g", i == 0 ? "" : ",",
                  static_cast<double>(vector[i]));
    text += digits;
  }
  return text + "]";
}

VectorSource::VectorSource(const Shape& shape, std::uint64_t seed) : shape_(shape), random_(seed) {
  const auto direction = [this] {
    Vector vector(shape_.dim);
    double norm = 0;
    for (float& value : vector) {
      value = static_cast<float>(random_.normal());
      norm += static_cast<double>(value) * static_cast<double>(value);
    }
    for (float& value : vector) value = static_cast<float>(value / std::sqrt(norm + 1e-30));
    return vector;
  };
  for (std::size_t i = 0; i < shape_.cluster_count; ++i) centres_.push_back(direction());
  for (std::size_t i = 0; i < shape_.cluster_count + shape_.rank; ++i) axes_.push_back(direction());
}

Vector VectorSource::draw(double spread) {
  const std::size_t cluster = random_.below(centres_.size());
  Vector vector = centres_[cluster];
  for (std::size_t r = 0; r < shape_.rank; ++r) {
    const auto along = static_cast<float>(random_.normal() * spread);
    const Vector& axis = axes_[cluster + r];
    for (std::size_t i = 0; i < vector.size(); ++i) vector[i] += along * axis[i];
  }
  // A little of full rank, so that no two draws are equal by accident.
  for (float& value : vector) value += static_cast<float>(random_.normal() * spread * 0.1);
  represent(vector);
  return vector;
}

// Rounds to what the element type holds exactly: 1/16 steps fit half precisions, -127…127 fit int8.
void VectorSource::represent(Vector& vector) const {
  const double scale = std::sqrt(static_cast<double>(shape_.dim));
  for (float& value : vector) {
    switch (shape_.element) {
      case Element::kFloat: break;
      case Element::kBit: value = value > 0 ? 1.0F : 0.0F; break;
      case Element::kInt8:
        value = static_cast<float>(std::clamp(std::round(value * scale * 40), -127.0, 127.0));
        break;
      default:
        value = static_cast<float>(std::clamp(std::round(value * scale * 40), -127.0, 127.0)) / 16;
    }
  }
}

Vector VectorSource::next() {
  if (!recent_.empty() && random_.chance(shape_.duplicate_percent)) {
    return recent_[random_.below(recent_.size())];
  }
  const bool tight = random_.chance(shape_.tight_percent);
  Vector vector = draw(tight ? shape_.spread / 100 : shape_.spread);
  if (recent_.size() < 64) {
    recent_.push_back(vector);
  } else {
    recent_[random_.below(64)] = vector;
  }
  return vector;
}

Vector VectorSource::query() {
  if (!recent_.empty() && random_.chance(15)) return recent_[random_.below(recent_.size())];
  return draw(random_.chance(10) ? shape_.spread * 4 : shape_.spread);
}

}  // namespace nearlite::test
