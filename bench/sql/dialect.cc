#include "sql/dialect.h"

#include "driver/worker.h"

namespace bench {

namespace {

// M = 16 and ef_construction = 200 for every engine that has them.
std::string nearlite_search(const std::string& form) {
  if (form == "match") {
    return "SELECT rowid, distance FROM t WHERE embedding MATCH ?1 AND k = 10 AND ef_search = ?2";
  }
  if (form == "rowid") {
    return "SELECT rowid FROM t WHERE embedding MATCH ?1 AND k = 10 AND ef_search = ?2";
  }
  if (form == "knn") return "SELECT rowid, distance FROM vss_knn(?1, 10, 't', ?2)";
  if (form == "join") {
    return "SELECT n.rowid, n.distance, d.body FROM vss_knn(?1, 10, 't', ?2) AS n "
           "JOIN texts d ON d.id = n.rowid";
  }
  fail("unknown form of search: " + form);
}

}  // namespace

Dialect dialect_of(const std::string& engine, std::size_t dim, std::size_t rows_max,
                   const std::string& options, const std::string& form) {
  const std::string dims = "[" + std::to_string(dim) + "]";
  Dialect dialect{.create = "",
                  .insert = "INSERT INTO t(rowid, embedding) VALUES (?1, ?2)",
                  .update = "UPDATE t SET embedding = ?2 WHERE rowid = ?1",
                  .remove = "DELETE FROM t WHERE rowid = ?1",
                  .search = ""};
  if (engine == "nearlite") {
    dialect.create = "CREATE VIRTUAL TABLE t USING hnsw(embedding float" + dims +
                     " metric=cosine, m=16, ef_construction=200" + options + ")";
    dialect.search = nearlite_search(form);
  } else if (engine == "vectorlite") {
    // Inner product on unit vectors: its cheapest distance with the order of the cosine.
    dialect.create = "CREATE VIRTUAL TABLE t USING vectorlite(embedding float32" + dims +
                     " ip, hnsw(max_elements=" + std::to_string(rows_max) +
                     ", ef_construction=200, M=16)" + options + ")";
    dialect.search =
        "SELECT rowid, distance FROM t WHERE knn_search(embedding, knn_param(?1, 10, ?2))";
  } else if (engine == "sqlite-vec") {
    dialect.create = "CREATE VIRTUAL TABLE t USING vec0(embedding float" + dims + options + ")";
    dialect.search = "SELECT rowid, distance FROM t WHERE embedding MATCH ?1 AND k = 10";
  } else {
    fail("unknown engine: " + engine);
  }
  return dialect;
}

}  // namespace bench
