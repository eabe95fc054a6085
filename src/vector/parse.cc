#include "vector/parse.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <system_error>

#include "base/try.h"
#include "vector/element.h"

namespace nearlite {
namespace {

// The longest shortest form of a float: "-1.17549435e-38".
constexpr std::size_t kNumberCharsMax = 24;

// A message quotes at most this much of the input.
constexpr std::size_t kQuotedCharsMax = 20;

bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

Status wrong_dim(std::size_t expected, const std::string& got) {
  return Status(Code::kInvalidArgument,
                "expected " + std::to_string(expected) +
                    (expected == 1 ? " dimension, got " : " dimensions, got ") + got);
}

class TextParser {
 public:
  TextParser(std::string_view text, NumberStyle style) noexcept : text_(text), style_(style) {}

  Status parse(std::size_t dim_expected, std::vector<float>& out) {
    out.clear();
    if (dim_expected != 0) out.reserve(dim_expected);
    skip_blanks();
    if (!take('[')) return unexpected("a JSON array of numbers, such as [1, 2.5, -3e-4]");
    skip_blanks();
    if (take(']')) return finish(dim_expected, 0);
    std::size_t count = 0;
    for (;;) {
      float value = 0.0f;
      skip_blanks();
      NEARLITE_TRY(parse_number(value));
      ++count;
      // Beyond the limit the rest is not even read: a text may be as long as SQLite allows.
      if (count > kDimMax) return finish(dim_expected, count);
      if (dim_expected == 0 || count <= dim_expected) out.push_back(value);
      skip_blanks();
      if (take(']')) return finish(dim_expected, count);
      if (!take(',')) return unexpected("',' or ']'");
    }
  }

 private:
  Status finish(std::size_t dim_expected, std::size_t count) {
    if (count > kDimMax) {
      const std::string limit = std::to_string(kDimMax);
      if (dim_expected != 0) return wrong_dim(dim_expected, "more than " + limit);
      return Status(Code::kInvalidArgument, "more than " + limit + " dimensions");
    }
    skip_blanks();
    if (at_ != text_.size()) return unexpected("nothing after the array");
    if (dim_expected != 0 && count != dim_expected)
      return wrong_dim(dim_expected, std::to_string(count));
    if (count == 0) return Status(Code::kInvalidArgument, "the vector is empty");
    return {};
  }

  Status parse_number(float& value) {
    const bool is_c = style_ == NumberStyle::kC;
    if (is_c && peek() == '+' && at_ + 1 < text_.size() && text_[at_ + 1] != '-') ++at_;
    const std::size_t start = at_;
    std::size_t digits = start + (peek() == '-' ? 1 : 0);
    if (is_c && digits < text_.size() && text_[digits] == '.') ++digits;
    // from_chars also takes "inf", "nan" and ".5", which are no JSON.
    if (digits >= text_.size() || !is_digit(text_[digits])) return unexpected("a number");
    const char* const first = text_.data() + start;
    const char* const last = text_.data() + text_.size();
    const auto [end, error] = std::from_chars(first, last, value);
    at_ = static_cast<std::size_t>(end - text_.data());
    if (error == std::errc()) return {};
    const std::string_view number = text_.substr(start, at_ - start);
    if (error != std::errc::result_out_of_range || !is_tiny(number)) {
      at_ = start;
      return Status(Code::kInvalidArgument, quote() + " at character " + std::to_string(start + 1) +
                                                " is out of the range of float32");
    }
    value = number.front() == '-' ? -0.0f : 0.0f;
    return {};
  }

  // Of a number that no float32 holds: is it too small (then it rounds to zero) rather than too
  // large?
  static bool is_tiny(std::string_view number) noexcept {
    double value = 0.0;
    const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
    if (result.ec == std::errc()) return std::abs(value) < 1.0;
    // Beyond double as well: its exponent decides, or, without one, whether it starts with "0.".
    const std::size_t exponent = number.find_first_of("eE");
    if (exponent != std::string_view::npos) return number.substr(exponent + 1).starts_with('-');
    const std::size_t first = number.starts_with('-') ? 1 : 0;
    return number.substr(first).starts_with("0.") || number.substr(first).starts_with('.');
  }

  Status unexpected(const char* expected) const {
    if (at_ >= text_.size()) {
      return Status(Code::kInvalidArgument,
                    std::string("expected ") + expected + ", got the end of the text");
    }
    return Status(Code::kInvalidArgument, std::string("expected ") + expected + ", got " + quote() +
                                              " at character " + std::to_string(at_ + 1));
  }

  /// The word at the current position, for a message.
  std::string quote() const {
    std::size_t end = at_;
    while (end < text_.size() && end - at_ < kQuotedCharsMax && !is_blank(text_[end]) &&
           text_[end] != ',' && text_[end] != ']') {
      ++end;
    }
    if (end == at_) ++end;
    std::string word(text_.substr(at_, end - at_));
    for (char& c : word) {
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E) c = '?';
    }
    return "'" + word + "'";
  }

  void skip_blanks() noexcept {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  [[nodiscard]] char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) noexcept {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string_view text_;
  NumberStyle style_;
  std::size_t at_ = 0;
};

}  // namespace

Status parse_vector_text(std::string_view text, std::size_t dim_expected, std::vector<float>& out,
                         NumberStyle style) {
  return TextParser(text, style).parse(dim_expected, out);
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
