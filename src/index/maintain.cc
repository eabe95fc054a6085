// Upkeep that rides on commits, a bounded piece each: folding back-links into rows, repairing lists
// that lead to the dead, purging the dead. optimize() does all of it at once; rebuild() starts over
// from the vectors.
//
// A repair pass looks at every node that was not dead when the pass began (repair_seq): dead
// neighbours leave its lists, a dead parent is replaced, and a dirty row is folded. When the pass
// is through, nobody leads to the nodes that were dead at repair_seq, and no row waits for their
// back-links: they can be purged.
#include <algorithm>

#include "base/hash.h"
#include "base/try.h"
#include "index/node_code.h"
#include "index/stored_vector.h"
#include "index/write.h"

namespace nearlite {

namespace {
// Ids looked at per committed row; 16 link rows are one page, sometimes two.
constexpr std::uint64_t kFoldWindow = 16;
// Lists repaired, and nodes purged, per commit and per changed row. Looking at a node that needs no
// repair, or at an id that is not used any more, costs a fraction of that: ids only grow, and a
// pass must not take longer the older the index is.
constexpr std::uint64_t kRepairBase = 64;
constexpr std::uint64_t kRepairPerRow = 2;
constexpr std::uint64_t kLooksPerRepair = 1;
constexpr std::uint64_t kHolesPerLook = 64;
}  // namespace

Status Index::maintain() {
  Write& write = *write_;
  CommitRecord& next = write.next;
  const std::uint64_t changed_count = write.pending.size() + write.dead.size();
  const std::uint64_t budget = kRepairBase + kRepairPerRow * changed_count;
  const std::uint64_t dead = write.base.dead_count + write.dead.size();
  const std::uint64_t live = write.base.live_count + write.pending.size() - write.dead.size();
  if (next.repair_seq == 0 && next.purge_ready_seq == 0 && options_.tombstone_rebuild_pct < 100 &&
      write.base.dead_count > 0 && dead * 100 >= options_.tombstone_rebuild_pct * (dead + live)) {
    begin_repair();
  }
  if (next.repair_seq != 0) NEARLITE_TRY(repair_window(budget));
  if (next.purge_ready_seq != 0) {
    NEARLITE_ASSIGN(const bool is_undone, new_nodes_lead_to_dead());
    if (is_undone) next.purge_ready_seq = 0;  // another pass comes
  }
  if (next.purge_ready_seq != 0) NEARLITE_TRY(purge_window(budget));
  if (write.pending.empty()) return {};
  // A single row that opens a new block writes its pages already; its share of folding waits for
  // the next one.
  const NodeId first = write.pending.front().id;
  const VectorLayout& layout = store_->layout();
  if (write.pending.size() == 1 && layout.capacity > 1 &&
      first == layout.first_id(layout.block_of(first))) {
    return {};
  }
  return fold_window(kFoldWindow * write.pending.size());
}

// Where all around is dead, a new node has no other choice than to link to what is about to be
// purged, and is led to from there only. Then another pass comes first.
Result<bool> Index::new_nodes_lead_to_dead() const {
  const Graph& graph = write_->cache->graph();
  const auto is_about_to_go = [&](NodeId id) {
    const std::uint64_t deleted = id <= write_->base.max_node_id ? graph.delete_seq(id) : 0;
    return deleted != 0 && deleted <= write_->next.purge_ready_seq;
  };
  for (const Write::Pending& node : write_->pending) {
    NEARLITE_ASSIGN(const NodeRecord record, write_->change->record(node.id));
    for (const std::vector<NodeId>& list : record.own) {
      if (std::any_of(list.begin(), list.end(), is_about_to_go)) return true;
    }
  }
  return false;
}

// The pass covers what is dead in the base: deletions of this transaction get their seq only when
// it commits.
void Index::begin_repair() {
  CommitRecord& next = write_->next;
  next.repair_seq = write_->base.seq;
  next.repair_hand = 1;
  next.unlink_floor = std::max(next.unlink_floor, next.repair_seq);
}

Status Index::fold_window(std::uint64_t id_count) {
  Write& write = *write_;
  const NodeId last = write.base.max_node_id;
  if (last == 0) return {};
  id_count = std::min<std::uint64_t>(id_count, last);
  NodeId id = write.next.fold_hand;
  for (std::uint64_t i = 0; i < id_count; ++i) {
    id = id >= last ? 1 : id + 1;
    if (!write.cache->graph().is_present(id) || write.purged.contains(id)) continue;
    if (write.change->is_dirty(id)) NEARLITE_TRY(put_record(id, /*fresh=*/false));
  }
  write.next.fold_hand = id;
  return {};
}

Status Index::repair_window(std::uint64_t repair_count) {
  Write& write = *write_;
  CommitRecord& next = write.next;
  const Graph& graph = write.cache->graph();
  const NodeId last = write.change->max_id();
  std::uint64_t looks_left = repair_count > UINT64_MAX / kLooksPerRepair / kHolesPerLook
                                 ? UINT64_MAX
                                 : repair_count * kLooksPerRepair * kHolesPerLook;
  for (std::uint64_t repaired_count = 0; repaired_count < repair_count; ++next.repair_hand) {
    const NodeId id = next.repair_hand;
    if (id > last || looks_left == 0) break;
    const bool published = id <= write.base.max_node_id;
    if (published ? !graph.is_present(id) || write.purged.contains(id) : !is_pending(id)) {
      --looks_left;
      continue;
    }
    looks_left -= std::min(looks_left, kHolesPerLook);
    const std::uint64_t deleted = published ? graph.delete_seq(id) : 0;
    if (deleted == 0 || deleted > next.repair_seq) {
      NEARLITE_ASSIGN(const bool is_repaired, write.change->repair(id, next.repair_seq));
      if (is_repaired) ++repaired_count;
    }
    // Also of a dead one, which is not repaired: its row may still name a node that its list has
    // dropped.
    if (published && write.change->is_dirty(id)) {
      NEARLITE_TRY(put_record(id, /*fresh=*/false));
      ++repaired_count;
    }
    if (id % 1024 == 1023) NEARLITE_TRY(store_->check_interrupt());
  }
  if (next.repair_hand > last) {
    next.purge_ready_seq = next.repair_seq;
    next.repair_seq = 0;
    next.repair_hand = 0;
  }
  return {};
}

Status Index::purge_window(std::uint64_t count) {
  Write& write = *write_;
  std::vector<std::pair<std::uint64_t, NodeId>> ready;
  NEARLITE_TRY(
      store_->scan_dead(0, write.next.purge_ready_seq, count, [&](std::uint64_t seq, NodeId id) {
        ready.emplace_back(seq, id);
        return Status();
      }));
  std::vector<NodeId> purged;
  for (const auto& [seq, id] : ready) {
    NEARLITE_TRY(write.change->purge(id));
    NEARLITE_TRY(store_->erase_links(id));
    NEARLITE_TRY(store_->erase_dead(seq, id));
    NEARLITE_TRY(store_->clear_vector(id));
    write.purged.insert(id);
    write.next.purge_floor = std::max(write.next.purge_floor, seq);
    purged.push_back(id);
  }
  // Rows that are replaced over and over must not let the file grow: its pages are used again.
  NEARLITE_TRY(store_->drop_empty_blocks_of(purged));
  if (ready.size() < count) write.next.purge_ready_seq = 0;
  return {};
}

bool Index::is_pending(NodeId id) const {
  const auto& pending = write_->pending;
  const auto found =
      std::lower_bound(pending.begin(), pending.end(), id,
                       [](const Write::Pending& node, NodeId wanted) { return node.id < wanted; });
  return found != pending.end() && found->id == id;
}

// What optimize() rewrites is covered by a commit record at once: a later ROLLBACK TO a younger
// savepoint must find rows and record in step.
Status Index::optimize() {
  NEARLITE_TRY(begin_write());
  NEARLITE_TRY(link());
  write_->optimized = true;
  write_->changed = true;
  return or_poison(optimize_rows());
}

Status Index::optimize_rows() {
  Write& write = *write_;
  if (write.next.purge_ready_seq != 0) NEARLITE_TRY(purge_window(UINT64_MAX));
  if (write.base.dead_count > write.purged.size()) {
    begin_repair();  // afresh: what died since a pass under way began is covered too
    NEARLITE_TRY(repair_window(UINT64_MAX));
    NEARLITE_TRY(purge_window(UINT64_MAX));
  }
  NEARLITE_TRY(fold_window(UINT64_MAX));
  return write_all();
}

Status Index::compact() {
  NEARLITE_TRY(optimize());
  return store_->drop_empty_blocks();
}

// Writes the new graph and a commit record of its own at once: what the transaction does afterwards
// builds on that.
Status Index::rebuild(std::span<const std::pair<NodeId, RowId>> live) {
  ++change_count_;
  if (write_ && !write_->poison.empty()) return error(Code::kInternal, write_->poison);
  auto write = std::make_unique<Write>();
  CommitRecord previous;
  if (auto last = store_->last_commit(); last.ok()) {
    previous = *last;
  } else if (last.status().code() != Code::kCorruption) {
    return last.status();
  }

  CommitRecord empty;
  empty.seq = previous.seq;
  empty.commit_id = previous.commit_id;
  NEARLITE_ASSIGN(write->cache, load_cache(*store_, options_, empty));
  write->base = empty;
  write->next = empty;
  write->quantizer = write->cache->quantizer();
  write->change = std::make_unique<GraphChange>(write->cache->graph());
  write->private_cache = write->rebuilt = write->optimized = write->changed = true;
  if (write_) {
    write_->cache->fence();
    write->label_hash = write_->label_hash;
  }
  write_ = std::move(write);  // rows of this transaction are in `live` too
  return or_poison(rebuild_rows(live, previous));
}

// Empties the slots of vectors that no row of the table uses.
Status Index::clear_strays(std::span<const std::pair<NodeId, RowId>> live) {
  std::vector<NodeId> strays;
  NEARLITE_TRY(
      store_->scan_vectors(1, kNodeIdMax, [&](NodeId id, RowId, std::span<const std::byte>) {
        const auto found = std::lower_bound(live.begin(), live.end(), std::pair{id, INT64_MIN});
        if (found == live.end() || found->first != id) strays.push_back(id);
        return Status();
      }));
  for (const NodeId id : strays) NEARLITE_TRY(store_->clear_vector(id));
  return {};
}

Status Index::rebuild_rows(std::span<const std::pair<NodeId, RowId>> live,
                           const CommitRecord& previous) {
  Write& write = *write_;
  NEARLITE_TRY(store_->erase_links_above(0));
  NEARLITE_TRY(store_->erase_all_dead());
  // Codes of external content are made again from the rows, so those there are need not be
  // readable.
  NEARLITE_TRY(options_.is_external ? store_->erase_all_vectors() : clear_strays(live));
  std::vector<std::byte> stored(slot_content_bytes(options_));
  std::vector<float> values(options_.dim);
  for (const auto& [id, rowid] : live) {
    RowId stored_rowid = 0;
    NEARLITE_ASSIGN(const bool found, store_->read_vector(id, stored_rowid, stored));
    if (!found || stored_rowid != rowid) {
      return error(Code::kCorruption, "row " + std::to_string(rowid) + " has no vector");
    }
    NEARLITE_TRY(decode_stored(options_, stored, values));
    NEARLITE_TRY(ensure_quantizer(values));
    NEARLITE_TRY(stage(id, rowid, stored));
  }
  NEARLITE_TRY(link());
  write.next.purge_floor = write.next.unlink_floor = previous.seq + 1;
  write.next.fold_hand = 0;
  write.least_max_id = previous.max_node_id;  // ids are not handed out twice
  write.next_id = std::max(write.change->max_id(), previous.max_node_id) + 1;
  NEARLITE_TRY(store_->erase_commits_below(INT64_MAX));
  return write_all();
}

}  // namespace nearlite
