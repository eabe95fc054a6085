#include "fuzz/sql_targets.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>

#include "base/hash.h"
#include "fuzz/image.h"
#include "fuzz/input.h"
#include "fuzz/record_targets.h"
#include "storage/records.h"
#include "support/check_database.h"
#include "support/database.h"
#include "support/random.h"
#include "support/vectors.h"

namespace nearlite::test {
namespace {

constexpr std::size_t kDim = 8;

Blob small_vector(std::uint32_t seed) {
  Random random(seed);
  Vector vector;
  for (std::size_t i = 0; i < kDim; ++i)
    vector.push_back(static_cast<float>(random.between(-8, 8)));
  return encode(Element::kFloat, vector);
}

// A database of thirty rows, some changed and deleted, made once.
const Blob& base_image() {
  static const Blob image = [] {
    setenv("NEARLITE_THREADS", "1", 0);
    Database database(":memory:");
    database.must("PRAGMA page_size=1024");
    database.must(
        "CREATE VIRTUAL TABLE t USING hnsw(v float[8] metric=l2, lang text, year integer,"
        " +title text, m=3, ef_construction=20)");
    for (std::int64_t i = 1; i <= 30; ++i) {
      database.run(
          "INSERT INTO t(rowid, v, lang, year, title) VALUES(?1, ?2, ?3, ?1, 'title')",
          {i, small_vector(static_cast<std::uint32_t>(i)), std::string(i % 2 == 0 ? "en" : "de")});
    }
    database.must("DELETE FROM t WHERE rowid IN (3, 9, 17)");
    database.must("UPDATE t SET v = (SELECT v FROM t WHERE rowid = 5) WHERE rowid = 6");
    return serialize(database);
  }();
  return image;
}

const char* const kStatements[] = {
    "SELECT rowid, * FROM t",
    "SELECT rowid, distance FROM t WHERE v MATCH '[1,2,3,4,5,6,7,8]' AND k = 5 ORDER BY distance",
    "SELECT rowid FROM t WHERE v MATCH '[1,2,3,4,5,6,7,8]' AND k = 5 AND exact = 1",
    "SELECT rowid FROM t WHERE v MATCH '[1,2,3,4,5,6,7,8]' AND k = 5 AND lang = 'en' AND year < 20",
    "SELECT nearlite_check('t')",
    "SELECT nearlite_stats('t')",
    "SELECT nearlite_digest('t')",
    "SELECT length(hnsw_snapshot('t'))",
    "INSERT INTO t(rowid, v) VALUES(40, '[1,2,3,4,5,6,7,8]')",
    "UPDATE t SET v = '[8,7,6,5,4,3,2,1]' WHERE rowid = 4",
    "DELETE FROM t WHERE rowid < 8",
    "INSERT INTO t(t) VALUES('optimize')",
    "INSERT INTO t(t) VALUES('compact')",
    "INSERT INTO t(t) VALUES('integrity-check')",
    "INSERT INTO t(t) VALUES('repair')",
    "BEGIN",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "COMMIT",
    "ROLLBACK",
    "ALTER TABLE t RENAME TO u",
    "ALTER TABLE u RENAME TO t",
    "VACUUM",
    "DROP TABLE t",
};

void run_statements(Database& database, Input& input) {
  for (int i = 0; i < 6 && !input.empty(); ++i)
    database.exec(kStatements[input.below(std::size(kStatements))]);
  for (int i = 0; i < 5; ++i) database.exec(kStatements[i]);
}

}  // namespace

void fuzz_filter(std::span<const std::byte> bytes) {
  static Image image(base_image());
  Input input(bytes);
  const std::string where = input.line();
  // One condition, not a script.
  if (where.find(';') != std::string::npos) return;
  static int calls = 0;
  if (++calls % 2000 == 0) image = Image(base_image());
  Rows graph;
  Rows plain;
  const std::string head = "SELECT rowid FROM t WHERE ";
  // Nor one that ends the bracket round it: k would bound one side of an OR only.
  if (image->run("SELECT CASE WHEN " + where + " THEN 1 END FROM t LIMIT 0", {}) != SQLITE_OK)
    return;
  const std::string condition = "(" + where + ")";
  image->run(head + "v MATCH '[1,2,3,4,5,6,7,8]' AND k = 5 AND " + condition, {}, &graph);
  const int code = image->run(head + condition + " ORDER BY rowid", {}, &plain);
  if (code != SQLITE_OK || where.find("MATCH") != std::string::npos) return;
  for (const Row& row : graph) {
    if (plain.size() == 30) break;
    expect(graph.size() <= 5, "no more rows than asked for");
    static_cast<void>(row);
  }
}

void fuzz_command(std::span<const std::byte> bytes) {
  Image image(base_image());
  Input input(bytes);
  const std::string name = input.line();
  const std::string value = input.line();
  const Value argument = value.empty() ? Value() : Value(value);
  image->run("INSERT INTO t(t, k) VALUES(?1, ?2)", {name, argument});
  image->run("INSERT INTO t(t, k) VALUES(?1, ?2)",
             {name, std::int64_t{input.number<std::int32_t>()}});
  expect(image->scalar("SELECT nearlite_check('t')") == Value("ok"), "no command does damage");
  expect(image->number("SELECT count(*) FROM t") == 27, "nor loses rows");
}

void fuzz_functions(std::span<const std::byte> bytes) {
  static Database database(":memory:");
  const char* const functions[] = {
      "vec_distance_l2(?1, ?2)",
      "vec_distance_cosine(?1, ?2)",
      "vec_distance_ip(?1, ?2)",
      "vec_distance_l1(?1, ?2)",
      "vec_distance_hamming(?1, ?2)",
      "cosine_similarity(?1, ?2)",
      "vec_f32(?1)",
      "vec_f16(?1)",
      "vec_bf16(?1)",
      "vec_int8(?1)",
      "vec_bit(?1)",
      "vec_length(?1)",
      "vec_type(?1)",
      "vec_to_json(?1)",
      "vec_normalize(?1)",
      "vec_add(?1, ?2)",
      "vec_sub(?1, ?2)",
      "vec_slice(?1, ?3, ?4)",
      "vec_quantize_int8(?1, ?2)",
      "vec_quantize_binary(?1)",
      "(SELECT count(*) FROM vec_each(?1))",
      "vec_sparse_to_text(vec_sparse(?1))",
      "vec_distance_sparse_ip(?1, ?2)",
  };
  Input input(bytes);
  const std::string sql = std::string("SELECT ") + functions[input.below(std::size(functions))];
  const auto value = [&]() -> Value {
    const std::uint32_t kind = input.below(4);
    const std::size_t size = input.below(64);
    if (kind == 0) return std::int64_t{input.number<std::int32_t>()};
    if (kind == 1) return input.text(size);
    if (kind == 2) return Value();
    const auto piece = input.take(size);
    return Blob(piece.begin(), piece.end());
  };
  const Value a = value();
  const Value b = value();
  const Value c = value();
  const Value d = value();
  Statement statement(database, sql);
  statement.bind(1, a);
  statement.bind(2, b);
  statement.bind(3, c);
  statement.bind(4, d);
  statement.step();
}

void fuzz_snapshot(std::span<const std::byte> bytes) {
  Image image(base_image());
  const Value original = image->scalar("SELECT hnsw_snapshot('t')");
  Blob snapshot = std::get<Blob>(original);
  Input input(bytes);
  constexpr std::size_t kHeader = 144;
  const bool in_header = input.below(4) == 0;
  while (!input.empty()) {
    const std::size_t begin = in_header ? 0 : kHeader;
    const std::size_t at = begin + input.number<std::uint16_t>() % (snapshot.size() - begin);
    snapshot[at] ^= static_cast<std::byte>(input.number<std::uint8_t>());
  }
  // With the right hashes, as somebody who means harm would write it.
  const std::uint64_t body_hash = hash64(std::span(snapshot).subspan(kHeader));
  std::memcpy(snapshot.data() + 112, &body_hash, 8);
  const std::uint64_t head_hash = hash64(std::span(snapshot).first(kHeader - 8));
  std::memcpy(snapshot.data() + kHeader - 8, &head_hash, 8);
  image->run("SELECT hnsw_restore('t', ?1)", {snapshot});
  Input none({});
  run_statements(*image, none);
  // An image is a hint: rows decide what is returned, whatever it says.
  for (const char* sql : {kStatements[8], kStatements[9], kStatements[10], kStatements[11]})
    image->exec(sql);
  for (int i = 0; i < 4; ++i) image->exec(kStatements[i]);
}

void fuzz_image(std::span<const std::byte> bytes) {
  Blob image = base_image();
  Input input(bytes);
  const std::size_t count = input.below(32);
  for (std::size_t i = 0; i < count && !input.empty(); ++i) {
    const std::size_t at = input.number<std::uint32_t>() % image.size();
    image[at] ^= static_cast<std::byte>(input.number<std::uint8_t>());
  }
  Image database(image);
  run_statements(*database, input);
}

namespace {

// Changes a record and gives it the right checksum again.
Blob damage_links(NodeId id, const Blob& blob, Input& input) {
  auto record = decode_links(id, blob);
  if (!record.ok() || record->own.empty()) return blob;
  const auto some_id = [&] { return static_cast<NodeId>(1 + input.below(40)); };
  switch (input.below(5)) {
    case 0: record->parent = some_id(); break;
    case 1: record->as_of = some_id(); break;
    case 2: record->rowid = input.number<std::int16_t>(); break;
    case 3: record->links = record->own; break;
    default: record->own.resize(1 + input.below(4)); break;
  }
  if (!record->links.empty()) record->links.resize(record->own.size());
  for (auto* lists : {&record->own, &record->links}) {
    for (auto& list : *lists) {
      if (input.below(2) == 0) continue;
      list.clear();
      for (std::uint32_t i = input.below(9); i > 0; --i) list.push_back(some_id());
      std::sort(list.begin(), list.end());
      list.erase(std::unique(list.begin(), list.end()), list.end());
      std::erase(list, id);
    }
  }
  return encode_links(*record);
}

void damage_row(Database& database, Input& input) {
  const std::uint32_t kind = input.below(6);
  const std::int64_t id = input.below(34);
  if (kind == 0) {
    Rows rows;
    database.run("SELECT data FROM t_links WHERE node_id = ?1", {id}, &rows);
    if (rows.empty() || !std::holds_alternative<Blob>(rows[0][0])) return;
    const Blob blob = damage_links(static_cast<NodeId>(id), std::get<Blob>(rows[0][0]), input);
    database.run("UPDATE t_links SET data = ?2 WHERE node_id = ?1", {id, blob});
  } else if (kind == 1) {
    const std::int64_t seq = input.number<std::int16_t>();
    database.run(
        "INSERT OR REPLACE INTO t_dead VALUES(?1, ?2, ?3)",
        {seq, id,
         std::int64_t{deletion_check(static_cast<std::uint64_t>(seq), static_cast<NodeId>(id))}});
  } else if (kind == 2) {
    database.run("DELETE FROM t_dead WHERE node_id = ?1", {id});
  } else if (kind == 3) {
    database.run("DELETE FROM t_links WHERE node_id = ?1", {id});
  } else if (kind == 4) {
    database.run("DELETE FROM t_commits WHERE seq >= ?1", {id});
  } else {
    const char* const columns[] = {"live_count",  "dead_count", "max_node_id",
                                   "entry_point", "commit_id",  "seq"};
    database.run(std::string("UPDATE OR IGNORE t_commits SET ") +
                     columns[input.below(std::size(columns))] + " = ?1 WHERE seq >= ?2",
                 {std::int64_t{input.number<std::int32_t>()}, id});
  }
}

}  // namespace

// Damage to what can be made again from the rows and vectors: 'rebuild' must mend all of it.
void fuzz_shadow_rows(std::span<const std::byte> bytes) {
  Image image(base_image());
  Input input(bytes);
  Rows before;
  const char* rows_sql = "SELECT r.rowid, r.*, v.data FROM t_rows AS r, t_vectors AS v";
  image->run(rows_sql, {}, &before);
  for (std::uint32_t i = input.below(6) + 1; i > 0; --i) damage_row(*image, input);
  for (int i = 0; i < 5; ++i) image->exec(kStatements[i]);
  Rows after;
  image->run(rows_sql, {}, &after);
  expect(before == after, "reading changes nothing");
  const int code = image->exec("INSERT INTO t(t) VALUES('rebuild')");
  expect(code == SQLITE_OK, ("rebuild works: " + image->message()).c_str());
  const Value verdict = image->scalar("SELECT nearlite_check('t')");
  expect(verdict == Value("ok"), ("and mends everything: " + to_text(verdict)).c_str());
  expect(image->number("SELECT count(*) FROM t") == 27, "and loses no row");
  run_statements(*image, input);
}

namespace {

using Model = std::map<std::int64_t, Blob>;

void compare(Database& database, const Model& model) {
  Rows rows;
  const int code = database.run("SELECT rowid, v FROM t ORDER BY rowid", {}, &rows);
  expect(code == SQLITE_OK && rows.size() == model.size(), "as many rows as in the model");
  auto row = rows.begin();
  for (const auto& [rowid, blob] : model) {
    expect((*row)[0] == Value(rowid) && (*row)[1] == Value(blob), "the model's rows");
    ++row;
  }
  Rows found;
  database.run("SELECT rowid, distance FROM t WHERE v MATCH ?1 AND k = 40", {small_vector(3)},
               &found);
  expect(found.size() == model.size(), "a search for all finds all");
}

}  // namespace

// Any order of statements, with savepoints and rollbacks, against a map.
void fuzz_statements(std::span<const std::byte> bytes) {
  Input input(bytes);
  Database database(":memory:");
  database.must("CREATE VIRTUAL TABLE t USING hnsw(v float[8] metric=l2, m=2, ef_construction=16)");
  Model model;
  std::vector<Model> stack;  // states to go back to: of BEGIN, then of savepoints
  for (int i = 0; i < 60 && !input.empty(); ++i) {
    const std::uint32_t what = input.below(16);
    const std::int64_t rowid = input.below(16);
    const Blob blob = small_vector(input.below(24));
    if (what < 5) {
      database.run("INSERT OR REPLACE INTO t(rowid, v) VALUES(?1, ?2)", {rowid, blob});
      model[rowid] = blob;
    } else if (what < 7) {
      database.run("UPDATE t SET v = ?2 WHERE rowid = ?1", {rowid, blob});
      if (model.contains(rowid)) model[rowid] = blob;
    } else if (what < 9) {
      database.run("DELETE FROM t WHERE rowid = ?1", {rowid});
      model.erase(rowid);
    } else if (what == 9 && stack.empty()) {
      database.exec("BEGIN");
      stack.push_back(model);
    } else if (what == 10 && !stack.empty() && stack.size() < 5) {
      database.exec("SAVEPOINT s");
      stack.push_back(model);
    } else if (what == 11 && stack.size() > 1) {
      database.exec("ROLLBACK TO s");
      model = stack.back();
    } else if (what == 12 && stack.size() > 1) {
      database.exec("RELEASE s");
      stack.pop_back();
    } else if (what == 13 && !stack.empty()) {
      expect(database.exec("COMMIT") == SQLITE_OK, "COMMIT works");
      stack.clear();
    } else if (what == 14 && !stack.empty()) {
      database.exec("ROLLBACK");
      model = stack.front();
      stack.clear();
    } else if (what == 15) {
      const char* const commands[] = {"optimize", "compact", "rebuild", "integrity-check"};
      const int code =
          database.run("INSERT INTO t(t) VALUES(?1)", {std::string(commands[rowid % 4])});
      expect(code == SQLITE_OK, "commands work");
    }
    if (i % 4 == 3) compare(database, model);
  }
  if (!stack.empty()) expect(database.exec("COMMIT") == SQLITE_OK, "COMMIT works");
  compare(database, model);
  expect(database.scalar("SELECT nearlite_check('t')") == Value("ok"), "the index is the table");
}

}  // namespace nearlite::test
