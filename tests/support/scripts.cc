#include "support/scripts.h"

#include <cctype>
#include <cstddef>
#include <span>
#include <stdexcept>

#include "support/random.h"
#include "support/vectors.h"

namespace nearlite::test {
namespace {

struct Variant {
  std::string name;
  std::string pragmas;
  std::size_t dim = 8;
  std::string column = "float[8] metric=l2";  // of embedding
  std::string options = ", m=4, ef_construction=40";
  std::string content_metric = "l2";  // of indexes over external content
};

// Vectors to insert from, so that one statement can insert many.
std::string source_sql(std::size_t dim, std::size_t count) {
  VectorSource source(VectorSource::Shape{.dim = dim}, 11);
  std::string sql =
      "CREATE TABLE source(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO source(v) VALUES";
  for (std::size_t i = 0; i < count; ++i) {
    sql += (i == 0 ? "('" : ",('") + to_json(source.next()) + "')";
  }
  return sql;
}

std::string create_sql(const std::string& table, const Variant& variant,
                       const std::string& more = "") {
  return "CREATE VIRTUAL TABLE " + table + " USING hnsw(embedding " + variant.column +
         ", lang text, year integer, +title text" + variant.options + more + ")";
}

std::string insert_sql(const std::string& table, int first, int last) {
  return "INSERT INTO " + table +
         "(rowid, embedding, lang, year, title) SELECT id, v, iif(id % 2, 'en', 'de'), id, 'title "
         "' "
         "|| id FROM source WHERE id BETWEEN " +
         std::to_string(first) + " AND " + std::to_string(last);
}

std::string vector_sql(int id) {
  return "(SELECT v FROM source WHERE id = " + std::to_string(id) + ")";
}

std::string search_sql(int id) {
  return "SELECT rowid FROM t WHERE embedding MATCH " + vector_sql(id) + " AND k = 5";
}

class Maker {
 public:
  explicit Maker(Variant variant) : variant_(std::move(variant)) {}

  std::vector<Script> make() {
    add("insert", {insert_sql("t", 41, 52)});
    add("insert one by one", {insert_sql("t", 41, 41), insert_sql("t", 42, 42)}, /*warm=*/false);
    add("update", {"UPDATE t SET title = 'new' WHERE rowid = 3",
                   "UPDATE t SET embedding = " + vector_sql(44) + " WHERE rowid IN (5, 6, 7)",
                   "UPDATE t SET rowid = 1007 WHERE rowid = 7",
                   "UPDATE t SET embedding = NULL WHERE rowid = 9"});
    add("delete", {"DELETE FROM t WHERE rowid % 3 = 0", "DELETE FROM t WHERE rowid = 1"});
    add("savepoints", {"BEGIN", insert_sql("t", 41, 44), "SAVEPOINT a",
                       "DELETE FROM t WHERE rowid < 5", "ROLLBACK TO a", insert_sql("t", 45, 46),
                       "RELEASE a", "DELETE FROM t WHERE rowid = 41", "COMMIT"});
    add("conflicts",
        {"INSERT OR REPLACE INTO t(rowid, embedding) VALUES(2, " + vector_sql(45) + ")",
         "INSERT OR IGNORE INTO t(rowid, embedding) SELECT id, v FROM source WHERE id IN (1, 42, "
         "2)",
         "SELECT hnsw_add('t', 43, " + vector_sql(43) + ")", "SELECT hnsw_del('t', 4)"});
    add("maintenance", {"DELETE FROM t WHERE rowid < 12", "INSERT INTO t(t) VALUES('optimize')",
                        "INSERT INTO t(t) VALUES('compact')"});
    add("rebuild",
        {"INSERT INTO t(t) VALUES('rebuild')", "INSERT INTO t(t, k) VALUES('ef_search', 77)",
         "INSERT INTO t(t) VALUES('repair')"});
    add("search",
        {search_sql(7),
         search_sql(9) + " AND lang IN ('en', 'a text that is long enough to be missed when it is "
                         "never given back to the allocator', 'b', x'00') AND year < 30",
         "SELECT nearlite_check('t')", "SELECT count(*) FROM t"},
        /*warm=*/false);
    several_columns();
    side_file();
    side_file_parts();
    definitions();
    attached();
    Script& vacuum = add("vacuum", {"VACUUM", insert_sql("t", 41, 42), "VACUUM"});
    vacuum.setup.emplace_back("DELETE FROM t WHERE rowid % 2 = 0");
    external_content("strict");
    external_content("log");
    vec0();
    sqlite_vec();
    sparse();
    return std::move(scripts_);
  }

