// Rows that are noted get into the blocks: each block is written once for all of them.
#include <algorithm>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/sparse_index.h"

namespace nearlite::sqlite {

namespace {

// As many changes are in memory at a time: some 25 MB.
constexpr std::size_t kChangesMax = 1'000'000;

}  // namespace

// While blocks are half written the transaction counts as poisoned. A failure may be one that makes
// SQLite roll everything back at once (no memory, a full disk): then end() has been called
// meanwhile, and nothing is wrong any more.
Status SparseIndex::write_whole(const std::function<Status()>& write) {
  NEARLITE_TRY(usable());
  const KeepLastRowid keep(db_);
  is_writing_ = true;
  poison_ = "rows were half merged";
  const Status status = write();
  if (status.ok()) {
    poison_.clear();
  } else if (!poison_.empty()) {
    poison_ += ": " + status.message();
  }
  return status;
}

Status SparseIndex::merge() {
  return write_whole([&] { return merge_all(); });
}

Status SparseIndex::rebuild() {
  return write_whole([&]() -> Status {
    NEARLITE_TRY(execute(db_, "DELETE FROM " + name("sparse"), label("sparse")));
    NEARLITE_TRY(execute(db_, "DELETE FROM " + name("unmerged"), label("unmerged")));
    NEARLITE_TRY(execute(db_,
                         "INSERT INTO " + name("unmerged") +
                             "(rowid, merged) SELECT rowid, NULL FROM " + name("rows") + " WHERE " +
                             place_.column + " IS NOT NULL",
                         label("unmerged")));
    return merge_all();
  });
}

Status SparseIndex::merge_all() {
  std::vector<Change> changes;
  for (bool is_done = false; !is_done;) {
    RowId last = INT64_MIN;
    NEARLITE_ASSIGN(is_done, gather_changes(changes, last));
    NEARLITE_TRY(write_changes(changes));
    NEARLITE_ASSIGN(
        Statement remove,
        Statement::prepare(db_, "DELETE FROM " + name("unmerged") + " WHERE rowid <= ?1",
                           label("unmerged")));
    NEARLITE_TRY(remove.use().bind(1, last).run());
  }
  noted_count_ = 0;
  return {};
}

// What is to be done for the first rows that are noted, up to `last`. True: for all of them.
Result<bool> SparseIndex::gather_changes(std::vector<Change>& changes, RowId& last) {
  changes.clear();
  NEARLITE_ASSIGN(Statement statement,
                  Statement::prepare(db_,
                                     "SELECT u.rowid, u.merged, r." + place_.column + " FROM " +
                                         name("unmerged") + " AS u LEFT JOIN " + name("rows") +
                                         " AS r ON r.rowid = u.rowid ORDER BY u.rowid",
                                     label("unmerged")));
  StatementUse use = statement.use();
  while (changes.size() < kChangesMax) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) return true;
    last = use.column_int64(0);
    NEARLITE_ASSIGN(const auto merged, vector_of(use, 1, "unmerged", last));
    NEARLITE_ASSIGN(const auto now, vector_of(use, 2, "rows", last));
    // In this order: of one posting the last change counts.
    for (const bool is_removal : {true, false}) {
      const auto& vector = is_removal ? merged : now;
      for (std::size_t i = 0; vector && i < vector->indices.size(); ++i)
        changes.push_back({vector->indices[i], is_removal, {last, vector->values[i]}});
    }
  }
  return false;
}

Status SparseIndex::write_changes(std::vector<Change>& changes) {
  const auto key = [](const Change& change) {
    return std::pair(change.term, change.posting.rowid);
  };
  std::stable_sort(changes.begin(), changes.end(),
                   [&](const Change& a, const Change& b) { return key(a) < key(b); });
  const std::span all(changes);
  std::size_t count = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i + 1 == all.size() || key(all[i]) != key(all[i + 1])) all[count++] = all[i];
  }
  for (std::size_t begin = 0; begin < count;) {
    std::size_t end = begin;
    while (end < count && all[end].term == all[begin].term) ++end;
    NEARLITE_TRY(write_term(all[begin].term, all.subspan(begin, end - begin)));
    begin = end;
  }
  return {};
}

