// A database for tests of the index layer: plays the part that SQLite has towards an Index.
//
//   FileState    what the file holds: shadow tables (MemoryStore) and the user's table. Copies are
//                snapshots, savepoints and backups.
//   Connection   one connection: runs statements and transactions on copies of the file and makes
//                the calls that the virtual table makes, in the same order. Connections with one
//                CacheSlot belong to one process, those with slots of their own to several.
//
// Transactions are serialised by the test: one connection writes at a time. A statement that fails
// leaves what the index did to the rows, as in SQLite outside of a statement savepoint; a half
// written row poisons the transaction, as in sqlite/table_write.cc.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "index/index.h"
#include "index/stored_vector.h"
#include "storage/memory_store.h"
#include "support/random.h"
#include "vector/distance.h"

namespace nearlite::test {

using Vector = std::vector<float>;
using Slot = std::shared_ptr<CacheSlot>;

inline Slot new_process() { return std::make_shared<CacheSlot>(); }

/// NEARLITE_SEED, or `fallback`.
inline std::uint64_t run_seed(std::uint64_t fallback) {
  const char* text = std::getenv("NEARLITE_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : fallback;
}

#define ASSERT_OK(expr)                                         \
  do {                                                          \
    const ::nearlite::Status assert_status = (expr);            \
    ASSERT_TRUE(assert_status.ok()) << assert_status.message(); \
  } while (false)
#define EXPECT_OK(expr)                                         \
  do {                                                          \
    const ::nearlite::Status expect_status = (expr);            \
    EXPECT_TRUE(expect_status.ok()) << expect_status.message(); \
  } while (false)

/// A small index: few links a node, so that lists overflow and are pruned at a few dozen rows.
inline IndexOptions small_index(Metric metric = Metric::kCosine, std::uint32_t dim = 20) {
  IndexOptions options;
  options.label = "t.v";
  options.metric = metric;
  options.element = metric == Metric::kHamming ? ElementType::kBit : ElementType::kFloat32;
  options.dim = dim;
  options.m = 4;
  options.ef_construction = 32;
  options.ef_search = 40;
  options.seed = 0x5EED;
  options.thread_count = 1;
  options.parallel_insert_threshold = 1;
  return options;
}

struct Row {
  NodeId id = kNodeNone;
  Vector values;  ///< as stored, that is, rounded to the element type
};
using Rows = std::map<RowId, Row>;
using LiveRows = std::vector<std::pair<NodeId, RowId>>;

struct FileState {
  explicit FileState(const IndexOptions& options)
      : store({static_cast<std::uint32_t>(slot_content_bytes(options)), 4}) {}
  MemoryStore store;
  Rows rows;
};

/// The file a test works on, with the empty index created in it.
inline FileState new_file(const IndexOptions& options);

inline LiveRows live_rows(const Rows& rows) {
  LiveRows live;
  for (const auto& [rowid, row] : rows) live.emplace_back(row.id, rowid);
  std::sort(live.begin(), live.end());
  return live;
}

/// What an index must answer, computed from the table by definition; ids as the table has them.
inline std::vector<Hit> brute_force(const Rows& rows, Metric metric, const Vector& query,
                                    std::size_t k, const std::vector<NodeId>* allowed = nullptr) {
  std::vector<Hit> hits;
  for (const auto& [rowid, row] : rows) {
    if (allowed != nullptr && !std::binary_search(allowed->begin(), allowed->end(), row.id))
      continue;
    const double exact = reference::distance(metric, query.data(), row.values.data(), query.size());
    hits.push_back({exact, rowid, row.id});
  }
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.rowid < b.rowid;
  });
  if (hits.size() > k) hits.resize(k);
  return hits;
}

/// Passes everything on to the store that its connection sees at the moment.
class ViewStore : public Store {
 public:
  explicit ViewStore(MemoryStore* seen) : seen_(seen) {}
  void look_at(MemoryStore* seen) { seen_ = seen; }

