// Evidence: does the index equal the table, and does memory equal the rows? One function for every
// test and for users
// ('integrity-check'). It trusts nothing in memory: the graph is loaded afresh from the rows and
// compared.
#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "base/try.h"
#include "index/write.h"

namespace nearlite {

namespace {

class Problems {
 public:
  Problems(std::vector<std::string>& lines, std::size_t limit) : lines_(lines), limit_(limit) {}
  void add(std::string line) {
    if (!full()) lines_.push_back(std::move(line));
  }
  [[nodiscard]] bool full() const { return lines_.size() >= limit_; }

 private:
  std::vector<std::string>& lines_;
  std::size_t limit_;
};

std::string node_text(NodeId id) { return "node " + std::to_string(id); }

// Oracle 1 and 2: the table's rows and the stored vectors are the same set, deletions apart.
Status compare_rows(Store& store, std::span<const std::pair<NodeId, RowId>> live,
                    Problems& problems) {
  std::vector<NodeId> dead;
  NEARLITE_TRY(store.scan_dead(0, UINT64_MAX, UINT64_MAX, [&](std::uint64_t, NodeId id) {
    dead.push_back(id);
    return Status();
  }));
  std::sort(dead.begin(), dead.end());
  std::size_t next = 0;
  NEARLITE_TRY(
      store.scan_vectors(1, kNodeIdMax, [&](NodeId id, RowId rowid, std::span<const std::byte>) {
        for (; next < live.size() && live[next].first < id; ++next) {
          problems.add("row " + std::to_string(live[next].second) + ": " +
                       node_text(live[next].first) + " has no vector");
        }
        const bool is_dead = std::binary_search(dead.begin(), dead.end(), id);
        const bool in_table = next < live.size() && live[next].first == id;
        if (in_table) {
          if (is_dead)
            problems.add(node_text(id) + " is deleted, yet row " + std::to_string(rowid) +
                         " uses it");
          if (live[next].second != rowid) {
            problems.add(node_text(id) + ": row " + std::to_string(live[next].second) +
                         " in the table, " + std::to_string(rowid) + " beside the vector");
          }
          ++next;
        } else if (!is_dead) {
          problems.add(node_text(id) + " belongs to no row and is not deleted");
        }
        return Status();
      }));
  for (; next < live.size(); ++next) {
    problems.add("row " + std::to_string(live[next].second) + ": " + node_text(live[next].first) +
                 " has no vector");
  }
  return {};
}

// INVARIANT G4: what was built step by step equals what the rows say.
void compare_graphs(const Graph& memory, const Graph& rows, Problems& problems) {
  const NodeId last = std::max(memory.max_id(), rows.max_id());
  if (memory.entry() != rows.entry()) {
    problems.add("entry point is " + node_text(memory.entry()) + " in memory, " +
                 node_text(rows.entry()) + " in the rows");
  }
  for (NodeId id = 1; id <= last && !problems.full(); ++id) {
    if (!rows.is_present(id)) {
      if (memory.is_present(id)) problems.add(node_text(id) + " is in memory, yet has no rows");
      continue;
    }
    if (!memory.is_present(id)) {
      problems.add(node_text(id) + " is missing in memory");
      continue;
    }
    if (memory.delete_seq(id) != rows.delete_seq(id))
      problems.add(node_text(id) + ": deletion differs from memory");
    if (memory.parent(id) != rows.parent(id))
      problems.add(node_text(id) + ": parent differs from memory");
    if (memory.rowid(id) != rows.rowid(id))
      problems.add(node_text(id) + ": row " + std::to_string(memory.rowid(id)) + " in memory, " +
                   std::to_string(rows.rowid(id)) + " in the rows");
    if (std::memcmp(memory.code(id), rows.code(id), rows.options().format.code_bytes) != 0)
      problems.add(node_text(id) + ": code differs from memory");
    if (memory.is_dirty(id) != rows.is_dirty(id))
      problems.add(node_text(id) + ": dirty flag differs from memory");
    for (unsigned level = 0; level <= rows.level_of(id); ++level) {
      if (memory.list(id, level) != rows.list(id, level)) {
        problems.add(node_text(id) + ": list of level " + std::to_string(level) +
                     " differs from memory");
      }
    }
  }
}

// Oracle 6: the commits that are kept for caches to catch up by are whole.
Status check_history(Store& store, std::uint64_t last_seq, Problems& problems) {
  for (std::uint64_t seq = last_seq; seq > 0 && !problems.full(); --seq) {
    const auto commit = store.find_commit(seq - 1);
    if (commit.status().code() == Code::kCorruption) {
      problems.add(commit.status().message());
      continue;
    }
    NEARLITE_TRY(commit.status());
    if (!*commit) break;  // older ones were forgotten
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> Index::check(std::span<const std::pair<NodeId, RowId>> live,
                                              std::size_t limit) {
  // Inside a write transaction the graph of the new rows exists only after sync: link and write
  // first.
  if (write_) NEARLITE_TRY(sync());
  std::vector<std::string> lines;
  Problems problems(lines, limit);
  const auto note = [&](const Status& status) -> Status {
    if (status.ok() || status.code() != Code::kCorruption) return status;
    problems.add(status.message());
    return {};
  };
  NEARLITE_TRY(note(compare_rows(*store_, live, problems)));
  const auto at = store_->last_commit();
  NEARLITE_TRY(note(at.status()));
  if (!at.ok()) return lines;
  NEARLITE_TRY(check_history(*store_, at->seq, problems));
  if (at->live_count != live.size()) {
    problems.add("the index counts " + std::to_string(at->live_count) + " rows, the table has " +
                 std::to_string(live.size()));
  }
  const auto fresh = load_cache(*store_, options_, *at);
  NEARLITE_TRY(note(fresh.status()));
  if (!fresh.ok()) return lines;
  const Graph& rows = (*fresh)->graph();
  for (std::string& line : check_graph(rows, limit)) problems.add(std::move(line));
  const std::shared_ptr<Cache> shared = slot_->get();
  if (!write_ && shared && shared->standing(*at) == Standing::kCurrent) {
    const Status whole = shared->graph().complete(effective_thread_count(options_));
    if (!whole.ok()) {
      slot_->replace(shared, nullptr);  // an image is a hint, and no part of the table
      if (whole.code() == Code::kNoMemory) return whole;
      return lines;
    }
    compare_graphs(shared->graph(), rows, problems);
  }
  return lines;
}

Result<std::uint64_t> Index::digest() {
  Hasher hasher;
  NEARLITE_ASSIGN(const CommitRecord at, store_->last_commit());
  for (const std::uint64_t value : {at.seq, at.commit_id, std::uint64_t{at.max_node_id},
                                    at.live_count, at.dead_count, std::uint64_t{at.entry}}) {
    hasher.u64(value);
  }
  NEARLITE_TRY(store_->scan_vectors(1, kNodeIdMax,
                                    [&](NodeId id, RowId rowid, std::span<const std::byte> stored) {
                                      hasher.u64(std::uint64_t{id});
                                      hasher.u64(static_cast<std::uint64_t>(rowid));
                                      hasher.u64(hash64(stored));
                                      return Status();
                                    }));
  NEARLITE_TRY(store_->scan_dead(0, UINT64_MAX, UINT64_MAX, [&](std::uint64_t seq, NodeId id) {
    hasher.u64(seq);
    hasher.u64(std::uint64_t{id});
    return Status();
  }));
  NEARLITE_TRY(store_->scan_links(1, kNodeIdMax, [&](NodeRecord& record) {
    hasher.u64(hash64(encode_links(record)));
    hasher.u64(std::uint64_t{record.id});
    return Status();
  }));
  return hasher.digest64();
}

}  // namespace nearlite
