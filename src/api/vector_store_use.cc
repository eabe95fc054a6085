// VectorStore: what is done with one that is open. Each call finds a connection and lets Index do
// it.
#include "api/vector_store_impl.h"

namespace nearlite {
inline namespace v1 {

Result<std::unique_ptr<Index>> VectorStore::Impl::open_reader(bool may_lock) const {
  OpenOptions open;
  open.read_only = !may_lock || options.read_only;
  open.busy_timeout = options.busy_timeout;
  open.mmap_bytes = options.mmap_bytes;
  NEARLITE_ASSIGN(Database reader, Database::open(path, open));
  NEARLITE_ASSIGN(Index index, Index::open(reader, name));
  return std::make_unique<Index>(std::move(index));  // keeps the connection
}

Result<std::unique_ptr<Index>> VectorStore::Impl::borrow() {
  {
    std::unique_lock lock(pool_mutex);
    returned.wait(lock, [&] { return !idle.empty() || made_count < reader_count_max; });
    if (!idle.empty()) {
      auto reader = std::move(idle.back());
      idle.pop_back();
      return reader;
    }
    ++made_count;
  }
  auto reader = open_reader(/*may_lock=*/false);
  if (!reader.ok()) give_back(nullptr);
  return reader;
}

void VectorStore::Impl::give_back(std::unique_ptr<Index> reader) noexcept {
  {
    const std::lock_guard lock(pool_mutex);
    if (reader) {
      idle.push_back(std::move(reader));  // room was reserved by attach()
    } else {
      --made_count;
    }
  }
  returned.notify_one();
}

std::string_view VectorStore::path() const noexcept {
  return impl_ ? std::string_view(impl_->path) : std::string_view();
}
std::string_view VectorStore::name() const noexcept {
  return impl_ ? std::string_view(impl_->name) : std::string_view();
}
int VectorStore::dim() const noexcept { return impl_ ? impl_->dim : 0; }
Metric VectorStore::metric() const noexcept { return impl_ ? impl_->metric : Metric::kCosine; }
Element VectorStore::element() const noexcept { return impl_ ? impl_->element : Element::kFloat32; }

Status VectorStore::insert(std::int64_t id, std::span<const float> vector) {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& index) { return index.insert(id, vector); });
}

Status VectorStore::insert(std::span<const std::int64_t> ids, std::span<const float> vectors) {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& index) { return index.insert(ids, vectors); });
}

Status VectorStore::upsert(std::int64_t id, std::span<const float> vector) {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& index) { return index.upsert(id, vector); });
}

Status VectorStore::upsert(std::span<const std::int64_t> ids, std::span<const float> vectors) {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& index) { return index.upsert(ids, vectors); });
}

Result<bool> VectorStore::erase(std::int64_t id) {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& index) { return index.erase(id); });
}

Result<std::size_t> VectorStore::erase(std::span<const std::int64_t> ids) {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& index) { return index.erase(ids); });
}

Result<std::uint64_t> VectorStore::build(const RowSource& source, std::uint64_t total,
                                         const Watch& watch) {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& index) -> Result<std::uint64_t> {
    NEARLITE_ASSIGN(const std::uint64_t count, index.build(source, total, watch));
    NEARLITE_TRY(index.save());
    return count;
  });
}

Result<bool> VectorStore::contains(std::int64_t id) const {
  if (!impl_) return Impl::closed();
  return impl_->read([&](const Index& index) { return index.contains(id); });
}

Status VectorStore::get(std::int64_t id, std::span<float> out) const {
  if (!impl_) return Impl::closed();
  return impl_->read([&](const Index& index) { return index.get(id, out); });
}

Result<std::vector<float>> VectorStore::get(std::int64_t id) const {
  if (!impl_) return Impl::closed();
  return impl_->read([&](const Index& index) { return index.get(id); });
}

