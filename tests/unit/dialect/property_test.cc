// Random statements: what is not pgvector's stays as it is, and what is becomes SQL of SQLite whose
// strings, comments and parameters are those of the original.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "dialect/token.h"
#include "unit/dialect/made_up_schema.h"

namespace nearlite::dialect {
namespace {

constexpr std::uint32_t kSeed = 20'261'120;

class Writer {
 public:
  explicit Writer(std::uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return random_() % bound; }
  bool chance(std::size_t one_in) { return below(one_in) == 0; }
  template <std::size_t n>
  std::string one_of(const char* const (&words)[n]) {
    return words[below(n)];
  }

  /// A blank or comment, which may hold anything.
  std::string gap() {
    return one_of({" ", "  ", "\n", "\t", " /* a <-> b ::vector $1 */ ", " -- <=> '\n"});
  }
  std::string value() {
    return one_of({"'[1,2,3]'", "'it''s <-> ::'", "?1", ":name", "@q", "\"embedding\"", "[price]",
                   "i.id", "f(a, 'x')", "(SELECT 1)", "CASE a WHEN 1 THEN 2 ELSE '<->' END",
                   "1.5e3", "x'00ff'", "NULL", "`half`", "-3", "(a)", "count(*)",
                   "CAST(a AS TEXT)"});
  }
  std::string sqlite_operator() {
    return one_of({"+", "-", "*", "/", "%", "||", "->", "->>", "<", "<=", "<>", "=", "AND", "OR",
                   "IS NOT", "LIKE", "<<", "&", "!="});
  }
  std::string sqlite_expression() {
    std::string text = value();
    for (std::size_t i = below(4); i > 0; --i) text += gap() + sqlite_operator() + gap() + value();
    return text;
  }

 private:
  std::mt19937 random_;
};

std::vector<std::string> tokens_of(std::string_view sql, std::initializer_list<TokenKind> kinds) {
  std::vector<std::string> found;
  for (const Token& token : tokenize(sql)) {
    for (const TokenKind kind : kinds) {
      if (token.kind == kind) found.emplace_back(sql.substr(token.begin, token.end - token.begin));
    }
  }
  return found;
}

std::string comments_of(std::string_view sql) {
  std::string between;
  std::size_t at = 0;
  for (const Token& token : tokenize(sql)) {
    between += sql.substr(at, token.begin - at);
    at = token.end;
  }
  between += sql.substr(at);
  std::erase_if(between, [](char c) { return c == ' ' || c == '\n' || c == '\t'; });
  return between;
}

TEST(Property, WithoutPgvectorsSyntaxNothingChanges) {
  MadeUpSchema schema;
  for (std::uint32_t n = 0; n < 3000; ++n) {
    Writer writer(kSeed + n);
    // No table with vectors: arithmetic on their columns is refused.
    const std::string sql = writer.gap() + "SELECT " + writer.sqlite_expression() + writer.gap() +
                            "FROM " + writer.one_of({"t i", "u, t AS i", "t i LEFT JOIN u"}) +
                            " WHERE " + writer.sqlite_expression() + " ORDER BY " +
                            writer.sqlite_expression() + writer.one_of({";", "", " LIMIT 3;"});
    const auto translation = translate(sql, schema);
    ASSERT_TRUE(translation.ok()) << "seed " << n << "\n" << translation.status().message();
    ASSERT_EQ(translation->sql, sql) << "seed " << n;
  }
}

TEST(Property, StringsCommentsAndParametersStay) {
  MadeUpSchema schema;
  std::size_t by_index = 0;
  for (std::uint32_t n = 0; n < 3000; ++n) {
    Writer writer(kSeed + n);
    const std::string query = writer.one_of({"'[1,2,3]'", "?1", ":name", "(SELECT v FROM u)"});
    const std::string symbol = writer.one_of({"<->", "<=>", "<#>", "<+>"});
    const std::string sql = "SELECT" + writer.gap() + writer.value() + writer.gap() + symbol +
                            writer.gap() + writer.value() + " FROM items" + writer.gap() +
                            "WHERE price > " + writer.value() + writer.gap() +
                            "ORDER BY embedding " + symbol + writer.gap() + query + writer.gap() +
                            "LIMIT " + writer.one_of({"?1", "5", ":name"});
    const auto translation = translate(sql, schema);
    ASSERT_TRUE(translation.ok()) << "seed " << n << "\n" << sql << translation.status().message();
    const std::string& result = translation->sql;
    if (result.find("nearlite_nearest") != std::string::npos) ++by_index;
    ASSERT_TRUE(tokens_of(result, {TokenKind::kDistance, TokenKind::kCast}).empty()) << result;
    ASSERT_EQ(tokens_of(result, {TokenKind::kParameter}), tokens_of(sql, {TokenKind::kParameter}))
        << result;
    std::vector<std::string> strings = tokens_of(result, {TokenKind::kString, TokenKind::kBlob});
    std::erase_if(strings, [](const std::string& text) { return text.starts_with("'main.ix"); });
    ASSERT_EQ(strings, tokens_of(sql, {TokenKind::kString, TokenKind::kBlob})) << result;
    // What stands between an operator and its operand in ORDER BY goes with the operator.
    if (result.find("nearlite_nearest") == std::string::npos) {
      ASSERT_EQ(comments_of(result), comments_of(sql)) << result;
    }
  }
  EXPECT_GT(by_index, 500U);
}

TEST(Property, AnyBytesGiveSqlOrAMessage) {
  MadeUpSchema schema;
  std::size_t refused = 0;
  for (std::uint32_t n = 0; n < 5000; ++n) {
    Writer writer(kSeed + n);
    std::string sql;
    for (std::size_t i = writer.below(14); i > 0; --i) {
      sql += writer.one_of({"SELECT",
                            "FROM",
                            "items",
                            "ORDER BY",
                            "embedding",
                            "<->",
                            "::vector(3)",
                            "(",
                            ")",
                            "'",
                            "$1",
                            "LIMIT",
                            "CREATE INDEX ON",
                            "USING hnsw",
                            "vector_l2_ops",
                            "WITH",
                            ",",
                            ";",
                            "CASE",
                            "END",
                            "[",
                            "]",
                            "$$",
                            "--",
                            "/*",
                            "CREATE TABLE t",
                            "bit",
                            "SET",
                            "hnsw.ef_search",
                            "=",
                            "::",
                            "REINDEX",
                            "DROP INDEX",
                            "EXPLAIN ANALYZE",
                            "B'1'",
                            "\xff",
                            ".",
                            "UPDATE",
                            "DELETE FROM",
                            "TRUNCATE",
                            "ALTER TABLE t ADD",
                            "SHOW",
                            "RESET",
                            "CREATE EXTENSION"});
      if (!writer.chance(4)) sql += " ";
    }
    const auto translation = translate(sql, schema);
    if (translation.ok()) continue;
    ++refused;
    ASSERT_TRUE(translation.status().message().starts_with("nearlite: line ")) << sql;
  }
  EXPECT_GT(refused, 100U);
}

}  // namespace
}  // namespace nearlite::dialect
