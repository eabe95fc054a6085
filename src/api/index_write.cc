// Index: writing rows, and when writes become durable.
#include "api/index_impl.h"
#include "api/watching.h"
#include "base/try.h"

namespace nearlite {
inline namespace v1 {

Status Index::Impl::put_one(Verb verb, std::int64_t id, std::span<const float> values) {
  const auto blob = std::as_bytes(values);
  if (verb == Verb::kUpsert) {
    // Not INSERT OR REPLACE: the other columns of the row stay.
    NEARLITE_ASSIGN(sqlite::Statement * update,
                    session->kept("UPDATE " + table + " SET " + vector + " = ?2 WHERE rowid = ?1"));
    NEARLITE_TRY(api::callers_failure(update->use().bind(1, id).bind_blob(2, blob).run()));
    if (session->connection().changes() > 0) return {};
  }
  NEARLITE_ASSIGN(sqlite::Statement * insert, session->kept("INSERT INTO " + table + "(rowid, " +
                                                            vector + ") VALUES (?1, ?2)"));
  return api::callers_failure(insert->use().bind(1, id).bind_blob(2, blob).run());
}

Status Index::Impl::put(Verb verb, std::span<const std::int64_t> ids,
                        std::span<const float> vectors) {
  NEARLITE_TRY(check_batch(ids.size(), vectors));
  if (ids.empty()) return {};
  writes = true;
  return session->write(mode, ids.size(), [&]() -> Status {
    const auto width = static_cast<std::size_t>(dim);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      NEARLITE_TRY(put_one(verb, ids[i], vectors.subspan(i * width, width)));
    }
    return {};
  });
}

Status Index::insert(std::int64_t id, std::span<const float> vector) {
  if (!impl_) return closed_index();
  NEARLITE_TRY(impl_->check_vector(vector));
  return impl_->put(Impl::Verb::kInsert, {&id, 1}, vector);
}

Status Index::insert(std::span<const std::int64_t> ids, std::span<const float> vectors) {
  return impl_ ? impl_->put(Impl::Verb::kInsert, ids, vectors) : closed_index();
}

Status Index::upsert(std::int64_t id, std::span<const float> vector) {
  if (!impl_) return closed_index();
  NEARLITE_TRY(impl_->check_vector(vector));
  return impl_->put(Impl::Verb::kUpsert, {&id, 1}, vector);
}

Status Index::upsert(std::span<const std::int64_t> ids, std::span<const float> vectors) {
  return impl_ ? impl_->put(Impl::Verb::kUpsert, ids, vectors) : closed_index();
}

Result<bool> Index::erase(std::int64_t id) {
  NEARLITE_ASSIGN(const std::size_t count, erase(std::span<const std::int64_t>(&id, 1)));
  return count == 1;
}

Result<std::size_t> Index::erase(std::span<const std::int64_t> ids) {
  if (!impl_) return closed_index();
  std::size_t count = 0;
  if (ids.empty()) return count;
  impl_->writes = true;
  NEARLITE_TRY(impl_->session->write(impl_->mode, ids.size(), [&]() -> Status {
    for (const std::int64_t id : ids) {
      NEARLITE_ASSIGN(sqlite::Statement * statement,
                      impl_->session->kept("DELETE FROM " + impl_->table + " WHERE rowid = ?1"));
      NEARLITE_TRY(api::callers_failure(statement->use().bind(1, id).run()));
      if (impl_->session->connection().changes() > 0) ++count;
    }
    return {};
  }));
  return count;
}

Result<std::uint64_t> Index::build(const RowSource& source, std::uint64_t total,
                                   const Watch& watch) {
  if (!impl_) return closed_index();
  if (!source) return impl_->error(Code::kInvalidArgument, "there is no source of rows");
  api::Session& session = *impl_->session;
  api::Watching watching(session.connection(), watch, Progress::Phase::kReading, total);
  std::uint64_t count = 0;
  // Not by the sync mode: an interrupted commit of SQLite's takes earlier unflushed writes along.
  NEARLITE_TRY(session.transact([&]() -> Status {
    std::vector<float> vector(static_cast<std::size_t>(impl_->dim));
    for (std::int64_t id = 0;; ++count) {
      NEARLITE_TRY(watching.check());
      NEARLITE_ASSIGN(const bool has_row, source(id, vector));
      if (!has_row) break;
      NEARLITE_TRY(impl_->check_vector(vector));
      NEARLITE_TRY(impl_->put_one(Impl::Verb::kInsert, id, vector));
      watching.advance();
    }
    watching.enter(Progress::Phase::kFinishing);
    watching.tell();
    return watching.check();
  }));
  return count;
}

Status Index::set_sync_mode(const SyncMode& mode) {
  if (!impl_) return closed_index();
  if (mode.kind > SyncMode::Kind::kOnFlush) {
    return impl_->error(Code::kInvalidArgument, "sync mode: unknown kind");
  }
  if (mode.kind == SyncMode::Kind::kEveryN && mode.n == 0) {
    return impl_->error(Code::kInvalidArgument, "sync mode: every n: n must be at least 1, got 0");
  }
  api::Session& session = *impl_->session;
  if (session.connection().is_read_only()) {
    return impl_->error(Code::kReadOnly, "sync mode: the database is open for reading only");
  }
  // The kinds stand in order of strictness.
  const bool is_stricter =
      mode.kind < impl_->mode.kind || (mode.kind == impl_->mode.kind && mode.n < impl_->mode.n);
  if (is_stricter) NEARLITE_TRY(session.flush());
  impl_->mode = mode;
  return {};
}

SyncMode Index::sync_mode() const noexcept { return impl_ ? impl_->mode : SyncMode(); }

Status Index::flush() { return impl_ ? impl_->session->flush() : closed_index(); }

std::uint64_t Index::pending() const noexcept { return impl_ ? impl_->session->pending() : 0; }

}  // namespace v1
}  // namespace nearlite
