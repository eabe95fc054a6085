#include "vector/sign_code.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/assert.h"
#include "vector/query_code.h"
#include "vector/simd_target.h"

namespace nearlite {

void encode_signs(std::span<const float> values, std::byte* code) noexcept {
  NEARLITE_ASSERT(values.size() % 8 == 0);
  for (std::size_t at = 0; at < values.size(); at += 8) {
    unsigned bits = 0;
    for (std::size_t i = 0; i < 8; ++i) bits |= static_cast<unsigned>(values[at + i] > 0.0f) << i;
    code[at / 8] = static_cast<std::byte>(bits);
  }
}

// (pi / 2 - 1) sin^2 / width of the signs' own; a twentieth of 1 / width of rounding the query.
float sign_deviation(float cosine, std::size_t width) noexcept {
  constexpr float kOfSigns = std::numbers::pi_v<float> / 2.0f - 1.0f;
  constexpr float kOfQuery = 0.05f;
  const float squared_sine = std::clamp(1.0f - cosine * cosine, 0.0f, 1.0f);
  return std::sqrt((kOfSigns * squared_sine + kOfQuery) / static_cast<float>(width));
}

// A component q becomes a number u of 0 to 15 with q = step (u - 15/2), step = 2 largest / 15. Of
// signs s, sum(u s) is 15 |c| - sum(2^i h_i), where |c| bits of the code are set and h_i of them
// differ from plane i; and sum(s) is 2 |c| - width. So sum(q s) = largest width - step sum(2^i
// h_i), whatever |c| is.
Status SignQuery::prepare(std::span<const float> values) {
  const std::size_t plane_bytes = values.size() / 8;
  NEARLITE_ASSERT(plane_bytes % 64 == 0);
  if (Status status = planes_.reserve(kPlanes * plane_bytes); !status.ok()) return status;
  format_ = {CodeKind::kBits, static_cast<std::uint32_t>(values.size()),
             static_cast<std::uint32_t>(plane_bytes), 0};
  float largest = 0.0f;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  constexpr float kNumberMax = (1U << kPlanes) - 1;
  const float per_step = largest > 0.0f ? kNumberMax / (2.0f * largest) : 0.0f;
  std::memset(planes_.data(), 0, kPlanes * plane_bytes);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float place = std::clamp((values[i] + largest) * per_step, 0.0f, kNumberMax);
    const auto number = static_cast<unsigned>(place + 0.5f);
    for (unsigned plane = 0; plane < kPlanes; ++plane) {
      planes_.data()[plane * plane_bytes + i / 8] |=
          static_cast<std::byte>((number >> plane & 1U) << (i % 8));
    }
  }
  // The signs of a vector of length 1 have a product of about sqrt(2 width / pi) with it.
  const auto width = static_cast<float>(values.size());
  const float length = std::sqrt(2.0f * width / std::numbers::pi_v<float>);
  all_ = largest * width / length;
  unit_ = 2.0f * largest / kNumberMax / length;
  return {};
}

QueryCode SignQuery::code() const noexcept {
  QueryCode query;
  query.data = planes_.data();
  query.planes = kPlanes;
  return query;
}

float SignQuery::cosine(const std::byte* code) const noexcept {
  // Bits differ from each other as the others do from them: the code takes the query's part.
  QueryCode query;
  query.data = code;
  const std::byte* planes[kPlanes];
  for (unsigned i = 0; i < kPlanes; ++i) planes[i] = planes_.data() + i * format_.code_bytes;
  const CodeInfo infos[kPlanes] = {};
  std::uint32_t differing[kPlanes] = {};
  const KeyFunctions functions = key_functions(CodeKind::kBits, active_simd_target());
  functions.key4(query, planes, infos, format_, differing);
  std::uint32_t sum = 0;
  for (unsigned i = 0; i < kPlanes; ++i) sum += differing[i] << i;
  return all_ - unit_ * static_cast<float>(sum);
}

}  // namespace nearlite
