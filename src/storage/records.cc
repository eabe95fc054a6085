// Byte forms of the records; see records.h, and docs/format.md for every byte.
//
// Checksums are the low 32 bits of XXH3-64 over the bytes, seeded with what the record belongs to
// (id, rowid, columns of the commit), so that a record moved to another row does not check.
#include "storage/records.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/try.h"

namespace nearlite {
namespace {

// FORMAT: first byte of the blobs of <table>_links and <table>_commits.
constexpr std::uint8_t kLinksVersion = 1;
constexpr std::uint8_t kCommitStateVersion = 1;
constexpr std::size_t kChecksumBytes = 4;

// Second byte of a links record: bits 0-3 level of the node, bit 4 "links" follow "own", others
// zero.
constexpr std::uint8_t kLevelMask = 0x0f;
constexpr std::uint8_t kHasLinks = 0x10;
// Second byte of a commit state: bit 0 reload, others zero.
constexpr std::uint8_t kReload = 0x01;

// Bit 0 of a slot's flags; the others are zero.
constexpr std::uint32_t kSlotPresent = 1;
constexpr std::size_t kSlotCheckOffset = 8;
constexpr std::size_t kSlotFlagsOffset = 12;

std::uint32_t checksum(std::span<const std::byte> bytes, std::uint64_t seed) noexcept {
  return static_cast<std::uint32_t>(hash64(bytes, seed));
}

std::uint64_t seed_of(const CommitRecord& record) noexcept {
  std::uint64_t seed = 0;
  for (const std::uint64_t part :
       {record.seq, record.commit_id, std::uint64_t{record.max_node_id}, record.live_count,
        record.dead_count, std::uint64_t{record.entry}}) {
    seed = mix64(seed ^ part);
  }
  return seed;
}

std::uint64_t seed_of(NodeId id, RowId rowid) noexcept {
  return mix64(mix64(id) ^ static_cast<std::uint64_t>(rowid));
}

/// Ascending ids as gaps to the id before, less one: what is decoded is ascending and not 0 by
/// construction.
void write_ids(Writer& writer, std::span<const NodeId> ids) {
  writer.varint(ids.size());
  NodeId previous = kNodeNone;
  for (const NodeId id : ids) {
    NEARLITE_ASSERT(id > previous);
    NEARLITE_ASSERT(id <= kNodeIdMax);
    writer.varint(id - previous - 1);
    previous = id;
  }
}

std::vector<NodeId> read_ids(Reader& reader) {
  // Every id takes a byte at least: what is allocated is bounded by what is there.
  const std::uint64_t count = reader.varint();
  if (count > reader.remaining()) reader.fail();
  std::vector<NodeId> ids;
  if (!reader.ok()) return ids;
  ids.reserve(static_cast<std::size_t>(count));
  std::uint64_t previous = kNodeNone;
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    previous += std::uint64_t{reader.varint32()} + 1;
    if (previous > kNodeIdMax) reader.fail();
    ids.push_back(static_cast<NodeId>(previous));
  }
  return ids;
}

NodeId read_id(Reader& reader) {
  const std::uint32_t id = reader.varint32();
  if (id > kNodeIdMax) reader.fail();
  return reader.ok() ? id : kNodeNone;
}

LevelLists read_lists(Reader& reader, NodeId self, std::size_t level_count) {
  LevelLists lists;
  lists.reserve(level_count);
  for (std::size_t level = 0; level < level_count && reader.ok(); ++level) {
    lists.push_back(read_ids(reader));
    if (std::binary_search(lists.back().begin(), lists.back().end(), self)) reader.fail();
  }
  return lists;
}

/// Splits a blob into body and checksum and compares; an empty body means "damaged".
std::span<const std::byte> checked_body(std::span<const std::byte> bytes, std::uint64_t seed) {
  if (bytes.size() <= kChecksumBytes) return {};
  const auto body = bytes.first(bytes.size() - kChecksumBytes);
  Reader tail(bytes.last(kChecksumBytes));
  return tail.u32() == checksum(body, seed) ? body : std::span<const std::byte>();
}

Status damaged(const char* what, std::uint64_t id) {
  return Status(Code::kCorruption, std::string(what) + " " + std::to_string(id) + " is damaged");
}

bool is_zero(std::span<const std::byte> bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

std::vector<std::byte> encode_commit_state(const CommitRecord& record) {
  std::vector<std::byte> bytes;
  Writer writer(bytes);
  writer.u8(kCommitStateVersion);
  writer.u8(record.reload ? kReload : 0);
  writer.varint(record.fold_hand);
  writer.varint(record.repair_seq);
  writer.varint(record.repair_hand);
  writer.varint(record.purge_ready_seq);
  writer.varint(record.purge_floor);
  writer.varint(record.unlink_floor);
  write_ids(writer, record.touched);
  writer.u32(checksum(bytes, seed_of(record)));
  return bytes;
}

Status decode_commit_state(std::span<const std::byte> bytes, CommitRecord& record,
                           Touched touched) {
  Reader reader(checked_body(bytes, seed_of(record)));
  if (reader.u8() != kCommitStateVersion) reader.fail();
  const std::uint8_t flags = reader.u8();
  if ((flags & ~kReload) != 0) reader.fail();
  record.reload = flags != 0;
  record.fold_hand = read_id(reader);
  record.repair_seq = reader.varint();
  record.repair_hand = read_id(reader);
  record.purge_ready_seq = reader.varint();
  record.purge_floor = reader.varint();
  record.unlink_floor = reader.varint();
  if (touched == Touched::kLeaveOut) {
    record.touched.clear();
    return reader.ok() ? Status() : damaged("commit", record.seq);
  }
  record.touched = read_ids(reader);
  return reader.finished() ? Status() : damaged("commit", record.seq);
}

std::uint32_t deletion_check(std::uint64_t seq, NodeId id) noexcept {
  return checksum({}, mix64(mix64(seq) ^ id));
}

std::vector<std::byte> encode_links(const NodeRecord& record) {
  NEARLITE_ASSERT(!record.own.empty());
  NEARLITE_ASSERT(record.own.size() <= kLevelMax + 1);
  NEARLITE_ASSERT(record.links.empty() || record.links.size() == record.own.size());
  std::vector<std::byte> bytes;
  bytes.reserve(160);  // An ordinary record at m = 16.
  Writer writer(bytes);
  writer.u8(kLinksVersion);
  const auto level = static_cast<std::uint8_t>((record.own.size() - 1) & kLevelMask);
  writer.u8(static_cast<std::uint8_t>(level | (record.links.empty() ? 0 : kHasLinks)));
  writer.signed_varint(record.rowid);
  writer.varint(record.parent);
  writer.varint(record.as_of);
  for (const auto& list : record.own) write_ids(writer, list);
  for (const auto& list : record.links) write_ids(writer, list);
  writer.u32(checksum(bytes, record.id));
  return bytes;
}

Result<NodeRecord> decode_links(NodeId id, std::span<const std::byte> bytes) {
  NodeRecord record;
  record.id = id;
  Reader reader(checked_body(bytes, id));
  if (reader.u8() != kLinksVersion || id == kNodeNone || id > kNodeIdMax) reader.fail();
  const std::uint8_t shape = reader.u8();
  if ((shape & ~(kLevelMask | kHasLinks)) != 0) reader.fail();
  record.rowid = reader.signed_varint();
  record.parent = read_id(reader);  // itself: a dead node that was cut off
  record.as_of = read_id(reader);
  const std::size_t level_count = std::size_t{1} + (shape & kLevelMask);
  record.own = read_lists(reader, id, level_count);
  if ((shape & kHasLinks) != 0) record.links = read_lists(reader, id, level_count);
  if (!reader.finished()) return damaged("links of node", id);
  return record;
}

void encode_slot(const VectorLayout& layout, NodeId id, RowId rowid,
                 std::span<const std::byte> vector, std::span<std::byte> slot) {
  NEARLITE_ASSERT(vector.size() == layout.vector_bytes);
  NEARLITE_ASSERT(slot.size() == layout.slot_bytes());
  slot = slot.first(layout.slot_bytes());
  const std::uint32_t flags = kSlotPresent;
  std::memcpy(slot.data(), &rowid, sizeof(rowid));
  std::memcpy(slot.data() + kSlotFlagsOffset, &flags, sizeof(flags));
  std::memcpy(slot.data() + VectorLayout::kSlotHeaderBytes, vector.data(), vector.size());
  const auto padding = slot.subspan(VectorLayout::kSlotHeaderBytes + vector.size());
  std::fill(padding.begin(), padding.end(), std::byte{0});
  const std::uint32_t check = checksum(slot.subspan(kSlotFlagsOffset), seed_of(id, rowid));
  std::memcpy(slot.data() + kSlotCheckOffset, &check, sizeof(check));
}

Result<std::optional<VectorSlot>> decode_slot(const VectorLayout& layout, NodeId id,
                                              std::span<const std::byte> slot) {
  if (slot.size() != layout.slot_bytes()) return damaged("vector of node", id);
  Reader reader(slot);
  VectorSlot result;
  result.rowid = reader.i64();
  const std::uint32_t check = reader.u32();
  const std::uint32_t flags = reader.u32();
  result.vector = reader.bytes(layout.vector_bytes);
  if (flags == 0 && is_zero(slot)) return std::optional<VectorSlot>();
  const bool is_sound =
      flags == kSlotPresent && is_zero(reader.bytes(reader.remaining())) &&
      check == checksum(slot.subspan(kSlotFlagsOffset), seed_of(id, result.rowid));
  if (!is_sound) return damaged("vector of node", id);
  return std::optional(result);
}

}  // namespace nearlite
