#include "sqlite/expiry.h"

#include <chrono>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/place.h"
#include "sqlite/whole_number.h"

namespace nearlite::sqlite {

namespace {

/// "This row is past its time", as the index layer asks it. Which rows those are is remembered as
/// that of any condition, so that the searches of one second ask once.
class ExpiredPredicate final : public Predicate {
 public:
  ExpiredPredicate(const Table& table, std::size_t vector_index, std::int64_t now)
      : table_(table),
        column_(Table::node_column(vector_index)),
        // What follows WHERE in every other key begins with a blank.
        key_("expired " + std::to_string(now)),
        condition_(quote_identifier(table.options().expires_at) + " <= " + std::to_string(now)) {}

  [[nodiscard]] const std::string& key() const noexcept override { return key_; }

  Status scan(const std::function<Status(NodeId)>& visit) override {
    NEARLITE_ASSIGN(Statement statement, prepare(column_, column_ + " IS NOT NULL"));
    StatementUse use = statement.use();
    for (;;) {
      NEARLITE_ASSIGN(const bool row, use.step());
      if (!row) return {};
      NEARLITE_ASSIGN(const std::int64_t id, use.get_int64(0));
      if (id < 1 || id > kNodeIdMax)
        return corruption(table_.name() + "_rows", "node id " + std::to_string(id));
      NEARLITE_TRY(visit(static_cast<NodeId>(id)));
    }
  }

  Result<bool> holds(RowId rowid, NodeId id) override {
    if (!one_) {
      NEARLITE_ASSIGN(one_, prepare("1", "rowid = ?1 AND " + column_ + " = ?2"));
    }
    StatementUse use = one_.use();
    return use.bind(1, rowid).bind(2, std::int64_t{id}).step();
  }

 private:
  Result<Statement> prepare(const std::string& what, const std::string& where) {
    return Statement::prepare(
        table_.db(),
        "SELECT " + what + " FROM " + table_.rows_name() + " WHERE " + where + " AND " + condition_,
        table_.name() + "_rows");
  }

  const Table& table_;
  std::string column_;
  std::string key_;
  std::string condition_;
  Statement one_;
};

}  // namespace

std::int64_t unix_now() noexcept {
  using std::chrono::system_clock;
  return std::chrono::floor<std::chrono::seconds>(system_clock::now()).time_since_epoch().count();
}

Result<std::int64_t> read_now(const Table& table, sqlite3_value* value) {
  if (value == nullptr || sqlite3_value_type(value) == SQLITE_NULL) return unix_now();
  if (const auto now = whole_number(value)) return *now;
  return refuse_argument(table.name(), "now: expected whole seconds since 1970", value);
}

Result<std::shared_ptr<const NodeSet>> expired_nodes(Table& table, std::size_t vector_index,
                                                     std::int64_t now) {
  if (table.options().expires_at.empty()) return std::shared_ptr<const NodeSet>();
  ExpiredPredicate predicate(table, vector_index, now);
  return table.index(vector_index).matching(predicate);
}

// Whether the row `rowid` stands in the way of a new one. One past its time does not: it goes.
Result<bool> Table::is_taken(RowId rowid) {
  NEARLITE_ASSIGN(const bool exists, row_exists(rowid));
  if (!exists || options_.expires_at.empty()) return exists;
  NEARLITE_TRY(prepare(expired_, "SELECT 1 FROM " + rows_name() + " WHERE rowid = ?1 AND " +
                                     quote_identifier(options_.expires_at) + " <= ?2"));
  bool is_expired = false;
  {
    StatementUse use = expired_.use();
    NEARLITE_ASSIGN(is_expired, use.bind(1, rowid).bind(2, unix_now()).step());
  }
  if (!is_expired) return true;
  NEARLITE_TRY(erase(rowid));
  return false;
}

// Ascending.
Result<std::vector<RowId>> Table::expired_rows(std::int64_t now) {
  std::vector<RowId> rows;
  if (options_.expires_at.empty()) return rows;
  NEARLITE_ASSIGN(
      Statement statement,
      Statement::prepare(db_,
                         "SELECT rowid FROM " + rows_name() + " WHERE " +
                             quote_identifier(options_.expires_at) + " <= ?1 ORDER BY rowid",
                         name_ + "_rows"));
  StatementUse use = statement.use();
  use.bind(1, now);
  for (;;) {
    NEARLITE_ASSIGN(const bool row, use.step());
    if (!row) return rows;
    rows.push_back(use.column_int64(0));
  }
}

Result<std::uint64_t> Table::expired_count(std::int64_t now) {
  NEARLITE_ASSIGN(Statement statement,
                  Statement::prepare(db_,
                                     "SELECT count(*) FROM " + rows_name() + " WHERE " +
                                         quote_identifier(options_.expires_at) + " <= ?1",
                                     name_ + "_rows"));
  StatementUse use = statement.use();
  NEARLITE_ASSIGN(const bool row, use.bind(1, now).step());
  return row ? static_cast<std::uint64_t>(use.column_int64(0)) : std::uint64_t{0};
}

Status Table::expire(std::int64_t now) {
  expire_count_ = 0;
  NEARLITE_ASSIGN(const std::vector<RowId> rows, expired_rows(now));
  for (const RowId rowid : rows) NEARLITE_TRY(erase(rowid));
  expire_count_ = rows.size();
  return {};
}

// The command 'expire', with a time in the place of k or without.
Status Table::expire_command(sqlite3_value* now) {
  if (options_.expires_at.empty()) {
    return error(Code::kInvalidArgument,
                 "no column says when rows end; CREATE takes expires_at=<column>");
  }
  NEARLITE_ASSIGN(const std::int64_t until, read_now(*this, now));
  return expire(until);
}

}  // namespace nearlite::sqlite