Result<std::uint64_t> VectorStore::size() const {
  if (!impl_) return Impl::closed();
  return impl_->read([&](const Index& index) { return index.size(); });
}

Status VectorStore::for_each(const RowSink& sink) const {
  if (!impl_) return Impl::closed();
  return impl_->read([&](const Index& index) { return index.for_each(sink); });
}

Result<std::size_t> VectorStore::search(std::span<const float> query, std::span<Hit> hits,
                                        const SearchOptions& options) const {
  if (!impl_) return Impl::closed();
  return impl_->read([&](const Index& index) { return index.search(query, hits, options); });
}

Result<std::vector<Hit>> VectorStore::search(std::span<const float> query, std::int64_t k,
                                             const SearchOptions& options) const {
  if (!impl_) return Impl::closed();
  return impl_->read([&](const Index& index) { return index.search(query, k, options); });
}

Result<std::vector<std::vector<Hit>>> VectorStore::search_batch(
    std::span<const float> queries, std::int64_t k, int thread_count,
    const SearchOptions& options) const {
  if (!impl_) return Impl::closed();
  const auto ask = [&](const Index& index) {
    return index.search_batch(queries, k, thread_count, options);
  };
  if (impl_->reader_count_max == 0 || impl_->has_pending) return impl_->write(ask);
  const auto alive = impl_->enter();
  if (impl_->is_closed) return Impl::closed();
  const std::lock_guard lock(impl_->batch_mutex);
  if (!impl_->batch) {
    NEARLITE_ASSIGN(impl_->batch, impl_->open_reader(/*may_lock=*/true));
  }
  return ask(*impl_->batch);
}

Result<std::vector<Hit>> VectorStore::search_range(std::span<const float> query, double radius,
                                                   const SearchOptions& options) const {
  if (!impl_) return Impl::closed();
  return impl_->read(
      [&](const Index& index) { return index.search_range(query, radius, options); });
}

Status VectorStore::search_each(std::span<const float> query, const SearchOptions& options,
                                const HitSink& sink) const {
  if (!impl_) return Impl::closed();
  return impl_->read([&](const Index& index) { return index.search_each(query, options, sink); });
}

Status VectorStore::set_sync_mode(const SyncMode& mode) {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& index) { return index.set_sync_mode(mode); });
}

SyncMode VectorStore::sync_mode() const {
  SyncMode mode;
  if (!impl_) return mode;
  // A closed store has the default.
  ignore(impl_->write([&](Index& index) {
    mode = index.sync_mode();
    return Status();
  }),
         "closed");
  return mode;
}

Status VectorStore::flush() {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& index) { return index.flush(); });
}

std::uint64_t VectorStore::pending() const {
  std::uint64_t count = 0;
  if (!impl_) return count;
  ignore(impl_->write([&](Index& index) {
    count = index.pending();
    return Status();
  }),
         "closed");
  return count;
}

Status VectorStore::optimize(const Watch& watch) {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& index) { return index.optimize(watch); });
}

Status VectorStore::compact(const Watch& watch) {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& index) { return index.compact(watch); });
}

Status VectorStore::repair(const Watch& watch) {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& index) { return index.repair(watch); });
}

Status VectorStore::rebuild(const Watch& watch) {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& index) { return index.rebuild(watch); });
}

Result<IndexStats> VectorStore::stats() const {
  if (!impl_) return Impl::closed();
  return impl_->read([&](const Index& index) { return index.stats(); });
}

Result<std::vector<std::string>> VectorStore::check() const {
  if (!impl_) return Impl::closed();
  return impl_->read([&](const Index& index) { return index.check(); });
}

Status VectorStore::with_database(const std::function<Status(Database&)>& use) {
  if (!impl_) return Impl::closed();
  if (!use) return Status(Code::kInvalidArgument, "nearlite: there is nothing to call");
  return impl_->write([&](Index& /*writer*/) { return use(*impl_->database); });
}

}  // namespace v1
}  // namespace nearlite
