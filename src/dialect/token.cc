#include "dialect/token.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace nearlite::dialect {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

bool is_blank(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_name_start(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_name_char(char c) noexcept { return is_name_start(c) || is_digit(c) || c == '$'; }

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  /// False at the end of the text.
  bool next(Token& token) {
    skip_blanks();
    if (at_ >= text_.size()) return false;
    token.begin = at_;
    token.kind = read();
    token.end = at_;
    return true;
  }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  [[nodiscard]] bool starts_with(std::string_view what) const noexcept {
    return text_.substr(at_).starts_with(what);
  }

  // A comment that does not end reaches to the end, as in SQLite.
  void skip_blanks() {
    while (at_ < text_.size()) {
      if (is_blank(text_[at_])) {
        ++at_;
      } else if (starts_with("--")) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (starts_with("/*")) {
        const std::size_t end = text_.find("*/", at_ + 2);
        at_ = end == kNowhere ? text_.size() : end + 2;
      } else {
        return;
      }
    }
  }

  TokenKind take(std::size_t count, TokenKind kind) {
    at_ += count;
    return kind;
  }

  TokenKind give_up() {
    at_ = text_.size();
    return TokenKind::kOther;
  }

  TokenKind read_quoted(char quote, TokenKind kind) {
    ++at_;
    for (;;) {
      const std::size_t end = text_.find(quote, at_);
      if (end == kNowhere) return give_up();
      at_ = end + 1;
      if (quote == ']' || peek() != quote) return kind;
      ++at_;  // a doubled quote
    }
  }

  TokenKind read_number() {
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
      at_ += 2;
      while (is_name_char(peek())) ++at_;
      return TokenKind::kNumber;
    }
    while (is_digit(peek()) || peek() == '_') ++at_;
    if (peek() == '.') ++at_;
    while (is_digit(peek()) || peek() == '_') ++at_;
    const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 2 : 1;
    if ((peek() == 'e' || peek() == 'E') && is_digit(peek(sign))) {
      at_ += sign;
      while (is_digit(peek())) ++at_;
    }
    return TokenKind::kNumber;
  }

  // $tag$ … $tag$, if it is one.
  bool read_dollar_string() {
    std::size_t end = at_ + 1;
    if (end < text_.size() && is_digit(text_[end])) return false;  // $1
    while (end < text_.size() && is_name_char(text_[end]) && text_[end] != '$') ++end;
    if (end >= text_.size() || text_[end] != '$') return false;
    const std::string_view tag = text_.substr(at_, end + 1 - at_);
    const std::size_t close = text_.find(tag, end + 1);
    if (close == kNowhere) return false;
    at_ = close + tag.size();
    return true;
  }

  TokenKind read_parameter() {
    ++at_;
    while (is_name_char(peek())) ++at_;
    return TokenKind::kParameter;
  }

  TokenKind read_symbol() {
    static constexpr std::array<std::string_view, 6> kDistances{"<->", "<#>", "<=>",
                                                                "<+>", "<~>", "<%>"};
    for (const std::string_view distance : kDistances) {
      if (starts_with(distance)) return take(3, TokenKind::kDistance);
    }
    if (starts_with("->>")) return take(3, TokenKind::kSymbol);
    static constexpr std::array<std::string_view, 9> kPairs{"->", "||", "<=", ">=", "<>",
                                                            "!=", "==", "<<", ">>"};
    for (const std::string_view pair : kPairs) {
      if (starts_with(pair)) return take(2, TokenKind::kSymbol);
    }
    if (std::string_view("+-*/%<>=&|~").find(peek()) != kNowhere) {
      return take(1, TokenKind::kSymbol);
    }
    return take(1, TokenKind::kOther);
  }

  TokenKind read() {
    const char c = peek();
    switch (c) {
      case '(': return take(1, TokenKind::kOpen);
      case ')': return take(1, TokenKind::kClose);
      case ',': return take(1, TokenKind::kComma);
      case ';': return take(1, TokenKind::kSemicolon);
      case '\'': return read_quoted('\'', TokenKind::kString);
      case '"': return read_quoted('"', TokenKind::kQuotedName);
      case '`': return read_quoted('`', TokenKind::kQuotedName);
      case '[': return read_quoted(']', TokenKind::kQuotedName);
      default: break;
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return read_number();
    if (c == '.') return take(1, TokenKind::kDot);
    if ((c == 'x' || c == 'X') && peek(1) == '\'') {
      ++at_;
      return read_quoted('\'', TokenKind::kBlob);
    }
    if (is_name_start(c)) {
      while (is_name_char(peek())) ++at_;
      return TokenKind::kWord;
    }
    if (c == '?') {
      ++at_;
      while (is_digit(peek())) ++at_;
      return TokenKind::kParameter;
    }
    if (starts_with("::")) return take(2, TokenKind::kCast);
    if (c == '$' && read_dollar_string()) return TokenKind::kDollarString;
    if ((c == '$' || c == ':' || c == '@') && is_name_char(peek(1))) return read_parameter();
    return read_symbol();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// What find_statement_end() remembers: whether this is CREATE TRIGGER, and the words before `;`.
class TriggerBody {
 public:
  /// True when `token` ends the statement.
  bool ends_with(const Token& token, std::string_view word) {
    const bool is_end = equals_ignoring_case(word, "end");
    if (token.kind == TokenKind::kSemicolon) {
      if (!is_trigger_ || seen_end_) return true;
      after_semicolon_ = true;
      return false;
    }
    if (count_ < 3 && !is_trigger_) look_for_trigger(word);
    seen_end_ = is_end && after_semicolon_;
    after_semicolon_ = false;
    return false;
  }

 private:
  // [EXPLAIN [QUERY PLAN]] does not matter: it does not begin with CREATE.
  void look_for_trigger(std::string_view word) {
    if (count_ == 0 && equals_ignoring_case(word, "explain")) return;
    if (count_ == 0 && !equals_ignoring_case(word, "create")) count_ = 3;
    is_trigger_ = count_ > 0 && count_ < 3 && equals_ignoring_case(word, "trigger");
    ++count_;
  }

  int count_ = 0;
  bool is_trigger_ = false;
  bool after_semicolon_ = false;
  bool seen_end_ = false;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text) {
  std::vector<Token> tokens;
  std::vector<std::size_t> open;
  Tokenizer tokenizer(text);
  Token token;
  while (tokenizer.next(token)) {
    token.partner = tokens.size();
    if (token.kind == TokenKind::kOpen) open.push_back(tokens.size());
    if (token.kind == TokenKind::kClose && !open.empty()) {
      token.partner = open.back();
      tokens[open.back()].partner = tokens.size();
      open.pop_back();
    }
    tokens.push_back(token);
  }
  return tokens;
}

std::size_t find_statement_end(std::string_view text) {
  Tokenizer tokenizer(text);
  TriggerBody body;
  Token token;
  while (tokenizer.next(token)) {
    if (body.ends_with(token, text.substr(token.begin, token.end - token.begin))) return token.end;
  }
  return text.size();
}

std::string name_of(TokenKind kind, std::string_view text) {
  if (kind != TokenKind::kQuotedName || text.size() < 2) return std::string(text);
  std::string name;
  const char quote = text.back();
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    name += text[i];
    if (text[i] == quote && quote != ']') ++i;
  }
  return name;
}

}  // namespace nearlite::dialect
