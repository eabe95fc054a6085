// The tokens of a statement: SQLite's, and those that pgvector's dialect adds.
//
// Every byte of a statement is in a token or between two (blanks and comments), so that a statement
// in which nothing is to be translated is handed on as it is. What SQLite itself would refuse (a
// string that does not end, a stray character) is one token of kind kOther that reaches to where
// SQLite gives up: it says what is wrong, not we.
//
// Where the two dialects read the same bytes differently, pgvector's reading holds: `::` is a cast
// (SQLite takes `$a::b` for the name of a parameter), and `$tag$ … $tag$` is a string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nearlite::dialect {

enum class TokenKind : std::uint8_t {
  kWord,          ///< a name or keyword without quotes
  kQuotedName,    ///< "name", `name`, [name]
  kString,        ///< 'text'
  kDollarString,  ///< $$text$$, $tag$text$tag$
  kBlob,          ///< x'0ff0'
  kNumber,
  kParameter,  ///< ?, ?1, :name, @name, $name, $1
  kOpen,       ///< (
  kClose,      ///< )
  kComma,
  kDot,
  kSemicolon,
  kCast,      ///< ::
  kDistance,  ///< <-> <#> <=> <+> <~> <%>
  kSymbol,    ///< any other operator
  kOther,     ///< what SQLite refuses
};

struct Token {
  TokenKind kind = TokenKind::kOther;
  std::size_t begin = 0;  ///< offsets in the text that was split
  std::size_t end = 0;
  std::size_t partner = 0;  ///< kOpen, kClose: the token of the other; itself when there is none

  bool operator==(const Token&) const = default;
};

/// Splits all of `text`.
[[nodiscard]] std::vector<Token> tokenize(std::string_view text);

/// The end of the first statement of `text`: behind its semicolon, or the text's length. Semicolons
/// in the body of CREATE TRIGGER do not count.
[[nodiscard]] std::size_t find_statement_end(std::string_view text);

/// The name that a token of `kind` stands for: without its quotes.
[[nodiscard]] std::string name_of(TokenKind kind, std::string_view text);

}  // namespace nearlite::dialect
