// Index: over a table that exists. The engine makes it empty and takes rows in by the thousand, so
// that progress can be told; one transaction holds it all.
#include "api/index_impl.h"
#include "base/try.h"

namespace nearlite {
inline namespace v1 {
namespace {

constexpr std::int64_t kRowsAtOnce = 1000;

// A table or column that is not there is its own kind of failure.
Status check_there(api::Session& session, const Content& content) {
  NEARLITE_ASSIGN(sqlite::Statement statement,
                  session.prepare("SELECT name FROM pragma_table_info(?1) WHERE ?2 = '' OR "
                                  "name = ?2 COLLATE NOCASE"));
  for (const std::string& column : {std::string(), content.vector}) {
    sqlite::StatementUse use = statement.use();
    const auto row = use.bind_text(1, content.table).bind_text(2, column).step();
    if (!row.ok()) return api::callers_failure(row.status());
    if (*row) continue;
    return Status(Code::kNotFound,
                  "nearlite: " + content.table + ": " +
                      (column.empty() ? "there is no such table" : "there is no column " + column));
  }
  return {};
}

}  // namespace

// In the caller's transaction.
Status Index::Impl::build_content(api::Watching& watching) {
  NEARLITE_ASSIGN(const IndexStats before, stats());
  {
    NEARLITE_ASSIGN(
        sqlite::Statement count,
        session->prepare("SELECT count(*) FROM " + quote_identifier(before.content_table)));
    sqlite::StatementUse use = count.use();
    NEARLITE_TRY(api::callers_failure(use.step().status()));
    watching.expect(static_cast<std::uint64_t>(use.column_int64(0)));
  }
  for (;;) {
    NEARLITE_TRY(watching.check());
    NEARLITE_ASSIGN(const IndexStats now, stats());
    if (now.is_built) break;
    NEARLITE_ASSIGN(sqlite::Statement * build,
                    session->kept("INSERT INTO " + table + "(" + quote_identifier(name) +
                                  ", k) VALUES ('build', ?1)"));
    NEARLITE_TRY(api::callers_failure(build->use().bind(1, kRowsAtOnce).run()));
    watching.advance(kRowsAtOnce);
  }
  watching.enter(Progress::Phase::kFinishing);
  watching.tell();
  return watching.check();
}

Result<Index> Index::create_over(Database& database, std::string_view name, const Content& content,
                                 const IndexOptions& options, const Watch& watch) {
  auto session = database.session();
  if (!session) return Status(Code::kInvalidArgument, "nearlite: the database was moved from");
  NEARLITE_TRY(check_there(*session, content));
  NEARLITE_ASSIGN(const std::string sql, Impl::create_over_sql(name, content, options));
  api::Watching watching(session->connection(), watch, Progress::Phase::kReading, 0);
  watching.tell();
  NEARLITE_TRY(session->transact([&]() -> Status {
    NEARLITE_TRY(watching.check());
    NEARLITE_ASSIGN(const bool is_there, Impl::exists(*session, name));
    if (is_there) {
      return Status(Code::kConstraint, "nearlite: there is an index " + std::string(name));
    }
    NEARLITE_TRY(Impl::run_create(*session, name, sql));
    NEARLITE_ASSIGN(auto impl, Impl::open(session, name, ""));
    return impl->build_content(watching);
  }));
  return open(database, name);
}

Status Index::finish_build(const Watch& watch) {
  if (!impl_) return closed_index();
  NEARLITE_ASSIGN(const IndexStats now, impl_->stats());
  if (now.is_built) return {};  // without the writer's lock
  api::Session& session = *impl_->session;
  api::Watching watching(session.connection(), watch, Progress::Phase::kReading, 0);
  return session.transact([&] { return impl_->build_content(watching); });
}

}  // namespace v1
}  // namespace nearlite
