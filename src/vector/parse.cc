#include "vector/parse.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <system_error>

#include "base/try.h"
#include "vector/element.h"
#include "vector/text_reader.h"

namespace nearlite {
namespace {

// The longest shortest form of a float: "-1.17549435e-38".
constexpr std::size_t kNumberCharsMax = 24;

Status wrong_dim(std::size_t expected, const std::string& got) {
  return Status(Code::kInvalidArgument,
                "expected " + std::to_string(expected) +
                    (expected == 1 ? " dimension, got " : " dimensions, got ") + got);
}

Status finish_array(TextReader& reader, std::size_t dim_expected, std::size_t count) {
  if (count > kDimMax) {
    const std::string limit = std::to_string(kDimMax);
    if (dim_expected != 0) return wrong_dim(dim_expected, "more than " + limit);
    return Status(Code::kInvalidArgument, "more than " + limit + " dimensions");
  }
  reader.skip_blanks();
  if (!reader.at_end()) return reader.unexpected("nothing after the array");
  if (dim_expected != 0 && count != dim_expected)
    return wrong_dim(dim_expected, std::to_string(count));
  if (count == 0) return Status(Code::kInvalidArgument, "the vector is empty");
  return {};
}

}  // namespace

Status parse_vector_text(std::string_view text, std::size_t dim_expected, std::vector<float>& out,
                         NumberStyle style) {
  TextReader reader(text, style);
  out.clear();
  if (dim_expected != 0) out.reserve(dim_expected);
  reader.skip_blanks();
  if (!reader.take('['))
    return reader.unexpected("a JSON array of numbers, such as [1, 2.5, -3e-4]");
  reader.skip_blanks();
  if (reader.take(']')) return finish_array(reader, dim_expected, 0);
  std::size_t count = 0;
  for (;;) {
    float value = 0.0f;
    reader.skip_blanks();
    NEARLITE_TRY(reader.read_number(value));
    ++count;
    // Beyond the limit the rest is not even read: a text may be as long as SQLite allows.
    if (count > kDimMax) return finish_array(reader, dim_expected, count);
    if (dim_expected == 0 || count <= dim_expected) out.push_back(value);
    reader.skip_blanks();
    if (reader.take(']')) return finish_array(reader, dim_expected, count);
    if (!reader.take(',')) return reader.unexpected("',' or ']'");
  }
}

bool is_bit_text(std::string_view text) noexcept {
  return !text.empty() && text.find_first_not_of("01") == std::string_view::npos;
}

Status parse_bit_text(std::string_view text, std::size_t dim_expected, std::vector<float>& out) {
  out.clear();
  if (!is_bit_text(text)) return {Code::kInvalidArgument, "expected digits 0 and 1"};
  if (dim_expected != 0 && text.size() != dim_expected) {
    return wrong_dim(dim_expected, std::to_string(text.size()));
  }
  if (text.size() > kDimMax) return wrong_dim(kDimMax, std::to_string(text.size()));
  for (const char c : text) out.push_back(c == '1' ? 1.0F : 0.0F);
  return {};
}

Status parse_vector_blob(std::span<const std::byte> blob, ElementType type,
                         std::size_t dim_expected, std::vector<float>& out) {
  const std::size_t bytes_each = vector_bytes(type, 1);
  const std::size_t per_byte = type == ElementType::kBit ? 8 : 1;
  const std::size_t dim = dim_expected != 0 ? dim_expected : blob.size() / bytes_each * per_byte;
  if (blob.size() != vector_bytes(type, dim)) {
    const std::string size = std::to_string(blob.size());
    if (dim_expected == 0) {
      return Status(Code::kInvalidArgument, "a blob of " + size + " bytes is no whole number of " +
                                                std::string(name_of(type)) + " values");
    }
    // The count says more than the size, where there is one.
    if (blob.size() % bytes_each == 0 && type != ElementType::kBit) {
      return wrong_dim(dim_expected, std::to_string(blob.size() / bytes_each));
    }
    return wrong_dim(dim_expected, "a blob of " + size + " bytes instead of " +
                                       std::to_string(vector_bytes(type, dim_expected)));
  }
  if (dim == 0) return Status(Code::kInvalidArgument, "the vector is empty");
  if (dim > kDimMax) {
    return Status(Code::kInvalidArgument,
                  std::to_string(dim) + " dimensions, more than " + std::to_string(kDimMax));
  }
  out.resize(dim);
  decode(type, blob.data(), dim, out.data());
  if (are_finite(out)) return {};
  const auto bad = std::find_if(out.begin(), out.end(), [](float x) { return !std::isfinite(x); });
  return Status(Code::kInvalidArgument, "component " + std::to_string(bad - out.begin() + 1) +
                                            " is " + format_number(*bad));
}

std::string format_number(float value) {
  char buffer[kNumberCharsMax];
  const auto [end, error] = std::to_chars(buffer, buffer + kNumberCharsMax, value);
  return error == std::errc() ? std::string(buffer, end) : std::string("?");
}

std::string format_vector_json(std::span<const float> vector) {
  std::string text = "[";
  text.reserve(2 + vector.size() * 12);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    char buffer[kNumberCharsMax];
    const auto [end, error] = std::to_chars(buffer, buffer + kNumberCharsMax, vector[i]);
    if (i != 0) text += ',';
    if (error == std::errc()) text.append(buffer, end);
  }
  text += ']';
  return text;
}

}  // namespace nearlite
