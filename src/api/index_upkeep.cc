// Index: upkeep, and whether all is well.
#include <algorithm>

#include "api/index_impl.h"
#include "api/watching.h"
#include "base/try.h"

namespace nearlite {
inline namespace v1 {

Status Index::Impl::command(const char* word, const Watch& watch) {
  NEARLITE_TRY(session->flush());
  api::Watching watching(session->connection(), watch, Progress::Phase::kMaintaining, 0);
  watching.tell();
  return session->transact([&]() -> Status {
    NEARLITE_TRY(watching.check());
    const std::string sql =
        "INSERT INTO " + table + "(" + quote_identifier(name) + ") VALUES ('" + word + "')";
    NEARLITE_ASSIGN(sqlite::Statement statement, session->prepare(sql));
    NEARLITE_TRY(api::callers_failure(statement.use().run()));
    return watching.check();
  });
}

Status Index::optimize(const Watch& watch) {
  return impl_ ? impl_->command("optimize", watch) : closed_index();
}
Status Index::compact(const Watch& watch) {
  return impl_ ? impl_->command("compact", watch) : closed_index();
}
Status Index::repair(const Watch& watch) {
  return impl_ ? impl_->command("repair", watch) : closed_index();
}
Status Index::rebuild(const Watch& watch) {
  return impl_ ? impl_->command("rebuild", watch) : closed_index();
}

Status Index::save() {
  if (!impl_) return closed_index();
  NEARLITE_TRY(impl_->session->flush());
  NEARLITE_ASSIGN(sqlite::Statement * statement, impl_->session->kept("SELECT hnsw_save(?1)"));
  return api::callers_failure(statement->use().bind_text(1, impl_->name).run());
}

// A statement of its own: VACUUM INTO does not run in a transaction.
Status Index::copy_database(const std::string& path, const Watch& watch) {
  api::Session& session = *impl_->session;
  api::Watching watching(session.connection(), watch, Progress::Phase::kMaintaining, 0);
  watching.tell();
  NEARLITE_TRY(watching.check());
  NEARLITE_ASSIGN(sqlite::Statement statement, session.prepare("VACUUM INTO ?1"));
  return api::callers_failure(statement.use().bind_text(1, path).run());
}

Result<std::vector<std::string>> Index::check() const {
  if (!impl_) return closed_index();
  NEARLITE_ASSIGN(sqlite::Statement * statement, impl_->session->kept("SELECT nearlite_check(?1)"));
  sqlite::StatementUse use = statement->use();
  const auto row = use.bind_text(1, impl_->name).step();
  if (!row.ok()) return api::callers_failure(row.status());
  std::vector<std::string> problems;
  std::string_view text = use.column_text(0);
  while (!text.empty() && text != "ok") {
    const std::size_t end = std::min(text.find('\n'), text.size());
    problems.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return problems;
}

}  // namespace v1
}  // namespace nearlite
