// The vectors of sqlite_store.h: slots in blocks, read and written by incremental blob I/O.
//
// An insert writes the pages of its slot only. Opening a blob is the costly part (SQLite makes a
// small program for it), so read_vectors() opens once and moves the handle from block to block.
#include <algorithm>

#include "base/hash.h"
#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/sqlite_store.h"

namespace nearlite::sqlite {
namespace {

constexpr const char* kDataColumn = "data";

}  // namespace

Result<bool> SqliteStore::has_block(std::int64_t block) {
  NEARLITE_ASSIGN(Statement * find, statement(kHasBlock));
  StatementUse use = find->use();
  NEARLITE_ASSIGN(const bool has_row, use.bind(1, block).step());
  if (has_row && use.column_text(0) != "blob") {
    return corruption(vectors_, "block " + std::to_string(block) + " is not a blob");
  }
  return has_row;
}

Result<std::optional<Blob>> SqliteStore::open_block(std::int64_t block, bool is_writable) {
  Result<Blob> blob = Blob::open(db_, schema_, vectors_, kDataColumn, block, is_writable);
  if (!blob.ok()) {
    // A missing row has no code of its own: SQLite says SQLITE_ERROR for it, as for much else.
    if ((blob.status().sqlite_code() & 0xff) != SQLITE_ERROR) return blob.status();
    NEARLITE_ASSIGN(const bool is_there, has_block(block));
    if (is_there) return blob.status();
    return std::optional<Blob>();
  }
  if (blob->size() != layout_.block_bytes()) {
    return corruption(vectors_, "block " + std::to_string(block) + " has a wrong size");
  }
  return std::optional(std::move(*blob));
}

Status SqliteStore::put_vector(NodeId id, RowId rowid, std::span<const std::byte> vector) {
  const std::int64_t block = layout_.block_of(id);
  slot_.resize(layout_.slot_bytes());
  encode_slot(layout_, id, rowid, vector, slot_);
  NEARLITE_ASSIGN(std::optional<Blob> blob, open_block(block, true));
  if (!blob) {
    NEARLITE_ASSIGN(Statement * put, statement(kPutBlock));
    NEARLITE_TRY(put->use().bind(1, block).bind_zeroblob(2, layout_.block_bytes()).run());
    NEARLITE_ASSIGN(blob, open_block(block, true));
    if (!blob) return corruption(vectors_, "a new block is missing");
  }
  return blob->write(layout_.offset_of(id), slot_);
}

Status SqliteStore::clear_vector(NodeId id) {
  NEARLITE_ASSIGN(std::optional<Blob> blob, open_block(layout_.block_of(id), true));
  if (!blob) return Status();
  slot_.assign(layout_.slot_bytes(), std::byte{0});
  return blob->write(layout_.offset_of(id), slot_);
}

Result<bool> SqliteStore::read_vector(NodeId id, RowId& rowid, std::span<std::byte> out) {
  NEARLITE_ASSIGN(std::optional<Blob> blob, open_block(layout_.block_of(id), false));
  if (!blob) return false;
  slot_.resize(layout_.slot_bytes());
  NEARLITE_TRY(blob->read(layout_.offset_of(id), slot_));
  const Result<std::optional<VectorSlot>> slot = decode_slot(layout_, id, slot_);
  if (!slot.ok()) return named("vectors", slot.status());
  if (!*slot) return false;
  rowid = (*slot)->rowid;
  std::copy((*slot)->vector.begin(), (*slot)->vector.end(), out.begin());
  return true;
}

Status SqliteStore::read_vectors(std::span<const NodeId> ids, const VectorVisitor& visit) {
  std::vector<NodeId> sorted(ids.begin(), ids.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::byte> bytes(layout_.slot_bytes());  // Not the scratch: the visitor may call us.
  std::optional<Blob> blob;
  std::int64_t open = -1;
  for (const NodeId id : sorted) {
    const std::int64_t block = layout_.block_of(id);
    const bool is_moved =
        blob && block != open && blob->reopen(block).ok() && blob->size() == layout_.block_bytes();
    if (block != open && !is_moved) {
      // First block, or a failure: opening anew tells which.
      NEARLITE_ASSIGN(blob, open_block(block, false));
      if (!blob) return corruption(vectors_, "block " + std::to_string(block) + " is missing");
    }
    open = block;
    NEARLITE_TRY(blob->read(layout_.offset_of(id), bytes));
    const Result<std::optional<VectorSlot>> slot = decode_slot(layout_, id, bytes);
    if (!slot.ok()) return named("vectors", slot.status());
    if (!*slot) {
      return corruption(vectors_, "the vector of node " + std::to_string(id) + " is missing");
    }
    NEARLITE_TRY(visit(id, (*slot)->rowid, (*slot)->vector));
  }
  return Status();
}

void SqliteStore::read_known(
    std::span<const KnownVector> wanted,
    const std::function<void(std::size_t index, std::span<const std::byte> vector)>& visit) {
  if (blocks_ != Blocks::kVectors || !direct_.begin()) return;
  known_.resize(layout_.vector_bytes);
  const auto offset_of = [&](NodeId id) {
    return layout_.offset_of(id) + VectorLayout::kSlotHeaderBytes;
  };
  for (std::size_t first = 0; first < wanted.size(); first += DirectReader::kAnnouncedMax) {
    const std::size_t last = std::min(wanted.size(), first + DirectReader::kAnnouncedMax);
    for (std::size_t i = first; i < last; ++i)
      direct_.prepare(layout_.block_of(wanted[i].id), offset_of(wanted[i].id));
    for (std::size_t i = first; i < last; ++i) {
      const NodeId id = wanted[i].id;
      direct_.expect(layout_.block_of(id), offset_of(id), known_.size());
    }
    for (std::size_t i = first; i < last; ++i) {
      const std::int64_t block = layout_.block_of(wanted[i].id);
      const std::span<const std::byte> bytes = direct_.read(block, offset_of(wanted[i].id), known_);
      if (bytes.empty()) continue;
      const bool is_right = hash64(bytes) == wanted[i].hash;
      direct_.report(block, is_right);
      if (is_right) visit(i, bytes);
    }
  }
}

Status SqliteStore::scan_vectors(NodeId first, NodeId last, const VectorVisitor& visit) {
  if (first == kNodeNone) first = 1;
  if (first > last) return Status();
  NEARLITE_ASSIGN(Statement * scan, statement(kScanBlocks));
  StatementUse use = scan->use();
  use.bind(1, layout_.block_of(first)).bind(2, layout_.block_of(last));
  for (;;) {
    NEARLITE_ASSIGN(const bool has_row, use.step());
    if (!has_row) return Status();
    NEARLITE_ASSIGN(const std::int64_t block, use.get_int64(0));
    NEARLITE_ASSIGN(const std::span<const std::byte> data, use.get_blob(1));
    NEARLITE_TRY(named("vectors", visit_slots(layout_, block, data, first, last, visit)));
  }
}

Status SqliteStore::erase_all_vectors() {
  NEARLITE_ASSIGN(Statement * erase, statement(kEraseBlocks));
  return erase->use().run();
}

Status SqliteStore::drop_empty_blocks() {
  NEARLITE_ASSIGN(Statement * drop, statement(kDropEmptyBlocks));
  return drop->use().bind(1, static_cast<std::int64_t>(layout_.block_bytes())).run();
}

Status SqliteStore::drop_empty_blocks_of(std::span<const NodeId> ids) {
  NEARLITE_ASSIGN(Statement * drop, statement(kDropEmptyBlock));
  std::int64_t last = -1;
  for (const NodeId id : ids) {
    const std::int64_t block = layout_.block_of(id);
    if (block == last) continue;
    last = block;
    const auto size = static_cast<std::int64_t>(layout_.block_bytes());
    NEARLITE_TRY(drop->use().bind(1, block).bind(2, size).run());
  }
  return Status();
}

}  // namespace nearlite::sqlite
