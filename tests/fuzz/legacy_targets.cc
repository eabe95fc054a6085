#include "fuzz/legacy_targets.h"

#include <string>

#include "fuzz/image.h"
#include "fuzz/input.h"
#include "fuzz/record_targets.h"

namespace nearlite::test {
namespace {

constexpr int kRows = 12;
constexpr std::size_t kChunk = 8;

template <typename T>
void put(Blob& blob, std::size_t at, T value) {
  std::memcpy(blob.data() + at, &value, sizeof value);
}

void set_bit(Blob& blob, std::size_t at, bool value) {
  if (value) blob[at / 8] |= static_cast<std::byte>(1U << (at % 8));
}

std::string text_of(int row) {
  return row % 3 == 0 ? "a text of more than twelve bytes" : "row " + std::to_string(row);
}

// The layout of src/sqlite/legacy_layout.h, in two chunks of eight places.
void make_tables(Database& database) {
  database.must(
      "PRAGMA page_size=1024;"
      "CREATE TABLE t_info(key text primary key, value any);"
      "INSERT INTO t_info VALUES('CREATE_VERSION', 'v0.1.9');"
      "CREATE TABLE t_chunks(chunk_id INTEGER PRIMARY KEY AUTOINCREMENT, size INTEGER NOT NULL,"
      " sequence_id integer, partition00, validity BLOB NOT NULL, rowids BLOB NOT NULL);"
      "CREATE TABLE t_rowids(rowid INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL,"
      " chunk_id INTEGER, chunk_offset INTEGER);"
      "CREATE TABLE t_vector_chunks00(rowid PRIMARY KEY, vectors BLOB NOT NULL);"
      "CREATE TABLE t_vectors01(rowid INTEGER PRIMARY KEY, vector BLOB NOT NULL);"
      "CREATE TABLE t_metadatachunks00(rowid PRIMARY KEY, data BLOB NOT NULL);"
      "CREATE TABLE t_metadatatext00(rowid PRIMARY KEY, data TEXT);"
      "CREATE TABLE t_metadatachunks01(rowid PRIMARY KEY, data BLOB NOT NULL);"
      "CREATE TABLE t_metadatachunks02(rowid PRIMARY KEY, data BLOB NOT NULL);"
      "CREATE TABLE t_auxiliary(rowid integer PRIMARY KEY, value00);"
      "PRAGMA writable_schema=ON;"
      "INSERT INTO sqlite_master VALUES('table', 't', 't', 0, 'CREATE VIRTUAL TABLE t USING vec0("
      "id text primary key, v float[4], w int8[8], p text partition key, s text, n integer,"
      " b boolean, +note, chunk_size=8)');");
}

void fill_chunk(Database& database, std::int64_t chunk) {
  Blob validity(1);
  Blob rowids(kChunk * 8);
  Blob vectors(kChunk * 16);
  Blob texts(kChunk * 16);
  Blob numbers(kChunk * 8);
  Blob bits(1);
  for (std::size_t place = 0; place < kChunk; ++place) {
    const int row = static_cast<int>((chunk - 1) * 8) + static_cast<int>(place) + 1;
    if (row > kRows || row == 3) continue;
    const std::int64_t id = row;
    const std::string text = text_of(row);
    set_bit(validity, place, true);
    put(rowids, place * 8, id);
    for (int i = 0; i < 4; ++i) {
      const float component = static_cast<float>((row * (i + 2)) % 7 - 3);
      put(vectors, place * 16 + static_cast<std::size_t>(i) * 4, component);
    }
    put(texts, place * 16, static_cast<std::int32_t>(text.size()));
    std::memcpy(texts.data() + place * 16 + 4, text.data(), std::min<std::size_t>(text.size(), 12));
    put(numbers, place * 8, id * 100);
    set_bit(bits, place, row % 2 == 0);
    database.run("INSERT INTO t_rowids VALUES(?1, ?2, ?3, ?4)",
                 {id, "key " + std::to_string(row), chunk, static_cast<std::int64_t>(place)});
    database.run("INSERT INTO t_vectors01 VALUES(?1, ?2)", {id, Blob(8, std::byte{7})});
    database.run("INSERT INTO t_auxiliary VALUES(?1, ?2)", {id, "note"});
    if (text.size() > 12) database.run("INSERT INTO t_metadatatext00 VALUES(?1, ?2)", {id, text});
  }
  database.run("INSERT INTO t_chunks VALUES(?1, 8, NULL, ?2, ?3, ?4)",
               {chunk, std::string(chunk == 1 ? "a" : "b"), validity, rowids});
  database.run("INSERT INTO t_vector_chunks00 VALUES(?1, ?2)", {chunk, vectors});
  database.run("INSERT INTO t_metadatachunks00 VALUES(?1, ?2)", {chunk, texts});
  database.run("INSERT INTO t_metadatachunks01 VALUES(?1, ?2)", {chunk, numbers});
  database.run("INSERT INTO t_metadatachunks02 VALUES(?1, ?2)", {chunk, bits});
}

const Blob& base_image() {
  static const Blob image = [] {
    Database database(":memory:", Database::Engine::kPlain);
    make_tables(database);
    fill_chunk(database, 1);
    fill_chunk(database, 2);
    return serialize(database);
  }();
  return image;
}

struct Place {
  const char* table;
  const char* column;
};
constexpr Place kPlaces[] = {
    {"chunks", "size"},
    {"chunks", "validity"},
    {"chunks", "rowids"},
    {"chunks", "partition00"},
    {"chunks", "chunk_id"},
    {"rowids", "rowid"},
    {"rowids", "id"},
    {"rowids", "chunk_id"},
    {"rowids", "chunk_offset"},
    {"vector_chunks00", "rowid"},
    {"vector_chunks00", "vectors"},
    {"vectors01", "vector"},
    {"metadatachunks00", "data"},
    {"metadatatext00", "data"},
    {"metadatachunks01", "data"},
    {"metadatachunks02", "data"},
    {"auxiliary", "value00"},
    {"auxiliary", "rowid"},
};

// Another value, or the same with bytes changed, gone or added.
void damage(Database& database, Input& input) {
  const Place& place = kPlaces[input.below(std::size(kPlaces))];
  const std::string table = std::string("t_") + place.table;
  const std::string column = place.column;
  Rows rows;
  database.run("SELECT _rowid_, " + column + " FROM " + table, {}, &rows);
  if (rows.empty()) return;
  const Row& row = rows[input.below(static_cast<std::uint32_t>(rows.size()))];
  Value value = row[1];
  auto* blob = std::get_if<Blob>(&value);
  switch (input.below(6)) {
    case 0: value = std::int64_t{input.number<std::int64_t>()}; break;
    case 1: value = std::int64_t{input.number<std::int8_t>()}; break;
    case 2: value = input.text(input.below(40)); break;
    case 3:
      if (blob != nullptr) blob->resize(input.below(200));
      break;
    case 4: database.run("DELETE FROM " + table + " WHERE _rowid_ = ?1", {row[0]}); return;
    default:
      if (blob == nullptr || blob->empty()) break;
      for (std::uint32_t i = input.below(8) + 1; i > 0; --i)
        (*blob)[input.number<std::uint16_t>() % blob->size()] ^= input.number<std::byte>();
  }
  database.run("UPDATE OR IGNORE " + table + " SET " + column + " = ?1 WHERE _rowid_ = ?2",
               {value, row[0]});
}

const char* const kReads[] = {
    "SELECT * FROM t",
    "SELECT id, distance FROM t WHERE v MATCH '[1,2,3,4]' AND k = 20",
    "SELECT id, s FROM t WHERE v MATCH '[1,2,3,4]' AND k = 3 AND s > 'b' AND p = 'a' AND b = 1",
    "SELECT id FROM t WHERE w MATCH vec_int8('[1,2,3,4,5,6,7,8]') AND k = 3 AND id LIKE 'key%'",
    "SELECT * FROM t WHERE id = 'key 7'",
    "INSERT INTO t(t) VALUES('integrity-check')",
};

// Damage to any value, and to any byte; then everything is read, moved, and read again.
void try_table(Input& input) {
  Blob raw = base_image();
  if (input.below(4) == 0) {
    for (std::uint32_t i = input.below(16); i > 0; --i)
      raw[input.number<std::uint32_t>() % raw.size()] ^= input.number<std::byte>();
  }
  Image image(raw);
  for (std::uint32_t i = input.below(4); i > 0; --i) damage(*image, input);
  for (const char* sql : kReads) image->exec(sql);
  Rows before;
  const bool is_readable = image->run(kReads[0], {}, &before) == SQLITE_OK;
  const bool in_transaction = input.below(2) == 0 && image->exec("BEGIN") == SQLITE_OK;
  // The key is longer than any that damage() writes: no row has it.
  const char* const writes[] = {
      "INSERT INTO t(t) VALUES('upgrade')",
      "DELETE FROM t WHERE id = 'a key of more than forty bytes, which nobody has'",
      "UPDATE t SET n = n"};
  const char* const move = writes[input.below(std::size(writes))];
  const bool is_moved = image->exec(move) == SQLITE_OK;
  if (in_transaction) image->exec(input.below(2) == 0 ? "COMMIT" : "ROLLBACK");
  if (image->in_transaction()) image->exec("ROLLBACK");
  Rows after;
  const bool is_read = image->run(kReads[0], {}, &after) == SQLITE_OK;
  if (is_readable && is_moved && is_read) {
    std::sort(before.begin(), before.end());
    std::sort(after.begin(), after.end());
    expect(before == after, "moving changes no row");
  }
  for (const char* sql : kReads) image->exec(sql);
  image->exec("DROP TABLE t");
}

}  // namespace

void fuzz_sqlite_vec(std::span<const std::byte> bytes) {
  Input input(bytes);
  try_table(input);
  expect(Database::unclosed() == 0, "no statement is left open");
}

}  // namespace nearlite::test
