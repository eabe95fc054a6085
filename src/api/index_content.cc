// Index: over a table that exists.
#include "api/index_impl.h"
#include "api/watching.h"
#include "base/try.h"

namespace nearlite {
inline namespace v1 {

Result<Index> Index::create_over(Database& database, std::string_view name, const Content& content,
                                 const IndexOptions& options, const Watch& watch) {
  auto session = database.session();
  if (!session) return Status(Code::kInvalidArgument, "nearlite: the database was moved from");
  NEARLITE_ASSIGN(const std::string sql, Impl::create_over_sql(name, content, options));
  {
    api::Watching watching(session->connection(), watch, Progress::Phase::kReading, 0);
    watching.tell();
    NEARLITE_TRY(session->transact([&]() -> Status {
      NEARLITE_TRY(watching.check());
      NEARLITE_TRY(Impl::run_create(*session, name, sql));
      watching.enter(Progress::Phase::kFinishing);
      return watching.check();
    }));
  }
  return open(database, name);
}

}  // namespace v1
}  // namespace nearlite
