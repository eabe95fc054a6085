// The end of a transaction: link, maintain, write the rows and the commit record (sync), then
// publish (commit).
//
// sync() may be called again after COMMIT was refused with BUSY, with more writes in between: it
// goes on from where it was and replaces the commit record it wrote. Rows of new nodes are then
// written again.
#include <algorithm>

#include "base/hash.h"
#include "base/try.h"
#include "index/write.h"

namespace nearlite {

namespace {
// Commits kept so that caches and readers find where they stand; trimmed in steps to touch few
// pages.
constexpr std::uint64_t kCommitsKept = 10'000;
constexpr std::uint64_t kTrimStep = 1'000;
// More rewritten rows than this are not listed: other caches reload instead. A byte or two each.
constexpr std::size_t kTouchedMax = 65'536;
}  // namespace

Status Index::sync() {
  if (!write_) return {};
  if (!write_->poison.empty()) return error(Code::kInternal, write_->poison);
  if (write_->stale) NEARLITE_TRY(resync());
  Write& write = *write_;
  if (!write.changed) return {};
  if (write.pending.empty() && write.dead.empty() && write.relabelled.empty() &&
      !write.relabelled_all && !write.optimized && !write.synced && !write.rebuilt) {
    write.changed = false;
    return {};
  }
  NEARLITE_TRY(link());
  return or_poison([&]() -> Status {
    if (!write.optimized) NEARLITE_TRY(maintain());
    return write_all();
  }());
}

// For steps that write rows one by one: a failure leaves them half written.
Status Index::or_poison(Status status) {
  if (!status.ok()) poison("rows were half written: " + status.message());
  return status;
}

// The rows of everything that changed in memory, and the record that covers them.
Status Index::write_all() {
  for (const NodeId id : write_->late_dead) {
    NEARLITE_TRY(store_->put_dead(write_->base.seq + 1, id));
    NEARLITE_TRY(store_->erase_dead(write_->base.seq + 2, id));
  }
  write_->late_dead.clear();
  write_->written_max = kNodeNone;  // lists of an earlier attempt may have changed
  NEARLITE_TRY(write_rows());
  NEARLITE_TRY(write_commit());
  write_->cache->fence();
  write_->changed = false;
  write_->synced = true;
  return {};
}

Status Index::link() {
  LinkOptions options;
  options.thread_count = effective_thread_count(options_);
  options.parallel_threshold = options_.parallel_insert_threshold;
  Status interrupted;
  options.should_stop = [&] {
    interrupted = store_->check_interrupt();
    return !interrupted.ok();
  };
  const Status status = write_->change->link(options);
  if (!status.ok()) write_->stale = true;  // some nodes are linked, none has its row
  return interrupted.ok() ? status : interrupted;
}

// Writes the link row of a node as it is in memory now.
Status Index::put_record(NodeId id, bool fresh) {
  NEARLITE_ASSIGN(NodeRecord record, write_->change->record(id));
  if (!fresh) {
    NEARLITE_ASSIGN(auto row, store_->find_links(id));
    if (!row) return error(Code::kCorruption, "link row " + std::to_string(id) + " is missing");
    record.own = std::move(row->own);
    write_->rewritten.insert(id);
  }
  NEARLITE_TRY(store_->put_links(record));
  return write_->change->mark_folded(id, record.as_of);
}

Status Index::write_rows() {
  Write& write = *write_;
  for (const Write::Pending& node : write.pending) {
    if (node.id <= write.written_max) continue;
    NEARLITE_TRY(put_record(node.id, /*fresh=*/true));
  }
  if (!write.pending.empty()) write.written_max = write.pending.back().id;

  for (const NodeId id : write.change->touched()) {
    if (id > write.base.max_node_id || write.purged.contains(id)) continue;
    NEARLITE_TRY(put_record(id, /*fresh=*/false));
  }
  // Folded rows are listed too: a cache that catches up must know what is still to be folded, or
  // the same statements would not write the same bytes.
  std::vector<NodeId>& touched = write.next.touched;
  touched.assign(write.rewritten.begin(), write.rewritten.end());
  std::erase_if(touched, [&](NodeId id) { return write.purged.contains(id); });
  write.next.reload = write.rebuilt || touched.size() > kTouchedMax;
  if (write.next.reload) touched.clear();
  return {};
}

Status Index::write_commit() {
  Write& write = *write_;
  CommitRecord& next = write.next;
  next.seq = write.base.seq + 1;
  next.max_node_id = std::max({write.base.max_node_id, write.change->max_id(), write.least_max_id});
  next.live_count = write.base.live_count + write.pending.size() - write.dead.size();
  next.dead_count = write.base.dead_count + write.dead.size() - write.purged.size();
  next.entry = write.change->entry();
  next.relabelled.assign(write.relabelled.begin(), write.relabelled.end());
  next.relabelled_all = write.relabelled_all;

  Hasher hasher;
  hasher.u64(write.base.commit_id);
  for (const std::uint64_t value :
       {next.seq, std::uint64_t{next.max_node_id}, next.live_count, next.dead_count,
        std::uint64_t{next.entry}, std::uint64_t{next.fold_hand}, next.repair_seq,
        std::uint64_t{next.repair_hand}, next.purge_ready_seq, next.purge_floor,
        next.unlink_floor}) {
    hasher.u64(value);
  }
  for (const Write::Pending& node : write.pending) {
    hasher.u64(std::uint64_t{node.id});
    hasher.u64(static_cast<std::uint64_t>(node.rowid));
    hasher.u64(node.vector_hash);
  }
  for (const NodeId id : write.dead) hasher.u64(std::uint64_t{id});
  for (const NodeId id : next.touched) hasher.u64(std::uint64_t{id});
  for (const NodeId id : next.relabelled) hasher.u64(std::uint64_t{id});
  hasher.u64(write.label_hash);
  next.commit_id = hasher.digest64();
  NEARLITE_TRY(store_->put_commit(next));
  if (next.seq % kTrimStep == 0 && next.seq > kCommitsKept) {
    NEARLITE_TRY(store_->erase_commits_below(next.seq - kCommitsKept));
  }
  return {};
}

// INVARIANT D3: pointers move, nothing else.
void Index::commit() noexcept {
  if (!write_) return;
  Write& write = *write_;
  const std::uint64_t changed_count = write.pending.size() + write.dead.size();
  const bool committed = write.synced && write.poison.empty();
  if (committed) {
    if (write.rebuilt) {
      // A cache built from this transaction's own rows: those are committed now.
      if (write.cache->publish(write.base, write.next, *write.change, write.quantizer)) {
        slot_->replace(slot_->get(), write.cache);
      }
    } else if (!write.private_cache) {
      write.cache->publish(write.base, write.next, *write.change, write.quantizer);
    }
  }
  write_.reset();
  ++change_count_;
  if (committed) save_after_commit(changed_count);
}

}  // namespace nearlite
