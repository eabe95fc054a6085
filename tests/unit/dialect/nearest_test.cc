// Which queries are led to an index, and how.
#include <gtest/gtest.h>

#include <string>

#include "dialect/translate.h"
#include "unit/dialect/made_up_schema.h"

namespace nearlite::dialect {
namespace {

std::string translated(std::string_view sql) {
  MadeUpSchema schema;
  const auto translation = translate(sql, schema);
  return translation.ok() ? translation->sql : "error: " + translation.status().message();
}

bool uses_index(std::string_view sql) {
  return translated(sql).find("nearlite_nearest") != std::string::npos;
}

const std::string kFrom = "FROM nearlite_nearest CROSS JOIN items WHERE ";
const std::string kCondition = "nearlite_id = items.rowid AND nearlite_query = ";

TEST(Nearest, JoinsBeforeTheTable) {
  EXPECT_EQ(translated("SELECT * FROM items ORDER BY embedding <-> '[1,2,3]' LIMIT 5;"),
            "SELECT * " + kFrom + kCondition +
                "'[1,2,3]' AND nearlite_index = 'main.ix' AND nearlite_count = 5"
                " ORDER BY nearlite_place LIMIT 5;");
  EXPECT_EQ(translated("SELECT id FROM items WHERE price < ? OR id = ?\n"
                       "ORDER BY embedding <=> ? ASC NULLS LAST LIMIT ? OFFSET 2"),
            "SELECT id " + kFrom + "(price < ?1 OR id = ?2) AND " + kCondition +
                "?3 AND nearlite_index = 'main.ix_cosine'\nORDER BY nearlite_place LIMIT ?4"
                " OFFSET 2");
}

TEST(Nearest, CountsOnlyWhereNothingElseDecides) {
  EXPECT_NE(translated("SELECT id FROM items ORDER BY embedding <-> $1 LIMIT $2 OFFSET 3")
                .find("nearlite_count = ?2 + 3"),
            std::string::npos);
  for (const char* sql : {
           "SELECT id FROM items WHERE id > 1 ORDER BY embedding <-> $1 LIMIT 5",
           "SELECT id FROM items, docs ORDER BY items.embedding <-> $1 LIMIT 5",
           "SELECT id FROM items ORDER BY embedding <-> $1 LIMIT 2 + 3",
           "SELECT id FROM items ORDER BY embedding <-> $1 LIMIT 2, 3",
       }) {
    EXPECT_TRUE(uses_index(sql)) << sql;
    EXPECT_EQ(translated(sql).find("nearlite_count"), std::string::npos) << sql;
  }
}

TEST(Nearest, FindsTheIndexInManyShapes) {
  for (const char* sql : {
           "SELECT * FROM items ORDER BY '[1,2,3]' <-> embedding LIMIT 5",
           "SELECT * FROM items AS i ORDER BY (i.\"embedding\" <-> $1::vector(3)) LIMIT 5",
           "SELECT * FROM main.items x WHERE x.id = 1 ORDER BY x.embedding <-> ?1 LIMIT ALL",
           "SELECT *, embedding <-> $1 AS d FROM items ORDER BY d LIMIT 5",
           "SELECT id, embedding <-> $1 FROM items ORDER BY 2 LIMIT 5",
           "SELECT * FROM items ORDER BY embedding::halfvec(3) <-> $1 LIMIT 5",
           "SELECT * FROM items i JOIN t ON t.id = i.id ORDER BY i.embedding <-> $1 LIMIT 5",
           "SELECT * FROM t, items LEFT JOIN u USING (id) ORDER BY items.embedding <-> $1 LIMIT 5",
           "SELECT * FROM docs ORDER BY embedding <#> $1 LIMIT 5",
           "SELECT * FROM docs ORDER BY small <-> $1 LIMIT 5",
           "SELECT * FROM items ORDER BY embedding <-> (SELECT embedding FROM items WHERE id = 1)"
           " LIMIT 5",
           "SELECT * FROM items i ORDER BY embedding <-> (SELECT j.embedding FROM items j WHERE"
           " j.rowid = 2) LIMIT 5",
           "WITH q AS (SELECT v FROM t) SELECT * FROM items ORDER BY embedding <-> (SELECT v FROM "
           "q)"
           " LIMIT 5",
           "SELECT * FROM t WHERE id IN (SELECT id FROM items ORDER BY embedding <-> $1 LIMIT 5)",
           "SELECT (SELECT id FROM items ORDER BY embedding <-> t.v LIMIT 1) FROM t",
           "INSERT INTO t SELECT id FROM items ORDER BY embedding <-> $1 LIMIT 5",
           "EXPLAIN SELECT * FROM items ORDER BY embedding <-> $1 LIMIT 5",
       }) {
    EXPECT_TRUE(uses_index(sql)) << translated(sql);
  }
}

TEST(Nearest, SortsWhereAnIndexWouldChangeTheAnswer) {
  for (
      const char* sql : {
          "SELECT * FROM items ORDER BY embedding <-> $1",               // no LIMIT
          "SELECT * FROM items ORDER BY embedding <-> $1 DESC LIMIT 5",  // the farthest
          "SELECT * FROM items ORDER BY embedding <-> $1 NULLS FIRST LIMIT 5",
          "SELECT * FROM items ORDER BY embedding <-> $1, id LIMIT 5",  // ties by id
          "SELECT * FROM items ORDER BY id, embedding <-> $1 LIMIT 5",
          "SELECT * FROM items ORDER BY embedding <+> $1 LIMIT 5",  // no such index
          "SELECT * FROM items ORDER BY half <-> $1 LIMIT 5",
          "SELECT * FROM items ORDER BY bits <%> '101' LIMIT 5",
          "SELECT * FROM plain_items ORDER BY embedding <-> $1 LIMIT 5",
          "SELECT * FROM unknown ORDER BY embedding <-> $1 LIMIT 5",
          "SELECT * FROM items ORDER BY 1 - (embedding <=> $1) LIMIT 5",
          "SELECT * FROM items ORDER BY (embedding <-> $1) + price LIMIT 5",
          "SELECT * FROM items i ORDER BY embedding <-> i.half LIMIT 5",  // not one query
          "SELECT * FROM items ORDER BY embedding <-> half LIMIT 5",
          "SELECT * FROM items i ORDER BY embedding <-> (SELECT v FROM t WHERE id = i.id) LIMIT 5",
          "SELECT * FROM items ORDER BY embedding <-> (SELECT v FROM t WHERE x = price) LIMIT 5",
          "SELECT * FROM items a, items b ORDER BY a.embedding <-> b.embedding LIMIT 5",
          "SELECT DISTINCT id FROM items ORDER BY embedding <-> $1 LIMIT 5",
          "SELECT price FROM items GROUP BY price ORDER BY embedding <-> $1 LIMIT 5",
          "SELECT id FROM items UNION SELECT 1 ORDER BY embedding <-> $1 LIMIT 5",
          "SELECT * FROM t LEFT JOIN items i ON 1 ORDER BY i.embedding <-> $1 LIMIT 5",
          "SELECT * FROM items i FULL JOIN t ON 1 ORDER BY i.embedding <-> $1 LIMIT 5",
          "SELECT * FROM (SELECT * FROM items) i ORDER BY i.embedding <-> $1 LIMIT 5",
          "WITH items AS (SELECT 1) SELECT * FROM items ORDER BY embedding <-> $1 LIMIT 5",
          "INSERT INTO t WITH items AS (SELECT 1) SELECT * FROM items ORDER BY embedding <-> $1"
          " LIMIT 5",
          "SELECT * FROM items a JOIN items b ON 1 ORDER BY embedding <-> $1 LIMIT 5",  // ambiguous
          "CREATE VIEW v AS SELECT * FROM items ORDER BY embedding <-> '[1,2,3]' LIMIT 5",
          "CREATE TEMP TRIGGER g AFTER INSERT ON t BEGIN SELECT * FROM items"
          " ORDER BY embedding <-> '[1,2,3]' LIMIT 5; END",
      }) {
    EXPECT_FALSE(uses_index(sql)) << translated(sql);
    EXPECT_EQ(translated(sql).find("error"), std::string::npos) << translated(sql);
    EXPECT_NE(translated(sql).find("_distance"), std::string::npos) << translated(sql);
  }
}

TEST(Nearest, RowidStillMeansTheTable) {
  EXPECT_EQ(translated("SELECT rowid, oid AS oid FROM items i WHERE _rowid_ > (SELECT max(rowid)"
                       " FROM t) ORDER BY embedding <-> $1 LIMIT 5"),
            "SELECT i.rowid, i.oid AS oid FROM nearlite_nearest CROSS JOIN items i WHERE"
            " (i._rowid_ > (SELECT max(rowid) FROM t)) AND nearlite_id = i.rowid AND"
            " nearlite_query = ?1 AND nearlite_index = 'main.ix' ORDER BY nearlite_place LIMIT 5");
}

TEST(Nearest, TypedBlobsAreReadAsWhatTheyAre) {
  EXPECT_EQ(translated("SELECT small <-> $1 FROM docs d WHERE $1 <-> d.small < 1"),
            "SELECT vec_distance_l2(vec_f16(small), ?1) FROM docs d WHERE"
            " vec_distance_l2(?1, vec_f16(d.small)) < 1");
  EXPECT_EQ(translated("DELETE FROM docs WHERE small <-> $1 < 1"),
            "DELETE FROM docs WHERE vec_distance_l2(vec_f16(small), ?1) < 1");
  EXPECT_EQ(translated("UPDATE docs SET embedding = NULL WHERE small <-> $1 < 1"),
            "UPDATE docs SET embedding = NULL WHERE vec_distance_l2(vec_f16(small), ?1) < 1");
}

TEST(Nearest, InnerQueriesMoveWithTheVector) {
  EXPECT_EQ(translated("SELECT id FROM items ORDER BY embedding <-> (SELECT embedding FROM items"
                       " ORDER BY embedding <=> '[1,0,0]' LIMIT 1) LIMIT 5"),
            "SELECT id " + kFrom + kCondition + "(SELECT embedding " + kFrom + kCondition +
                "'[1,0,0]' AND nearlite_index = 'main.ix_cosine' AND nearlite_count = 1"
                " ORDER BY nearlite_place LIMIT 1) AND nearlite_index = 'main.ix' AND"
                " nearlite_count = 5 ORDER BY nearlite_place LIMIT 5");
}

}  // namespace
}  // namespace nearlite::dialect