  Result<CommitRecord> last_commit() override { return seen_->last_commit(); }
  Result<std::optional<CommitRecord>> find_commit(std::uint64_t seq) override {
    return seen_->find_commit(seq);
  }
  Status put_commit(const CommitRecord& record) override { return seen_->put_commit(record); }
  Status erase_commits_below(std::uint64_t seq) override { return seen_->erase_commits_below(seq); }
  Result<std::optional<NodeRecord>> find_links(NodeId id) override { return seen_->find_links(id); }
  Status scan_links(NodeId first, NodeId last,
                    const std::function<Status(NodeRecord&)>& visit) override {
    return seen_->scan_links(first, last, visit);
  }
  Status put_links(const NodeRecord& record) override { return seen_->put_links(record); }
  Status erase_links(NodeId id) override { return seen_->erase_links(id); }
  Status erase_links_above(NodeId id) override { return seen_->erase_links_above(id); }
  Status put_dead(std::uint64_t seq, NodeId id) override { return seen_->put_dead(seq, id); }
  Status erase_dead(std::uint64_t seq, NodeId id) override { return seen_->erase_dead(seq, id); }
  Status erase_all_dead() override { return seen_->erase_all_dead(); }
  Status scan_dead(std::uint64_t first_seq, std::uint64_t last_seq, std::uint64_t limit,
                   const std::function<Status(std::uint64_t, NodeId)>& visit) override {
    return seen_->scan_dead(first_seq, last_seq, limit, visit);
  }
  Status put_vector(NodeId id, RowId rowid, std::span<const std::byte> vector) override {
    return seen_->put_vector(id, rowid, vector);
  }
  Status clear_vector(NodeId id) override { return seen_->clear_vector(id); }
  Result<bool> read_vector(NodeId id, RowId& rowid, std::span<std::byte> out) override {
    return seen_->read_vector(id, rowid, out);
  }
  Status read_vectors(std::span<const NodeId> ids, const VectorVisitor& visit) override {
    return seen_->read_vectors(ids, visit);
  }
  Status scan_vectors(NodeId first, NodeId last, const VectorVisitor& visit) override {
    return seen_->scan_vectors(first, last, visit);
  }
  Status erase_all_vectors() override { return seen_->erase_all_vectors(); }
  Status drop_empty_blocks() override { return seen_->drop_empty_blocks(); }
  Status drop_empty_blocks_of(std::span<const NodeId> ids) override {
    return seen_->drop_empty_blocks_of(ids);
  }
  [[nodiscard]] const VectorLayout& layout() const noexcept override { return seen_->layout(); }
  Result<std::optional<std::vector<std::byte>>> find_config(std::string_view key) override {
    return seen_->find_config(key);
  }
  Status put_config(std::string_view key, std::span<const std::byte> value) override {
    return seen_->put_config(key, value);
  }
  Status check_interrupt() override { return seen_->check_interrupt(); }

 private:
  MemoryStore* seen_;
};

class Connection {
 public:
  Connection(FileState& file, IndexOptions options, Slot slot = new_process())
      : file_(file), options_(std::move(options)), slot_(std::move(slot)) {
    open();
  }

  [[nodiscard]] Index& index() { return *index_; }
  /// What this connection sees: its transaction, its snapshot, or the file.
  [[nodiscard]] FileState& state() {
    if (transaction_) return *transaction_;
    return snapshot_ ? *snapshot_ : file_;
  }
  [[nodiscard]] MemoryStore& store() { return state().store; }
  [[nodiscard]] const IndexOptions& options() const { return options_; }

  /// The process ends, and another one opens the file.
  void reopen(Slot slot = new_process()) {
    transaction_.reset();
    savepoints_.clear();
    snapshot_.reset();
    slot_ = std::move(slot);
    open();
  }

