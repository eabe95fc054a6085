// Records in maps; see memory_store.h.
#include "storage/memory_store.h"

#include <algorithm>

#include "base/try.h"

namespace nearlite {
namespace {

Result<CommitRecord> decode(const MemoryStore::CommitRow& row, Touched touched) {
  CommitRecord record = row.columns;
  NEARLITE_TRY(decode_commit_state(row.state, record, touched));
  return record;
}

}  // namespace

void MemoryStore::fail_after(std::uint64_t count, Code code, bool is_lasting) noexcept {
  is_armed_ = true;
  is_lasting_ = is_lasting;
  calls_left_ = count;
  failure_ = code;
}

Status MemoryStore::begin_call() {
  ++call_count_;
  if (!is_armed_) return Status();
  if (calls_left_ > 0) {
    --calls_left_;
    return Status();
  }
  is_armed_ = is_lasting_;
  return Status(failure_, "nearlite: injected failure");
}

Result<CommitRecord> MemoryStore::last_commit() {
  NEARLITE_TRY(begin_call());
  if (commits.empty()) return Status(Code::kCorruption, "nearlite: there is no commit");
  return decode(commits.rbegin()->second, Touched::kLeaveOut);
}

Result<std::optional<CommitRecord>> MemoryStore::find_commit(std::uint64_t seq) {
  NEARLITE_TRY(begin_call());
  const auto found = commits.find(seq);
  if (found == commits.end()) return std::optional<CommitRecord>();
  NEARLITE_ASSIGN(CommitRecord record, decode(found->second, Touched::kDecode));
  return std::optional(std::move(record));
}

Status MemoryStore::put_commit(const CommitRecord& record) {
  NEARLITE_TRY(begin_call());
  CommitRow row;
  row.columns.seq = record.seq;
  row.columns.commit_id = record.commit_id;
  row.columns.max_node_id = record.max_node_id;
  row.columns.live_count = record.live_count;
  row.columns.dead_count = record.dead_count;
  row.columns.entry = record.entry;
  row.state = encode_commit_state(record);
  commits.insert_or_assign(record.seq, std::move(row));
  return Status();
}

Status MemoryStore::erase_commits_below(std::uint64_t seq) {
  NEARLITE_TRY(begin_call());
  commits.erase(commits.begin(), commits.lower_bound(seq));
  return Status();
}

Result<std::optional<NodeRecord>> MemoryStore::find_links(NodeId id) {
  NEARLITE_TRY(begin_call());
  const auto found = links.find(id);
  if (found == links.end()) return std::optional<NodeRecord>();
  NEARLITE_ASSIGN(NodeRecord record, decode_links(id, found->second));
  return std::optional(std::move(record));
}

Status MemoryStore::scan_links(NodeId first, NodeId last,
                               const std::function<Status(NodeRecord&)>& visit) {
  NEARLITE_TRY(begin_call());
  for (auto row = links.lower_bound(first); row != links.end() && row->first <= last; ++row) {
    NEARLITE_ASSIGN(NodeRecord record, decode_links(row->first, row->second));
    NEARLITE_TRY(visit(record));
  }
  return Status();
}

Status MemoryStore::put_links(const NodeRecord& record) {
  NEARLITE_TRY(begin_call());
  links.insert_or_assign(record.id, encode_links(record));
  return Status();
}

Status MemoryStore::erase_links(NodeId id) {
  NEARLITE_TRY(begin_call());
  links.erase(id);
  return Status();
}

Status MemoryStore::erase_links_above(NodeId id) {
  NEARLITE_TRY(begin_call());
  links.erase(links.upper_bound(id), links.end());
  return Status();
}

Status MemoryStore::put_dead(std::uint64_t seq, NodeId id) {
  NEARLITE_TRY(begin_call());
  dead.emplace(seq, id);
  return Status();
}

Status MemoryStore::erase_dead(std::uint64_t seq, NodeId id) {
  NEARLITE_TRY(begin_call());
  dead.erase({seq, id});
  return Status();
}

Status MemoryStore::erase_all_dead() {
  NEARLITE_TRY(begin_call());
  dead.clear();
  return Status();
}

Status MemoryStore::erase_all_vectors() {
  NEARLITE_TRY(begin_call());
  blocks.clear();
  return Status();
}

Status MemoryStore::scan_dead(std::uint64_t first_seq, std::uint64_t last_seq, std::uint64_t limit,
                              const std::function<Status(std::uint64_t seq, NodeId id)>& visit) {
  NEARLITE_TRY(begin_call());
  auto row = dead.lower_bound({first_seq, kNodeNone});
  for (; limit > 0 && row != dead.end() && row->first <= last_seq; ++row, --limit) {
    NEARLITE_TRY(visit(row->first, row->second));
  }
  return Status();
}

std::span<std::byte> MemoryStore::slot_of(Bytes& block, NodeId id) const {
  return std::span(block).subspan(layout_.offset_of(id), layout_.slot_bytes());
}

Status MemoryStore::put_vector(NodeId id, RowId rowid, std::span<const std::byte> vector) {
  NEARLITE_TRY(begin_call());
  Bytes& block = blocks[layout_.block_of(id)];
  if (block.empty()) block.resize(static_cast<std::size_t>(layout_.block_bytes()));
  encode_slot(layout_, id, rowid, vector, slot_of(block, id));
  return Status();
}

Status MemoryStore::clear_vector(NodeId id) {
  NEARLITE_TRY(begin_call());
  const auto found = blocks.find(layout_.block_of(id));
  if (found == blocks.end()) return Status();
  const std::span<std::byte> slot = slot_of(found->second, id);
  std::fill(slot.begin(), slot.end(), std::byte{0});
  return Status();
}

Result<bool> MemoryStore::read_vector(NodeId id, RowId& rowid, std::span<std::byte> out) {
  NEARLITE_TRY(begin_call());
  const auto found = blocks.find(layout_.block_of(id));
  if (found == blocks.end()) return false;
  NEARLITE_ASSIGN(const std::optional<VectorSlot> slot,
                  decode_slot(layout_, id, slot_of(found->second, id)));
  if (!slot) return false;
  rowid = slot->rowid;
  std::copy(slot->vector.begin(), slot->vector.end(), out.begin());
  return true;
}

Status MemoryStore::read_vectors(std::span<const NodeId> ids, const VectorVisitor& visit) {
  NEARLITE_TRY(begin_call());
  for (const NodeId id : ids) {
    std::size_t visited = 0;
    const auto count = [&](NodeId node, RowId rowid, std::span<const std::byte> vector) {
      ++visited;
      return visit(node, rowid, vector);
    };
    const auto found = blocks.find(layout_.block_of(id));
    if (found != blocks.end()) {
      NEARLITE_TRY(visit_slots(layout_, found->first, found->second, id, id, count));
    }
    if (visited == 0) {
      return Status(Code::kCorruption, "vector of node " + std::to_string(id) + " is missing");
    }
  }
  return Status();
}

Status MemoryStore::scan_vectors(NodeId first, NodeId last, const VectorVisitor& visit) {
  NEARLITE_TRY(begin_call());
  for (auto& [block, bytes] : blocks) {
    NEARLITE_TRY(visit_slots(layout_, block, bytes, first, last, visit));
  }
  return Status();
}

Status MemoryStore::drop_empty_blocks() {
  NEARLITE_TRY(begin_call());
  std::erase_if(blocks, [](const auto& row) { return is_block_empty(row.second); });
  return Status();
}

Status MemoryStore::drop_empty_blocks_of(std::span<const NodeId> ids) {
  NEARLITE_TRY(begin_call());
  for (const NodeId id : ids) {
    const auto row = blocks.find(layout_.block_of(id));
    if (row != blocks.end() && is_block_empty(row->second)) blocks.erase(row);
  }
  return Status();
}

Result<std::optional<std::vector<std::byte>>> MemoryStore::find_config(std::string_view key) {
  NEARLITE_TRY(begin_call());
  const auto found = config.find(key);
  if (found == config.end()) return std::optional<Bytes>();
  return std::optional(found->second);
}

Status MemoryStore::put_config(std::string_view key, std::span<const std::byte> value) {
  NEARLITE_TRY(begin_call());
  config.insert_or_assign(std::string(key), Bytes(value.begin(), value.end()));
  return Status();
}

Status MemoryStore::check_interrupt() {
  NEARLITE_TRY(begin_call());
  if (is_interrupted_) return Status(Code::kInterrupted, "nearlite: interrupted");
  return Status();
}

}  // namespace nearlite
