// Reads a text of numbers and punctuation from left to right, and says where it is not as expected.
// What the parsers of vectors share; independent of the locale.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "nearlite/status.h"
#include "vector/parse.h"

namespace nearlite {

/// The text must outlive the reader. Failures are kInvalidArgument with a plain phrase; after one
/// the reader is of no use.
class TextReader {
 public:
  explicit TextReader(std::string_view text, NumberStyle style = NumberStyle::kJson) noexcept
      : text_(text), style_(style) {}

  void skip_blanks() noexcept;
  /// Goes past `c`, if that is next.
  [[nodiscard]] bool take(char c) noexcept;
  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }

  /// A number as `style` has it, rounded to the nearest float32. Failure: none, or out of range.
  Status read_number(float& value);
  /// Decimal digits only. Failure: none. What does not fit is UINT64_MAX.
  Status read_index(std::uint64_t& value);

  /// "expected <expected>, got 'x' at character 7"
  [[nodiscard]] Status unexpected(std::string_view expected) const;

 private:
  [[nodiscard]] char peek() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }
  [[nodiscard]] std::string quote() const;

  std::string_view text_;
  NumberStyle style_;
  std::size_t at_ = 0;
};

}  // namespace nearlite
