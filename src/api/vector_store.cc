// VectorStore: opening, building, saving, closing.
#include "nearlite/vector_store.h"

#include <algorithm>
#include <filesystem>
#include <thread>

#include "api/vector_store_impl.h"
#include "base/file.h"

namespace nearlite {
inline namespace v1 {
namespace {

constexpr const char* kInMemory = ":memory:";
constexpr int kReadersMax = 1024;

Status check_options(const StoreOptions& options) {
  if (options.reader_count >= 0 && options.reader_count <= kReadersMax) return {};
  return Status(Code::kInvalidArgument, "nearlite: reader_count: 0 to " +
                                            std::to_string(kReadersMax) + ", got " +
                                            std::to_string(options.reader_count));
}

Result<Database> open_database(const std::string& path, const StoreOptions& options,
                               bool may_create) {
  OpenOptions open;
  open.read_only = options.read_only;
  open.create = may_create;
  open.busy_timeout = options.busy_timeout;
  open.mmap_bytes = options.mmap_bytes;
  auto database = Database::open(path, open);
  if (!database.ok() && !may_create && !std::filesystem::exists(path)) {
    return Status(Code::kNotFound, "nearlite: there is no vector store in " + path);
  }
  return database;
}

std::string side_file_name(const std::string& path, const std::string& name) {
  if (path == kInMemory || path.empty()) return {};
  return std::filesystem::path(path).filename().string() + "-" + name + ".hnsw";
}

Status mismatch(const std::string& name, const std::string& what, int expected, int got) {
  return Status(Code::kInvalidArgument, "nearlite: " + name + ": expected " + what + " " +
                                            std::to_string(expected) + ", it has " +
                                            std::to_string(got));
}

Status check_shape(const Index& index, const IndexOptions& expected) {
  const std::string name(index.name());
  if (expected.dim == 0) return {};
  if (index.dim() != expected.dim) return mismatch(name, "dim", expected.dim, index.dim());
  if (index.metric() != expected.metric) {
    return mismatch(name, "metric number", static_cast<int>(expected.metric),
                    static_cast<int>(index.metric()));
  }
  if (index.element() != expected.element) {
    return mismatch(name, "element number", static_cast<int>(expected.element),
                    static_cast<int>(index.element()));
  }
  return {};
}

}  // namespace

Status VectorStore::Impl::attach(Database opened, Index index) {
  name = index.name();
  dim = index.dim();
  metric = index.metric();
  element = index.element();
  if (path != kInMemory && !path.empty()) {
    const auto processors = static_cast<int>(std::thread::hardware_concurrency());
    const int wanted = options.reader_count != 0 ? options.reader_count : std::max(1, processors);
    reader_count_max = static_cast<std::size_t>(wanted);
    idle.reserve(reader_count_max);
  }
  if (!options.read_only) NEARLITE_TRY(index.set_sync_mode(options.sync_mode));
  database = std::move(opened);
  writer = std::move(index);
  return {};
}

Result<VectorStore> VectorStore::open(const std::string& path, const StoreOptions& options) {
  NEARLITE_TRY(check_options(options));
  const bool may_create = options.create && !options.read_only;
  NEARLITE_ASSIGN(Database database, open_database(path, options, may_create));
  // So that readers and the writer do not wait for each other; where that cannot be, they do.
  if (!options.read_only) {
    ignore(database.execute("PRAGMA journal_mode = WAL"), "a lock of another process");
  }
  auto found = Index::open(database, options.name);
  if (!found.ok() && found.status().code() == Code::kNotFound && may_create) {
    IndexOptions index = options.index;
    if (index.path.empty()) index.path = side_file_name(path, options.name);
    found = Index::open_or_create(database, options.name, index);
  }
  if (!found.ok()) return found.status();
  NEARLITE_TRY(check_shape(*found, options.index));
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->options = options;
  NEARLITE_TRY(impl->attach(std::move(database), std::move(*found)));
  return VectorStore(std::move(impl));
}

Result<VectorStore> VectorStore::load(const std::string& path, int dim) {
  StoreOptions options;
  options.create = false;
  NEARLITE_ASSIGN(VectorStore store, open(path, options));
  if (store.dim() != dim) return mismatch(options.name, "dim", dim, store.dim());
  return store;
}

Result<VectorStore> VectorStore::get_or_build(const std::string& path, const std::string& table,
                                              const std::string& column,
                                              const StoreOptions& options, const Watch& watch) {
  NEARLITE_TRY(check_options(options));
  StoreOptions chosen = options;
  chosen.name = table + "_" + column + "_hnsw";
  NEARLITE_ASSIGN(Database database, open_database(path, options, /*may_create=*/false));
  auto found = Index::open(database, chosen.name);
  if (!found.ok() && found.status().code() == Code::kNotFound && !options.read_only) {
    Content content;
    content.table = table;
    content.vector = column;
    IndexOptions index = options.index;
    if (index.path.empty()) index.path = side_file_name(path, chosen.name);
    found = Index::create_over(database, chosen.name, content, index, watch);
    if (found.ok()) NEARLITE_TRY(found->save());
    // Another process was faster.
    if (found.status().code() == Code::kConstraint) found = Index::open(database, chosen.name);
  }
  if (!found.ok()) return found.status();
  if (!options.read_only) NEARLITE_TRY(found->finish_build(watch));
  NEARLITE_TRY(check_shape(*found, options.index));
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->options = chosen;
  NEARLITE_TRY(impl->attach(std::move(database), std::move(*found)));
  return VectorStore(std::move(impl));
}

VectorStore::VectorStore(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
VectorStore::~VectorStore() = default;
VectorStore::VectorStore(VectorStore&& other) noexcept = default;
VectorStore& VectorStore::operator=(VectorStore&& other) noexcept = default;

// VACUUM INTO writes a copy page by page; it takes its name only when it is complete and on disk.
Status VectorStore::Impl::copy_to(const std::string& target, const Watch& watch) {
  const std::string temporary = target + ".saving";
  NEARLITE_TRY(remove_file(temporary));
  const Status status = writer->copy_database(temporary, watch);
  if (!status.ok()) {
    ignore(remove_file(temporary), "the failure of the copy is what counts");
    return status;
  }
  // The side file of the copy has the same name, in the copy's folder. It is stamped and checked
  // when it is read: a copy that failed is only of no use.
  const auto folder = std::filesystem::absolute(path).parent_path();
  const auto target_folder = std::filesystem::absolute(target).parent_path();
  const std::string side_file = side_file_name(path, name);
  std::error_code failure;
  if (folder != target_folder && !side_file.empty()) {
    std::filesystem::copy_file(folder / side_file, target_folder / side_file,
                               std::filesystem::copy_options::overwrite_existing, failure);
  }
  return put_in_place(temporary, target);
}

Status VectorStore::save(const std::string& path, const Watch& watch) {
  if (!impl_) return Impl::closed();
  return impl_->write([&](Index& writer) -> Status {
    NEARLITE_TRY(writer.flush());
    std::error_code failure;
    const bool is_own = std::filesystem::equivalent(path, impl_->path, failure);
    NEARLITE_TRY(writer.save());
    return is_own && !failure ? Status() : impl_->copy_to(path, watch);
  });
}

Status VectorStore::close() {
  if (!impl_) return Impl::closed();
  const Impl::Closing closing(*impl_);
  if (impl_->is_closed) return Impl::closed();
  const std::lock_guard lock(impl_->writer_mutex);
  NEARLITE_TRY(impl_->writer->close());
  impl_->is_closed = true;
  impl_->has_pending = false;
  impl_->writer.reset();
  {
    const std::lock_guard pool(impl_->pool_mutex);
    impl_->idle.clear();
  }
  {
    const std::lock_guard batch(impl_->batch_mutex);
    impl_->batch.reset();
  }
  impl_->database.reset();
  return {};
}

}  // namespace v1
}  // namespace nearlite