 private:
  Script& add(const std::string& name, std::vector<std::string> steps, bool warm = true) {
    Script script;
    script.name = name + (variant_.name.empty() ? "" : ", " + variant_.name);
    script.pragmas = variant_.pragmas;
    script.setup = {source_sql(variant_.dim, 60), create_sql("t", variant_),
                    insert_sql("t", 1, 40)};
    script.steps = std::move(steps);
    script.warm = warm;
    scripts_.push_back(std::move(script));
    return scripts_.back();
  }

  void several_columns() {
    Script& script = add("several columns", {});
    script.setup[1] = "CREATE VIRTUAL TABLE t USING hnsw(a " + variant_.column + ", b int8[" +
                      std::to_string(variant_.dim) + "] metric=cosine, c bit[" +
                      std::to_string(variant_.dim) + "] metric=hamming, lang text partition key" +
                      variant_.options + ")";
    const auto insert = [](int first, int last) {
      return "INSERT INTO t(rowid, a, b, c, lang) SELECT id, v, iif(id % 5, vec_quantize_int8(v, "
             "'unit'), "
             "NULL), vec_quantize_binary(v), 'l' || (id % 3) FROM source WHERE id BETWEEN " +
             std::to_string(first) + " AND " + std::to_string(last);
    };
    script.setup[2] = insert(1, 30);
    script.steps = {
        insert(41, 44), "UPDATE t SET b = NULL, a = " + vector_sql(50) + " WHERE rowid = 3",
        "UPDATE t SET rowid = -rowid WHERE rowid < 3", "DELETE FROM t WHERE rowid > 42"};
  }

  void side_file() {
    Script& script =
        add("side file",
            {insert_sql("t", 41, 43), "SELECT hnsw_save('t')", "DELETE FROM t WHERE rowid < 4",
             search_sql(8), "PRAGMA user_version = 3"},
            /*warm=*/false);
    script.setup[1] = create_sql("t", variant_, ", path='t.idx', persist = every 2");
  }

  /// Searches of a new process find the side file as it should be, and read in it.
  void side_file_parts() {
    Script& script = add("side file in parts",
                         {search_sql(8), search_sql(4), insert_sql("t", 41, 43), search_sql(8)},
                         /*warm=*/false);
    script.setup[1] = create_sql("t", variant_, ", path='t.idx', persist = commit");
    script.setup.push_back("SELECT hnsw_save('t')");
  }

  void definitions() {
    add("definitions",
        {create_sql("u", variant_), insert_sql("u", 1, 6), "ALTER TABLE u RENAME TO w",
         insert_sql("w", 7, 8), "BEGIN", "DROP TABLE w", create_sql("w", variant_),
         insert_sql("w", 11, 12), "COMMIT", "ALTER TABLE t RENAME TO \"a b\"", "DROP TABLE w"});
  }

  std::string follow_sql(const std::string& index, const std::string& sync,
                         const std::string& more = "") const {
    return "CREATE VIRTUAL TABLE " + index +
           " USING hnsw(content=documents, content_vector=v, dim=" + std::to_string(variant_.dim) +
           ", metric=" + variant_.content_metric + ", sync=" + sync + variant_.options + more + ")";
  }

  static std::string document_sql(int first, int last) {
    return "INSERT INTO documents(id, v) SELECT id, vec_f32(v) FROM source WHERE id BETWEEN " +
           std::to_string(first) + " AND " + std::to_string(last);
  }

  void external_content(const std::string& sync) {
    const std::string vector = "(SELECT vec_f32(v) FROM source WHERE id = 50)";
    Script& writes =
        add("external content " + sync,
            {document_sql(31, 34), "UPDATE documents SET v = " + vector + " WHERE id IN (3, 5)",
             "BEGIN", "INSERT OR REPLACE INTO documents(id, v) VALUES(4, " + vector + ")",
             "SAVEPOINT a", "DELETE FROM documents WHERE id < 9", "ROLLBACK TO a",
             "UPDATE documents SET id = -id WHERE id > 32", "COMMIT",
             "SELECT rowid FROM ix WHERE v MATCH " + vector + " AND k = 5",
             "INSERT INTO ix(ix) VALUES('sync')", "DELETE FROM documents WHERE id = 11",
             "INSERT INTO ix(ix) VALUES('repair')"},
            /*warm=*/false);
    writes.setup = {source_sql(variant_.dim, 60),
                    "CREATE TABLE documents(id INTEGER PRIMARY KEY, v)", document_sql(1, 30),
                    follow_sql("ix", sync)};
    std::vector<std::string> setup = writes.setup;
    Script& definitions = add(
        "external definitions " + sync,
        {follow_sql("jx", sync, ", build=deferred"), "INSERT INTO jx(jx, k) VALUES('build', 20)",
         "DELETE FROM documents WHERE id % 4 = 0", "INSERT INTO jx(jx) VALUES('build')",
         "ALTER TABLE ix RENAME TO \"a b\"", "ALTER TABLE documents RENAME TO d2", "DROP TABLE jx",
         "INSERT INTO \"a b\"(\"a b\") VALUES('rebuild')", "DELETE FROM d2 WHERE id = 11"},
        /*warm=*/false);
    definitions.setup = std::move(setup);
  }

