// Byte forms of the records: round trips, every truncation, every damaged byte, hostile counts.
#include "storage/records.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>

#include "base/bytes.h"
#include "base/hash.h"
#include "storage/vector_block.h"

namespace nearlite {
namespace {

using Bytes = std::vector<std::byte>;

std::mt19937_64 make_random() {
  const char* environment = std::getenv("NEARLITE_SEED");
  const std::uint64_t seed =
      environment != nullptr ? std::strtoull(environment, nullptr, 10) : std::random_device()();
  std::printf("NEARLITE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return std::mt19937_64(seed);
}

bool equals(const NodeRecord& a, const NodeRecord& b) {
  return a.id == b.id && a.rowid == b.rowid && a.parent == b.parent && a.as_of == b.as_of &&
         a.own == b.own && a.links == b.links;
}

bool equals(const CommitRecord& a, const CommitRecord& b) {
  return a.seq == b.seq && a.commit_id == b.commit_id && a.max_node_id == b.max_node_id &&
         a.live_count == b.live_count && a.dead_count == b.dead_count && a.entry == b.entry &&
         a.fold_hand == b.fold_hand && a.repair_seq == b.repair_seq &&
         a.repair_hand == b.repair_hand && a.purge_ready_seq == b.purge_ready_seq &&
         a.purge_floor == b.purge_floor && a.unlink_floor == b.unlink_floor &&
         a.reload == b.reload && a.relabelled_all == b.relabelled_all && a.touched == b.touched &&
         a.relabelled == b.relabelled;
}

/// Only the fields that are columns: what a reader has before it decodes the state.
CommitRecord columns_of(const CommitRecord& record) {
  CommitRecord columns;
  columns.seq = record.seq;
  columns.commit_id = record.commit_id;
  columns.max_node_id = record.max_node_id;
  columns.live_count = record.live_count;
  columns.dead_count = record.dead_count;
  columns.entry = record.entry;
  return columns;
}

NodeRecord sample_node() {
  return {1000, -5, 999, 1234, {{1, 7, 300, 999}, {7}}, {{1, 7, 300, 999, 1200}, {}}};
}

CommitRecord sample_commit() {
  CommitRecord record;
  record.seq = 77;
  record.commit_id = 0xfedc'ba98'7654'3210U;
  record.max_node_id = 5000;
  record.live_count = 4000;
  record.dead_count = 900;
  record.entry = 17;
  record.fold_hand = 300;
  record.repair_seq = 70;
  record.repair_hand = 1;
  record.purge_ready_seq = 60;
  record.purge_floor = 50;
  record.unlink_floor = 65;
  record.reload = true;
  record.relabelled_all = true;
  record.touched = {1, 2, 4711};
  record.relabelled = {3, 4711};
  return record;
}

TEST(Links, RoundTrip) {
  const NodeRecord extremes[] = {
      sample_node(),
      {1, INT64_MIN, 0, 1, {{}}, {}},
      {kNodeIdMax, INT64_MAX, kNodeIdMax - 1, kNodeIdMax, {{1, kNodeIdMax - 1}}, {{1}}},
      {2, 0, 1, 2, LevelLists(kLevelMax + 1, {1}), LevelLists(kLevelMax + 1)},
  };
  for (const NodeRecord& record : extremes) {
    const Result<NodeRecord> decoded = decode_links(record.id, encode_links(record));
    ASSERT_TRUE(decoded.ok()) << record.id;
    EXPECT_TRUE(equals(*decoded, record)) << record.id;
  }
}

TEST(Links, RandomRoundTripAndSize) {
  std::mt19937_64 random = make_random();
  for (int round = 0; round < 200; ++round) {
    NodeRecord record;
    record.id = static_cast<NodeId>(random() % 1'000'000 + 100);
    record.rowid = static_cast<RowId>(random());
    record.parent = static_cast<NodeId>(random() % record.id);
    record.as_of = record.id;
    NodeId id = 0;
    record.own.resize(1);
    for (int i = 0; i < 32 && id + 30'000 < record.id; ++i) {
      record.own[0].push_back(id += static_cast<NodeId>(random() % 30'000 + 1));
    }
    const Bytes bytes = encode_links(record);
    EXPECT_LE(bytes.size(), 32 * 3 + 26U);
    const Result<NodeRecord> decoded = decode_links(record.id, bytes);
    ASSERT_TRUE(decoded.ok());
    EXPECT_TRUE(equals(*decoded, record));
  }
}

TEST(Links, EveryTruncationAndEveryDamagedByteIsCorruption) {
  const NodeRecord record = sample_node();
  const Bytes bytes = encode_links(record);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto prefix = std::span(bytes).first(size);
    EXPECT_EQ(decode_links(record.id, prefix).status().code(), Code::kCorruption) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bytes damaged = bytes;
      damaged[at] ^= static_cast<std::byte>(1U << bit);
      EXPECT_EQ(decode_links(record.id, damaged).status().code(), Code::kCorruption) << at;
    }
  }
  Bytes longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_EQ(decode_links(record.id, longer).status().code(), Code::kCorruption);
}

TEST(Links, RecordOfAnotherRowIsCorruption) {
  const NodeRecord record = sample_node();
  EXPECT_EQ(decode_links(record.id + 1, encode_links(record)).status().code(), Code::kCorruption);
  EXPECT_EQ(decode_links(0, encode_links(record)).status().code(), Code::kCorruption);
}

/// Bytes that check, whatever they say: a hostile file computes its checksums.
Bytes sealed(const Bytes& body, std::uint64_t seed) {
  Bytes bytes = body;
  Writer(bytes).u32(static_cast<std::uint32_t>(hash64(body, seed)));
  return bytes;
}

TEST(Links, HostileContentWithRightChecksumIsCorruption) {
  const NodeId id = 100;
  // Header: version 1, level and flags, rowid, parent, as_of.
  const auto node = [&](std::uint8_t version, std::uint8_t shape, NodeId parent,
                        const std::vector<std::uint64_t>& lists) {
    Bytes body;
    Writer writer(body);
    writer.u8(version);
    writer.u8(shape);
    writer.signed_varint(1);
    writer.varint(parent);
    writer.varint(id);
    for (const std::uint64_t value : lists) writer.varint(value);
    return decode_links(id, sealed(body, id));
  };
  ASSERT_TRUE(node(1, 0, 5, {1, 4}).ok());
  EXPECT_FALSE(node(2, 0, 5, {1, 4}).ok()) << "unknown version";
  EXPECT_FALSE(node(1, 0x20, 5, {1, 4}).ok()) << "reserved bit";
  EXPECT_TRUE(node(1, 0, id, {1, 4}).ok()) << "its own parent: cut off from the tree";
  EXPECT_FALSE(node(1, 0, kNodeIdMax + 1U, {1, 4}).ok()) << "parent out of range";
  EXPECT_FALSE(node(1, 0, 5, {1, id - 1}).ok()) << "link to itself";
  EXPECT_FALSE(node(1, 0, 5, {1, kNodeIdMax}).ok()) << "link out of range";
  EXPECT_FALSE(node(1, 0, 5, {2, kNodeIdMax - 1, 0}).ok()) << "second link out of range";
  EXPECT_FALSE(node(1, 0, 5, {1, UINT64_MAX}).ok()) << "link beyond 32 bits";
  EXPECT_FALSE(node(1, 0, 5, {1, 4, 4}).ok()) << "bytes left over";
  EXPECT_FALSE(node(1, 1, 5, {1, 4}).ok()) << "level 1 is missing";
  EXPECT_FALSE(node(1, 0x10, 5, {1, 4}).ok()) << "links are missing";
  // Counts that no memory could hold: refused because the bytes are not there.
  for (const std::uint64_t count :
       {std::uint64_t{3}, std::uint64_t{1} << 31, std::uint64_t{1} << 62, UINT64_MAX}) {
    EXPECT_FALSE(node(1, 0, 5, {count, 4}).ok()) << count;
  }
}

TEST(CommitState, RoundTrip) {
  CommitRecord plain;
  plain.seq = 0;
  CommitRecord large = sample_commit();
  large.seq = INT64_MAX;
  large.repair_seq = UINT64_MAX;
  large.touched.clear();
  for (NodeId id = 1; id < 100'000; id += 3) large.touched.push_back(id);
  for (const CommitRecord& record : {plain, sample_commit(), large}) {
    CommitRecord decoded = columns_of(record);
    ASSERT_TRUE(decode_commit_state(encode_commit_state(record), decoded).ok());
    EXPECT_TRUE(equals(decoded, record));
  }
}

TEST(CommitState, EveryTruncationAndEveryDamagedByteIsCorruption) {
  const CommitRecord record = sample_commit();
  const Bytes bytes = encode_commit_state(record);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CommitRecord decoded = columns_of(record);
    const Status status = decode_commit_state(std::span(bytes).first(size), decoded);
    EXPECT_EQ(status.code(), Code::kCorruption) << size;
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bytes damaged = bytes;
      damaged[at] ^= static_cast<std::byte>(1U << bit);
      CommitRecord decoded = columns_of(record);
      EXPECT_EQ(decode_commit_state(damaged, decoded).code(), Code::kCorruption) << at;
    }
  }
}

TEST(CommitState, EveryChangedColumnIsCorruption) {
  const CommitRecord record = sample_commit();
  const Bytes bytes = encode_commit_state(record);
  const auto is_refused = [&](CommitRecord columns) {
    return decode_commit_state(bytes, columns).code() == Code::kCorruption;
  };
  CommitRecord changed = columns_of(record);
  ASSERT_FALSE(is_refused(changed));
  changed.seq ^= 1;
  EXPECT_TRUE(is_refused(changed));
  changed = columns_of(record);
  changed.commit_id ^= std::uint64_t{1} << 63;
  EXPECT_TRUE(is_refused(changed));
  changed = columns_of(record);
  changed.max_node_id += 1;
  EXPECT_TRUE(is_refused(changed));
  changed = columns_of(record);
  std::swap(changed.live_count, changed.dead_count);
  EXPECT_TRUE(is_refused(changed));
  changed = columns_of(record);
  changed.entry += 1;
  EXPECT_TRUE(is_refused(changed));
}

Bytes bytes_of(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

TEST(Slot, RoundTripEmptyAndDamage) {
  for (const std::uint32_t size : {1U, 3U, 4U, 48U, 125U}) {
    const VectorLayout layout{size, 4};
    const Bytes vector = bytes_of(size, size);
    Bytes slot(layout.slot_bytes());
    const auto empty = decode_slot(layout, 3, slot);
    ASSERT_TRUE(empty.ok());
    EXPECT_FALSE(empty->has_value());

    encode_slot(layout, 3, -42, vector, slot);
    const auto decoded = decode_slot(layout, 3, slot);
    ASSERT_TRUE(decoded.ok() && decoded->has_value());
    EXPECT_EQ((*decoded)->rowid, -42);
    EXPECT_EQ(Bytes((*decoded)->vector.begin(), (*decoded)->vector.end()), vector);

    EXPECT_EQ(decode_slot(layout, 4, slot).status().code(), Code::kCorruption) << "another id";
    for (std::size_t cut = 0; cut < slot.size(); ++cut) {
      EXPECT_FALSE(decode_slot(layout, 3, std::span(slot).first(cut)).ok()) << cut;
    }
    for (std::size_t at = 0; at < slot.size(); ++at) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        Bytes damaged = slot;
        damaged[at] ^= static_cast<std::byte>(1U << bit);
        EXPECT_EQ(decode_slot(layout, 3, damaged).status().code(), Code::kCorruption) << at;
      }
    }
  }
}

TEST(Slot, ClearedInPartIsCorruption) {
  const VectorLayout layout{8, 4};
  Bytes slot(layout.slot_bytes());
  slot[20] = std::byte{1};
  EXPECT_EQ(decode_slot(layout, 1, slot).status().code(), Code::kCorruption);
}

TEST(Block, VisitsUsedSlotsInRange) {
  const VectorLayout layout{8, 4};
  Bytes block(static_cast<std::size_t>(layout.block_bytes()));
  EXPECT_TRUE(is_block_empty(block));
  for (const NodeId id : {NodeId{5}, NodeId{7}, NodeId{8}}) {
    encode_slot(layout, id, id * 10, bytes_of(8, id),
                std::span(block).subspan(layout.offset_of(id), layout.slot_bytes()));
  }
  EXPECT_FALSE(is_block_empty(block));
  const auto visited = [&](NodeId first, NodeId last) {
    std::vector<NodeId> ids;
    const Status status = visit_slots(layout, 1, block, first, last,
                                      [&](NodeId id, RowId rowid, std::span<const std::byte>) {
                                        EXPECT_EQ(rowid, RowId{id} * 10);
                                        ids.push_back(id);
                                        return Status();
                                      });
    EXPECT_TRUE(status.ok());
    return ids;
  };
  EXPECT_EQ(visited(0, UINT32_MAX), (std::vector<NodeId>{5, 7, 8}));
  EXPECT_EQ(visited(6, 7), (std::vector<NodeId>{7}));
  EXPECT_EQ(visited(9, 12), (std::vector<NodeId>{}));
}

TEST(Block, ImpossibleNumbersAndSizesAreCorruption) {
  const VectorLayout layout{8, 4};
  const Bytes block(static_cast<std::size_t>(layout.block_bytes()));
  const auto none = [](NodeId, RowId, std::span<const std::byte>) { return Status(); };
  for (const std::int64_t number :
       {std::int64_t{-1}, INT64_MIN, INT64_MAX, std::int64_t{1} << 30}) {
    EXPECT_FALSE(visit_slots(layout, number, block, 1, UINT32_MAX, none).ok()) << number;
  }
  EXPECT_FALSE(visit_slots(layout, 0, std::span(block).first(5), 1, 9, none).ok());
}

/// Bytes of pages that a table of such blocks takes, by the rules of SQLite's file format 1.6,
/// relative to the vectors.
double waste_of(const VectorLayout& layout, std::uint64_t page) {
  const std::uint64_t payload = layout.block_bytes() + 5;
  const std::uint64_t local_min = (page - 12) * 32 / 255 - 23;
  std::uint64_t local = local_min + (payload - local_min) % (page - 4);
  if (local > page - 35) local = local_min;
  const auto overflow = static_cast<double>((payload - local + page - 5) / (page - 4));
  const auto cells = static_cast<double>((page - 8) / (local + 13));
  const double pages = overflow + 1 / cells;
  return pages * static_cast<double>(page) / layout.vector_bytes / layout.capacity - 1;
}

TEST(Layout, WastesLittleOfThePages) {
  for (const std::uint32_t dim : {128U, 384U, 768U, 1536U}) {
    const VectorLayout layout = choose_vector_layout(dim * 4, 4096);
    EXPECT_LE(waste_of(layout, 4096), 0.06) << dim;
    EXPECT_LE(layout.block_bytes(), 16U * 1024) << dim;
  }
}

TEST(Layout, TakesTheSmallestBlockWhosePagesAreNearlyFull) {
  const auto capacity = [](std::uint32_t dim, std::uint32_t page_size) {
    return choose_vector_layout(dim * 4, page_size).capacity;
  };
  EXPECT_EQ(capacity(128, 4096), 9U);
  EXPECT_EQ(capacity(384, 4096), 3U);
  EXPECT_EQ(capacity(768, 4096), 3U);
  EXPECT_EQ(capacity(1536, 4096), 2U);
  // One vector of 12 KiB wastes a third of its two pages of 8 KiB; two share four pages.
  EXPECT_EQ(capacity(3072, 8192), 2U);
}

TEST(Layout, EverySizeHasACapacity) {
  for (const std::uint32_t page : {512U, 1024U, 4096U, 65536U, 0U, 77'777'777U}) {
    for (const std::uint32_t size : {0U, 1U, 2U, 64U, 4096U, 24'000U, 65'536U}) {
      const VectorLayout layout = choose_vector_layout(size, page);
      EXPECT_EQ(layout.vector_bytes, size);
      EXPECT_GE(layout.capacity, 1U);
      EXPECT_TRUE(layout.capacity == 1 || layout.block_bytes() <= 32U * 1024);
    }
  }
}

}  // namespace
}  // namespace nearlite
