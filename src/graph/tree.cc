#include "graph/tree.h"

#include <algorithm>
#include <functional>

#include "base/assert.h"

namespace nearlite {

namespace {

using Heap = std::vector<std::uint64_t>;  // packed, smallest on top

void push(Heap& heap, std::uint64_t packed) {
  heap.push_back(packed);
  std::push_heap(heap.begin(), heap.end(), std::greater<>());
}

std::uint64_t pop(Heap& heap) {
  std::pop_heap(heap.begin(), heap.end(), std::greater<>());
  const std::uint64_t packed = heap.back();
  heap.pop_back();
  return packed;
}

// What a search for room below a node met.
struct RoomSearch {
  NodeId found = kNodeNone;       ///< not dead, with room
  NodeId found_dead = kNodeNone;  ///< the nearest dead one with room
  std::vector<NodeId> full;       ///< not dead, without room, nearest first
};

// The parent; none for the root and for nodes that were cut off.
NodeId above(const GraphChange::Impl& change, NodeId id) {
  const NodeId parent = change.parent(id);
  return parent == id ? kNodeNone : parent;
}

bool has_room(const GraphChange::Impl& change, NodeId id) {
  return change.state(id).child_count < change.graph.options.m;
}

// Nearest first below `start`, itself included, outside the subtree of `avoid`. Ends at the first node that is not
// dead and has room; a leaf always has. `published_only`: nodes of this change are not taken.
RoomSearch find_room(const GraphChange::Impl& change, std::uint64_t start, const QueryCode& query, NodeId avoid,
                     const DeadTest& is_dead, bool published_only) {
  const Graph::Impl& graph = change.graph;
  RoomSearch result;
  Heap heap{start};
  std::vector<NodeId> children;
  std::vector<std::uint32_t> keys(graph.capacity0 + 4);
  while (!heap.empty()) {
    const NodeId id = id_of(pop(heap));
    const bool dead = is_dead(id);
    if (has_room(change, id) && !(published_only && change.is_new(id))) {
      if (!dead) {
        result.found = id;
        return result;
      }
      if (result.found_dead == kNodeNone) result.found_dead = id;
    } else if (!dead) {
      result.full.push_back(id);
    }
    children.clear();
    for (const NodeId child : change.list_ids(id, 0)) {
      if (child != avoid && change.parent(child) == id && child != id) children.push_back(child);
    }
    graph.kernels->keys(graph, query, children.data(), children.size(), keys.data());
    for (std::size_t i = 0; i < children.size(); ++i) push(heap, pack(keys[i], children[i]));
  }
  return result;
}

// A full node below which nobody lives, outside the subtree of `node`: one of its dead children can be let go,
// because all that hangs on it waits for its purge. Returns the node, which then has room.
NodeId make_room(GraphChange::Impl& change, NodeId node, const DeadTest& is_dead, const std::vector<NodeId>& full) {
  const auto is_above = [&](NodeId ancestor, NodeId id) {
    for (NodeId at = above(change, id); at != kNodeNone; at = above(change, at)) {
      if (at == ancestor) return true;
    }
    return false;
  };
  for (const NodeId id : full) {
    if (change.is_new(id)) continue;
    if (std::any_of(full.begin(), full.end(), [&](NodeId other) { return is_above(id, other); })) continue;
    for (const NodeId child : change.list_ids(id, 0)) {
      if (change.parent(child) != id || !is_dead(child) || child == node || is_above(child, node)) continue;
      Link* list = change.writable_list(id, 0);
      std::vector<NodeId> ids = change.list_ids(id, 0);
      std::erase(ids, child);
      write_list(list, ids.data(), ids.size(), change.graph.capacity0);
      --change.writable_state(id).child_count;
      change.touch(id);
      return id;
    }
  }
  return kNodeNone;
}

// The last node on the way up from `id` that its ancestors still lead to: cut-off parts of the tree are dead, but a
// node may have no other candidates. kNodeNone when even the top was cut off.
NodeId attached_above(const GraphChange::Impl& change, NodeId id) {
  NodeId attached = id;
  NodeId at = id;
  for (NodeId parent = above(change, at); parent != kNodeNone; parent = above(change, at)) {
    if (!list_has(change.list(parent, 0), change.graph.capacity0, at)) attached = parent;
    at = parent;
  }
  return change.parent(at) == kNodeNone ? attached : kNodeNone;
}

// Moves a node to a parent that has room.
void set_parent(GraphChange::Impl& change, NodeId node, NodeId parent, PruneScratch& scratch) {
  const NodeId old_parent = change.parent(node);
  --change.writable_state(old_parent).child_count;
  change.touch(old_parent);
  change.writable_state(node).parent.store(parent, std::memory_order_relaxed);
  ++change.writable_state(parent).child_count;
  const TreeView tree{&change.graph, &change};
  append_link(tree, parent, 0, node, change.writable_list(parent, 0), scratch);
  append_link(tree, node, 0, parent, change.writable_list(node, 0), scratch);
  change.touch(parent);
  change.touch(node);
}

NodeId find_root(const GraphChange::Impl& change) {
  for (NodeId id = 1; id <= change.linked_max; ++id) {
    if (change.is_present(id) && change.parent(id) == kNodeNone) return id;
  }
  return kNodeNone;
}

}  // namespace

NodeId choose_parent(const GraphChange::Impl& change, NodeId node, std::span<const std::uint64_t> candidates,
                     CodeBuffer& buffer) {
  const DeadTest is_dead{&change, true, 0};
  NodeId start = id_of(candidates.front());
  if (!is_dead(start)) {
    for (const std::uint64_t packed : candidates) {
      if (has_room(change, id_of(packed))) return id_of(packed);
    }
  } else {  // all are dead
    start = attached_above(change, start);
    if (start == kNodeNone) start = find_root(change);
  }
  const Graph::Impl& graph = change.graph;
  buffer.ensure(graph.options.format.code_bytes);
  const QueryCode query = graph.kernels->prepare(graph, node, buffer.data());
  std::uint32_t key = 0;
  graph.kernels->keys(graph, query, &start, 1, &key);
  const RoomSearch room = find_room(change, pack(key, start), query, kNodeNone, is_dead, false);
  // Below a full node there is always a leaf; if none lives, a dead one does until it is repaired.
  return room.found != kNodeNone ? room.found : room.found_dead;
}

NodeId top_of(const GraphChange::Impl& change, NodeId id) {
  NodeId top = id;
  for (NodeId parent = above(change, top); parent != kNodeNone; parent = above(change, top)) {
    if (!list_has(change.list(parent, 0), change.graph.capacity0, top)) break;
    top = parent;
  }
  return top;
}

void make_root(GraphChange::Impl& change, NodeId node) {
  NodeId below = kNodeNone;
  for (NodeId at = node; at != kNodeNone;) {
    const NodeId next = above(change, at);
    NodeState& state = change.writable_state(at);
    state.parent.store(below, std::memory_order_relaxed);
    if (next != kNodeNone) ++state.child_count;
    if (below != kNodeNone) --state.child_count;
    change.touch(at);
    below = at;
    at = next;
  }
}

bool replace_dead_parent(GraphChange::Impl& change, NodeId node, const DeadTest& is_dead, PruneScratch& scratch) {
  const Graph::Impl& graph = change.graph;
  // Cut off, so dead, though perhaps not yet at the commit that `is_dead` looks at: nobody needs it.
  if (!is_attached(change, node)) return false;
  const NodeId old_parent = change.parent(node);
  NodeId ancestor = old_parent;
  while (ancestor != kNodeNone && is_dead(ancestor)) ancestor = above(change, ancestor);
  if (ancestor == kNodeNone) {
    make_root(change, node);
    return true;
  }
  CodeBuffer buffer;
  buffer.ensure(graph.options.format.code_bytes);
  const QueryCode query = graph.kernels->prepare(graph, node, buffer.data());
  RoomSearch room;
  // From the ancestor, or where that fails (all full, their leaves dead) from further up.
  for (NodeId from = ancestor; room.found == kNodeNone && from != kNodeNone; from = above(change, from)) {
    std::uint32_t key = 0;
    graph.kernels->keys(graph, query, &from, 1, &key);
    room = find_room(change, pack(key, from), query, node, is_dead, true);
  }
  NodeId parent = room.found;
  if (parent == kNodeNone) parent = make_room(change, node, is_dead, room.full);
  if (parent == kNodeNone) {  // no place anywhere: keep all links and turn the tree
    make_root(change, node);
    return true;
  }
  set_parent(change, node, parent, scratch);
  return true;
}

void move_out(GraphChange::Impl& change, NodeId node, NodeId root, PruneScratch& scratch) {
  const Graph::Impl& graph = change.graph;
  CodeBuffer buffer;
  buffer.ensure(graph.options.format.code_bytes);
  const QueryCode query = graph.kernels->prepare(graph, node, buffer.data());
  const DeadTest is_dead{&change, true, 0};
  std::uint32_t key = 0;
  graph.kernels->keys(graph, query, &root, 1, &key);
  NodeId parent = kNodeNone;
  for (const bool published_only : {true, false}) {
    const RoomSearch room = find_room(change, pack(key, root), query, change.parent(node), is_dead, published_only);
    parent = room.found != kNodeNone ? room.found : room.found_dead;
    if (parent != kNodeNone) break;
  }
  // Outside the subtree there is the parent's own parent at least, which loses a child or has another leaf below it.
  NEARLITE_ASSERT(parent != kNodeNone);
  if (parent != kNodeNone) set_parent(change, node, parent, scratch);
}

}  // namespace nearlite
