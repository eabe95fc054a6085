// One statement of a script: its tokens, and messages that show a place in it.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/token.h"
#include "nearlite/status.h"

namespace nearlite::dialect {

/// The token that is none: an index no statement has.
inline constexpr std::size_t kNone = static_cast<std::size_t>(-1);

/// Tokens by index, first to last; both are part of it.
struct Range {
  std::size_t first = kNone;
  std::size_t last = kNone;

  [[nodiscard]] bool empty() const noexcept { return first == kNone || first > last; }
  bool operator==(const Range&) const = default;
};

/// The text must outlive it.
class Source {
 public:
  /// The statement at [begin, end) of `script`; token offsets count in `script`.
  Source(std::string_view script, std::size_t begin, std::size_t end);

  [[nodiscard]] std::size_t begin() const noexcept { return begin_; }
  [[nodiscard]] std::size_t end() const noexcept { return end_; }
  /// Tokens without the semicolon at the end.
  [[nodiscard]] std::size_t size() const noexcept { return tokens_.size(); }

  // All of these take any index; beyond the end there is a token of kind kOther, without text.
  [[nodiscard]] const Token& at(std::size_t index) const noexcept {
    return index < tokens_.size() ? tokens_[index] : nothing_;
  }
  [[nodiscard]] bool is(std::size_t index, TokenKind kind) const noexcept {
    return index < tokens_.size() && tokens_[index].kind == kind;
  }
  [[nodiscard]] std::string_view text(std::size_t index) const noexcept;
  [[nodiscard]] std::string_view text(Range range) const noexcept;
  /// What stands between two tokens: blanks and comments.
  [[nodiscard]] std::string_view between(std::size_t left, std::size_t right) const noexcept {
    return script_.substr(at(left).end, at(right).begin - at(left).end);
  }
  [[nodiscard]] bool is_symbol(std::size_t index, std::string_view symbol) const noexcept {
    return is(index, TokenKind::kSymbol) && text(index) == symbol;
  }
  /// A keyword or unquoted name, whatever its case. Not behind a dot: that is a column.
  [[nodiscard]] bool is_word(std::size_t index, std::string_view word) const noexcept;
  [[nodiscard]] bool is_word(std::size_t index,
                             std::initializer_list<std::string_view> words) const noexcept;
  /// Whether these words follow each other from `index` on.
  [[nodiscard]] bool has_words(std::size_t index,
                               std::initializer_list<std::string_view> words) const noexcept;
  /// A name, quoted or not (keywords included).
  [[nodiscard]] bool is_name(std::size_t index) const noexcept {
    return is(index, TokenKind::kWord) || is(index, TokenKind::kQuotedName);
  }
  /// The name without quotes.
  [[nodiscard]] std::string name(std::size_t index) const;
  /// The parenthesis round a token; kNone at the top.
  [[nodiscard]] std::size_t parent(std::size_t index) const noexcept {
    return index < parents_.size() ? parents_[index] : kNone;
  }
  /// The partner of an opening parenthesis; kNone when it has none.
  [[nodiscard]] std::size_t close_of(std::size_t open) const noexcept;
  /// The next token at the same depth.
  [[nodiscard]] std::size_t after(std::size_t index) const noexcept;
  /// Whether nothing stands between two tokens.
  [[nodiscard]] bool touches(std::size_t left, std::size_t right) const noexcept {
    return at(left).end == at(right).begin;
  }

  /// kInvalidArgument: "nearlite: line 2, column 7: <problem>", the line, and marks below the
  /// range.
  [[nodiscard]] Status error(Range range, std::string_view problem) const;
  [[nodiscard]] Status error(std::size_t index, std::string_view problem) const {
    return error(Range{index, index}, problem);
  }

 private:
  std::string_view script_;
  std::size_t begin_;
  std::size_t end_;
  std::vector<Token> tokens_;
  std::vector<std::size_t> parents_;
  Token nothing_;
};

}  // namespace nearlite::dialect
