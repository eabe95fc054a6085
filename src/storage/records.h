// The records of the shadow tables as values, and their byte form. docs/format.md describes every
// byte.
//
// Decoding takes bytes from a file that may be damaged or hostile: every count is checked against
// the bytes that are there before anything is allocated, and every record carries a checksum.
// Failure is Code::kCorruption.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "graph/types.h"
#include "nearlite/status.h"

namespace nearlite {

/// FORMAT. Development builds write 0, so that their files cannot be confused with released ones.
inline constexpr std::uint32_t kFormatVersion = 0;

/// One row of <table>_commits: the state of one vector index after one transaction.
struct CommitRecord {
  std::uint64_t seq = 0;  ///< 0 = the empty index as created; +1 per committed transaction
  std::uint64_t commit_id =
      0;  ///< hash chained over the previous commit_id and what this commit changed
  NodeId max_node_id = 0;  ///< highest id ever handed out
  std::uint64_t live_count = 0;
  std::uint64_t dead_count = 0;  ///< deleted, not purged
  NodeId entry = kNodeNone;
  /// Clock hand of folding: the next commit looks for dirty rows from this id on.
  NodeId fold_hand = 0;
  /// A repair pass rewrites the lists of all nodes that were not dead at `repair_seq`; 0 = no pass
  /// under way.
  std::uint64_t repair_seq = 0;
  NodeId repair_hand = 0;  ///< next id the pass looks at
  /// Nodes deleted at or before this commit are linked from nowhere and may be purged.
  std::uint64_t purge_ready_seq = 0;
  /// Highest delete_seq among purged nodes: a cache or reader older than this cannot catch up by
  /// t_dead.
  std::uint64_t purge_floor = 0;
  /// Highest delete_seq whose nodes may have been unlinked: an older snapshot is answered by the
  /// exact scan.
  std::uint64_t unlink_floor = 0;
  /// More rows were rewritten than `touched` can tell: caches must reload.
  bool reload = false;
  /// Older nodes whose link rows were rewritten (folded, repaired), ascending.
  std::vector<NodeId> touched;
};

/// Byte form of the parts of a CommitRecord that have no column of their own (hands, floors, flags,
/// touched), with a checksum over the whole record, columns included.
std::vector<std::byte> encode_commit_state(const CommitRecord& record);
enum class Touched : std::uint8_t { kDecode, kLeaveOut };
/// Fills the state fields of `record`, whose column fields are set already, and verifies the
/// checksum. `touched` may be left empty: it is long after large commits, and only catching up
/// needs it.
Status decode_commit_state(std::span<const std::byte> bytes, CommitRecord& record,
                           Touched touched = Touched::kDecode);

/// The checksum beside a deletion: a changed number must not bring a dead row back or hide a live
/// one.
std::uint32_t deletion_check(std::uint64_t seq, NodeId id) noexcept;

/// Byte form of a NodeRecord except its id (the row's key), with a checksum that covers the id too.
/// Lists are sorted ascending; the order of the file is the order of the ids. Deltas as varints.
std::vector<std::byte> encode_links(const NodeRecord& record);
Result<NodeRecord> decode_links(NodeId id, std::span<const std::byte> bytes);

/// Layout of <table>_vectors: block b (0-based) holds the vectors of ids [b * capacity + 1, (b + 1)
/// * capacity]. A slot is: rowid int64, check uint32, flags uint32 (bit 0 = present), then the
/// stored vector, padded to 4 bytes.
struct VectorLayout {
  std::uint32_t vector_bytes = 0;  ///< stored size of one vector
  std::uint32_t capacity = 1;      ///< slots a block, chosen once at creation and stored in config

  static constexpr std::uint32_t kSlotHeaderBytes = 16;
  [[nodiscard]] std::uint32_t slot_bytes() const noexcept {
    return kSlotHeaderBytes + ((vector_bytes + 3) & ~3U);
  }
  [[nodiscard]] std::uint64_t block_bytes() const noexcept {
    return std::uint64_t{slot_bytes()} * capacity;
  }
  [[nodiscard]] std::int64_t block_of(NodeId id) const noexcept { return (id - 1) / capacity; }
  [[nodiscard]] std::uint64_t offset_of(NodeId id) const noexcept {
    return std::uint64_t{(id - 1) % capacity} * slot_bytes();
  }
  [[nodiscard]] NodeId first_id(std::int64_t block) const noexcept {
    return static_cast<NodeId>(block * capacity + 1);
  }
};

/// Slots a block: the smallest block of at least 2 KiB whose pages are nearly full, else the one
/// that leaves least of them empty, up to 32 KiB (a blob of P bytes keeps a local part in its leaf
/// and fills overflow pages of page_size - 4 bytes; SQLite file format, section 1.6).
VectorLayout choose_vector_layout(std::uint32_t vector_bytes, std::uint32_t page_size);

/// Writes a slot (slot_bytes() long). `vector.size()` == layout.vector_bytes.
void encode_slot(const VectorLayout& layout, NodeId id, RowId rowid,
                 std::span<const std::byte> vector, std::span<std::byte> slot);

struct VectorSlot {
  RowId rowid = 0;
  std::span<const std::byte> vector;  ///< into the bytes given to decode_slot
};
/// nullopt: the slot is empty (never written or cleared: all zero). Anything else that does not
/// check is corruption.
Result<std::optional<VectorSlot>> decode_slot(const VectorLayout& layout, NodeId id,
                                              std::span<const std::byte> slot);

}  // namespace nearlite
