#include "dialect/translate.h"

#include <gtest/gtest.h>

#include <string>

#include "unit/dialect/made_up_schema.h"

namespace nearlite::dialect {
namespace {

std::string translated(std::string_view sql) {
  MadeUpSchema schema;
  const auto translation = translate(sql, schema);
  return translation.ok() ? translation->sql : "error: " + translation.status().message();
}

void expect_same(std::string_view sql) { EXPECT_EQ(translated(sql), sql); }

// The failure's place, as "line:column", and a word of its message.
void expect_refused(std::string_view sql, const std::string& place, const std::string& word) {
  MadeUpSchema schema;
  const auto translation = translate(sql, schema);
  ASSERT_FALSE(translation.ok()) << sql << " gave " << translation->sql;
  EXPECT_EQ(translation.status().code(), Code::kInvalidArgument);
  const std::string message = translation.status().message();
  const std::string line = place.substr(0, place.find(':'));
  const std::string column = place.substr(place.find(':') + 1);
  EXPECT_TRUE(message.starts_with("nearlite: line " + line + ", column " + column + ": "))
      << message;
  EXPECT_NE(message.find(word), std::string::npos) << message;
  EXPECT_NE(message.find('^'), std::string::npos) << message;
}

TEST(Translate, LeavesSqliteAlone) {
  for (const char* sql : {
           "",
           "  ;; -- nothing\n",
           "SELECT 'a <-> b', \"x::vector\", [<=>], `<#>` /* <+> */ -- $1 <->\n FROM t;",
           "SELECT a->'$.x', a->>'$.y', a || b, a<-1, ?, ?2, :a, @b, $c, x'00', 1e5 FROM t",
           "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 5) SELECT sum(n) "
           "FROM c",
           "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; UPDATE b SET c = 2; END; SELECT 3",
           "CREATE INDEX i ON items(price)",
           "CREATE UNIQUE INDEX IF NOT EXISTS main.i ON items(price) WHERE price > 1",
           "CREATE TABLE t(id bigint PRIMARY KEY, a TEXT CHECK (a <> 'x'), b int, UNIQUE(a))",
           "CREATE VIRTUAL TABLE v USING hnsw(embedding float[3] metric=l2)",
           "ALTER TABLE items ADD COLUMN x TEXT DEFAULT 'vector(3)'",
           "ALTER TABLE items RENAME TO things",
           "UPDATE items SET embedding = '[1,2,3]' WHERE id = 1 RETURNING *",
           "INSERT INTO items(id) VALUES (1) ON CONFLICT (id) DO UPDATE SET price = EXCLUDED.price",
           "DELETE FROM items WHERE id IN (SELECT id FROM docs ORDER BY 1 LIMIT 1)",
           "SELECT avg(price), sum(price) FROM items",
           "SELECT a IS DISTINCT FROM b FROM t WHERE x BETWEEN 1 AND 2 ORDER BY 1 DESC LIMIT 2, 3",
           "DROP INDEX IF EXISTS plain_index",
           "REINDEX plain_index",
           "EXPLAIN QUERY PLAN SELECT 1",
           "SELECT 'never closed <-> ::vector",
           "SELECT ) ( <",
           "PRAGMA user_version = 3",
       }) {
    expect_same(sql);
  }
}

TEST(Translate, OperatorsBecomeFunctions) {
  EXPECT_EQ(translated("SELECT a <-> b"), "SELECT vec_distance_l2(a, b)");
  EXPECT_EQ(translated("SELECT a<#>b"), "SELECT vec_distance_ip(a, b)");
  EXPECT_EQ(translated("SELECT (a)<=>(b)"), "SELECT vec_distance_cosine((a), (b))");
  EXPECT_EQ(translated("SELECT t.a <+> ?"), "SELECT vec_distance_l1(t.a, ?1)");
  EXPECT_EQ(translated("SELECT a <~> B'101'"), "SELECT hamming_distance(a, '101')");
  EXPECT_EQ(translated("SELECT a <%> '101'"), "SELECT jaccard_distance(a, '101')");
  EXPECT_EQ(translated("SELECT a /* x */ <-> -- y\n b"),
            "SELECT vec_distance_l2(a /* x */ , -- y\n b)");
}

TEST(Translate, OperatorsBindAsInPostgres) {
  EXPECT_EQ(translated("SELECT a <-> b < 5 AND NOT c <-> d > 1"),
            "SELECT vec_distance_l2(a, b) < 5 AND NOT vec_distance_l2(c, d) > 1");
  EXPECT_EQ(translated("SELECT 1 - (a <=> b) AS s"), "SELECT 1 - (vec_distance_cosine(a, b)) AS s");
  EXPECT_EQ(translated("SELECT a <-> f(b, c) + -g(1) * 2 > 0"),
            "SELECT vec_distance_l2(a, f(b, c) + -g(1) * 2) > 0");
  EXPECT_EQ(translated("SELECT x || a <-> b || c"), "SELECT vec_distance_l2(x || a, b) || c");
  EXPECT_EQ(translated("SELECT j->>'v' <-> b"), "SELECT vec_distance_l2(j->>'v', b)");
  EXPECT_EQ(translated("SELECT CASE WHEN a <-> b < 1 THEN c ELSE d END <-> e"),
            "SELECT vec_distance_l2(CASE WHEN vec_distance_l2(a, b) < 1 THEN c ELSE d END, e)");
  EXPECT_EQ(translated("SELECT a <-> b <-> c"), "SELECT vec_distance_l2(vec_distance_l2(a, b), c)");
  EXPECT_EQ(translated("SELECT x BETWEEN 0 AND a <-> b"),
            "SELECT x BETWEEN 0 AND vec_distance_l2(a, b)");
  EXPECT_EQ(translated("SELECT a <-> CAST(b AS BLOB), main.t.a <-> \"b\""),
            "SELECT vec_distance_l2(a, CAST(b AS BLOB)), vec_distance_l2(main.t.a, \"b\")");
  EXPECT_EQ(translated("DELETE FROM items WHERE embedding <-> '[1,2,3]' > 5"),
            "DELETE FROM items WHERE vec_distance_l2(embedding, '[1,2,3]') > 5");
  EXPECT_EQ(translated("SELECT count(*) FILTER (WHERE a <-> b < 1) OVER w <-> c"),
            "SELECT vec_distance_l2(count(*) FILTER (WHERE vec_distance_l2(a, b) < 1) OVER w, c)");
}

TEST(Translate, Casts) {
  EXPECT_EQ(translated("SELECT '[1,2]'::vector"), "SELECT vec_cast('[1,2]', 'vector')");
  EXPECT_EQ(translated("SELECT $1::halfvec(3), $2::BIT(3)"),
            "SELECT vec_cast(?1, 'halfvec', 3), vec_cast(?2, 'bit', 3)");
  EXPECT_EQ(translated("SELECT a::vector(3) <-> ('[1,2,3]'::vector)"),
            "SELECT vec_distance_l2(a, ('[1,2,3]'))");
  EXPECT_EQ(translated("SELECT a::text, 1::double precision, x::varchar(3), j::jsonb, (a+b)::int8"),
            "SELECT CAST(a AS TEXT), CAST(1 AS REAL), CAST(x AS TEXT), j, CAST((a+b) AS INTEGER)");
  EXPECT_EQ(translated("SELECT (a <-> b)::real"), "SELECT CAST((vec_distance_l2(a, b)) AS REAL)");
  EXPECT_EQ(translated("SELECT '1'::text::int"), "SELECT CAST(CAST('1' AS TEXT) AS INTEGER)");
  EXPECT_EQ(translated("SELECT ARRAY[1,2,3]::vector"), "SELECT vec_cast('[1,2,3]', 'vector')");
  EXPECT_EQ(translated("SELECT $$it's$$, $q$a$$b$q$"), "SELECT 'it''s', 'a$$b'");
  expect_refused("SELECT a::real[]", "1:9", "real[]");
  expect_refused("SELECT a::sparsevec(5)", "1:9", "sparse");
  expect_refused("SELECT ::vector", "1:8", "missing");
  expect_refused("SELECT a::", "1:9", "missing");
  expect_refused("SELECT E'a\\n'", "1:8", "escape");
  expect_refused("SELECT ARRAY[a,b]", "1:8", "json_array");
}

TEST(Translate, ParametersKeepTheirPlaces) {
  EXPECT_EQ(translated("SELECT $2, $1, $name, $1a"), "SELECT ?2, ?1, $name, $1a");
  EXPECT_EQ(translated("SELECT ? + ?"), "SELECT ? + ?");
  EXPECT_EQ(translated("SELECT ?, ?7, ?, :a, ?, :a, ?, a <-> ?"),
            "SELECT ?1, ?7, ?8, :a, ?10, :a, ?11, vec_distance_l2(a, ?12)");
}

TEST(Translate, AggregatesOfVectors) {
  EXPECT_EQ(translated("SELECT avg(embedding), sum(i.embedding), avg(price) FROM items i"),
            "SELECT vec_avg(embedding), vec_sum(i.embedding), avg(price) FROM items i");
  EXPECT_EQ(translated("SELECT AVG(x::vector) FROM t"),
            "SELECT vec_AVG(vec_cast(x, 'vector')) FROM t");
  expect_refused("SELECT embedding + '[1,2,3]' FROM items", "1:18", "vec_add");
  expect_refused("SELECT 2 * i.embedding FROM items i", "1:10", "not translated");
  expect_same("SELECT price + 1, count(*), i.* FROM items i");
}

TEST(Translate, NullsComeLast) {
  EXPECT_EQ(translated("SELECT 1 FROM t ORDER BY a <-> b, c"),
            "SELECT 1 FROM t ORDER BY vec_distance_l2(a, b) NULLS LAST, c");
  EXPECT_EQ(translated("SELECT 1 FROM t ORDER BY a <-> b DESC LIMIT 1"),
            "SELECT 1 FROM t ORDER BY vec_distance_l2(a, b) DESC NULLS FIRST LIMIT 1");
  EXPECT_EQ(translated("SELECT 1 FROM t ORDER BY a <-> b NULLS FIRST"),
            "SELECT 1 FROM t ORDER BY vec_distance_l2(a, b) NULLS FIRST");
  EXPECT_EQ(translated("SELECT 1-(a <=> b) AS s FROM t ORDER BY s DESC"),
            "SELECT 1-(vec_distance_cosine(a, b)) AS s FROM t ORDER BY s DESC NULLS FIRST");
  EXPECT_EQ(translated("SELECT rank() OVER (PARTITION BY c ORDER BY a <-> b) FROM t ORDER BY 1"),
            "SELECT rank() OVER (PARTITION BY c ORDER BY vec_distance_l2(a, b) NULLS LAST) FROM t"
            " ORDER BY 1");
}

TEST(Translate, MessagesShowThePlace) {
  MadeUpSchema schema;
  const auto failed = translate("SELECT 1;\n\nSELECT 'größer' <->\n ;", schema);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.status().message(),
            "nearlite: line 3, column 17: a vector is missing behind <->\n"
            "  SELECT 'größer' <->\n"
            "                  ^^^");
}

TEST(Translate, OneStatementAtATime) {
  MadeUpSchema schema;
  const std::string_view script = "SELECT a <-> b; -- next\nSELECT 2";
  std::size_t at = 0;
  EXPECT_EQ(translate_next(script, at, schema)->sql, "SELECT vec_distance_l2(a, b);");
  EXPECT_EQ(at, 15U);
  EXPECT_EQ(translate_next(script, at, schema)->sql, " -- next\nSELECT 2");
  EXPECT_EQ(at, script.size());
}

}  // namespace
}  // namespace nearlite::dialect
