// The Store of one vector column, over the shadow tables in the connection's own transaction and
// snapshot.
//
// Statements are prepared when first needed, kept, and always reset before a call returns. They
// hold no locks, but they hold the schema: drop_statements() before DROP, RENAME and at disconnect.
//
// Damaged or hostile content (wrong storage class, size, checksum, range) is kCorruption, which
// becomes SQLITE_CORRUPT_VTAB. SQLite's own failures keep their extended code. Messages name the
// shadow table.
//
// A visitor must not call the scan that called it, nor write to the table being scanned; other
// calls are allowed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sqlite/direct_read.h"
#include "sqlite/handles.h"
#include "sqlite/shadow_tables.h"
#include "storage/store.h"
#include "storage/vector_block.h"

namespace nearlite::sqlite {

class SqliteStore final : public Store {
 public:
  /// `suffix` is column_suffix() of the vector column. Nothing is read or prepared yet.
  SqliteStore(sqlite3* db, std::string schema, std::string table, std::string suffix,
              const VectorLayout& layout, Blocks blocks = Blocks::kVectors);

  /// Closes all statements; they are prepared anew when needed.
  void drop_statements() noexcept;
  /// Goes on with the tables of another name, after rename_shadow_tables().
  void set_table(std::string table);
  /// False when the shadow tables are gone: their creation was rolled back, or they were renamed or
  /// dropped. Any other doubt (no memory, locked schema) is "true", so that the next call reports
  /// it.
  [[nodiscard]] bool tables_exist() const noexcept;
  [[nodiscard]] const std::string& table() const noexcept { return table_; }
  /// The layout is known only after the config was read.
  void set_layout(const VectorLayout& layout);
  /// How much of the file read_known() may map (DirectReader::set_mapped_max()).
  void set_mapped_max(std::uint64_t bytes) noexcept { direct_.set_mapped_max(bytes); }
  /// Vectors that read_known() had.
  [[nodiscard]] std::uint64_t known_count() const noexcept { return direct_.right_count(); }
  /// How many of them were copied out of a mapping of ours.
  [[nodiscard]] std::uint64_t mapped_count() const noexcept { return direct_.copied_count(); }

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
  void read_known(std::span<const KnownVector> wanted,
                  const std::function<void(std::size_t index, std::span<const std::byte> vector)>&
                      visit) override;
  Status scan_vectors(NodeId first, NodeId last, const VectorVisitor& visit) override;
  Status erase_all_vectors() override;
  Status drop_empty_blocks() override;
  Status drop_empty_blocks_of(std::span<const NodeId> ids) override;
  [[nodiscard]] const VectorLayout& layout() const noexcept override { return layout_; }

  Result<std::optional<std::vector<std::byte>>> find_config(std::string_view key) override;
  Status put_config(std::string_view key, std::span<const std::byte> value) override;

  Status check_interrupt() override;

 private:
  enum Verb : std::uint8_t {
    kLastCommit,
    kFindCommit,
    kPutCommit,
    kEraseCommits,
    kFindLinks,
    kScanLinks,
    kPutLinks,
    kEraseLinks,
    kEraseLinksAbove,
    kPutDead,
    kEraseDead,
    kEraseAllDead,
    kScanDead,
    kHasBlock,
    kPutBlock,
    kScanBlocks,
    kEraseBlocks,
    kDropEmptyBlocks,
    kDropEmptyBlock,
    kFindConfig,
    kPutConfig,
    kCheckInterrupt,
    kVerbCount,
  };
  struct VerbText;
  static const std::array<VerbText, kVerbCount> kTexts;

  /// The statement of a verb, prepared if it was not.
  Result<Statement*> statement(Verb verb);
  [[nodiscard]] std::string name_of(std::string_view kind) const;
  /// A record that does not decode, with the table's name; other failures as they are.
  [[nodiscard]] Status named(std::string_view kind, Status status) const;
  Result<CommitRecord> read_commit(const StatementUse& row, Touched touched) const;
  Result<bool> has_block(std::int64_t block);
  /// Opens the blob of a block and checks its size; nullopt when there is no such row.
  Result<std::optional<Blob>> open_block(std::int64_t block, bool is_writable);

  sqlite3* db_;
  std::string schema_;
  std::string table_;
  std::string suffix_;
  Blocks blocks_;
  std::string vectors_;  // name of the table of blocks, unquoted
  VectorLayout layout_;
  DirectReader direct_;
  std::array<Statement, kVerbCount> statements_;
  CommitRecord last_commit_;                          // as last_commit() read it
  std::optional<std::uint32_t> last_commit_version_;  // read_version() of it; nothing: forgotten
  std::vector<std::byte> slot_;                       // scratch
  std::vector<std::byte> known_;  // of read_known(), whose visitor may use the other
};

}  // namespace nearlite::sqlite
