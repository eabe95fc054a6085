// Buffers a connection's searches and inserts reuse, so that the hot path allocates nothing after
// warm-up.
#pragma once

#include <vector>

#include "base/lines_ahead.h"
#include "graph/types.h"
#include "index/node_code.h"
#include "storage/store.h"
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
  // Hits without an exact distance: what is known of their vectors, and which ones they are.
  std::vector<KnownVector> known;
  std::vector<std::size_t> known_hits;
  LinesAhead lines;  // of vectors in memory
  // Of a filtered search: members compared, their keys, the nearest.
  std::vector<NodeId> members;
  std::vector<std::uint32_t> keys;
  std::vector<Candidate> nearest;
};

}  // namespace nearlite
