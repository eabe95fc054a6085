#include "index/predicate.h"

#include <algorithm>

#include "base/try.h"
#include "index/write.h"

namespace nearlite {

namespace {
// Looking at one row costs about as much as meeting this many in a scan of all.
constexpr std::uint64_t kRowCost = 8;
// In the place of a commit id: a set of rows that are not committed.
constexpr std::uint64_t kOwnChanges = 0x6F77'6E20'6368'616E;
}  // namespace

PredicateCache::Entry PredicateCache::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return {};
  slots_.splice(slots_.begin(), slots_, found->second);
  return found->second->second;
}

std::size_t PredicateCache::bytes_of(const Slot& slot) noexcept {
  return sizeof slot + slot.first.capacity() + slot.second.set->memory_bytes();
}

void PredicateCache::erase(std::list<Slot>::iterator slot) {
  bytes_ -= bytes_of(*slot);
  by_key_.erase(slot->first);
  slots_.erase(slot);
}

void PredicateCache::drop(const std::string& key) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) erase(found->second);
}

void PredicateCache::put(const std::string& key, Entry entry) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    if (found->second->second.seq > entry.seq) return;
    erase(found->second);
  }
  Slot slot(key, std::move(entry));
  if (bytes_of(slot) > bytes_max_) return;  // all others would have to go
  slots_.push_front(std::move(slot));
  by_key_.emplace(slots_.front().first, slots_.begin());
  bytes_ += bytes_of(slots_.front());
  while (slots_.size() > count_max_ || (bytes_ > bytes_max_ && !slots_.empty()))
    erase(std::prev(slots_.end()));
}

PredicateStats PredicateCache::stats() const {
  const std::lock_guard lock(mutex_);
  return {slots_.size(), bytes_};
}

// ---- Index

Result<NodeSet> Index::evaluate(Predicate& predicate) {
  NEARLITE_ASSIGN(const CommitRecord at, store_->last_commit());
  const NodeId last = write_ ? std::max(at.max_node_id, write_->next_id) : at.max_node_id;
  std::vector<NodeId> ids;
  NEARLITE_TRY(predicate.scan([&](NodeId id) {
    if (id <= last) ids.push_back(id);  // a damaged table may name any
    return Status();
  }));
  ++filter_stats_.scan_count;
  // Or one twice.
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return NodeSet(std::move(ids));
}

// Nodes that may have begun or ceased to satisfy a condition between two commits, ascending. False:
// that is not known, or they are too many to look at one by one.
Result<bool> Index::relabelled_since(const PredicateCache::Entry& from, const CommitRecord& to,
                                     std::vector<NodeId>& ids) {
  const std::uint64_t cheap_max = to.live_count / kRowCost;
  const std::uint64_t fresh_count = to.max_node_id - std::min(from.max_id, to.max_node_id);
  if (from.max_id > to.max_node_id || fresh_count + (to.seq - from.seq) > cheap_max) return false;
  NEARLITE_ASSIGN(const auto known, store_->find_commit(from.seq));
  if (!known || known->commit_id != from.commit_id) return false;
  for (std::uint64_t next = from.seq + 1; next <= to.seq; ++next) {
    NEARLITE_ASSIGN(const auto commit, store_->find_commit(next));
    if (!commit || commit->reload || commit->relabelled_all) return false;
    ids.insert(ids.end(), commit->relabelled.begin(), commit->relabelled.end());
    if (fresh_count + ids.size() > cheap_max) return false;
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  ids.erase(std::upper_bound(ids.begin(), ids.end(), from.max_id), ids.end());
  for (NodeId id = from.max_id + 1; id <= to.max_node_id; ++id) ids.push_back(id);
  return true;
}

// Brings a set from an earlier commit to the caller's snapshot. Null: evaluate afresh.
Result<std::shared_ptr<const NodeSet>> Index::catch_up(Predicate& predicate,
                                                       const PredicateCache::Entry& entry,
                                                       const CommitRecord& to) {
  const std::shared_ptr<const NodeSet> none;
  std::vector<NodeId> ids;
  NEARLITE_ASSIGN(const bool is_known, relabelled_since(entry, to, ids));
  if (!is_known) return none;
  if (ids.empty()) return entry.set;
  NEARLITE_ASSIGN(const std::shared_ptr<Cache> cache, acquire(to));
  if (!cache || cache->standing(to) != Standing::kCurrent) return none;
  std::vector<NodeId> holding;
  for (const NodeId id : ids) {
    const Graph& graph = cache->graph();
    if (!graph.is_present(id)) continue;
    NEARLITE_ASSIGN(const bool holds, predicate.holds(graph.rowid(id), id));
    if (holds) holding.push_back(id);
  }
  // Another thread may have purged nodes meanwhile that this snapshot still has.
  if (!cache->remembers(to.seq)) return none;
  ++filter_stats_.catch_up_count;
  return std::make_shared<const NodeSet>(entry.set->changed(ids, holding));
}

// Evaluates a condition for nobody but this connection: inside a write transaction, whose changes
// `change_count_` counts, or in a snapshot older than what others ask for.
Result<std::shared_ptr<const NodeSet>> Index::matching_here(Predicate& predicate, std::uint64_t seq,
                                                            std::uint64_t commit_id) {
  const PredicateCache::Entry known = own_predicates_.find(predicate.key());
  if (known.set && known.seq == seq && known.commit_id == commit_id) {
    ++filter_stats_.hit_count;
    return known.set;
  }
  NEARLITE_ASSIGN(NodeSet set, evaluate(predicate));
  auto shared = std::make_shared<const NodeSet>(std::move(set));
  own_predicates_.drop(predicate.key());
  own_predicates_.put(predicate.key(), {seq, commit_id, kNodeNone, shared});
  return std::shared_ptr<const NodeSet>(shared);
}

Result<std::shared_ptr<const NodeSet>> Index::matching(Predicate& predicate) {
  const std::string& key = predicate.key();
  if (key.empty() || key.size() > PredicateCache::kKeyMax) {
    NEARLITE_ASSIGN(NodeSet set, evaluate(predicate));
    return std::make_shared<const NodeSet>(std::move(set));
  }
  // INVARIANT F2.
  if (write_) return matching_here(predicate, change_count_, kOwnChanges);
  NEARLITE_ASSIGN(const CommitRecord at, store_->last_commit());
  PredicateCache& cache = slot_->predicates();
  const PredicateCache::Entry entry = cache.find(key);
  std::shared_ptr<const NodeSet> set;
  if (entry.set) {
    // INVARIANT F1.
    if (entry.seq == at.seq && entry.commit_id == at.commit_id) {
      ++filter_stats_.hit_count;
      return entry.set;
    }
    if (entry.seq > at.seq) {
      // An old snapshot, or a database that was put back in time: then what is remembered goes.
      const std::shared_ptr<Cache> known = slot_->get();
      if (known && known->standing(at) == Standing::kForked) cache.drop(key);
      return matching_here(predicate, at.seq, at.commit_id);
    }
    if (entry.seq < at.seq) {
      NEARLITE_ASSIGN(set, catch_up(predicate, entry, at));
    }
  }
  if (!set) {
    NEARLITE_ASSIGN(NodeSet fresh, evaluate(predicate));
    set = std::make_shared<const NodeSet>(std::move(fresh));
  }
  cache.put(key, {at.seq, at.commit_id, at.max_node_id, set});
  return set;
}

}  // namespace nearlite