// The block that `rowid` belongs into: the last that begins at or before it, or else the first.
Result<SparseIndex::Block> SparseIndex::find_block(std::uint32_t term, RowId rowid) {
  NEARLITE_TRY(prepare(before_, "SELECT first, data FROM ", "sparse",
                       " WHERE term = ?1 AND first <= ?2"
                       " ORDER BY first DESC LIMIT 1"));
  NEARLITE_TRY(prepare(first_, "SELECT first, data FROM ", "sparse",
                       " WHERE term = ?1 ORDER BY first LIMIT 1"));
  Block block;
  for (Statement* statement : {&before_, &first_}) {
    StatementUse use = statement->use();
    use.bind(1, std::int64_t{term});
    if (statement == &before_) use.bind(2, rowid);
    NEARLITE_ASSIGN(block.exists, use.step());
    if (!block.exists) continue;
    NEARLITE_ASSIGN(block.first, use.get_int64(0));
    NEARLITE_TRY(decode(term, block.first, use, 1, block.postings));
    break;
  }
  return block;
}

Result<std::optional<RowId>> SparseIndex::next_first(std::uint32_t term, RowId first) {
  NEARLITE_TRY(prepare(next_, "SELECT first FROM ", "sparse",
                       " WHERE term = ?1 AND first > ?2 ORDER BY first LIMIT 1"));
  StatementUse use = next_.use();
  NEARLITE_ASSIGN(const bool found, use.bind(1, std::int64_t{term}).bind(2, first).step());
  if (!found) return std::optional<RowId>();
  NEARLITE_ASSIGN(const std::int64_t next, use.get_int64(0));
  return std::optional<RowId>(next);
}

// `changes` are of one term, with ascending rowids.
Status SparseIndex::write_term(std::uint32_t term, std::span<const Change> changes) {
  std::vector<Posting> postings;
  while (!changes.empty()) {
    NEARLITE_ASSIGN(const Block block, find_block(term, changes.front().posting.rowid));
    std::optional<RowId> next;
    if (block.exists && changes.size() > 1) {
      NEARLITE_ASSIGN(next, next_first(term, block.first));
    }
    postings.clear();
    auto old = block.postings.begin();
    std::size_t taken = 0;
    for (; taken < changes.size(); ++taken) {
      const Posting& posting = changes[taken].posting;
      if (taken > 0 && next && posting.rowid >= *next) break;
      while (old != block.postings.end() && old->rowid < posting.rowid) postings.push_back(*old++);
      if (old != block.postings.end() && old->rowid == posting.rowid) ++old;
      if (!changes[taken].is_removal) postings.push_back(posting);
    }
    postings.insert(postings.end(), old, block.postings.end());
    NEARLITE_TRY(write_block(term, block, postings));
    changes = changes.subspan(taken);
  }
  return {};
}

// Puts `postings` in the place of a block: none, one, or several where they do not fit into one.
// The last block of a term is filled, for rowids mostly ascend; others are halved.
Status SparseIndex::write_block(std::uint32_t term, const Block& old,
                                std::span<const Posting> postings) {
  NEARLITE_TRY(
      prepare(put_, "INSERT OR REPLACE INTO ", "sparse", "(term, first, data) VALUES(?1, ?2, ?3)"));
  NEARLITE_TRY(prepare(delete_, "DELETE FROM ", "sparse", " WHERE term = ?1 AND first = ?2"));
  const bool moves = old.exists && (postings.empty() || postings.front().rowid < old.first);
  if (moves) NEARLITE_TRY(delete_.use().bind(1, std::int64_t{term}).bind(2, old.first).run());
  if (postings.empty()) return {};
  RowId first = moves || !old.exists ? postings.front().rowid : old.first;
  std::size_t count = count_fitting(first, postings, place_.block_bytes);
  if (count < postings.size()) {
    NEARLITE_ASSIGN(const std::optional<RowId> next, next_first(term, postings.back().rowid));
    if (next) count = std::min(count, (postings.size() + 1) / 2);
  }
  for (;;) {
    const auto data = encode_postings(term, first, postings.first(count));
    NEARLITE_TRY(put_.use().bind(1, std::int64_t{term}).bind(2, first).bind_blob(3, data).run());
    postings = postings.subspan(count);
    if (postings.empty()) return {};
    first = postings.front().rowid;
    count = count_fitting(first, postings, place_.block_bytes);
  }
}

}  // namespace nearlite::sqlite
