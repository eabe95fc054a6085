// The reference implementation of Store: plain maps of encoded records, for unit tests of
// everything above.
//
// Records go through their byte forms, so that a test sees what a file would give back, and may
// damage the bytes. A copy is a snapshot: `MemoryStore before = store; …; store = before;` is a
// rollback. Failures are injected: after fail_after(n) the next n calls work and then calls fail.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/store.h"
#include "storage/vector_block.h"

namespace nearlite {

class MemoryStore : public Store {
 public:
  using Bytes = std::vector<std::byte>;

  explicit MemoryStore(const VectorLayout& layout) : layout_(layout) {}

  /// Lets `count` more calls work; then one call (or, if `is_lasting`, every call) fails with
  /// `code`.
  void fail_after(std::uint64_t count, Code code = Code::kIo, bool is_lasting = false) noexcept;
  void never_fail() noexcept { is_armed_ = false; }
  /// Calls made so far, failed ones included.
  [[nodiscard]] std::uint64_t call_count() const noexcept { return call_count_; }
  /// Makes check_interrupt() fail from now on.
  void set_interrupted(bool is_interrupted) noexcept { is_interrupted_ = is_interrupted; }

  Result<CommitRecord> last_commit() override;
  Result<std::optional<CommitRecord>> find_commit(std::uint64_t seq) override;
  Status put_commit(const CommitRecord& record) override;
  Status erase_commits_below(std::uint64_t seq) override;

  Result<std::optional<NodeRecord>> find_links(NodeId id) override;
  Status scan_links(NodeId first, NodeId last,
                    const std::function<Status(NodeRecord&)>& visit) override;
  Status put_links(const NodeRecord& record) override;
  Status erase_links(NodeId id) override;
  Status erase_links_above(NodeId id) override;

  Status put_dead(std::uint64_t seq, NodeId id) override;
  Status erase_dead(std::uint64_t seq, NodeId id) override;
  Status erase_all_dead() override;
  Status scan_dead(std::uint64_t first_seq, std::uint64_t last_seq, std::uint64_t limit,
                   const std::function<Status(std::uint64_t seq, NodeId id)>& visit) override;

  Status put_vector(NodeId id, RowId rowid, std::span<const std::byte> vector) override;
  Status clear_vector(NodeId id) override;
  Result<bool> read_vector(NodeId id, RowId& rowid, std::span<std::byte> out) override;
  Status read_vectors(std::span<const NodeId> ids, const VectorVisitor& visit) override;
  Status scan_vectors(NodeId first, NodeId last, const VectorVisitor& visit) override;
  Status erase_all_vectors() override;
  Status drop_empty_blocks() override;
  Status drop_empty_blocks_of(std::span<const NodeId> ids) override;
  [[nodiscard]] const VectorLayout& layout() const noexcept override { return layout_; }

  Result<std::optional<std::vector<std::byte>>> find_config(std::string_view key) override;
  Status put_config(std::string_view key, std::span<const std::byte> value) override;

  Status check_interrupt() override;

  // The rows, for tests to inspect and damage.
  struct CommitRow {
    CommitRecord columns;  ///< only the fields that are columns
    Bytes state;
  };
  std::map<std::uint64_t, CommitRow> commits;
  std::map<NodeId, Bytes> links;
  std::set<std::pair<std::uint64_t, NodeId>> dead;
  std::map<std::int64_t, Bytes> blocks;
  std::map<std::string, Bytes, std::less<>> config;

 private:
  Status begin_call();
  std::span<std::byte> slot_of(Bytes& block, NodeId id) const;

  VectorLayout layout_;
  std::uint64_t call_count_ = 0;
  std::uint64_t calls_left_ = 0;
  bool is_armed_ = false;
  bool is_lasting_ = false;
  bool is_interrupted_ = false;
  Code failure_ = Code::kIo;
};

}  // namespace nearlite
