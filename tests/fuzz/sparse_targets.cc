#include "fuzz/sparse_targets.h"

#include <cstring>
#include <string>
#include <vector>

#include "base/hash.h"
#include "fuzz/image.h"
#include "fuzz/input.h"
#include "fuzz/record_targets.h"
#include "storage/postings.h"
#include "support/database.h"
#include "vector/sparse.h"

namespace nearlite::test {

namespace {

void check_sparse(const SparseVector& vector, std::uint32_t dim) {
  expect(dim == 0 || vector.dim == dim, "as many dimensions as asked for");
  expect(vector.indices.size() == vector.values.size(), "a value for each index");
  expect(vector.indices.size() <= kSparseNonzerosMax, "not too many");
  for (std::size_t i = 0; i < vector.indices.size(); ++i) {
    expect(vector.indices[i] < vector.dim, "an index within the dimensions");
    expect(i == 0 || vector.indices[i - 1] < vector.indices[i], "ascending indices");
    expect(vector.values[i] - vector.values[i] == 0.0F && vector.values[i] != 0, "finite, not 0");
  }
  SparseVector again;
  expect(parse_sparse_blob(sparse_blob(vector), vector.dim, again).ok() && again == vector,
         "the blob reads alike");
  expect(parse_sparse_text(format_sparse_text(vector), vector.dim, again).ok() && again == vector,
         "the text reads alike");
}

}  // namespace

void fuzz_sparse_text(std::span<const std::byte> bytes) {
  Input input(bytes);
  const std::uint32_t dim = input.below(200);
  SparseVector vector;
  if (parse_sparse_text(input.text(SIZE_MAX), dim, vector).ok()) check_sparse(vector, dim);
}

void fuzz_sparse_blob(std::span<const std::byte> bytes) {
  Input input(bytes);
  const std::uint32_t dim = input.below(200);
  SparseVector vector;
  if (parse_sparse_blob(input.rest(), dim, vector).ok()) check_sparse(vector, dim);
}

void fuzz_postings(std::span<const std::byte> bytes) {
  Input input(bytes);
  const std::uint32_t term = input.number<std::uint32_t>();
  const RowId first = input.number<RowId>();
  const bool repairs = (input.number<std::uint8_t>() & 1) != 0;
  const std::uint64_t seed = mix64(mix64(term) ^ static_cast<std::uint64_t>(first));
  std::vector<std::byte> blob(input.rest().begin(), input.rest().end());
  // The fuzzer cannot guess a checksum.
  if (repairs && blob.size() >= kPostingsCheckBytes) {
    const std::size_t size = blob.size() - kPostingsCheckBytes;
    const auto check = static_cast<std::uint32_t>(hash64(std::span(blob).first(size), seed));
    std::memcpy(blob.data() + size, &check, sizeof check);
  }
  std::vector<Posting> postings;
  const Status status = decode_postings(term, first, blob, postings);
  if (!status.ok()) return expect(status.code() == Code::kCorruption, "a code of its own");
  for (std::size_t i = 0; i < postings.size(); ++i) {
    expect(postings[i].rowid >= (i == 0 ? first : postings[i - 1].rowid + 1), "ascending rowids");
    expect(postings[i].value - postings[i].value == 0.0F, "finite values");
  }
  expect(encode_postings(term, first, postings) == blob, "what is decoded is encoded alike");
}

namespace {

// Thirty rows, the last five not merged, one of the others changed and one deleted since.
const Blob& sparse_image() {
  static const Blob image = [] {
    Database database(":memory:");
    database.must("PRAGMA page_size=512");
    database.must("CREATE VIRTUAL TABLE t USING hnsw(v float[2], s sparse[6], year integer)");
    for (std::int64_t i = 1; i <= 30; ++i) {
      const std::string n = std::to_string(i);
      if (i == 26) database.must("INSERT INTO t(t) VALUES('optimize')");
      database.must("INSERT INTO t(rowid, s, year) VALUES(" + n + ", '{1:" + n + ",2:1," +
                    std::to_string(3 + i % 4) + ":2}/6', " + n + ")");
    }
    database.must("UPDATE t SET s = '{6:9}/6' WHERE rowid = 4");
    database.must("DELETE FROM t WHERE rowid = 9");
    return serialize(database);
  }();
  return image;
}

const char* const kStatements[] = {
    "SELECT rowid, distance FROM t WHERE s MATCH '{1:1,2:-3,5:2}/6' AND k = 5",
    "SELECT rowid FROM t WHERE s MATCH '{2:1,6:1}/6' AND year < 20",
    "SELECT rowid, vec_sparse_to_text(s) FROM t",
    "SELECT nearlite_check('t')",
    "SELECT nearlite_digest('t')",
    "INSERT INTO t(rowid, s) VALUES(40, '{1:5,4:1}/6')",
    "UPDATE t SET s = '{3:3}/6' WHERE rowid < 6",
    "UPDATE t SET rowid = rowid + 100 WHERE rowid > 27",
    "DELETE FROM t WHERE rowid BETWEEN 7 AND 12",
    "INSERT INTO t(t) VALUES('optimize')",
    "INSERT INTO t(t) VALUES('compact')",
    "INSERT INTO t(t) VALUES('repair')",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
};

// A block that checks, but says something else.
void damage_block(Database& database, Input& input) {
  Rows rows;
  database.run("SELECT term, first, data FROM t_sparse LIMIT 1 OFFSET ?1",
               {std::int64_t{input.below(12)}}, &rows);
  if (rows.empty() || !std::holds_alternative<Blob>(rows[0][2])) return;
  const std::int64_t term = std::get<std::int64_t>(rows[0][0]);
  const std::int64_t first = std::get<std::int64_t>(rows[0][1]);
  std::vector<Posting> postings;
  const auto narrow = static_cast<std::uint32_t>(term);
  if (!decode_postings(narrow, first, std::get<Blob>(rows[0][2]), postings).ok()) return;
  const std::int64_t new_term = input.below(4) == 0 ? input.number<std::int32_t>() : term;
  const std::int64_t new_first =
      input.below(3) == 0 ? input.number<std::int64_t>() : first - input.below(9);
  const std::int64_t shift = input.below(3) == 0 ? input.number<std::int64_t>() : input.below(40);
  for (Posting& posting : postings) {
    posting.rowid = static_cast<RowId>(static_cast<std::uint64_t>(posting.rowid) +
                                       static_cast<std::uint64_t>(shift));
    if (input.below(5) == 0) posting.value = static_cast<float>(input.below(9));
  }
  if (input.below(3) == 0)
    postings.resize(input.below(static_cast<std::uint32_t>(postings.size()) + 1));
  const auto data = encode_postings(static_cast<std::uint32_t>(new_term), new_first, postings);
  database.run(
      "UPDATE OR REPLACE t_sparse SET term = ?3, first = ?4, data = ?5"
      " WHERE term = ?1 AND first = ?2",
      {term, first, new_term, new_first, Blob(data.begin(), data.end())});
}

/// True: a value of <t>_rows is no sparse vector any more.
bool damage(Database& database, Input& input) {
  const std::int64_t row = input.below(34);
  switch (input.below(5)) {
    case 0: database.run("DELETE FROM t_unmerged WHERE rowid = ?1", {row}); return false;
    case 1: {
      const SparseVector other{6, {input.below(6)}, {2}};
      const auto blob = sparse_blob(other);
      database.run("INSERT OR REPLACE INTO t_unmerged VALUES(?1, ?2)",
                   {row, Blob(blob.begin(), blob.end())});
      return false;
    }
    case 2: {
      const auto piece = input.take(input.below(30));
      database.run("UPDATE t_rows SET s = ?2 WHERE rowid = ?1",
                   {row, Blob(piece.begin(), piece.end())});
      return true;
    }
    default: damage_block(database, input); return false;
  }
}

}  // namespace

void fuzz_sparse_rows(std::span<const std::byte> bytes) {
  Image image(sparse_image());
  Input input(bytes);
  bool has_bad_value = false;
  for (std::uint32_t i = input.below(5) + 1; i > 0; --i)
    has_bad_value = damage(*image, input) || has_bad_value;
  for (int i = 0; i < 5; ++i) image->exec(kStatements[i]);
  const int code = image->exec("INSERT INTO t(t) VALUES('rebuild')");
  expect(code == SQLITE_OK || has_bad_value, ("rebuild works: " + image->message()).c_str());
  if (code == SQLITE_OK) {
    const Value verdict = image->scalar("SELECT nearlite_check('t')");
    expect(verdict == Value("ok"), ("and mends everything: " + to_text(verdict)).c_str());
  }
  expect(image->number("SELECT count(*) FROM t") == 29, "and loses no row");
  for (int i = 0; i < 8 && !input.empty(); ++i)
    image->exec(kStatements[input.below(std::size(kStatements))]);
  for (int i = 0; i < 5; ++i) image->exec(kStatements[i]);
}

}  // namespace nearlite::test
