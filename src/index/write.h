// The private side of a write transaction; see index.h for its states. Included by the .cc files of
// this folder only.
#pragma once

#include <set>
#include <vector>

#include "index/index.h"

namespace nearlite {

struct Index::Write {
  struct Pending {
    NodeId id;
    RowId rowid;
    std::uint64_t vector_hash;  // of what is stored, for the commit id
  };

  CommitRecord base;             // what the transaction started from
  std::shared_ptr<Cache> cache;  // stands at exactly `base`
  bool private_cache = false;    // loaded inside this transaction: never shared (INVARIANT C3)
  std::shared_ptr<const Quantizer>
      quantizer;  // the cache's, or a fresh one whose centre this transaction stores
  std::unique_ptr<GraphChange> change;
  std::vector<Pending> pending;  // inserted by this transaction and alive, ascending by id
  std::set<NodeId> dead;         // published (or already linked) nodes deleted by this transaction
  // Those of `dead` that were deleted after a sync: their rows have the seq after that of the
  // record which is written already, so that resync() can tell them from those it covers.
  std::vector<NodeId> late_dead;
  NodeId next_id = 1;
  NodeId written_max = kNodeNone;   // new nodes up to here have their rows
  CommitRecord next;                // the record in the making: hands and counters of maintenance
  std::set<NodeId> rewritten;       // older nodes whose link row was written again
  std::set<NodeId> purged;          // by this transaction
  NodeId least_max_id = kNodeNone;  // the commit record says at least this highest id
  bool changed = false;             // since the last successful sync
  bool synced = false;              // a sync wrote rows for this transaction
  bool stale = false;               // after ROLLBACK TO: read back before use (INVARIANT D4)
  bool rebuilt = false;             // `cache` is a fresh graph that replaces the shared one
  bool optimized = false;           // more lists changed than a record can list
  std::string poison;               // not empty: why nothing more may be written
};

}  // namespace nearlite