  /// Rows that are noted, merged, changed after that, and made anew.
  void sparse() {
    Script& script = add("sparse", {}, /*warm=*/false);
    script.setup[1] = "CREATE VIRTUAL TABLE t USING hnsw(embedding " + variant_.column +
                      ", words sparse[9], lang text, b sparse[1000]" + variant_.options + ")";
    const auto insert = [](int first, int last) {
      return "INSERT INTO t(rowid, embedding, words, lang, b) SELECT id, iif(id % 4, v, NULL),"
             " iif(id % 5, '{' || (1 + id % 4) || ':2,5:' || id || '}/9', NULL), 'l' || (id % 3),"
             " '{' || id || ':1}/1000' FROM source WHERE id BETWEEN " +
             std::to_string(first) + " AND " + std::to_string(last);
    };
    script.setup[2] = insert(1, 20) + "; INSERT INTO t(t) VALUES('optimize'); " + insert(21, 23);
    const std::string search = "SELECT rowid, distance FROM t WHERE words MATCH '{5:1,2:3}/9'";
    script.steps = {insert(41, 42),
                    "UPDATE t SET words = '{1:1}/9', lang = 'new' WHERE rowid IN (3, 21)",
                    search + " AND k = 4",
                    "BEGIN",
                    "UPDATE t SET rowid = -rowid WHERE rowid < 3",
                    "SAVEPOINT a",
                    "DELETE FROM t WHERE rowid > 20",
                    "INSERT INTO t(t) VALUES('optimize')",
                    "ROLLBACK TO a",
                    search + " AND lang = 'l1'",
                    "COMMIT",
                    "INSERT INTO t(t) VALUES('optimize')",
                    "DELETE FROM t WHERE rowid % 2 = 0",
                    "INSERT INTO t(t) VALUES('compact')",
                    "ALTER TABLE t RENAME TO w",
                    "DROP TABLE w"};
  }

  // The other language, over the same tables.
  void vec0() {
    Script& script = add("vec0", {});
    script.setup[1] = "CREATE VIRTUAL TABLE t USING vec0(id integer primary key, embedding float[" +
                      std::to_string(variant_.dim) +
                      "], lang text partition key, year integer, +title text)";
    script.steps = {insert_sql("t", 41, 44),
                    "UPDATE t SET embedding = " + vector_sql(50) + ", lang = 'fr' WHERE id < 4",
                    "INSERT OR REPLACE INTO t(id, embedding) VALUES(5, " + vector_sql(51) + ")",
                    "UPDATE t SET id = id + 100 WHERE id IN (7, 8)",
                    "BEGIN",
                    "DELETE FROM t WHERE embedding MATCH " + vector_sql(9) + " AND k = 3",
                    "SAVEPOINT a",
                    "DROP TABLE t",
                    "ROLLBACK TO a",
                    "COMMIT",
                    search_sql(7) + " AND distance > 0.1 AND lang IN ('en', 'fr') AND id > 3",
                    "ALTER TABLE t RENAME TO year"};
  }

