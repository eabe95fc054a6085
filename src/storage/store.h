// The seam between one vector index and where its records are kept: shadow tables
// (sqlite/sqlite_store) or plain maps (memory_store, for unit tests with injected faults). Every
// call runs inside the caller's transaction and sees its snapshot and its own changes. No call
// keeps anything open after it returns (an open statement would block VACUUM).
//
// Threads: one at a time, the thread that owns the connection.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "nearlite/status.h"
#include "storage/records.h"

namespace nearlite {

/// A vector and the hash64() of its bytes; 0: not known.
struct KnownVector {
  NodeId id;
  std::uint64_t hash;
};

class Store {
 public:
  virtual ~Store() = default;

  // ---- <table>_commits
  /// The last commit of the caller's snapshot; corruption if there is none (creation writes seq 0).
  /// Every search asks for it: it must take about a microsecond. Its lists are left out.
  virtual Result<CommitRecord> last_commit() = 0;
  virtual Result<std::optional<CommitRecord>> find_commit(std::uint64_t seq) = 0;
  virtual Status put_commit(const CommitRecord& record) = 0;  ///< inserts or replaces
  virtual Status erase_commits_below(std::uint64_t seq) = 0;

  // ---- <table>_links
  virtual Result<std::optional<NodeRecord>> find_links(NodeId id) = 0;
  virtual Status scan_links(NodeId first, NodeId last,
                            const std::function<Status(NodeRecord&)>& visit) = 0;
  virtual Status put_links(const NodeRecord& record) = 0;  ///< inserts or replaces
  virtual Status erase_links(NodeId id) = 0;               ///< absent: no error
  virtual Status erase_links_above(NodeId id) = 0;

  // ---- <table>_dead
  virtual Status put_dead(std::uint64_t seq, NodeId id) = 0;
  virtual Status erase_dead(std::uint64_t seq, NodeId id) = 0;
  virtual Status erase_all_dead() = 0;  ///< whatever is in them
  /// Visits deletions with first_seq <= seq <= last_seq in order of (seq, id), at most `limit` of
  /// them.
  virtual Status scan_dead(std::uint64_t first_seq, std::uint64_t last_seq, std::uint64_t limit,
                           const std::function<Status(std::uint64_t seq, NodeId id)>& visit) = 0;

  // ---- <table>_vectors
  virtual Status put_vector(NodeId id, RowId rowid, std::span<const std::byte> vector) = 0;
  virtual Status clear_vector(
      NodeId id) = 0;  ///< zeroes the slot; drops a block that becomes empty when asked to compact
  /// Copies the vector of `id` to `out` (layout().vector_bytes) and its rowid; false when the slot
  /// is empty.
  virtual Result<bool> read_vector(NodeId id, RowId& rowid, std::span<std::byte> out) = 0;
  /// Visits the vectors of `ids` in the order that suits the store; a slot that is empty is
  /// corruption. `vector` lives during the call only. Cheaper than read_vector() one by one.
  virtual Status read_vectors(
      std::span<const NodeId> ids,
      const std::function<Status(NodeId id, RowId rowid, std::span<const std::byte> vector)>&
          visit) = 0;
  /// Visits those of `wanted` that are to be had for much less than read_vectors() costs: `index`
  /// says which. `vector` lives during the call only, and its bytes have the hash that was given.
  /// Not to be called by its own visitor.
  virtual void read_known(
      std::span<const KnownVector> /*wanted*/,
      const std::function<void(std::size_t index, std::span<const std::byte> vector)>& /*visit*/) {}
  /// Visits the non-empty slots of ids in [first, last] ascending. `vector` lives during the call
  /// only.
  virtual Status scan_vectors(
      NodeId first, NodeId last,
      const std::function<Status(NodeId id, RowId rowid, std::span<const std::byte> vector)>&
          visit) = 0;
  virtual Status erase_all_vectors() = 0;  ///< whatever is in them
  /// Deletes blocks in which no slot is used.
  virtual Status drop_empty_blocks() = 0;
  /// The same for the blocks of the given ids.
  virtual Status drop_empty_blocks_of(std::span<const NodeId> ids) = 0;
  [[nodiscard]] virtual const VectorLayout& layout() const noexcept = 0;

  // ---- <table>_config: small values that never or rarely change
  virtual Result<std::optional<std::vector<std::byte>>> find_config(std::string_view key) = 0;
  virtual Status put_config(std::string_view key, std::span<const std::byte> value) = 0;

  /// Runs a trivial statement so that an interrupt or progress handler of the host is heard;
  /// kInterrupted if so.
  virtual Status check_interrupt() = 0;
};

}  // namespace nearlite
