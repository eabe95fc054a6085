#include "graph/tree.h"

#include <algorithm>
#include <functional>

#include "base/assert.h"

namespace nearlite {

namespace {

// Ordered by key, equals by a hash: among thousands of equal vectors any other order would try the
// same full nodes again for every insert.
struct Place {
  std::uint32_t key = 0;
  std::uint32_t order = 0;
  NodeId id = kNodeNone;
  friend auto operator<=>(const Place&, const Place&) = default;
};
using Heap = std::vector<Place>;  // smallest on top

void push(Heap& heap, std::uint32_t key, NodeId id, NodeId node) {
  std::uint32_t order = (id * 0x9E37'79B1U) ^ (node * 0x85EB'CA6BU);
  order = (order ^ (order >> 15)) * 0x2C1B'3C6DU;
  heap.push_back({key, order ^ (order >> 13), id});
  std::push_heap(heap.begin(), heap.end(), std::greater<>());
}

NodeId pop(Heap& heap) {
  std::pop_heap(heap.begin(), heap.end(), std::greater<>());
  const NodeId id = heap.back().id;
  heap.pop_back();
  return id;
}

// The parent; none for the root and for nodes that were cut off.
NodeId above(const GraphChange::Impl& change, NodeId id) {
  const NodeId parent = change.parent(id);
  return parent == id ? kNodeNone : parent;
}

bool has_room(const GraphChange::Impl& change, NodeId id) {
  return change.state(id).child_count < change.graph.options.m;
}

// The children of a node, those of the batch that is being placed included.
void children_of(const GraphChange::Impl& change, NodeId id, std::vector<NodeId>& children) {
  children.clear();
  const Link* list = change.list(id, 0);
  for (std::uint32_t i = 0; i < change.graph.capacity0; ++i) {
    const NodeId entry = list[i].load(std::memory_order_relaxed);
    if (entry == kNodeNone) break;
    if (change.parent(entry) == id) children.push_back(entry);
  }
  std::uint32_t index = change.placed.empty() ? kIdMissing : change.placed_latest.find(id);
  for (; index != kIdMissing; index = change.placed[index].next)
    children.push_back(change.placed[index].id);
}

// What a search for room below a node met.
struct RoomSearch {
  NodeId found = kNodeNone;       ///< not dead, with room
  NodeId found_dead = kNodeNone;  ///< the nearest dead one with room
  std::vector<NodeId> full;       ///< not dead, without room, nearest first
};

// A search for a parent of `node`: nearest first below `start`, itself included, outside the
// subtree of `avoid`. Ends at the first node that is not dead and has room; a leaf always has.
// `published_only`: no node of this change.
struct RoomQuery {
  NodeId node = kNodeNone;
  NodeId start = kNodeNone;
  NodeId avoid = kNodeNone;
  DeadTest is_dead;
  bool published_only = true;
};

RoomSearch find_room(const GraphChange::Impl& change, const RoomQuery& wanted) {
  const Graph::Impl& graph = change.graph;
  CodeBuffer buffer;
  buffer.ensure(graph.options.format.code_bytes);
  const QueryCode query = graph.kernels->prepare(graph, wanted.node, buffer.data());
  RoomSearch result;
  Heap heap;
  push(heap, 0, wanted.start, wanted.node);
  std::vector<NodeId> children;
  std::vector<std::uint32_t> keys;
  while (!heap.empty()) {
    const NodeId id = pop(heap);
    const bool dead = wanted.is_dead(id);
    if (has_room(change, id) && !(wanted.published_only && change.is_new(id))) {
      if (!dead) {
        result.found = id;
        return result;
      }
      if (result.found_dead == kNodeNone) result.found_dead = id;
    } else if (!dead) {
      result.full.push_back(id);
    }
    children_of(change, id, children);
    std::erase(children, wanted.avoid);
    keys.resize(children.size() + 4);
    graph.kernels->keys(graph, query, children.data(), children.size(), keys.data());
    for (std::size_t i = 0; i < children.size(); ++i) push(heap, keys[i], children[i], wanted.node);
  }
  return result;
}

// A full node below which nobody lives, outside the subtree of `node`: one of its dead children can
// be let go, because all that hangs on it waits for its purge. Returns the node, which then has
// room.
NodeId make_room(GraphChange::Impl& change, NodeId node, const DeadTest& is_dead,
                 const std::vector<NodeId>& full) {
  const auto is_above = [&](NodeId ancestor, NodeId id) {
    for (NodeId at = above(change, id); at != kNodeNone; at = above(change, at)) {
      if (at == ancestor) return true;
    }
    return false;
  };
  for (const NodeId id : full) {
    if (change.is_new(id)) continue;
    if (std::any_of(full.begin(), full.end(), [&](NodeId other) { return is_above(id, other); }))
      continue;
    for (const NodeId child : change.list_ids(id, 0)) {
      if (change.parent(child) != id || !is_dead(child) || child == node || is_above(child, node))
        continue;
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

// The last node on the way up from `id` that its ancestors still lead to: cut-off parts of the tree
// are dead, but a node may have no other candidates. kNodeNone when even the top was cut off.
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

NodeId choose_parent(const GraphChange::Impl& change, NodeId node,
                     std::span<const std::uint64_t> candidates) {
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
  const RoomSearch room = find_room(change, {node, start, kNodeNone, is_dead, false});
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

bool replace_dead_parent(GraphChange::Impl& change, NodeId node, const DeadTest& is_dead,
                         PruneScratch& scratch) {
  // Cut off, so dead, though perhaps not yet at the commit that `is_dead` looks at: nobody needs
  // it.
  if (!is_attached(change, node)) return false;
  const NodeId old_parent = change.parent(node);
  NodeId ancestor = old_parent;
  while (ancestor != kNodeNone && is_dead(ancestor)) ancestor = above(change, ancestor);
  if (ancestor == kNodeNone) {
    make_root(change, node);
    return true;
  }
  RoomSearch room;
  // From the ancestor, or where that fails (all full, their leaves dead) from further up.
  for (NodeId from = ancestor; room.found == kNodeNone && from != kNodeNone;
       from = above(change, from)) {
    room = find_room(change, {node, from, node, is_dead, true});
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
  const DeadTest is_dead{&change, true, 0};
  NodeId parent = kNodeNone;
  for (const bool published_only : {true, false}) {
    const RoomSearch room =
        find_room(change, {node, root, change.parent(node), is_dead, published_only});
    parent = room.found != kNodeNone ? room.found : room.found_dead;
    if (parent != kNodeNone) break;
  }
  // Outside the subtree there is the parent's own parent at least, which loses a child or has
  // another leaf below it.
  NEARLITE_ASSERT(parent != kNodeNone);
  if (parent != kNodeNone) set_parent(change, node, parent, scratch);
}

}  // namespace nearlite