  // A table that sqlite-vec made, of two chunks: moved and taken back, then moved by a write.
  void sqlite_vec() {
    Script& script = add("sqlite-vec", {}, /*warm=*/false);
    script.setup[1] =
        "CREATE TABLE t_chunks(chunk_id INTEGER PRIMARY KEY AUTOINCREMENT, size INTEGER NOT NULL,"
        " validity BLOB NOT NULL, rowids BLOB NOT NULL);"
        "CREATE TABLE t_rowids(rowid INTEGER PRIMARY KEY AUTOINCREMENT, id, chunk_id INTEGER,"
        " chunk_offset INTEGER);"
        "CREATE TABLE t_vector_chunks00(rowid PRIMARY KEY, vectors BLOB NOT NULL);"
        "CREATE TABLE t_auxiliary(rowid integer PRIMARY KEY, value00);"
        "PRAGMA writable_schema=ON;"
        "INSERT INTO sqlite_master VALUES('table', 't', 't', 0, 'CREATE VIRTUAL TABLE t USING "
        "vec0(embedding float[" +
        std::to_string(variant_.dim) +
        "], +title text, chunk_size=8)'); PRAGMA writable_schema=RESET";
    script.setup[2] =
        "INSERT INTO t_rowids SELECT id, NULL, 1 + (id - 1) / 8, (id - 1) % 8 FROM source WHERE id "
        "<= 16;"
        "INSERT INTO t_auxiliary SELECT id, 'title ' || id FROM source WHERE id <= 16";
    for (int chunk = 1; chunk <= 2; ++chunk) {
      std::string rowids;
      std::string vectors;
      for (int row = chunk * 8 - 7; row <= chunk * 8; ++row) {
        rowids += hex(static_cast<std::uint64_t>(row));
        for (int i = 0; i < static_cast<int>(variant_.dim); ++i)
          vectors += hex(static_cast<float>((row * 7 + i * row) % 11 - 5));
      }
      const std::string id = std::to_string(chunk);
      script.setup[2] += ";INSERT INTO t_chunks VALUES(" + id + ", 8, x'ff', x'" + rowids +
                         "');INSERT INTO t_vector_chunks00 VALUES(" + id + ", x'" + vectors + "')";
    }
    const std::string columns = "INSERT INTO t(rowid, embedding, title) VALUES(";
    script.steps = {search_sql(3),
                    "BEGIN",
                    "INSERT INTO t(t) VALUES('upgrade')",
                    columns + "50, " + vector_sql(50) + ", 'fifty')",
                    "ROLLBACK",
                    "INSERT INTO t(t) VALUES('integrity-check')",
                    "UPDATE t SET title = 'new' WHERE rowid < 4",
                    columns + "51, " + vector_sql(51) + ", 'more')",
                    search_sql(4),
                    "DROP TABLE t"};
  }

  // The bytes of a number, the lowest first.
  template <class Number>
  static std::string hex(Number number) {
    std::string text;
    for (const std::byte byte : std::as_bytes(std::span(&number, 1))) {
      constexpr const char* kDigits = "0123456789abcdef";
      text += {kDigits[std::to_integer<unsigned>(byte) >> 4],
               kDigits[std::to_integer<unsigned>(byte) & 15]};
    }
    return text;
  }

  void attached() {
    Script& script =
        add("attached", {"BEGIN", insert_sql("aux.t2", 41, 43), insert_sql("main.t", 41, 42),
                         "DELETE FROM aux.t2 WHERE rowid = 1", "COMMIT"});
    script.attach = "ATTACH 'aux.db' AS aux;";
    // Of several files in WAL mode SQLite commits one after the other
    // (sqlite.org/atomiccommit.html).
    script.atomic_per_file = script.pragmas.find("WAL") != std::string::npos;
    script.setup.push_back(create_sql("aux.t2", variant_));
    script.setup.push_back(insert_sql("aux.t2", 1, 20));
  }

  Variant variant_;
  std::vector<Script> scripts_;
};

}  // namespace

std::string test_name(const Script& script) {
  std::string name = script.name;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

bool is_long_run() { return environment_number("NEARLITE_LONG", 0) != 0; }

std::uint64_t points_of_run(const char* variable, std::uint64_t usual) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr std::uint64_t kSlowness = 6;
#else
  constexpr std::uint64_t kSlowness = 1;
#endif
  return environment_number(variable, is_long_run() ? UINT64_MAX / 16 : usual / kSlowness);
}

std::vector<Script> all_scripts(bool long_run) {
  const Variant rollback{"rollback journal", "PRAGMA journal_mode=DELETE; PRAGMA cache_size=10"};
  const Variant wal{"WAL", "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"};
  // More than 16 components are coded with a byte each.
  const Variant coded{"coded", "PRAGMA journal_mode=WAL; PRAGMA cache_size=10", 24,
                      "float16[24] metric=cosine", ", m=3, ef_construction=30"};
  const Variant kept{"truncated journal", "PRAGMA journal_mode=TRUNCATE; PRAGMA temp_store=1", 8,
                     "bfloat16[8] metric=ip", ", m=2, ef_construction=20, quantize=none"};
  const Variant signs{"signs",
                      "PRAGMA journal_mode=WAL; PRAGMA cache_size=10",
                      24,
                      "float[24] metric=cosine",
                      ", m=3, ef_construction=30, quantize=bit",
                      "cosine"};
  std::vector<Script> scripts;
  const auto append = [&](const Variant& variant, const std::string& only) {
    std::vector<Script> made = Maker(variant).make();
    if (!only.empty() && only.size() != made.size()) throw std::logic_error("a choice too few");
    for (std::size_t i = 0; i < made.size(); ++i) {
      if (only.empty() || only[i] == '1') scripts.push_back(std::move(made[i]));
    }
  };
  append(wal, long_run ? "" : "1001101010101010010101");
  append(rollback, long_run ? "" : "0110010101010101101110");
  append(signs, long_run ? "" : "0000000010000000000000");
  if (long_run) {
    append(coded, "");
    append(kept, "");
  }
  return scripts;
}

}  // namespace nearlite::test
