// The public C++ API: Database and Statement over the owners in src/sqlite. Adds lifetimes that are
// hard to get wrong (parameters are copied, a finished run lets go of its read transaction), no
// behaviour.
#include "nearlite/database.h"

#include <vector>

#include "api/session.h"
#include "base/try.h"
#include "nearlite/nearlite.h"
#include "sqlite/embedding_function.h"
#include "sqlite/handles.h"
#include "sqlite/open.h"
#include "sqlite/translate.h"

namespace nearlite {

struct Statement::Impl {
  sqlite::Statement statement;
  std::unique_ptr<sqlite::StatementUse> use;  // the current run, if any; goes before `statement`
  std::vector<std::vector<std::byte>> parameters;  // what text, blob and vector parameters point to
  bool has_stepped = false;
  bool has_row = false;

  /// The run to bind to or step: the current one, or a new one.
  sqlite::StatementUse& run() {
    // Guaranteed elision: a StatementUse neither copies nor moves.
    if (!use) use.reset(new sqlite::StatementUse(statement.use()));
    return *use;
  }

  sqlite::StatementUse& run_to_bind() {
    if (has_stepped) end();
    return run();
  }

  void end() noexcept {
    use.reset();
    has_stepped = has_row = false;
  }

  std::span<const std::byte> keep(int index, std::span<const std::byte> value) {
    if (index < 1 || index > sqlite::parameter_count(statement)) return {};  // step() says so
    const auto slot = static_cast<std::size_t>(index) - 1;
    if (parameters.size() <= slot) parameters.resize(slot + 1);
    parameters[slot].assign(value.begin(), value.end());
    return parameters[slot];
  }

