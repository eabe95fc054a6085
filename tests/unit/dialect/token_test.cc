#include "dialect/token.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nearlite::dialect {
namespace {

using Kind = TokenKind;

std::vector<std::string> texts(std::string_view sql) {
  std::vector<std::string> all;
  for (const Token& token : tokenize(sql)) {
    all.emplace_back(sql.substr(token.begin, token.end - token.begin));
  }
  return all;
}

Kind only_kind(std::string_view sql) {
  const auto tokens = tokenize(sql);
  EXPECT_EQ(tokens.size(), 1U) << sql;
  EXPECT_TRUE(tokens.empty() || (tokens[0].begin == 0 && tokens[0].end == sql.size())) << sql;
  return tokens.empty() ? Kind::kOther : tokens[0].kind;
}

TEST(Token, EveryKindIsOneToken) {
  EXPECT_EQ(only_kind("embedding"), Kind::kWord);
  EXPECT_EQ(only_kind("Größe$1"), Kind::kWord);
  EXPECT_EQ(only_kind("\"a \"\" <-> b\""), Kind::kQuotedName);
  EXPECT_EQ(only_kind("`a``b`"), Kind::kQuotedName);
  EXPECT_EQ(only_kind("[a 'b]"), Kind::kQuotedName);
  EXPECT_EQ(only_kind("'it''s <-> -- ;'"), Kind::kString);
  EXPECT_EQ(only_kind("$$it's <->$$"), Kind::kDollarString);
  EXPECT_EQ(only_kind("$tag$ $$ ; $tag$"), Kind::kDollarString);
  EXPECT_EQ(only_kind("x'00ff'"), Kind::kBlob);
  EXPECT_EQ(only_kind("X''"), Kind::kBlob);
  for (const char* number : {"1", "1.5", ".5", "1.", "1e10", "1.5E-3", "0x1F", "1_000"}) {
    EXPECT_EQ(only_kind(number), Kind::kNumber) << number;
  }
  for (const char* parameter : {"?", "?12", ":name", "@name", "$name", "$1", ":1"}) {
    EXPECT_EQ(only_kind(parameter), Kind::kParameter) << parameter;
  }
  for (const char* distance : {"<->", "<#>", "<=>", "<+>", "<~>", "<%>"}) {
    EXPECT_EQ(only_kind(distance), Kind::kDistance) << distance;
  }
  for (const char* symbol :
       {"->", "->>", "||", "<=", ">=", "<>", "!=", "==", "<<", ">>", "<", "%"}) {
    EXPECT_EQ(only_kind(symbol), Kind::kSymbol) << symbol;
  }
  EXPECT_EQ(only_kind("::"), Kind::kCast);
}

TEST(Token, BlanksAndCommentsAreBetweenTokens) {
  EXPECT_EQ(texts("a--b <-> c\n<->/* ' */d"), (std::vector<std::string>{"a", "<->", "d"}));
  EXPECT_EQ(texts("a /* never closed <->"), (std::vector<std::string>{"a"}));
  EXPECT_EQ(texts(" \t\r\n\f"), std::vector<std::string>());
}

TEST(Token, WhatTouchesIsStillSplit) {
  EXPECT_EQ(
      texts("a<->'[1]'::vector(3)<5"),
      (std::vector<std::string>{"a", "<->", "'[1]'", "::", "vector", "(", "3", ")", "<", "5"}));
  EXPECT_EQ(texts("$1::vector"), (std::vector<std::string>{"$1", "::", "vector"}));
  EXPECT_EQ(texts(":q::vector"), (std::vector<std::string>{":q", "::", "vector"}));
  EXPECT_EQ(texts("a<-1"), (std::vector<std::string>{"a", "<", "-", "1"}));
  EXPECT_EQ(texts("1.e5"), (std::vector<std::string>{"1.e5"}));
  EXPECT_EQ(texts("t.x=x'00'"), (std::vector<std::string>{"t", ".", "x", "=", "x'00'"}));
}

TEST(Token, WhatDoesNotEndReachesToTheEnd) {
  for (const char* sql : {"'abc <-> d", "\"abc", "[abc", "`abc", "x'00"}) {
    EXPECT_EQ(only_kind(sql), Kind::kOther) << sql;
  }
}

TEST(Token, ParenthesesKnowTheirPartners) {
  const auto tokens = tokenize(")(a(b))(");
  ASSERT_EQ(tokens.size(), 8U);
  EXPECT_EQ(tokens[0].partner, 0U);
  EXPECT_EQ(tokens[1].partner, 6U);
  EXPECT_EQ(tokens[3].partner, 5U);
  EXPECT_EQ(tokens[5].partner, 3U);
  EXPECT_EQ(tokens[7].partner, 7U);
}

TEST(Token, AStatementEndsAtItsSemicolon) {
  EXPECT_EQ(find_statement_end("SELECT ';'; SELECT 2"), 11U);
  EXPECT_EQ(find_statement_end("SELECT 1"), 8U);
  EXPECT_EQ(find_statement_end(""), 0U);
  const std::string trigger =
      "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; SELECT 1; "
      "END;";
  EXPECT_EQ(find_statement_end(trigger + " SELECT 2;"), trigger.size());
  const std::string table = "CREATE TABLE trigger_of(a); SELECT 1; END;";
  EXPECT_EQ(find_statement_end(table), table.find(';') + 1);
}

TEST(Token, NamesLoseTheirQuotes) {
  EXPECT_EQ(name_of(Kind::kQuotedName, "\"a\"\"b\""), "a\"b");
  EXPECT_EQ(name_of(Kind::kQuotedName, "`a``b`"), "a`b");
  EXPECT_EQ(name_of(Kind::kQuotedName, "[a]"), "a");
  EXPECT_EQ(name_of(Kind::kWord, "a"), "a");
}

}  // namespace
}  // namespace nearlite::dialect
