// Tokens of one argument of CREATE VIRTUAL TABLE … USING hnsw(…).
//
// SQLite hands every argument over as it stands in the statement, comments and line ends included.
// The text is the attacker's to choose: it lives in the schema of a file. Every input, any bytes,
// gives tokens or a failure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "nearlite/status.h"

namespace nearlite::sqlite {

struct ArgumentToken {
  enum class Kind : unsigned char {
    kWord,     ///< bare: letters, digits, _ $ . - and everything above ASCII
    kQuoted,   ///< 'text', "text" or `text`; a doubled quote stands for one
    kBracket,  ///< [text]
    kSymbol,   ///< one of = + ( ) , ;
  };
  Kind kind = Kind::kWord;
  std::string text;  ///< without quotes

  [[nodiscard]] bool is_symbol(char c) const noexcept {
    return kind == Kind::kSymbol && text.size() == 1 && text.front() == c;
  }
  /// Is this bare word `word`, in any case? `word` in lower case.
  [[nodiscard]] bool is_word(std::string_view word) const noexcept;
};

/// Splits `text`; blanks and comments (`-- …` to the line's end, `/* … */`) separate tokens.
/// The failure names no table: its message is a plain phrase.
Result<std::vector<ArgumentToken>> split_argument(std::string_view text);

}  // namespace nearlite::sqlite
