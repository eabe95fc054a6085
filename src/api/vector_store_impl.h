// What a VectorStore is made of: one writing connection behind a mutex, and reading ones that are
// lent out. vector_store.cc opens, saves and closes; vector_store_use.cc is everything in between.
//
// Lock order: `closing`, then `life`, then `writer_mutex` or `batch_mutex`; `pool_mutex` is never
// held while a connection is used.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/try.h"
#include "nearlite/vector_store.h"

namespace nearlite {
inline namespace v1 {

struct VectorStore::Impl {
  // Fixed once the store is open.
  std::string path;  // as given
  std::string name;
  StoreOptions options;
  int dim = 0;
  Metric metric = Metric::kCosine;
  Element element = Element::kFloat32;
  std::size_t reader_count_max = 0;  // 0: in memory, there can be none

  /// Held shared by every call (enter()), exclusively by close().
  std::shared_mutex life;
  bool is_closed = false;  // GUARDED BY life
  /// Held by close(). Whoever calls meanwhile waits for it, for `life` alone prefers those that
  /// hold it shared: busy threads would keep close() out for ever.
  std::mutex closing;
  std::atomic<bool> is_closing = false;  // written under `closing`

  std::mutex writer_mutex;
  std::optional<Database> database;       // GUARDED BY writer_mutex
  std::optional<Index> writer;            // GUARDED BY writer_mutex
  std::atomic<bool> has_pending = false;  // written under writer_mutex

  std::mutex pool_mutex;
  std::condition_variable returned;
  std::vector<std::unique_ptr<Index>> idle;  // GUARDED BY pool_mutex
  std::size_t made_count = 0;                // GUARDED BY pool_mutex
  std::uint64_t borrowed_loads = 0;

  std::mutex batch_mutex;
  std::unique_ptr<Index> batch;  // GUARDED BY batch_mutex; has its own connections

  Status attach(Database opened, Index index);
  /// A batch of queries may need the writer's lock for a moment, and writes nothing.
  Result<std::unique_ptr<Index>> open_reader(bool may_lock) const;
  Result<std::unique_ptr<Index>> borrow();
  void give_back(std::unique_ptr<Index> reader) noexcept;
  Status copy_to(const std::string& target, const Watch& watch);

  /// Keeps close() out while it is held.
  [[nodiscard]] std::shared_lock<std::shared_mutex> enter() {
    if (is_closing.load(std::memory_order_acquire)) {
      const std::lock_guard wait(closing);
    }
    return std::shared_lock(life);
  }

  /// Runs `body` (Index& -> Status or Result) on the writing connection.
  template <class Body>
  auto write(Body&& body) -> decltype(body(*writer)) {
    const auto alive = enter();
    if (is_closed) return closed();
    const std::lock_guard lock(writer_mutex);
    auto result = body(*writer);
    has_pending = writer->pending() != 0;
    return result;
  }

  /// Runs `body` (const Index& -> Status or Result) where it sees every acknowledged write.
  template <class Body>
  auto read(Body&& body) -> decltype(body(*writer)) {
    if (reader_count_max == 0 || has_pending) return write(body);
    const auto alive = enter();
    if (is_closed) return closed();
    auto reader = borrow();
    if (!reader.ok()) return reader.status();
    Loan loan(*this, std::move(*reader));
    return body(*loan.index);
  }

  /// Alone with the store, until it goes.
  class Closing {
   public:
    explicit Closing(Impl& store) : closing_(store.closing), store_(store) {
      store.is_closing.store(true, std::memory_order_release);
      alone_ = std::unique_lock(store.life);
    }
    ~Closing() { store_.is_closing.store(false, std::memory_order_release); }
    Closing(const Closing&) = delete;
    Closing& operator=(const Closing&) = delete;

   private:
    std::lock_guard<std::mutex> closing_;
    Impl& store_;
    std::unique_lock<std::shared_mutex> alone_;
  };

  static Status closed() {
    return Status(Code::kInvalidArgument, "nearlite: the vector store is closed");
  }

 private:
  struct Loan {
    Loan(Impl& from, std::unique_ptr<Index> lent) : owner(from), index(std::move(lent)) {}
    ~Loan() { owner.give_back(std::move(index)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    Impl& owner;
    std::unique_ptr<Index> index;
  };
};

}  // namespace v1
}  // namespace nearlite
