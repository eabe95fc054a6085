#include "index/cache.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <new>
#include <set>

#include "base/try.h"
#include "index/node_code.h"

namespace nearlite {

namespace {
// Commits a cache remembers so that readers of older snapshots can use it; 64 KiB.
constexpr std::size_t kHistoryMax = 4096;

// Copies everything but the lists, whose size is unbounded and which only catch-up needs.
CommitRecord without_lists(const CommitRecord& record) {
  CommitRecord copy;
  copy.seq = record.seq;
  copy.commit_id = record.commit_id;
  copy.max_node_id = record.max_node_id;
  copy.live_count = record.live_count;
  copy.dead_count = record.dead_count;
  copy.entry = record.entry;
  copy.purge_floor = record.purge_floor;
  copy.unlink_floor = record.unlink_floor;
  return copy;
}
}  // namespace

Cache::Cache(std::unique_ptr<Graph> graph, std::shared_ptr<const Quantizer> quantizer,
             const CommitRecord& at)
    : graph_(std::move(graph)), quantizer_(std::move(quantizer)), at_(without_lists(at)) {
  history_.reserve(kHistoryMax);
  remember(at);
}

void Cache::remember(const CommitRecord& record) noexcept {
  if (history_.size() == kHistoryMax) {
    history_.erase(history_.begin(), history_.begin() + kHistoryMax / 2);
  }
  history_.emplace_back(record.seq, record.commit_id);
}

Standing Cache::standing(const CommitRecord& snapshot) const {
  const std::lock_guard lock(mutex_);
  if (snapshot.seq > at_.seq) return Standing::kNewer;
  if (snapshot.seq == at_.seq) {
    return snapshot.commit_id == at_.commit_id ? Standing::kCurrent : Standing::kForked;
  }
  const auto found =
      std::lower_bound(history_.begin(), history_.end(), std::pair{snapshot.seq, std::uint64_t{0}});
  if (found == history_.end() || found->first != snapshot.seq) return Standing::kTooOld;
  if (found->second != snapshot.commit_id) return Standing::kForked;
  return snapshot.seq >= at_.unlink_floor ? Standing::kOlder : Standing::kTooOld;
}

std::pair<std::uint64_t, std::uint64_t> Cache::position() const {
  const std::lock_guard lock(mutex_);
  return {at_.seq, at_.commit_id};
}

std::uint64_t Cache::live_count() const {
  const std::lock_guard lock(mutex_);
  return at_.live_count;
}

std::shared_ptr<const Quantizer> Cache::quantizer() const {
  const std::lock_guard lock(mutex_);
  return quantizer_;
}

std::shared_ptr<KeptVectors> Cache::kept_vectors(std::size_t vector_bytes,
                                                 std::uint64_t bytes_max) noexcept {
  const std::lock_guard lock(mutex_);
  if (!KeptVectors::suits(at_.live_count, vector_bytes, bytes_max)) {
    kept_vectors_.reset();  // it has grown
  } else if (!kept_vectors_) {
    try {
      kept_vectors_ = std::make_shared<KeptVectors>(vector_bytes, bytes_max);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }
  return kept_vectors_;
}

std::size_t Cache::memory_bytes() const {
  const std::lock_guard lock(mutex_);
  return graph_->memory_bytes() + (kept_vectors_ ? kept_vectors_->memory_bytes() : 0);
}

bool Cache::remembers(std::uint64_t seq) const {
  const std::lock_guard lock(mutex_);
  return seq >= at_.unlink_floor;
}

Status Cache::reserve(NodeId last) {
  const std::lock_guard lock(mutex_);
  return graph_->reserve(last);
}

void Cache::fence() noexcept { const std::lock_guard lock(mutex_); }

bool Cache::publish(const CommitRecord& base, const CommitRecord& next, GraphChange& change,
                    const std::shared_ptr<const Quantizer>& quantizer) noexcept {
  const std::lock_guard lock(mutex_);
  if (at_.seq != base.seq || at_.commit_id != base.commit_id) return false;
  // Readers that have already checked their snapshot compare against delete_seq and ids, so the
  // order of these steps does not matter to them; the floor moves first so that late comers
  // re-check against it.
  at_ = without_lists(next);
  if (!quantizer_) quantizer_ = quantizer;
  change.publish(next.seq);
  remember(next);
  return true;
}

// What catch-up has read from rows and not yet applied.
struct Cache::Delta {
  std::map<NodeId, NodeRecord> rows;  // new nodes and rewritten older ones
  std::vector<std::pair<std::uint64_t, NodeId>> dead;
  std::vector<CommitRecord> commits;
  bool is_purged = false;       // nodes known to be dead were purged
  std::set<NodeId> not_purged;  // deleted as of where the cache stands, and still listed
  std::shared_ptr<const Quantizer> quantizer;
  struct Vector {
    NodeId id;
    RowId rowid;
    std::size_t offset;
  };
  std::vector<Vector> vectors;
  std::vector<std::byte> codes;  // code, residual and info of each of `vectors`, behind one another
};

Result<bool> Cache::read_delta(Store& store, const CommitRecord& from, const CommitRecord& to,
                               Delta& delta) const {
  // INVARIANT C1: the row at our seq must still carry our id, or the file has another history.
  NEARLITE_ASSIGN(const auto row, store.find_commit(from.seq));
  if (!row || row->commit_id != from.commit_id) return false;
  if (to.purge_floor > from.seq) return false;  // deletions we never saw are no longer listed

  std::vector<NodeId> touched;
  for (std::uint64_t seq = from.seq + 1; seq <= to.seq; ++seq) {
    NEARLITE_ASSIGN(auto commit, store.find_commit(seq));
    if (!commit || commit->reload) return false;
    touched.insert(touched.end(), commit->touched.begin(), commit->touched.end());
    commit->touched.clear();
    delta.commits.push_back(std::move(*commit));
  }
  for (const NodeId id : touched) {
    if (id > from.max_node_id || delta.rows.contains(id)) continue;
    NEARLITE_ASSIGN(auto record, store.find_links(id));
    if (record)
      delta.rows.emplace(id, std::move(*record));  // absent: purged since, nobody links to it
  }
  NEARLITE_TRY(store.scan_links(from.max_node_id + 1, to.max_node_id, [&](NodeRecord& record) {
    delta.rows.emplace(record.id, std::move(record));
    return Status();
  }));
  return true;
}

namespace {

// Bytes a node's code, residual and info take in Delta::codes.
std::size_t packed_bytes(const CodeFormat& format) {
  return std::size_t{format.code_bytes} + format.residual_bytes + sizeof(CodeInfo);
}

}  // namespace

Result<bool> Cache::catch_up(Store& store, const IndexOptions& options,
                             const CommitRecord& snapshot) {
  CommitRecord from;
  Delta delta;
  {
    const std::lock_guard lock(mutex_);
    from = at_;
    delta.quantizer = quantizer_;
  }
  if (from.seq >= snapshot.seq) return true;  // somebody else was faster
  NEARLITE_TRY(graph_->complete(effective_thread_count(options)));
  NEARLITE_ASSIGN(const bool possible, read_delta(store, from, snapshot, delta));
  if (!possible) return false;
  NEARLITE_TRY(
      store.scan_dead(from.seq + 1, snapshot.seq, UINT64_MAX, [&](std::uint64_t seq, NodeId id) {
        delta.dead.emplace_back(seq, id);
        return Status();
      }));
  // A purge takes several commits, in which the floor need not rise, so the count of the dead
  // tells.
  delta.is_purged = from.dead_count + delta.dead.size() != snapshot.dead_count;
  if (delta.is_purged) {
    NEARLITE_TRY(store.scan_dead(0, from.seq, UINT64_MAX, [&](std::uint64_t, NodeId id) {
      delta.not_purged.insert(id);
      return Status();
    }));
  }
  if (!delta.quantizer && snapshot.max_node_id > 0) {
    NEARLITE_ASSIGN(delta.quantizer, load_quantizer(store, options));
  }
  if (snapshot.max_node_id > from.max_node_id) {
    if (!delta.quantizer)
      return Status(Code::kCorruption, "nearlite: " + options.label + ": no quantizer stored");
    const CodeFormat& format = graph_->options().format;
    NodeCoder coder;
    AlignedBuffer code;
    AlignedBuffer residual;
    NEARLITE_TRY(coder.prepare(options, *delta.quantizer));
    NEARLITE_TRY(code.reserve(format.code_bytes));
    NEARLITE_TRY(residual.reserve(format.residual_bytes));
    NEARLITE_TRY(store.scan_vectors(from.max_node_id + 1, snapshot.max_node_id,
                                    [&](NodeId id, RowId rowid, std::span<const std::byte> bytes) {
                                      if (!delta.rows.contains(id))
                                        return Status();  // inserted and deleted by one transaction
                                      const std::size_t offset = delta.codes.size();
                                      delta.codes.resize(offset + packed_bytes(format));
                                      NodeCoder::Place place{code.data(), residual.data(), {}};
                                      NEARLITE_TRY(coder.from_slot(bytes, place));
                                      std::byte* out = delta.codes.data() + offset;
                                      out = std::copy_n(code.data(), format.code_bytes, out);
                                      out =
                                          std::copy_n(residual.data(), format.residual_bytes, out);
                                      std::memcpy(out, &place.info, sizeof place.info);
                                      delta.vectors.push_back({id, rowid, offset});
                                      return Status();
                                    }));
  }
  const std::lock_guard lock(mutex_);
  if (at_.seq != from.seq || at_.commit_id != from.commit_id)
    return true;  // the caller looks again
  NEARLITE_TRY(apply_delta(delta, snapshot, options));
  return true;
}

Status Cache::apply_delta(Delta& delta, const CommitRecord& to, const IndexOptions& options) {
  const CodeFormat& format = graph_->options().format;
  NEARLITE_TRY(graph_->reserve(to.max_node_id));
  for (const auto& [id, rowid, offset] : delta.vectors) {
    const std::byte* from = delta.codes.data() + offset;
    std::memcpy(graph_->mutable_code(id), from, format.code_bytes);
    if (format.residual_bytes != 0) {
      std::memcpy(graph_->mutable_residual(id), from + format.code_bytes, format.residual_bytes);
    }
    CodeInfo info;
    std::memcpy(&info, from + format.code_bytes + format.residual_bytes, sizeof info);
    graph_->set_node(id, rowid, info);
  }
  std::vector<NodeRecord> rows;
  rows.reserve(delta.rows.size());
  std::size_t fresh = 0;
  for (auto& [id, record] : delta.rows) {
    if (id > at_.max_node_id) ++fresh;
    rows.push_back(std::move(record));
  }
  if (fresh != delta.vectors.size()) {
    return Status(Code::kCorruption,
                  "nearlite: " + options.label + ": link rows and vectors disagree");
  }
  if (delta.is_purged) {
    for (NodeId id = 1; id <= at_.max_node_id; ++id) {
      if (graph_->is_present(id) && graph_->delete_seq(id) != 0 && !delta.not_purged.contains(id))
        graph_->forget(id);
    }
  }
  NEARLITE_TRY(graph_->apply(rows, to.max_node_id, to.entry));
  for (const auto& [seq, id] : delta.dead) {
    if (graph_->is_present(id)) graph_->set_delete_seq(id, seq);
  }
  at_ = without_lists(to);
  if (!quantizer_) quantizer_ = delta.quantizer;
  for (const CommitRecord& commit : delta.commits) remember(commit);
  return Status();
}

std::shared_ptr<Cache> CacheSlot::get() const {
  const std::lock_guard lock(mutex_);
  return cache_;
}

void CacheSlot::replace(const std::shared_ptr<Cache>& expected, std::shared_ptr<Cache> cache) {
  const std::lock_guard lock(mutex_);
  if (cache_ == expected) cache_ = std::move(cache);
}

std::shared_ptr<CacheSlot> shared_cache_slot(const std::string& key) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<CacheSlot>> slots;  // GUARDED BY mutex
  const std::lock_guard lock(mutex);
  std::erase_if(slots, [](const auto& entry) { return entry.second.expired(); });
  std::shared_ptr<CacheSlot> slot = slots[key].lock();
  if (!slot) {
    slot = std::make_shared<CacheSlot>();
    slots[key] = slot;
  }
  return slot;
}

}  // namespace nearlite
