// Tokens of arguments; see argument_tokens.h.
#include "sqlite/argument_tokens.h"

#include <algorithm>

namespace nearlite::sqlite {
namespace {

using Kind = ArgumentToken::Kind;

bool is_blank(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_word_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || c == '.' || c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

/// The position after the blanks and comments at `at`. A comment that is not closed reaches to the
/// end, as in SQLite.
std::size_t skip_blanks(std::string_view text, std::size_t at) noexcept {
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (is_blank(rest.front())) {
      ++at;
    } else if (rest.starts_with("--")) {
      at = std::min(text.find('\n', at), text.size());
    } else if (rest.starts_with("/*")) {
      const std::size_t end = text.find("*/", at + 2);
      at = end == std::string_view::npos ? text.size() : end + 2;
    } else {
      break;
    }
  }
  return at;
}

/// Reads 'text' with doubled quotes from `at`, which is moved behind it; false when it does not
/// end.
bool read_quoted(std::string_view text, std::size_t& at, std::string& out) {
  const char quote = text[at++];
  while (at < text.size()) {
    const char c = text[at++];
    if (c == quote) {
      if (at == text.size() || text[at] != quote) return true;
      ++at;
    }
    out += c;
  }
  return false;
}

}  // namespace

bool ArgumentToken::is_word(std::string_view word) const noexcept {
  return kind == Kind::kWord && equals_ignoring_case(text, word);
}

Result<std::vector<ArgumentToken>> split_argument(std::string_view text) {
  std::vector<ArgumentToken> tokens;
  std::size_t at = 0;
  while ((at = skip_blanks(text, at)) < text.size()) {
    ArgumentToken token;
    const char c = text[at];
    if (c == '\'' || c == '"' || c == '`') {
      token.kind = Kind::kQuoted;
      if (!read_quoted(text, at, token.text)) {
        return Status(Code::kInvalidArgument, "a quote is not closed");
      }
    } else if (c == '[') {
      const std::size_t end = text.find(']', at);
      if (end == std::string_view::npos) {
        return Status(Code::kInvalidArgument, "a bracket is not closed");
      }
      token.kind = Kind::kBracket;
      token.text = text.substr(at + 1, end - at - 1);
      at = end + 1;
    } else if (is_word_char(c)) {
      const std::size_t begin = at;
      // A word may contain '-', but not "--": that begins a comment.
      while (at < text.size() && is_word_char(text[at]) && !text.substr(at).starts_with("--")) ++at;
      token.text = text.substr(begin, at - begin);
    } else if (std::string_view("=+(),;").find(c) != std::string_view::npos) {
      token.kind = Kind::kSymbol;
      token.text = c;
      ++at;
    } else {
      return Status(Code::kInvalidArgument, "a character that does not belong here");
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace nearlite::sqlite