  // ---- Statements of a write transaction; the first one begins it.
  void begin() {
    if (transaction_) return;
    snapshot_.reset();
    transaction_ = std::make_unique<FileState>(file_);
    look();
  }
  Status insert(RowId rowid, const Vector& values) {
    begin();
    auto id = index_->next_id();
    if (!id.ok()) return id.status();
    if (Status status = index_->insert(*id, rowid, values); !status.ok()) return status;
    state().rows[rowid] = {*id, rounded(values)};
    return {};
  }
  Status erase(RowId rowid) {
    begin();
    const NodeId id = state().rows.at(rowid).id;
    if (Status status = index_->erase(id); !status.ok()) {
      poison("a row was half deleted");
      return status;
    }
    state().rows.erase(rowid);
    return {};
  }
  Status update(RowId rowid, const Vector& values) {
    begin();
    const NodeId old_id = state().rows.at(rowid).id;
    auto id = index_->next_id();
    if (!id.ok()) return id.status();
    Status status = index_->insert(*id, rowid, values);
    if (status.ok()) status = index_->erase(old_id);
    if (!status.ok()) {
      poison("a row was half updated");
      return status;
    }
    state().rows[rowid] = {*id, rounded(values)};
    return {};
  }
  Status optimize() {
    begin();
    return index_->optimize();
  }
  Status compact() {
    begin();
    return index_->compact();
  }
  Status rebuild() {
    begin();
    if (!options_.is_external) return index_->rebuild(live());
    if (Status status = index_->rebuild({}); !status.ok()) return status;
    for (auto& [rowid, row] : state().rows) {
      const auto id = index_->next_id();
      if (!id.ok()) return id.status();
      if (Status status = index_->insert(*id, rowid, row.values); !status.ok()) return status;
      row.id = *id;
    }
    return {};
  }

  // ---- Ends and savepoints. SQLite announces nothing for a savepoint that we would use.
  std::size_t savepoint() {
    savepoints_.push_back(state());
    return savepoints_.size() - 1;
  }
  [[nodiscard]] std::size_t savepoint_count() const { return savepoints_.size(); }
  void rollback_to(std::size_t savepoint) {
    savepoints_.erase(savepoints_.begin() + static_cast<std::ptrdiff_t>(savepoint) + 1,
                      savepoints_.end());
    *transaction_ = savepoints_.back();
    transaction_->store.never_fail();
    index_->rollback_to();
  }
  /// COMMIT is refused with BUSY after the first phase: the transaction stays open.
  Status sync() { return index_->sync(); }
  /// `before_publish` runs when the file is committed and the index does not know it yet.
  Status commit(const std::function<void()>& before_publish = {}) {
    if (!transaction_) return {};
    if (Status status = index_->sync(); !status.ok()) {
      rollback();
      return status;
    }
    transaction_->store.never_fail();
    file_ = *transaction_;
    end();
    if (before_publish) before_publish();
    index_->commit();
    return {};
  }
  void rollback() {
    end();
    index_->rollback();
  }
  [[nodiscard]] bool in_transaction() const { return transaction_ != nullptr; }
  [[nodiscard]] bool is_poisoned() const { return is_poisoned_; }

  // ---- A long reader: sees the file as it is now until it ends.
  void begin_read() {
    snapshot_ = std::make_unique<FileState>(file_);
    look();
  }
  void end_read() {
    snapshot_.reset();
    look();
  }

  // ---- Answers.
  [[nodiscard]] LiveRows live() { return live_rows(state().rows); }
  [[nodiscard]] std::vector<Hit> nearest(const Vector& query, std::size_t k,
                                         const std::vector<NodeId>* allowed = nullptr) {
    return brute_force(state().rows, options_.metric, query, k, allowed);
  }
  Result<std::vector<Hit>> search(const Vector& query, std::size_t k, bool exact = false,
                                  const std::vector<NodeId>* allowed = nullptr,
                                  std::uint32_t ef_search = 0) {
    SearchRequest request;
    request.query = query;
    request.k = k;
    request.exact = exact;
    NodeSet set;
    request.ef_search = ef_search;
    std::vector<RowId> allowed_rows;
    if (allowed != nullptr && options_.is_external) {
      for (const auto& [rowid, row] : state().rows) {
        if (std::binary_search(allowed->begin(), allowed->end(), row.id))
          allowed_rows.push_back(rowid);
      }
      request.allowed_rows = &allowed_rows;
    } else if (allowed != nullptr) {
      set = NodeSet(*allowed);
      request.allowed = &set;
    }
    return index_->search(request);
  }
  [[nodiscard]] SearchPath last_path() {
    const auto stats = index_->stats();
    EXPECT_TRUE(stats.ok()) << stats.status().message();
    return stats.ok() ? stats->last.path : SearchPath::kNone;
  }
  /// Problems of the index against the table, one a line; empty = none.
  [[nodiscard]] std::string problems() {
    const LiveRows rows = live();
    const auto lines = index_->check(rows, 10);
    if (!lines.ok()) return "check failed: " + lines.status().message();
    std::string text;
    for (const std::string& line : *lines) text += line + "\n";
    return text;
  }
  [[nodiscard]] std::uint64_t digest() {
    const auto digest = index_->digest();
    EXPECT_TRUE(digest.ok()) << digest.status().message();
    return digest.ok() ? *digest : 0;
  }

