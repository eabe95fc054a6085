// What an integrity check finds (INVARIANT S1), and the hash of the content.
#include <bit>

#include "base/hash.h"
#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/sparse_index.h"

namespace nearlite::sqlite {

namespace {

/// What tells whether two sets of postings are the same, whatever the order they come in.
struct PostingSet {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;

  void add(std::uint32_t term, const Posting& posting) noexcept {
    Hasher hasher;
    hasher.u32(term);
    hasher.u64(static_cast<std::uint64_t>(posting.rowid));
    hasher.u32(std::bit_cast<std::uint32_t>(posting.value));
    ++count;
    sum += hasher.digest64();
  }
  bool operator==(const PostingSet&) const = default;
};

}  // namespace

Result<std::uint64_t> SparseIndex::digest() {
  NEARLITE_ASSIGN(Statement statement,
                  Statement::prepare(db_,
                                     "SELECT rowid, " + place_.column + " FROM " + name("rows") +
                                         " WHERE " + place_.column + " IS NOT NULL ORDER BY rowid",
                                     label("rows")));
  Hasher hasher;
  StatementUse use = statement.use();
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) return hasher.digest64();
    NEARLITE_ASSIGN(const auto blob, use.get_blob(1));
    hasher.u64(static_cast<std::uint64_t>(use.column_int64(0)));
    hasher.u64(blob.size());
    hasher.bytes(blob);
  }
}

Status SparseIndex::check(std::vector<std::string>& problems) {
  NEARLITE_TRY(usable());
  const Status status = compare_with_rows(problems);
  if (status.code() != Code::kCorruption) return status;
  problems.push_back(status.message());
  return {};
}

Status SparseIndex::compare_with_rows(std::vector<std::string>& problems) {
  PostingSet wanted;
  PostingSet found;
  // Rows that are noted, then all others.
  const std::string noted = "SELECT rowid, merged FROM " + name("unmerged");
  const std::string others = "SELECT rowid, " + place_.column + " FROM " + name("rows") +
                             " WHERE rowid NOT IN (SELECT rowid FROM " + name("unmerged") + ")";
  for (const bool is_noted : {true, false}) {
    const std::string_view table = is_noted ? "unmerged" : "rows";
    NEARLITE_ASSIGN(Statement statement,
                    Statement::prepare(db_, is_noted ? noted : others, label(table)));
    StatementUse use = statement.use();
    for (;;) {
      NEARLITE_ASSIGN(const bool row, use.step());
      if (!row) break;
      const RowId rowid = use.column_int64(0);
      NEARLITE_ASSIGN(const auto vector, vector_of(use, 1, table, rowid));
      for (std::size_t i = 0; vector && i < vector->indices.size(); ++i)
        wanted.add(vector->indices[i], {rowid, vector->values[i]});
    }
  }
  NEARLITE_ASSIGN(
      Statement statement,
      Statement::prepare(
          db_, "SELECT term, first, data FROM " + name("sparse") + " ORDER BY term, first",
          label("sparse")));
  StatementUse use = statement.use();
  std::int64_t last_term = -1;
  std::vector<Posting> postings;
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) break;
    NEARLITE_ASSIGN(const std::int64_t term, use.get_int64(0));
    NEARLITE_ASSIGN(const std::int64_t first, use.get_int64(1));
    if (term < 0 || term >= place_.dim)
      return corruption(label("sparse"), "term " + std::to_string(term));
    const bool overlaps = term == last_term && !postings.empty() && postings.back().rowid >= first;
    if (overlaps) {
      return corruption(label("sparse"), "blocks of term " + std::to_string(term) + " overlap at " +
                                             std::to_string(first));
    }
    postings.clear();
    last_term = term;
    NEARLITE_TRY(decode(static_cast<std::uint32_t>(term), first, use, 2, postings));
    for (const Posting& posting : postings) found.add(static_cast<std::uint32_t>(term), posting);
  }
  if (!(wanted == found)) {
    problems.push_back(label("sparse") + ": the rows have " + std::to_string(wanted.count) +
                       " values, the index has " + std::to_string(found.count) +
                       (wanted.count == found.count ? ", which differ" : ""));
  }
  return {};
}

}  // namespace nearlite::sqlite
