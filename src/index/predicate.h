// Conditions on rows, and which nodes satisfy those that were asked lately.
//
// A condition is evaluated by whoever owns the rows (SQLite). Its nodes are remembered as of one
// commit and brought up to date by looking only at what later commits name: nodes that are new, and
// nodes whose row changed in other columns (CommitRecord::relabelled). Deleted nodes stay in a set;
// a search does not return them anyway.
//
// INVARIANT F1. A remembered set is used only if it is of the caller's snapshot, or was brought
// there from a commit that the snapshot's history contains.
// INVARIANT F2. Nothing evaluated inside a connection's own write transaction is remembered.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "index/node_set.h"
#include "nearlite/status.h"

namespace nearlite {

class Predicate {
 public:
  virtual ~Predicate() = default;
  /// Conditions of one index with equal keys hold for the same rows. Empty: not to be remembered.
  [[nodiscard]] virtual const std::string& key() const noexcept = 0;
  /// Visits the node of every row that satisfies the condition in the caller's snapshot.
  virtual Status scan(const std::function<Status(NodeId)>& visit) = 0;
  /// Is `id` the node of this row, and does the row satisfy the condition?
  virtual Result<bool> holds(RowId rowid, NodeId id) = 0;
};

struct PredicateStats {
  std::uint64_t count = 0;  ///< remembered now
  std::uint64_t memory_bytes = 0;
};

/// The sets remembered for one index, the least recently used dropped first. Threads: any.
class PredicateCache {
 public:
  /// The sets of all connections; 12 KB each for 100,000 rows.
  static constexpr std::size_t kCountMax = 256;
  static constexpr std::size_t kBytesMax = std::size_t{16} << 20;
  static constexpr std::size_t kKeyMax = 4'096;  ///< longer ones are not remembered

  struct Entry {
    std::uint64_t seq = 0;  ///< the commit it is of
    std::uint64_t commit_id = 0;
    NodeId max_id = kNodeNone;
    std::shared_ptr<const NodeSet> set;  ///< null: nothing is remembered
  };

  explicit PredicateCache(std::size_t count_max = kCountMax, std::size_t bytes_max = kBytesMax)
      : count_max_(count_max), bytes_max_(bytes_max) {}

  [[nodiscard]] Entry find(const std::string& key);
  /// Remembers `entry`, unless what is remembered is of a later commit of the same history.
  void put(const std::string& key, Entry entry);
  void drop(const std::string& key);
  [[nodiscard]] PredicateStats stats() const;

 private:
  using Slot = std::pair<std::string, Entry>;
  [[nodiscard]] static std::size_t bytes_of(const Slot& slot) noexcept;
  void erase(std::list<Slot>::iterator slot);

  const std::size_t count_max_;
  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  // GUARDED BY mutex_
  std::list<Slot> slots_;  // the most recently used first
  std::unordered_map<std::string_view, std::list<Slot>::iterator> by_key_;
  std::size_t bytes_ = 0;
};

}  // namespace nearlite
