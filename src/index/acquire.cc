// Finding a cache that fits the caller's snapshot: the decision table of docs/concurrency.md.
#include "base/try.h"
#include "index/scratch.h"
#include "index/write.h"

namespace nearlite {

Index::Index(IndexOptions options, std::unique_ptr<Store> store, std::shared_ptr<CacheSlot> slot)
    : options_(std::move(options)),
      store_(std::move(store)),
      slot_(std::move(slot)),
      scratch_(std::make_unique<SearchScratch>()) {}

Index::~Index() = default;

Status Index::error(Code code, const std::string& what) const {
  return {code, "nearlite: " + options_.label + ": " + what};
}

Status Index::create() {
  CommitRecord empty;
  empty.commit_id = options_.seed;  // histories of different indexes differ from the start
  return store_->put_commit(empty);
}

Result<std::uint64_t> Index::live_count() {
  if (write_ && write_->stale && write_->poison.empty()) NEARLITE_TRY(resync());
  NEARLITE_ASSIGN(const CommitRecord at, snapshot());
  if (!write_ || write_->stale) return at.live_count;
  return at.live_count + write_->pending.size() - write_->dead.size();
}

Result<IndexStats> Index::stats() {
  IndexStats stats;
  NEARLITE_ASSIGN(const CommitRecord at, snapshot());
  NEARLITE_ASSIGN(stats.live_count, live_count());
  stats.seq = at.seq;
  stats.dead_count = at.dead_count + (write_ ? write_->dead.size() : 0);
  stats.max_node_id = at.max_node_id;
  const std::shared_ptr<Cache> cache = write_ ? write_->cache : slot_->get();
  if (cache) {
    stats.memory_bytes = cache->memory_bytes();
    stats.cached = cache->standing(at) == Standing::kCurrent;
  }
  stats.load_count = load_count_;
  stats.image_load_count = image_load_count_;
  stats.save_count = save_count_;
  stats.catch_up_count = catch_up_count_;
  stats.last = report_;
  stats.filters = filter_stats_;
  stats.predicates = slot_->predicates().stats();
  const PredicateStats own = own_predicates_.stats();
  stats.memory_bytes += stats.predicates.memory_bytes + own.memory_bytes;
  return stats;
}

Result<CommitRecord> Index::snapshot() {
  if (write_ && !write_->stale) return write_->base;
  return store_->last_commit();
}

namespace {

// Whether a cache can be had as it is needed; not if its graph is damaged.
Result<bool> is_usable(Cache& cache, bool whole, unsigned thread_count) {
  if (cache.graph().is_damaged()) return false;
  if (!whole) return true;
  const Status status = cache.graph().complete(thread_count);
  if (status.ok()) return true;
  if (cache.graph().is_damaged()) return false;
  return status;
}

}  // namespace

Result<std::shared_ptr<Cache>> Index::acquire(const CommitRecord& snapshot, Need need) {
  // Each round either answers or replaces what did not fit; other threads may interfere, hence the
  // bound.
  for (int round = 0; round < 16; ++round) {
    std::shared_ptr<Cache> cache = slot_->get();
    bool replace = !cache;
    if (cache) {
      switch (cache->standing(snapshot)) {
        case Standing::kCurrent:
        case Standing::kOlder: {
          NEARLITE_ASSIGN(const bool usable, is_usable(*cache, need == Need::kWhole,
                                                       effective_thread_count(options_)));
          if (usable) return cache;
          replace = true;
          break;
        }
        case Standing::kTooOld: return std::shared_ptr<Cache>();
        case Standing::kForked: replace = true; break;
        case Standing::kNewer: {
          auto caught_up = cache->catch_up(*store_, options_, snapshot);
          if (!caught_up.ok()) {
            slot_->replace(cache, nullptr);  // it may be half changed: never patch, drop
            if (!cache->graph().is_damaged() && caught_up.status().code() != Code::kCorruption)
              return caught_up.status();
            // The cache may come from an image that does not fit the rows, which decide.
            ++load_count_;
            NEARLITE_ASSIGN(auto loaded, load_cache(*store_, options_, snapshot));
            slot_->replace(nullptr, std::move(loaded));
            break;
          }
          ++catch_up_count_;
          replace = !*caught_up;
          break;
        }
      }
    }
    if (replace) {
      // A cache that did not fit may come from the side file: then the rows decide.
      if (cache) ++load_count_;
      NEARLITE_ASSIGN(auto loaded,
                      cache ? load_cache(*store_, options_, snapshot) : load(snapshot));
      slot_->replace(cache, std::move(loaded));
    }
  }
  return std::shared_ptr<Cache>();  // contended beyond reason: the exact scan is always right
}

}  // namespace nearlite