  [[nodiscard]] bool is_readable(int index) const noexcept {
    return has_row && index >= 0 && index < sqlite::column_count(statement);
  }
};

Statement::Statement(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Statement::~Statement() = default;
Statement::Statement(Statement&& other) noexcept = default;
Statement& Statement::operator=(Statement&& other) noexcept = default;

Statement& Statement::bind_int64(int index, std::int64_t value) {
  impl_->run_to_bind().bind(index, value);
  return *this;
}

Statement& Statement::bind_double(int index, double value) {
  impl_->run_to_bind().bind_double(index, value);
  return *this;
}

Statement& Statement::bind_text(int index, std::string_view value) {
  auto& run = impl_->run_to_bind();
  const auto copy = impl_->keep(index, std::as_bytes(std::span(value)));
  run.bind_text(index, {reinterpret_cast<const char*>(copy.data()), copy.size()});
  return *this;
}

Statement& Statement::bind_blob(int index, std::span<const std::byte> value) {
  auto& run = impl_->run_to_bind();
  run.bind_blob(index, impl_->keep(index, value));
  return *this;
}

Statement& Statement::bind_null(int index) {
  impl_->run_to_bind().bind_null(index);
  return *this;
}

Statement& Statement::bind_vector(int index, std::span<const float> value) {
  return bind_blob(index, std::as_bytes(value));
}

int Statement::parameter_count() const noexcept {
  return sqlite::parameter_count(impl_->statement);
}

Result<bool> Statement::step() {
  if (!impl_->statement) return false;  // only blanks or a comment
  auto& run = impl_->run();
  impl_->has_stepped = true;
  const Result<bool> row = run.step();
  impl_->has_row = row.ok() && *row;
  if (!impl_->has_row) impl_->end();
  if (!row.ok()) return sqlite::users_failure(row.status());
  return row;
}

Status Statement::run() {
  for (;;) {
    NEARLITE_ASSIGN(const bool has_row, step());
    if (!has_row) return {};
  }
}

void Statement::reset() noexcept { impl_->end(); }

int Statement::column_count() const noexcept { return sqlite::column_count(impl_->statement); }

std::string_view Statement::column_name(int index) const {
  return sqlite::column_name(impl_->statement, index);
}

ColumnType Statement::column_type(int index) const noexcept {
  if (!impl_->is_readable(index)) return ColumnType::kNull;
  switch (impl_->use->column_type(index)) {
    case SQLITE_INTEGER: return ColumnType::kInt64;
    case SQLITE_FLOAT: return ColumnType::kDouble;
    case SQLITE_TEXT: return ColumnType::kText;
    case SQLITE_BLOB: return ColumnType::kBlob;
    default: return ColumnType::kNull;
  }
}

std::int64_t Statement::column_int64(int index) const noexcept {
  return impl_->is_readable(index) ? impl_->use->column_int64(index) : 0;
}

double Statement::column_double(int index) const noexcept {
  return impl_->is_readable(index) ? impl_->use->column_double(index) : 0;
}

std::string_view Statement::column_text(int index) const noexcept {
  return impl_->is_readable(index) ? impl_->use->column_text(index) : std::string_view();
}

std::span<const std::byte> Statement::column_blob(int index) const noexcept {
  if (!impl_->is_readable(index)) return {};
  return impl_->use->column_blob(index);
}

struct Database::Impl {
  explicit Impl(std::shared_ptr<api::Session> opened)
      : session(std::move(opened)), connection(session->connection()) {}

  std::shared_ptr<api::Session> session;
  sqlite::OwnedConnection& connection;
};

Database::Database(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Database::~Database() = default;
Database::Database(Database&& other) noexcept = default;
Database& Database::operator=(Database&& other) noexcept = default;

Result<Database> Database::open(const std::string& path, const OpenOptions& options) {
  NEARLITE_ASSIGN(auto session, api::Session::open(path, options));
  return Database(std::make_unique<Impl>(std::move(session)));
}

std::shared_ptr<api::Session> Database::session() const noexcept {
  return impl_ ? impl_->session : nullptr;
}

namespace {

// Runs `action` on the translation of each statement of `script`, in order: a statement may need
// what the one before it has made.
template <class Action>
Status for_each_translation(sqlite3* db, std::string_view script, Action action) {
  for (std::size_t at = 0; at < script.size();) {
    NEARLITE_ASSIGN(const Translation next, sqlite::translate_next(db, script, at));
    NEARLITE_TRY(action(next.sql));
  }
  return {};
}

}  // namespace

Status Database::execute(std::string_view sql, Dialect dialect) {
  if (dialect == Dialect::kPgvector) {
    return for_each_translation(impl_->connection.handle(), sql,
                                [&](std::string_view translated) { return execute(translated); });
  }
  while (!sql.empty()) {
    NEARLITE_ASSIGN(Statement statement, prepare_next(sql));
    NEARLITE_TRY(statement.run());
  }
  return {};
}

Result<Statement> Database::prepare(std::string_view sql, Dialect dialect) {
  std::string translated;
  if (dialect == Dialect::kPgvector) {
    NEARLITE_ASSIGN(Translation translation, translate(sql));
    translated = std::move(translation.sql);
    // CREATE EXTENSION and the like leave a comment: a statement that does nothing.
    const bool is_nothing = !translation.notes.empty();
    if (is_nothing) {
      std::string_view rest = translated;
      NEARLITE_ASSIGN(Statement statement, prepare_next(rest));
      if (!statement.impl_->statement && rest.empty()) return statement;
    }
    sql = translated;
  }
  NEARLITE_ASSIGN(Statement statement, prepare_next(sql));
  if (!statement.impl_->statement) {
    return Status(Code::kInvalidArgument, "nearlite: there is no SQL statement to prepare");
  }
  while (!sql.empty()) {
    const Result<Statement> second = prepare_next(sql);
    if (!second.ok() || second->impl_->statement) {  // a failure may be for want of the first
      return Status(Code::kInvalidArgument,
                    "nearlite: more than one SQL statement; execute() runs several");
    }
  }
  return statement;
}

Result<Statement> Database::prepare_next(std::string_view& script, Dialect dialect) {
  auto impl = std::make_unique<Statement::Impl>();
  if (dialect == Dialect::kPgvector) {
    NEARLITE_ASSIGN(const Translation next, translate_next(script));
    std::string_view translated = next.sql;
    NEARLITE_ASSIGN(impl->statement, impl_->connection.prepare_next(translated));
  } else {
    NEARLITE_ASSIGN(impl->statement, impl_->connection.prepare_next(script));
  }
  return Statement(std::move(impl));
}

Result<Translation> Database::translate(std::string_view sql) {
  Translation all;
  for (std::size_t at = 0; at < sql.size();) {
    NEARLITE_ASSIGN(const Translation next,
                    sqlite::translate_next(impl_->connection.handle(), sql, at));
    all.sql += next.sql;
    all.notes.insert(all.notes.end(), next.notes.begin(), next.notes.end());
  }
  return all;
}

Result<Translation> Database::translate_next(std::string_view& script) {
  std::size_t end = 0;
  auto translation = sqlite::translate_next(impl_->connection.handle(), script, end);
  if (translation.ok()) script.remove_prefix(end);
  return translation;
}

std::int64_t Database::changes() const noexcept { return impl_->connection.changes(); }

std::int64_t Database::last_insert_rowid() const noexcept {
  return impl_->connection.last_insert_rowid();
}

bool Database::in_transaction() const noexcept { return impl_->connection.in_transaction(); }

void Database::interrupt() const noexcept { impl_->connection.interrupt(); }

Status Database::register_embedding(
    std::function<Result<std::vector<float>>(std::string_view)> function) {
  return sqlite::register_embedding_function(impl_->connection.handle(), std::move(function));
}

bool is_complete_statement(std::string_view sql) { return sqlite::is_complete_statement(sql); }

std::string_view version() noexcept { return NEARLITE_VERSION; }

}  // namespace nearlite
