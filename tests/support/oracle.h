// What the right answer is: tables as plain maps, distances in straightforward double arithmetic,
// nearest by sorting.
//
// Nothing here calls the engine; it is written from the SQL contract (docs/sql.md). `judge`
// compares an answer with the truth: an exact answer must be the nearest rows, an approximate one
// may miss some but must never show a row that is not there, a row twice, a wrong distance, a wrong
// order, or fewer rows than qualify.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "support/database.h"
#include "support/vectors.h"

namespace nearlite::test {

enum class Metric { kCosine, kL2, kIp, kL1, kHamming };

/// cosine, l2, ip, l1, hamming.
const char* name_of(Metric metric);

/// l2 is Euclidean (with the root), ip the negative inner product, cosine 1 - cos (1 if either is
/// zero).
double distance(Metric metric, std::span<const float> a, std::span<const float> b);

/// How far two correct computations of a distance may be apart: both sum in double.
double tolerance(double distance);

/// What an index is declared as. The table has the columns embedding, lang text, year integer,
/// +title text.
struct TableShape {
  Element element = Element::kFloat;
  Metric metric = Metric::kCosine;
  std::size_t dim = 16;
  std::string
      options;  ///< further arguments, each with a leading comma: ", m=8, ef_construction=60"

  [[nodiscard]] std::string create_sql(const std::string& table, Database::Engine engine) const;
  /// rowid and distance of the ?2 nearest to ?1, nearest first. `where` is empty or " AND …".
  [[nodiscard]] std::string knn_sql(const std::string& table, Database::Engine engine, bool exact,
                                    const std::string& where = "") const;
  [[nodiscard]] Blob blob(std::span<const float> vector) const { return encode(element, vector); }
  bool operator==(const TableShape&) const = default;
};

/// One row of such a table.
struct Record {
  std::optional<Vector> embedding;
  Value lang, year, title;
  bool operator==(const Record&) const = default;
};
using Records = std::map<std::int64_t, Record>;

struct Hit {
  std::int64_t rowid = 0;
  double distance = 0;
};

/// All rows with a vector, nearest first, equal distances by rowid.
std::vector<Hit> rank(const TableShape& shape, const Records& records,
                      std::span<const float> query);

struct Verdict {
  std::string fault;    ///< empty: nothing wrong
  double recall = 1.0;  ///< share of the answer that is as near as the true k-th (ties count)
};

/// Judges `answer` to a search for `k` (nullopt: all) in `records`; `records` holds only rows that
/// qualify.
Verdict judge(const TableShape& shape, const Records& records, std::span<const float> query,
              std::optional<std::size_t> k, const std::vector<Hit>& answer, bool exact);

/// What must hold of every row shown, whatever was asked: it is there, once, with its distance, in
/// order (but for `late_rows_max` rows).
std::string find_fault(const TableShape& shape, const Records& records,
                       std::span<const float> query, const std::vector<Hit>& answer,
                       std::size_t late_rows_max = 0);

/// A stream without k finds in its first batch what a search with k would find; a row that the
/// graph missed then comes later, out of order. Puts such rows in their place and returns how many
/// there were.
std::size_t sort_late_hits(std::vector<Hit>& answer);

/// (rowid, distance) rows as hits; a fault text if a value has the wrong type.
std::string to_hits(const Rows& rows, std::vector<Hit>& hits);

}  // namespace nearlite::test
