// A graph that is searched before all of it is in memory.
//
// Its ids are published at once; a node is read when a walk is about to compare it, and is checked
// as far as it can be by itself: that its lists lead to nodes that exist on their level, and that
// its parent is among them. What concerns the whole (one tree, few children) only writers need, and
// complete() makes sure of it.
//
// INVARIANT G7. A node of a graph that is read in parts is visible (`present`, stored with release)
//               when all of it is in its place, and no list is followed to a node that was not
//               read and checked.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace nearlite {

class PartialNodes {
 public:
  PartialNodes(Graph& graph, std::shared_ptr<NodeSource> source, bool knows_deletions);

  /// Afterwards those of them that are nodes are here. Not ok: a walk must stop, and has found
  /// nothing. Threads: any.
  [[nodiscard]] Code fetch(const NodeId* ids, std::size_t count) noexcept;
  void read_ahead(unsigned thread_count) noexcept;
  Status complete(unsigned thread_count);

  [[nodiscard]] bool is_whole() const noexcept { return whole_.load(std::memory_order_acquire); }
  [[nodiscard]] bool is_damaged() const noexcept {
    return damaged_.load(std::memory_order_acquire);
  }

 private:
  static constexpr std::size_t kGroupWords = 8;  ///< words of ids that are read at a time
  static constexpr std::size_t kLockCount = 64;
  /// Nodes that are read in a row for each that a search had to ask for: about as many take as long
  /// as that one.
  static constexpr std::uint64_t kAheadFactor = 4;

  [[nodiscard]] bool has(NodeId id) const noexcept {
    return id >> 6 < ids_.size() && (ids_[id >> 6] >> (id & 63) & 1) != 0;
  }
  [[nodiscard]] std::size_t group_count() const noexcept {
    return (ids_.size() + kGroupWords - 1) / kGroupWords;
  }
  Status read(std::span<const NodeId> wanted);
  Status read_group(std::size_t group);
  Status read_groups(std::size_t last, unsigned thread_count);
  [[nodiscard]] const char* find_fault(const NodeImage& node) const noexcept;
  [[nodiscard]] bool is_list(const NodeImage& node, unsigned level) const noexcept;
  Status place(const NodeImage& node);
  Status note(Status status) noexcept;
  void close_source() noexcept;

  Graph& graph_;
  const bool knows_deletions_;
  const std::vector<std::uint64_t> ids_;  // which nodes there are
  std::atomic<bool> whole_{false};
  std::atomic<bool> damaged_{false};
  std::atomic<std::uint64_t> fetched_count_{0};  ///< by searches, since the last read_ahead()
  std::array<std::mutex, kLockCount> place_locks_;  // by id: one thread writes a node
  std::mutex completing_;                           // one thread reads ahead or completes
  std::size_t next_group_ = 0;                      // GUARDED BY completing_
  std::shared_mutex source_lock_;                   // shared while reading
  std::shared_ptr<NodeSource> source_;              // GUARDED BY source_lock_
};

}  // namespace nearlite
