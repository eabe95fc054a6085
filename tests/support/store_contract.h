// What every Store must do, as one check that runs over the memory store and over the SQLite store.
#pragma once

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "storage/store.h"

namespace nearlite {

inline constexpr VectorLayout kContractLayout{24, 3};

namespace contract {

inline std::vector<std::byte> vector_of(NodeId id) {
  std::vector<std::byte> bytes(kContractLayout.vector_bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(id * 7 + i);
  return bytes;
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline void check_commits(Store& store) {
  EXPECT_EQ(store.last_commit().status().code(), Code::kCorruption) << "no row yet";
  CommitRecord record;
  ASSERT_TRUE(store.put_commit(record).ok());
  for (std::uint64_t seq = 1; seq <= 5; ++seq) {
    record.seq = seq;
    record.commit_id = ~seq;
    record.max_node_id = static_cast<NodeId>(seq * 10);
    record.live_count = seq;
    record.touched = {static_cast<NodeId>(seq)};
    ASSERT_TRUE(store.put_commit(record).ok());
  }
  record.live_count = 4;
  record.reload = true;
  ASSERT_TRUE(store.put_commit(record).ok()) << "replaces";
  const Result<CommitRecord> last = store.last_commit();
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(last->seq, 5U);
  EXPECT_EQ(last->commit_id, ~std::uint64_t{5});
  EXPECT_EQ(last->max_node_id, 50U);
  EXPECT_EQ(last->live_count, 4U);
  EXPECT_TRUE(last->reload);
  EXPECT_EQ(last->touched, std::vector<NodeId>()) << "left out";
  EXPECT_EQ((*store.find_commit(5))->touched, std::vector<NodeId>{5});
  ASSERT_TRUE(store.erase_commits_below(3).ok());
  EXPECT_FALSE(store.find_commit(2)->has_value());
  ASSERT_TRUE(store.find_commit(3)->has_value());
  EXPECT_EQ((*store.find_commit(3))->commit_id, ~std::uint64_t{3});
  EXPECT_FALSE(store.find_commit(UINT64_MAX)->has_value());
}

inline void check_links(Store& store) {
  EXPECT_FALSE(store.find_links(1)->has_value());
  for (NodeId id = 2; id <= 10; id += 2) {
    ASSERT_TRUE(store.put_links({id, -RowId{id}, 1, id, {{1}, {}}, {}}).ok());
  }
  ASSERT_TRUE(store.put_links({4, -4, 1, 9, {{1}, {}}, {{1, 2}, {3}}}).ok()) << "replaces";
  const auto found = store.find_links(4);
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->rowid, -4);
  EXPECT_EQ((*found)->as_of, 9U);
  EXPECT_EQ((*found)->links, (LevelLists{{1, 2}, {3}}));
  const auto ids = [&](NodeId first, NodeId last) {
    std::vector<NodeId> visited;
    EXPECT_TRUE(store
                    .scan_links(first, last,
                                [&](NodeRecord& record) {
                                  visited.push_back(record.id);
                                  return Status();
                                })
                    .ok());
    return visited;
  };
  EXPECT_EQ(ids(0, UINT32_MAX), (std::vector<NodeId>{2, 4, 6, 8, 10}));
  EXPECT_EQ(ids(3, 8), (std::vector<NodeId>{4, 6, 8}));
  const Status stopped =
      store.scan_links(1, 10, [](NodeRecord&) { return Status(Code::kInvalidArgument, "enough"); });
  EXPECT_EQ(stopped.code(), Code::kInvalidArgument);
  EXPECT_EQ(stopped.message(), "enough");
  ASSERT_TRUE(store.erase_links(6).ok());
  ASSERT_TRUE(store.erase_links(7).ok()) << "absent";
  ASSERT_TRUE(store.erase_links_above(8).ok());
  EXPECT_EQ(ids(0, UINT32_MAX), (std::vector<NodeId>{2, 4, 8}));
}

inline void check_dead(Store& store) {
  for (const auto& [seq, id] : {std::pair{3U, 9U}, {1U, 7U}, {3U, 2U}, {4U, 1U}, {3U, 2U}}) {
    ASSERT_TRUE(store.put_dead(seq, id).ok());
  }
  using Rows = std::vector<std::pair<std::uint64_t, NodeId>>;
  const auto rows = [&](std::uint64_t first, std::uint64_t last, std::uint64_t limit) {
    Rows visited;
    EXPECT_TRUE(store
                    .scan_dead(first, last, limit,
                               [&](std::uint64_t seq, NodeId id) {
                                 visited.emplace_back(seq, id);
                                 return Status();
                               })
                    .ok());
    return visited;
  };
  EXPECT_EQ(rows(0, UINT64_MAX, UINT64_MAX), (Rows{{1, 7}, {3, 2}, {3, 9}, {4, 1}}));
  EXPECT_EQ(rows(2, 3, 100), (Rows{{3, 2}, {3, 9}}));
  EXPECT_EQ(rows(0, 9, 2), (Rows{{1, 7}, {3, 2}}));
  EXPECT_EQ(rows(0, 9, 0), Rows());
  ASSERT_TRUE(store.erase_dead(3, 2).ok());
  ASSERT_TRUE(store.erase_dead(3, 2).ok()) << "absent";
  EXPECT_EQ(rows(3, 3, 9), (Rows{{3, 9}}));
  ASSERT_TRUE(store.erase_all_dead().ok());
  EXPECT_EQ(rows(0, UINT64_MAX, UINT64_MAX), Rows());
}

inline void check_vectors(Store& store) {
  RowId rowid = 0;
  std::vector<std::byte> out(kContractLayout.vector_bytes);
  EXPECT_FALSE(*store.read_vector(1, rowid, out));
  for (const NodeId id : {NodeId{1}, NodeId{3}, NodeId{5}, NodeId{11}}) {
    ASSERT_TRUE(store.put_vector(id, RowId{id} * 100, vector_of(id)).ok()) << id;
  }
  ASSERT_TRUE(store.put_vector(5, 555, vector_of(50)).ok()) << "replaces";
  EXPECT_FALSE(*store.read_vector(2, rowid, out)) << "empty slot";
  EXPECT_FALSE(*store.read_vector(8, rowid, out)) << "no block";
  ASSERT_TRUE(*store.read_vector(5, rowid, out));
  EXPECT_EQ(rowid, 555);
  EXPECT_EQ(out, vector_of(50));

  std::vector<NodeId> visited;
  const auto visit = [&](NodeId id, RowId, std::span<const std::byte> vector) {
    EXPECT_EQ(std::vector<std::byte>(vector.begin(), vector.end()), vector_of(id == 5 ? 50 : id));
    visited.push_back(id);
    return Status();
  };
  ASSERT_TRUE(store.scan_vectors(0, UINT32_MAX, visit).ok());
  EXPECT_EQ(visited, (std::vector<NodeId>{1, 3, 5, 11}));
  visited.clear();
  ASSERT_TRUE(store.scan_vectors(2, 5, visit).ok());
  EXPECT_EQ(visited, (std::vector<NodeId>{3, 5}));
  visited.clear();
  const NodeId wanted[] = {11, 1, 5, 3};
  ASSERT_TRUE(store.read_vectors(wanted, visit).ok());
  EXPECT_EQ(visited.size(), 4U);
  for (const NodeId missing : {NodeId{2}, NodeId{8}, NodeId{500}}) {
    const NodeId ids[] = {1, missing};
    EXPECT_EQ(store.read_vectors(ids, visit).code(), Code::kCorruption) << missing;
  }

  const std::int64_t block_of_12 = store.layout().block_of(12);
  ASSERT_NE(block_of_12, store.layout().block_of(5));
  ASSERT_TRUE(store.put_vector(12, 3, vector_of(12)).ok());
  ASSERT_TRUE(store.clear_vector(12).ok());
  const NodeId both[] = {5, 12};
  ASSERT_TRUE(store.drop_empty_blocks_of(both).ok());
  EXPECT_TRUE(*store.read_vector(5, rowid, out)) << "in use";

  ASSERT_TRUE(store.clear_vector(1).ok());
  ASSERT_TRUE(store.clear_vector(11).ok());
  ASSERT_TRUE(store.clear_vector(12).ok()) << "empty already";
  ASSERT_TRUE(store.clear_vector(100).ok()) << "no block";
  EXPECT_FALSE(*store.read_vector(1, rowid, out));
  ASSERT_TRUE(store.drop_empty_blocks().ok());
  visited.clear();
  ASSERT_TRUE(store.scan_vectors(1, 20, visit).ok());
  EXPECT_EQ(visited, (std::vector<NodeId>{3, 5}));
  ASSERT_TRUE(store.put_vector(10, 1, vector_of(10)).ok()) << "makes the block anew";
  EXPECT_TRUE(*store.read_vector(10, rowid, out));

  ASSERT_TRUE(store.erase_all_vectors().ok());
  visited.clear();
  ASSERT_TRUE(store.scan_vectors(1, UINT32_MAX, visit).ok());
  EXPECT_TRUE(visited.empty());
  ASSERT_TRUE(store.put_vector(3, 1, vector_of(3)).ok());
  EXPECT_TRUE(*store.read_vector(3, rowid, out));
}

inline void check_config(Store& store) {
  EXPECT_FALSE(store.find_config("uuid")->has_value());
  ASSERT_TRUE(store.put_config("uuid", bytes_of("abc")).ok());
  ASSERT_TRUE(store.put_config("uuid", bytes_of("xyz")).ok());
  ASSERT_TRUE(store.put_config("empty", {}).ok());
  const auto value = store.find_config("uuid");
  ASSERT_TRUE(value.ok() && value->has_value());
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>((*value)->data()), (*value)->size()),
            "xyz");
  ASSERT_TRUE(store.find_config("empty")->has_value());
  EXPECT_TRUE((*store.find_config("empty"))->empty());
}

}  // namespace contract

/// `store` is empty and has kContractLayout.
inline void check_store_contract(Store& store) {
  contract::check_commits(store);
  contract::check_links(store);
  contract::check_dead(store);
  contract::check_vectors(store);
  contract::check_config(store);
  EXPECT_TRUE(store.check_interrupt().ok());
}

}  // namespace nearlite
