// The words of the graph layer: node ids, the content of a link row, search candidates.
//
// A node is one vector of one index. The graph knows nothing of rows, files or SQL: it holds codes
// and neighbour lists in memory, and says what to write.
#pragma once

#include <cstdint>
#include <vector>

#include "vector/types.h"

namespace nearlite {

/// Identifies a node for ever: 1-based, ascending in commit order, never reused once committed.
using NodeId = std::uint32_t;
/// The user's rowid.
using RowId = std::int64_t;

inline constexpr NodeId kNodeNone = 0;
/// The search loop packs (id << 1 | expanded) into 32 bits, so ids have 31.
inline constexpr NodeId kNodeIdMax = 0x7FFF'FFFE;
inline constexpr unsigned kLevelMax = 15;
inline constexpr std::uint32_t kMMin = 2;
inline constexpr std::uint32_t kMMax = 128;
inline constexpr std::uint32_t kEfMax = 100'000;

/// Neighbour lists of one node, level 0 first; each sorted ascending by id, without duplicates or
/// self.
using LevelLists = std::vector<std::vector<NodeId>>;

/// What a row of <table>_links says of one node.
struct NodeRecord {
  NodeId id = kNodeNone;
  RowId rowid = 0;
  NodeId parent = kNodeNone;  ///< kNodeNone for the root of the spanning tree
  NodeId as_of = kNodeNone;   ///< back-links of all ids <= as_of are already in `links`
  LevelLists own;             ///< lists chosen at insert; size = level + 1
  LevelLists links;           ///< lists as of `as_of`; empty = never folded, equal to `own`
};

/// A node met by a search: smaller key = nearer, ties by smaller id.
struct Candidate {
  std::uint32_t key = 0;
  NodeId id = kNodeNone;
};

struct GraphOptions {
  std::uint32_t m = 16;                 ///< neighbours per node above level 0; level 0 has 2 m
  std::uint32_t ef_construction = 200;  ///< width of the search at insert
  std::uint64_t seed = 0;               ///< decides levels
  CodeFormat format;
};

}  // namespace nearlite
