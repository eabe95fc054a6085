// Buffers a connection's searches and inserts reuse, so that the hot path allocates nothing after
// warm-up.
#pragma once

#include <vector>

#include "graph/types.h"
#include "index/node_code.h"
#include "vector/quantizer.h"

namespace nearlite {

struct SearchScratch {
  NodeCoder coder;
  SearchQuery query;
  struct Approximate {
    float distance;
    NodeId id;
  };
  std::vector<Approximate> approximate;
  std::vector<NodeId> wanted;
  std::vector<std::byte> stored;
  // Of a filtered search: members compared, their keys, the nearest.
  std::vector<NodeId> members;
  std::vector<std::uint32_t> keys;
  std::vector<Candidate> nearest;
};

}  // namespace nearlite
