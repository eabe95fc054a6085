// Index: many queries, several threads, one snapshot.
//
// SQLite gives a connection to one thread at a time, and cannot hand a snapshot from one connection
// to another. So each thread has a connection, all begin to read, and if nobody has committed
// between the first and the last of these beginnings (PRAGMA data_version of this connection, which
// reads nothing meanwhile, has not moved), all see the same. Where that never comes true, the
// writer's lock is taken for the length of the beginnings.
#include <algorithm>
#include <atomic>
#include <thread>

#include "api/index_impl.h"
#include "base/try.h"

namespace nearlite {
inline namespace v1 {
namespace {
constexpr int kAttemptsMax = 10;
}

Result<std::int64_t> Index::Impl::data_version() {
  NEARLITE_ASSIGN(sqlite::Statement * statement, session->kept("PRAGMA data_version"));
  sqlite::StatementUse use = statement->use();
  const auto row = use.step();
  if (!row.ok()) return api::callers_failure(row.status());
  return use.column_int64(0);
}

Status Index::Impl::add_readers(std::size_t count) {
  OpenOptions options = session->options();
  options.read_only = true;
  while (readers.size() < count) {
    NEARLITE_ASSIGN(auto reader, api::Session::open(session->connection().file(), options));
    NEARLITE_ASSIGN(auto impl, Impl::open(std::move(reader), name, column));
    impl->filter_table = filter_table;
    impl->filter_rowid = filter_rowid;
    readers.push_back(std::unique_ptr<Index>(new Index(std::move(impl))));
  }
  return {};
}

void Index::Impl::end_snapshot(std::size_t reader_count) noexcept {
  for (std::size_t i = 0; i < reader_count; ++i) {
    api::Session& reader = *readers[i]->impl_->session;
    if (reader.connection().in_transaction()) ignore(reader.execute("ROLLBACK"), "it only read");
  }
}

Status Index::Impl::begin_readers(std::size_t reader_count) {
  for (std::size_t i = 0; i < reader_count; ++i) {
    api::Session& reader = *readers[i]->impl_->session;
    NEARLITE_TRY(reader.execute("BEGIN"));
    // The transaction gets its snapshot with its first read.
    NEARLITE_TRY(reader.execute("SELECT count(*) FROM sqlite_schema"));
  }
  return {};
}

Status Index::Impl::share_snapshot(std::size_t reader_count) {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    NEARLITE_ASSIGN(const std::int64_t before, data_version());
    const Status status = begin_readers(reader_count);
    if (status.ok()) {
      NEARLITE_ASSIGN(const std::int64_t after, data_version());
      if (before == after) return {};
    }
    end_snapshot(reader_count);
    NEARLITE_TRY(status);
  }
  if (session->connection().is_read_only()) {
    return error(Code::kBusy, "no snapshot could be shared in " + std::to_string(kAttemptsMax) +
                                  " attempts: other connections commit without a pause");
  }
  // Others commit without a pause: hold them up for a moment.
  NEARLITE_TRY(session->execute("BEGIN IMMEDIATE"));
  const Status status = begin_readers(reader_count);
  ignore(session->execute("ROLLBACK"), "nothing was written");
  if (!status.ok()) end_snapshot(reader_count);
  return status;
}

Result<Index::Impl::Answers> Index::Impl::batch_alone(std::span<const float> queries,
                                                      std::int64_t k,
                                                      const SearchOptions& options) {
  const auto width = static_cast<std::size_t>(dim);
  const bool begins = !session->connection().in_transaction();
  if (begins) NEARLITE_TRY(session->execute("BEGIN"));
  Answers answers(queries.size() / width);
  Status status;
  for (std::size_t i = 0; i < answers.size() && status.ok(); ++i) {
    auto hits = nearest(queries.subspan(i * width, width), k, options);
    status = hits.status();
    if (hits.ok()) answers[i] = std::move(*hits);
  }
  if (begins) ignore(session->execute("ROLLBACK"), "it only read");
  NEARLITE_TRY(status);
  return answers;
}

Result<Index::Impl::Answers> Index::Impl::batch_together(std::span<const float> queries,
                                                         std::int64_t k, std::size_t thread_count,
                                                         const SearchOptions& options) {
  NEARLITE_TRY(add_readers(thread_count));
  NEARLITE_TRY(share_snapshot(thread_count));
  const auto width = static_cast<std::size_t>(dim);
  Answers answers(queries.size() / width);
  std::vector<Status> failures(thread_count);
  std::atomic<std::size_t> next{0};
  const auto work = [&](std::size_t place) {
    try {
      for (std::size_t i = next.fetch_add(1); i < answers.size(); i = next.fetch_add(1)) {
        auto hits = readers[place]->impl_->nearest(queries.subspan(i * width, width), k, options);
        if (hits.ok()) {
          answers[i] = std::move(*hits);
          continue;
        }
        failures[place] = hits.status();
        next = answers.size();  // the others may stop
      }
    } catch (const std::bad_alloc&) {
      failures[place] = Status(Code::kNoMemory, "nearlite: out of memory");
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t place = 1; place < thread_count; ++place) threads.emplace_back(work, place);
    work(0);
  }
  end_snapshot(thread_count);
  for (const Status& failure : failures) NEARLITE_TRY(failure);
  return answers;
}

Result<std::vector<std::vector<Hit>>> Index::search_batch(std::span<const float> queries,
                                                          std::int64_t k, int thread_count,
                                                          const SearchOptions& options) const {
  if (!impl_) return closed_index();
  const auto width = static_cast<std::size_t>(impl_->dim);
  if (thread_count < 0) {
    return impl_->error(Code::kInvalidArgument,
                        "thread_count: 0 or more, got " + std::to_string(thread_count));
  }
  if (queries.size() % width != 0) {
    return impl_->error(Code::kInvalidArgument, "queries: expected a multiple of " +
                                                    std::to_string(width) + " numbers, got " +
                                                    std::to_string(queries.size()));
  }
  NEARLITE_TRY(impl_->check_finite(queries));
  const std::size_t wanted = thread_count != 0 ? static_cast<std::size_t>(thread_count)
                                               : std::thread::hardware_concurrency();
  const std::size_t count = std::min(std::max<std::size_t>(wanted, 1), queries.size() / width);
  const sqlite::OwnedConnection& connection = impl_->session->connection();
  if (count <= 1 || connection.in_transaction() || connection.file().empty()) {
    return impl_->batch_alone(queries, k, options);
  }
  return impl_->batch_together(queries, k, count, options);
}

}  // namespace v1
}  // namespace nearlite
