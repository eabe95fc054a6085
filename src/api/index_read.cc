// Index: reading rows as they are.
#include "api/decode.h"
#include "api/index_impl.h"
#include "base/try.h"

namespace nearlite {
inline namespace v1 {

Status Index::Impl::read(const sqlite::StatementUse& row, int index, std::span<float> out) const {
  const bool is_text = row.column_type(index) == SQLITE_TEXT;
  const Status status =
      is_text ? api::decode_text(row.column_text(index), out)
              : api::decode_blob(static_cast<int>(element), row.column_blob(index), out);
  return status.ok() ? status : error(status.code(), status.message());
}

Result<bool> Index::contains(std::int64_t id) const {
  if (!impl_) return closed_index();
  NEARLITE_ASSIGN(sqlite::Statement * statement,
                  impl_->session->kept("SELECT 1 FROM " + impl_->table + " WHERE rowid = ?1 AND " +
                                       impl_->vector + " IS NOT NULL"));
  sqlite::StatementUse use = statement->use();
  const auto row = use.bind(1, id).step();
  if (!row.ok()) return api::callers_failure(row.status());
  return row;
}

Status Index::get(std::int64_t id, std::span<float> out) const {
  if (!impl_) return closed_index();
  if (out.size() != static_cast<std::size_t>(impl_->dim)) {
    return impl_->error(Code::kInvalidArgument, "expected room for " + std::to_string(impl_->dim) +
                                                    " numbers, got " + std::to_string(out.size()));
  }
  NEARLITE_ASSIGN(sqlite::Statement * statement,
                  impl_->session->kept("SELECT " + impl_->vector + " FROM " + impl_->table +
                                       " WHERE rowid = ?1"));
  sqlite::StatementUse use = statement->use();
  const auto row = use.bind(1, id).step();
  if (!row.ok()) return api::callers_failure(row.status());
  if (!*row || use.column_type(0) == SQLITE_NULL) {
    return impl_->error(Code::kNotFound, "there is no vector " + std::to_string(id));
  }
  return impl_->read(use, 0, out);
}

Result<std::vector<float>> Index::get(std::int64_t id) const {
  std::vector<float> vector(static_cast<std::size_t>(dim()));
  NEARLITE_TRY(get(id, vector));
  return vector;
}

Result<std::uint64_t> Index::size() const {
  if (!impl_) return closed_index();
  NEARLITE_ASSIGN(const IndexStats stats, impl_->stats());
  return stats.live;
}

Status Index::for_each(const RowSink& sink) const {
  if (!impl_) return closed_index();
  if (!sink) return impl_->error(Code::kInvalidArgument, "there is no sink for rows");
  // Not kept: `sink` may use the index, and even this method.
  NEARLITE_ASSIGN(
      sqlite::Statement statement,
      impl_->session->prepare("SELECT rowid, " + impl_->vector + " FROM " + impl_->table +
                              " WHERE " + impl_->vector + " IS NOT NULL ORDER BY rowid"));
  std::vector<float> vector(static_cast<std::size_t>(impl_->dim));
  sqlite::StatementUse use = statement.use();
  for (;;) {
    const auto row = use.step();
    if (!row.ok()) return api::callers_failure(row.status());
    if (!*row) return {};
    NEARLITE_TRY(impl_->read(use, 1, vector));
    if (!sink(use.column_int64(0), vector)) return {};
  }
}

}  // namespace v1
}  // namespace nearlite
