#include "sqlite/filter_text.h"

#include <algorithm>
#include <array>

#include "dialect/token.h"
#include "sqlite/api.h"
#include "sqlite/table_options.h"

namespace nearlite::sqlite {

namespace {

using dialect::Token;
using dialect::TokenKind;

constexpr std::array kOperators{"and",  "or",   "not",  "in",     "is",    "null", "between",
                                "like", "glob", "true", "escape", "false", "rowid"};
constexpr std::array kPatterns{"like", "glob"};

// Functions a condition may call. Not any: the text may come from a view of a stranger's file,
// where SQLite would not let it call what reads files or writes, and it is prepared as a statement
// of ours.
constexpr std::array kFunctions{
    "abs",    "coalesce", "count",        "date",      "datetime",   "hex",
    "ifnull", "iif",      "instr",        "julianday", "length",     "lower",
    "ltrim",  "max",      "min",          "nullif",    "replace",    "round",
    "rtrim",  "sign",     "strftime",     "substr",    "substring",  "sum",
    "time",   "total",    "trim",         "typeof",    "unicode",    "unixepoch",
    "upper",  "avg",      "json_extract", "json_type", "json_valid", "json_array_length",
    "from",   "where",    "select",       "exists",    "when",       "then",
    "else",   "case",     "on",           "distinct",  "all"};

template <class Words>
bool is_one_of(const Words& words, const std::string& name) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return sqlite3_stricmp(std::string(word).c_str(), name.c_str()) == 0;
  });
}

Status refuse(const std::string& why) {
  return {Code::kInvalidArgument, "filter: expected one condition on columns, " + why};
}

}  // namespace

Result<FilterText> check_filter_text(std::string_view text, std::span<const std::string> names) {
  if (text.find('\0') != std::string_view::npos) return refuse("got a zero byte");
  const std::vector<Token> tokens = dialect::tokenize(text);
  if (tokens.empty()) return refuse("got nothing");
  FilterText result;
  result.is_fixed = true;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    const std::string part(text.substr(token.begin, token.end - token.begin));
    switch (token.kind) {
      case TokenKind::kOpen:
      case TokenKind::kClose:
        if (token.partner == i) return refuse("got a bracket without its partner");
        break;
      case TokenKind::kSemicolon: return refuse("got a semicolon");
      case TokenKind::kParameter: return refuse("got the parameter " + shown(part));
      case TokenKind::kOther: return refuse("got " + shown(part));
      case TokenKind::kCast:
      case TokenKind::kDistance:
      case TokenKind::kDollarString: return refuse("got " + shown(part));
      case TokenKind::kWord:
      case TokenKind::kQuotedName: {
        const std::string name = dialect::name_of(token.kind, part);
        const bool is_operator = token.kind == TokenKind::kWord && is_one_of(kOperators, name);
        const bool is_call = i + 1 < tokens.size() && tokens[i + 1].kind == TokenKind::kOpen;
        if (is_call && !is_operator && !is_one_of(kFunctions, name))
          return refuse("got the function " + shown(part));
        if (!is_operator && !is_one_of(names, name)) result.is_fixed = false;
        if (is_operator && is_one_of(kPatterns, name)) result.has_pattern = true;
        break;
      }
      default: break;
    }
  }
  return result;
}

}  // namespace nearlite::sqlite