 private:
  /// The rows that a connection sees, as somebody else's.
  class RowContent : public Content {
   public:
    explicit RowContent(Connection& connection) : connection_(connection) {}
    Result<ContentState> state() override { return ContentState(); }
    Result<bool> read(RowId rowid, std::span<std::byte> out) override {
      const auto row = connection_.state().rows.find(rowid);
      if (row == connection_.state().rows.end()) return false;
      const auto stored = encode_stored(connection_.options_, row->second.values);
      std::copy(stored->begin(), stored->end(), out.begin());
      return true;
    }
    Status scan(RowId first, const Visitor& visit) override {
      for (const auto& [rowid, row] : connection_.state().rows) {
        if (rowid < first) continue;
        const auto stored = encode_stored(connection_.options_, row.values);
        if (Status status = visit(rowid, *stored); !status.ok()) return status;
      }
      return {};
    }

   private:
    Connection& connection_;
  };

  void open() {
    auto view = std::make_unique<ViewStore>(&file_.store);
    view_ = view.get();
    index_ = std::make_unique<Index>(options_, std::move(view), slot_);
    if (options_.is_external) index_->set_content(std::make_unique<RowContent>(*this));
  }
  void look() { view_->look_at(&state().store); }
  void poison(const char* why) {
    is_poisoned_ = true;
    index_->poison(why);
  }
  void end() {
    is_poisoned_ = false;
    transaction_.reset();
    savepoints_.clear();
    look();
  }
  [[nodiscard]] Vector rounded(const Vector& values) const {
    const auto stored = encode_stored(options_, values);
    Vector back(options_.dim);
    EXPECT_TRUE(stored.ok() && decode_stored(options_, *stored, back).ok());
    return back;
  }

  FileState& file_;
  IndexOptions options_;
  Slot slot_;
  ViewStore* view_ = nullptr;
  std::unique_ptr<Index> index_;
  std::unique_ptr<FileState> transaction_;
  std::unique_ptr<FileState> snapshot_;
  std::vector<FileState> savepoints_;
  bool is_poisoned_ = false;  // some row of the transaction is half written
};

inline FileState new_file(const IndexOptions& options) {
  FileState file(options);
  Connection creator(file, options);
  EXPECT_TRUE(creator.index().create().ok());
  return file;
}

/// Vectors in clusters, now and then an exact copy of another or zero.
class VectorSource {
 public:
  VectorSource(const IndexOptions& options, std::uint64_t seed)
      : random_(seed), dim_(options.dim), is_whole_(options.element == ElementType::kInt8) {
    for (int i = 0; i < 6; ++i) centres_.push_back(around(Vector(dim_, 0), 1.0));
  }
  Vector next() {
    if (!recent_.empty() && random_.chance(6)) return recent_[random_.below(recent_.size())];
    Vector vector(dim_, 0);
    if (!random_.chance(2)) {
      vector = around(centres_[random_.below(centres_.size())], random_.chance(10) ? 0.01 : 0.5);
    }
    if (recent_.size() >= 32) recent_.erase(recent_.begin());
    recent_.push_back(vector);
    return vector;
  }

 private:
  Vector around(const Vector& centre, double spread) {
    Vector vector(dim_);
    for (std::size_t i = 0; i < dim_; ++i) {
      const double scale = is_whole_ ? 30 : 1;
      const double value = centre[i] + spread * scale * random_.normal();
      vector[i] =
          static_cast<float>(is_whole_ ? std::clamp(std::round(value), -128.0, 127.0) : value);
    }
    return vector;
  }

  Random random_;
  std::size_t dim_;
  bool is_whole_;
  std::vector<Vector> centres_;
  std::vector<Vector> recent_;
};

/// Compares an answer with the right one where the answer must be exact. Rows at equal distances
/// may change places.
inline void expect_same_distances(const std::vector<Hit>& hits, const std::vector<Hit>& right) {
  ASSERT_EQ(hits.size(), right.size());
  for (std::size_t i = 0; i < hits.size(); ++i) {
    EXPECT_EQ(hits[i].distance, right[i].distance) << "at rank " << i;
  }
}

}  // namespace nearlite::test
