// Records in shadow tables; see sqlite_store.h. Vectors are in sqlite_store_vectors.cc.
#include "sqlite/sqlite_store.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/read_version.h"

namespace nearlite::sqlite {
namespace {

std::int64_t to_signed(std::uint64_t value) noexcept { return std::bit_cast<std::int64_t>(value); }

}  // namespace

/// A statement is `before`, the name of the shadow table `kind` (if any), `after`.
struct SqliteStore::VerbText {
  const char* kind;
  const char* before;
  const char* after;
};

const std::array<SqliteStore::VerbText, SqliteStore::kVerbCount> SqliteStore::kTexts{{
    {"commits",
     "SELECT seq, commit_id, max_node_id, live_count, dead_count, entry_point, state FROM ",
     " ORDER BY seq DESC LIMIT 1"},
    {"commits",
     "SELECT seq, commit_id, max_node_id, live_count, dead_count, entry_point, state FROM ",
     " WHERE seq = ?1"},
    {"commits", "INSERT OR REPLACE INTO ",
     "(seq, commit_id, max_node_id, live_count, dead_count, entry_point, state) "
     "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
    {"commits", "DELETE FROM ", " WHERE seq < ?1"},
    {"links", "SELECT data FROM ", " WHERE node_id = ?1"},
    {"links", "SELECT node_id, data FROM ", " WHERE node_id BETWEEN ?1 AND ?2 ORDER BY node_id"},
    {"links", "INSERT OR REPLACE INTO ", "(node_id, data) VALUES(?1, ?2)"},
    {"links", "DELETE FROM ", " WHERE node_id = ?1"},
    {"links", "DELETE FROM ", " WHERE node_id > ?1"},
    {"dead", "INSERT OR REPLACE INTO ", "(seq, node_id, checksum) VALUES(?1, ?2, ?3)"},
    {"dead", "DELETE FROM ", " WHERE seq = ?1 AND node_id = ?2"},
    {"dead", "DELETE FROM ", ""},
    {"dead", "SELECT seq, node_id, checksum FROM ",
     " WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq, node_id LIMIT ?3"},
    {"vectors", "SELECT typeof(data) FROM ", " WHERE block = ?1"},
    {"vectors", "INSERT INTO ", "(block, data) VALUES(?1, ?2)"},
    {"vectors", "SELECT block, data FROM ", " WHERE block BETWEEN ?1 AND ?2 ORDER BY block"},
    {"vectors", "DELETE FROM ", ""},
    {"vectors", "DELETE FROM ", " WHERE data = zeroblob(?1)"},
    {"vectors", "DELETE FROM ", " WHERE block = ?1 AND data = zeroblob(?2)"},
    {"config", "SELECT value FROM ", " WHERE key = ?1"},
    {"config", "INSERT OR REPLACE INTO ", "(key, value) VALUES(?1, ?2)"},
    // A few hundred instructions of SQLite's machine, so that a progress handler, which is called
    // every so many instructions, hears of our work too.
    {"",
     "WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c WHERE x < 20) "
     "SELECT max(x) FROM c",
     ""},
}};

SqliteStore::SqliteStore(sqlite3* db, std::string schema, std::string table, std::string suffix,
                         const VectorLayout& layout, Blocks blocks)
    : db_(db),
      schema_(std::move(schema)),
      suffix_(std::move(suffix)),
      blocks_(blocks),
      layout_(layout),
      direct_(db, schema_) {
  set_table(std::move(table));
}

void SqliteStore::drop_statements() noexcept {
  for (Statement& statement : statements_) statement.close();
}

void SqliteStore::set_table(std::string table) {
  drop_statements();
  table_ = std::move(table);
  vectors_ = name_of("vectors");
  direct_.set_table(vectors_, layout_.block_bytes());
}

void SqliteStore::set_layout(const VectorLayout& layout) {
  layout_ = layout;
  direct_.set_table(vectors_, layout_.block_bytes());
}

bool SqliteStore::tables_exist() const noexcept {
  try {
    const std::string name = name_of("commits");
    const int rc = sqlite3_table_column_metadata(db_, schema_.c_str(), name.c_str(), "seq", nullptr,
                                                 nullptr, nullptr, nullptr, nullptr);
    return (rc & 0xff) != SQLITE_ERROR;
  } catch (...) {
    return true;  // No memory for the name.
  }
}

std::string SqliteStore::name_of(std::string_view kind) const {
  const std::string_view suffix = kind == "config" ? std::string_view() : suffix_;
  if (kind == "vectors") kind = blocks_kind(blocks_);
  std::string name = table_;
  return name.append("_").append(kind).append(suffix);
}

Status SqliteStore::named(std::string_view kind, Status status) const {
  const bool is_bare = status.code() == Code::kCorruption && status.sqlite_code() == SQLITE_OK &&
                       !status.message().starts_with("nearlite: ");
  return is_bare ? corruption(name_of(kind), status.message()) : status;
}

Result<Statement*> SqliteStore::statement(Verb verb) {
  Statement& statement = statements_[verb];
  if (statement) return &statement;
  const VerbText& text = kTexts[verb];
  std::string sql = text.before;
  if (*text.kind == '\0') {
    NEARLITE_ASSIGN(statement, Statement::prepare(db_, sql, table_));
    return &statement;
  }
  const std::string name = name_of(text.kind);
  sql += quote_identifier(schema_) + "." + quote_identifier(name) + text.after;
  NEARLITE_ASSIGN(statement, Statement::prepare(db_, sql, name));
  return &statement;
}

// ---- commits

Result<CommitRecord> SqliteStore::read_commit(const StatementUse& row, Touched touched) const {
  std::array<std::uint64_t, 6> columns{};
  for (int i = 0; i < 6; ++i) {
    NEARLITE_ASSIGN(const std::int64_t value, row.get_int64(i));
    columns[static_cast<std::size_t>(i)] = static_cast<std::uint64_t>(value);
  }
  CommitRecord record;
  record.seq = columns[0];
  record.commit_id = columns[1];
  record.live_count = columns[3];
  record.dead_count = columns[4];
  if (columns[2] > kNodeIdMax || columns[5] > columns[2] || columns[3] > columns[2] ||
      columns[4] > columns[2] || to_signed(columns[0]) < 0) {
    return corruption(name_of("commits"), "a number is out of its range");
  }
  record.max_node_id = static_cast<NodeId>(columns[2]);
  record.entry = static_cast<NodeId>(columns[5]);
  NEARLITE_ASSIGN(const std::span<const std::byte> state, row.get_blob(6));
  NEARLITE_TRY(named("commits", decode_commit_state(state, record, touched)));
  return record;
}

// Every search comes here: the row is read once for all searches between two commits.
Result<CommitRecord> SqliteStore::last_commit() {
  const std::optional<std::uint32_t> version = read_version(db_, schema_);
  if (version && version == last_commit_version_) return last_commit_;
  NEARLITE_ASSIGN(Statement * last, statement(kLastCommit));
  StatementUse use = last->use();
  NEARLITE_ASSIGN(const bool has_row, use.step());
  if (!has_row) return corruption(name_of("commits"), "there is no row");
  NEARLITE_ASSIGN(CommitRecord record, read_commit(use, Touched::kLeaveOut));
  last_commit_version_.reset();
  if (version && !shares_page_cache(db_)) {
    last_commit_ = record;
    last_commit_version_ = version;
  }
  return record;
}

Result<std::optional<CommitRecord>> SqliteStore::find_commit(std::uint64_t seq) {
  NEARLITE_ASSIGN(Statement * find, statement(kFindCommit));
  StatementUse use = find->use();
  NEARLITE_ASSIGN(const bool has_row, use.bind(1, to_signed(seq)).step());
  if (!has_row) return std::optional<CommitRecord>();
  NEARLITE_ASSIGN(CommitRecord record, read_commit(use, Touched::kDecode));
  return std::optional(std::move(record));
}

Status SqliteStore::put_commit(const CommitRecord& record) {
  NEARLITE_ASSIGN(Statement * put, statement(kPutCommit));
  const std::vector<std::byte> state = encode_commit_state(record);
  return put->use()
      .bind(1, to_signed(record.seq))
      .bind(2, to_signed(record.commit_id))
      .bind(3, record.max_node_id)
      .bind(4, to_signed(record.live_count))
      .bind(5, to_signed(record.dead_count))
      .bind(6, record.entry)
      .bind_blob(7, state)
      .run();
}

Status SqliteStore::erase_commits_below(std::uint64_t seq) {
  NEARLITE_ASSIGN(Statement * erase, statement(kEraseCommits));
  return erase->use().bind(1, to_signed(seq)).run();
}

// ---- links

Result<std::optional<NodeRecord>> SqliteStore::find_links(NodeId id) {
  NEARLITE_ASSIGN(Statement * find, statement(kFindLinks));
  StatementUse use = find->use();
  NEARLITE_ASSIGN(const bool has_row, use.bind(1, id).step());
  if (!has_row) return std::optional<NodeRecord>();
  NEARLITE_ASSIGN(const std::span<const std::byte> data, use.get_blob(0));
  Result<NodeRecord> record = decode_links(id, data);
  if (!record.ok()) return named("links", record.status());
  return std::optional(std::move(*record));
}

Status SqliteStore::scan_links(NodeId first, NodeId last,
                               const std::function<Status(NodeRecord&)>& visit) {
  NEARLITE_ASSIGN(Statement * scan, statement(kScanLinks));
  StatementUse use = scan->use();
  use.bind(1, first).bind(2, last);
  for (;;) {
    NEARLITE_ASSIGN(const bool has_row, use.step());
    if (!has_row) return Status();
    NEARLITE_ASSIGN(const std::int64_t id, use.get_int64(0));
    NEARLITE_ASSIGN(const std::span<const std::byte> data, use.get_blob(1));
    Result<NodeRecord> record = decode_links(static_cast<NodeId>(id), data);
    if (!record.ok()) return named("links", record.status());
    NEARLITE_TRY(visit(*record));
  }
}

Status SqliteStore::put_links(const NodeRecord& record) {
  NEARLITE_ASSIGN(Statement * put, statement(kPutLinks));
  const std::vector<std::byte> data = encode_links(record);
  return put->use().bind(1, record.id).bind_blob(2, data).run();
}

Status SqliteStore::erase_links(NodeId id) {
  NEARLITE_ASSIGN(Statement * erase, statement(kEraseLinks));
  return erase->use().bind(1, id).run();
}

Status SqliteStore::erase_links_above(NodeId id) {
  NEARLITE_ASSIGN(Statement * erase, statement(kEraseLinksAbove));
  return erase->use().bind(1, id).run();
}

// ---- dead

Status SqliteStore::put_dead(std::uint64_t seq, NodeId id) {
  NEARLITE_ASSIGN(Statement * put, statement(kPutDead));
  return put->use().bind(1, to_signed(seq)).bind(2, id).bind(3, deletion_check(seq, id)).run();
}

Status SqliteStore::erase_dead(std::uint64_t seq, NodeId id) {
  NEARLITE_ASSIGN(Statement * erase, statement(kEraseDead));
  return erase->use().bind(1, to_signed(seq)).bind(2, id).run();
}

Status SqliteStore::erase_all_dead() {
  NEARLITE_ASSIGN(Statement * erase, statement(kEraseAllDead));
  return erase->use().run();
}

Status SqliteStore::scan_dead(std::uint64_t first_seq, std::uint64_t last_seq, std::uint64_t limit,
                              const std::function<Status(std::uint64_t seq, NodeId id)>& visit) {
  // SQLite's integers are signed: "to the end" is their maximum, for seq as for the limit.
  constexpr std::uint64_t kMax = INT64_MAX;
  NEARLITE_ASSIGN(Statement * scan, statement(kScanDead));
  StatementUse use = scan->use();
  use.bind(1, to_signed(std::min(first_seq, kMax)))
      .bind(2, to_signed(std::min(last_seq, kMax)))
      .bind(3, to_signed(std::min(limit, kMax)));
  for (;;) {
    NEARLITE_ASSIGN(const bool has_row, use.step());
    if (!has_row) return Status();
    NEARLITE_ASSIGN(const std::int64_t seq, use.get_int64(0));
    NEARLITE_ASSIGN(const std::int64_t id, use.get_int64(1));
    if (seq < 0 || id <= 0 || id > kNodeIdMax) {
      return corruption(name_of("dead"), "a number is out of its range");
    }
    const auto at = static_cast<std::uint64_t>(seq);
    const auto node = static_cast<NodeId>(id);
    NEARLITE_ASSIGN(const std::int64_t check, use.get_int64(2));
    if (check != std::int64_t{deletion_check(at, node)}) {
      return corruption(name_of("dead"), "the deletion of node " + std::to_string(id) +
                                             " by commit " + std::to_string(seq) +
                                             " does not check");
    }
    NEARLITE_TRY(visit(at, node));
  }
}

// ---- config

Result<std::optional<std::vector<std::byte>>> SqliteStore::find_config(std::string_view key) {
  NEARLITE_ASSIGN(Statement * find, statement(kFindConfig));
  StatementUse use = find->use();
  NEARLITE_ASSIGN(const bool has_row, use.bind_text(1, key).step());
  if (!has_row) return std::optional<std::vector<std::byte>>();
  NEARLITE_ASSIGN(const std::span<const std::byte> value, use.get_blob(0));
  return std::optional(std::vector<std::byte>(value.begin(), value.end()));
}

Status SqliteStore::put_config(std::string_view key, std::span<const std::byte> value) {
  NEARLITE_ASSIGN(Statement * put, statement(kPutConfig));
  return put->use().bind_text(1, key).bind_blob(2, value).run();
}

Status SqliteStore::check_interrupt() {
  NEARLITE_ASSIGN(Statement * check, statement(kCheckInterrupt));
  return check->use().run();
}

}  // namespace nearlite::sqlite
