#include "vector/text_reader.h"

#include <charconv>
#include <cmath>
#include <system_error>

namespace nearlite {

namespace {

// A message quotes at most this much of the input.
constexpr std::size_t kQuotedCharsMax = 20;

bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool ends_word(char c) noexcept { return is_blank(c) || c == ',' || c == ']' || c == '}'; }

// Of a number that no float32 holds: is it too small (then it rounds to zero) rather than too
// large?
bool is_tiny(std::string_view number) noexcept {
  double value = 0.0;
  const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
  if (result.ec == std::errc()) return std::abs(value) < 1.0;
  // Beyond double as well: its exponent decides, or, without one, whether it starts with "0.".
  const std::size_t exponent = number.find_first_of("eE");
  if (exponent != std::string_view::npos) return number.substr(exponent + 1).starts_with('-');
  const std::size_t first = number.starts_with('-') ? 1 : 0;
  return number.substr(first).starts_with("0.") || number.substr(first).starts_with('.');
}

}  // namespace

void TextReader::skip_blanks() noexcept {
  while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
}

bool TextReader::take(char c) noexcept {
  if (at_ >= text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

Status TextReader::read_number(float& value) {
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

Status TextReader::read_index(std::uint64_t& value) {
  const char* const first = text_.data() + at_;
  const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), value);
  if (error == std::errc::invalid_argument) return unexpected("a whole number");
  if (error != std::errc()) value = UINT64_MAX;
  at_ += static_cast<std::size_t>(end - first);
  return {};
}

Status TextReader::unexpected(std::string_view expected) const {
  std::string text = "expected ";
  text.append(expected);
  if (at_ >= text_.size())
    return Status(Code::kInvalidArgument, text + ", got the end of the text");
  return Status(Code::kInvalidArgument,
                text + ", got " + quote() + " at character " + std::to_string(at_ + 1));
}

// The word at the current position, for a message.
std::string TextReader::quote() const {
  std::size_t end = at_;
  while (end < text_.size() && end - at_ < kQuotedCharsMax && !ends_word(text_[end])) ++end;
  if (end == at_) ++end;
  std::string word(text_.substr(at_, end - at_));
  for (char& c : word) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7E) c = '?';
  }
  return "'" + word + "'";
}

}  // namespace nearlite
