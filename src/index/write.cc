// Inserting and deleting inside a write transaction. Everything that can fail is done before rows
// change; what was written when a later step fails is undone, or the transaction is poisoned.
#include "index/stored_vector.h"
#include "index/write.h"
#include "index/scratch.h"

#include <algorithm>

#include "base/hash.h"
#include "base/try.h"

namespace nearlite {

namespace {
// More relabelled nodes than this are not listed: conditions are evaluated afresh instead.
constexpr std::size_t kRelabelledMax = 65'536;
}  // namespace

Status Index::begin_write() {
  ++change_count_;
  if (write_) {
    if (!write_->poison.empty()) return error(Code::kInternal, write_->poison);
    return write_->stale ? resync() : Status();
  }
  retired_.reset();
  auto write = std::make_unique<Write>();
  NEARLITE_ASSIGN(const CommitRecord base, store_->last_commit());
  NEARLITE_ASSIGN(write->cache, acquire(base));
  if (!write->cache || write->cache->standing(base) != Standing::kCurrent) {
    // We hold the write lock, so ours is the newest state of this file; a cache that is ahead of it
    // belongs to a file that has been put back in time (a restored backup).
    const std::shared_ptr<Cache> other = slot_->get();
    NEARLITE_ASSIGN(write->cache, load_cache(*store_, options_, base));
    ++load_count_;
    slot_->replace(other, write->cache);
  }
  NEARLITE_TRY(start_from(base, *write));
  write_ = std::move(write);
  // Nothing, unless this transaction wrote before and we lost track of it: then ids must not be
  // given twice.
  if (Status status = read_back(); !status.ok()) {
    write_.reset();
    return status;
  }
  write_->changed = !write_->pending.empty() || !write_->dead.empty();
  return {};
}

// INVARIANT D4: reads back what of this transaction is left after ROLLBACK TO. New nodes are the
// vectors above the base's highest id, deletions the rows above its seq. If a commit record of our
// own is there (COMMIT was refused with BUSY and the savepoint is younger), it becomes the base,
// with a cache of its own.
Status Index::resync() {
  NEARLITE_ASSIGN(const CommitRecord base, store_->last_commit());
  Write fresh;  // nothing of what came after the savepoint may survive in a forgotten member
  fresh.cache = write_->cache;
  fresh.private_cache = write_->private_cache;
  fresh.relabelled = std::move(write_->relabelled);
  fresh.relabelled_all = write_->relabelled_all;
  fresh.label_hash = write_->label_hash;
  if (write_->rebuilt || base.seq != write_->base.seq || base.commit_id != write_->base.commit_id) {
    NEARLITE_ASSIGN(fresh.cache, load_cache(*store_, options_, base));
    ++load_count_;
    fresh.private_cache = true;
  }
  NEARLITE_TRY(start_from(base, fresh));
  fresh.stale = true;
  write_->change.reset();  // before the graph it refers to
  *write_ = std::move(fresh);
  NEARLITE_TRY(read_back());
  write_->stale = false;
  write_->changed = true;
  return {};
}

// What a transaction starts from, once `write.cache` stands at `base`.
Status Index::start_from(const CommitRecord& base, Write& write) {
  write.base = base;
  write.next = base;
  write.next_id = base.max_node_id + 1;
  write.change = std::make_unique<GraphChange>(write.cache->graph());
  write.quantizer = write.cache->quantizer();
  if (!write.quantizer) {  // a transaction may store a centre and delete its only row again
    NEARLITE_ASSIGN(write.quantizer, load_quantizer(*store_, options_));
  }
  return {};
}

// New nodes are the vectors above the base's highest id, deletions the rows above its seq.
Status Index::read_back() {
  Write& write = *write_;
  NEARLITE_TRY(store_->scan_vectors(write.next_id, kNodeIdMax,
                                    [&](NodeId id, RowId rowid, std::span<const std::byte> slot) {
                                      NEARLITE_TRY(stage(id, rowid, slot));
                                      write.next_id = id + 1;
                                      return Status();
                                    }));
  NEARLITE_TRY(
      store_->scan_dead(write.base.seq + 1, UINT64_MAX, UINT64_MAX, [&](std::uint64_t, NodeId id) {
        write.dead.insert(id);
        return write.change->mark_dead(id);
      }));
  return {};
}

Result<NodeId> Index::next_id() {
  NEARLITE_TRY(begin_write());
  if (write_->next_id > kNodeIdMax) {
    return error(Code::kFull,
                 "all " + std::to_string(kNodeIdMax) + " node ids are used; run 'rebuild'");
  }
  return write_->next_id;
}

// The centre of an l2 index is the first vector it ever gets; it is stored by the transaction that
// inserts it.
Status Index::ensure_quantizer(std::span<const float> first) {
  if (write_->quantizer) return {};
  IndexOptions as_float = options_;
  as_float.element = ElementType::kFloat32;
  NEARLITE_ASSIGN(const std::vector<std::byte> bytes, encode_stored(as_float, first));
  NEARLITE_TRY(store_->put_config(options_.centre_key, bytes));
  NEARLITE_ASSIGN(write_->quantizer, load_quantizer(*store_, options_));
  return {};
}

// Where the code of a new node goes; it is not published before commit().
Result<NodeCoder::Place> Index::new_place(NodeId id) {
  NEARLITE_TRY(write_->cache->reserve(id));
  if (!write_->quantizer) return error(Code::kCorruption, "no quantizer stored");
  NEARLITE_TRY(scratch_->coder.prepare(options_, *write_->quantizer));
  Graph& graph = write_->cache->graph();
  return NodeCoder::Place{graph.mutable_code(id), graph.mutable_residual(id), {}};
}

// Declares a node, whose code is in its place, to be linked by sync(). `vector_hash` is of what the
// store holds or will hold of it.
Status Index::stage(NodeId id, RowId rowid, const NodeCoder::Place& place,
                    std::uint64_t vector_hash) {
  Write& write = *write_;
  write.cache->graph().set_node(id, rowid, place.info);
  write.pending.push_back({id, rowid, vector_hash});
  if (const Status status = write.change->add_node(id); !status.ok()) {
    write.pending.pop_back();
    return status;
  }
  return {};
}

// The same for a node that is in the store already.
Status Index::stage(NodeId id, RowId rowid, std::span<const std::byte> slot) {
  NEARLITE_ASSIGN(NodeCoder::Place place, new_place(id));
  NEARLITE_TRY(scratch_->coder.from_slot(slot, place));
  return stage(id, rowid, place, hash64(slot));
}

Status Index::insert(NodeId id, RowId rowid, std::span<const float> values,
                     std::uint64_t label_hash) {
  NEARLITE_TRY(begin_write());
  Write& write = *write_;
  if (id != write.next_id) return error(Code::kInternal, "node id out of order");
  NEARLITE_ASSIGN(const std::vector<std::byte> stored, encode_stored(options_, values));
  std::vector<float> rounded(options_.dim);
  NEARLITE_TRY(decode_stored(options_, stored, rounded));
  NEARLITE_TRY(ensure_quantizer(rounded));
  // The code is made of the stored vector (after rounding to the element type), so that it is the
  // same after a reload.
  NEARLITE_ASSIGN(NodeCoder::Place place, new_place(id));
  scratch_->coder.from_vector(rounded, stored, place);
  const std::span<const std::byte> slot = scratch_->coder.slot_of(stored, place);
  NEARLITE_TRY(stage(id, rowid, place, hash64(slot)));
  if (Status status = store_->put_vector(id, rowid, slot); !status.ok()) {
    write.change->remove_node(id);
    write.pending.pop_back();
    return status;
  }
  ++write.next_id;
  write.label_hash = mix64(write.label_hash ^ label_hash);
  write.changed = true;
  return {};
}

Status Index::relabel(NodeId id, std::uint64_t label_hash) {
  NEARLITE_TRY(begin_write());
  Write& write = *write_;
  write.label_hash = mix64(write.label_hash ^ label_hash);
  write.changed = true;
  if (id > write.base.max_node_id || write.relabelled_all) return {};
  write.relabelled.insert(id);
  if (write.relabelled.size() <= kRelabelledMax) return {};
  write.relabelled.clear();
  write.relabelled_all = true;
  return {};
}

Status Index::erase(NodeId id) {
  NEARLITE_TRY(begin_write());
  Write& write = *write_;
  const auto pending =
      std::lower_bound(write.pending.begin(), write.pending.end(), id,
                       [](const Write::Pending& node, NodeId wanted) { return node.id < wanted; });
  const bool is_pending = pending != write.pending.end() && pending->id == id;
  if (!is_pending && (id > write.base.max_node_id || !write.cache->graph().is_present(id)))
    return error(Code::kCorruption, "no node " + std::to_string(id));
  if (is_pending && id > write.written_max) {
    NEARLITE_TRY(store_->clear_vector(id));
    write.change->remove_node(id);
    write.pending.erase(pending);
  } else {
    if (write.dead.contains(id)) return {};
    const std::uint64_t seq = write.base.seq + (write.synced ? 2 : 1);
    NEARLITE_TRY(store_->put_dead(seq, id));
    if (const Status status = write.change->mark_dead(id); !status.ok()) {
      if (!store_->erase_dead(seq, id).ok()) poison("a deletion was half done");
      return status;
    }
    write.dead.insert(id);
    if (write.synced) write.late_dead.push_back(id);
  }
  write.changed = true;
  return {};
}

Result<bool> Index::holds(NodeId id, std::span<const std::byte> stored) {
  NEARLITE_TRY(begin_write());
  const bool is_known =
      write_->cache->graph().is_present(id) || (id > write_->base.max_node_id && is_pending(id));
  if (!is_known || write_->dead.contains(id)) return false;
  return read_fingerprint(write_->cache->graph(), id) == fingerprint(stored);
}

Result<std::optional<std::uint64_t>> Index::stored_fingerprint(NodeId id) {
  std::vector<std::byte> slot(slot_content_bytes(options_));
  RowId rowid = 0;
  NEARLITE_ASSIGN(const bool found, store_->read_vector(id, rowid, slot));
  if (!found) return std::optional<std::uint64_t>();
  return std::optional(read_fingerprint(slot.data() + slot.size()));
}

void Index::poison(std::string why) {
  if (write_ && write_->poison.empty()) write_->poison = std::move(why);
}

void Index::rollback() noexcept {
  ++change_count_;
  if (!write_) return;
  write_->cache->fence();
  // SQLite may roll back from inside a nested statement of ours (no memory, disk full): whoever is
  // on the stack still holds references, so the state is only put aside.
  retired_ = std::move(write_);
}

void Index::rollback_to() noexcept {
  ++change_count_;
  if (!write_) return;
  write_->stale = true;
  write_->changed = true;
}

}  // namespace nearlite
