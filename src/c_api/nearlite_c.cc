// The C interface: each function checks its pointers, makes spans of them, and calls VectorStore.
// Uses the public headers only.
#include "nearlite/nearlite_c.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "c_api/guard.h"
#include "nearlite/nearlite.h"

struct nearlite_store {
  nearlite::VectorStore store;
};

namespace nearlite::c_api {

std::string& last_error() noexcept {
  thread_local std::string text;
  return text;
}

namespace {

Status missing(const char* what) {
  return Status(Code::kInvalidArgument, std::string("nearlite: ") + what + " is NULL");
}

template <class... Pointers>
bool all(const Pointers*... pointers) {
  return (... && (pointers != nullptr));
}

SearchOptions search_options(const nearlite_search_options* options) {
  SearchOptions made;
  if (options == nullptr) return made;
  made.ef_search = options->ef_search;
  made.exact = options->exact != 0;
  if (options->filter != nullptr) made.filter = options->filter;
  for (std::int32_t i = 0; i < options->parameter_count && options->parameters != nullptr; ++i) {
    const char* text = options->parameters[i];
    made.parameters.push_back(text == nullptr ? Value() : Value(std::string(text)));
  }
  return made;
}

Watch watch_of(nearlite_progress progress, void* user) {
  Watch watch;
  if (progress == nullptr) return watch;
  watch.on_progress = [progress, user](const Progress& at) {
    return progress(user, static_cast<nearlite_phase>(at.phase), at.done, at.total) == 0;
  };
  return watch;
}

Status store_options(const nearlite_options* given, StoreOptions& options) {
  if (given == nullptr) return missing("options");
  if (given->size != sizeof(nearlite_options)) {
    return Status(Code::kInvalidArgument,
                  "nearlite: options.size: expected " + std::to_string(sizeof(nearlite_options)) +
                      ", got " + std::to_string(given->size) + "; nearlite_options_init() sets it");
  }
  if (given->metric < 0 || given->metric > NEARLITE_HAMMING || given->element < 0 ||
      given->element > NEARLITE_BIT || given->quantize < 0 ||
      given->quantize > NEARLITE_QUANTIZE_NONE) {
    return Status(Code::kInvalidArgument, "nearlite: options: unknown metric, element or quantize");
  }
  if (given->name != nullptr) options.name = given->name;
  if (given->columns != nullptr) options.index.columns = given->columns;
  options.index.dim = given->dim;
  options.index.metric = static_cast<Metric>(given->metric);
  options.index.element = static_cast<Element>(given->element);
  options.index.quantize = static_cast<Quantize>(given->quantize);
  options.index.m = given->m;
  options.index.ef_construction = given->ef_construction;
  options.index.ef_search = given->ef_search;
  options.read_only = given->read_only != 0;
  options.create = given->create != 0 && given->dim != 0;
  options.busy_timeout = std::chrono::milliseconds(given->busy_timeout_ms);
  options.reader_count = given->reader_count;
  return {};
}

// Hands the store over; the name of the variable is the caller's.
Status give(Result<VectorStore> made, nearlite_store** store) {
  if (!made.ok()) return made.status();
  *store = new nearlite_store{std::move(*made)};
  return {};
}

std::span<const std::int64_t> ids_of(const int64_t* ids, size_t count) { return {ids, count}; }

// `count` vectors; a size that no memory can have is as wrong as a null pointer.
Status vectors_of(const nearlite_store& store, const float* vectors, size_t count,
                  std::span<const float>& out) {
  const auto dim = static_cast<std::size_t>(store.store.dim());
  if (dim != 0 && count > std::numeric_limits<std::size_t>::max() / dim / sizeof(float)) {
    return Status(Code::kInvalidArgument,
                  "nearlite: count: " + std::to_string(count) + " vectors fit in no memory");
  }
  out = {vectors, count * dim};
  return {};
}

void copy(const std::vector<Hit>& from, nearlite_hit* to, std::size_t capacity) {
  const std::size_t count = std::min(from.size(), capacity);
  for (std::size_t i = 0; i < count; ++i) to[i] = {from[i].id, from[i].distance};
}

Status check_k(size_t k, std::int64_t& out) {
  if (k > static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max())) {
    return Status(Code::kInvalidArgument, "nearlite: k: " + std::to_string(k) + " is too large");
  }
  out = static_cast<std::int64_t>(k);
  return {};
}

}  // namespace
}  // namespace nearlite::c_api

using nearlite::Code;
using nearlite::Result;
using nearlite::Status;
namespace c_api = nearlite::c_api;

extern "C" {

const char* nearlite_version(void) noexcept { return NEARLITE_VERSION; }

const char* nearlite_last_error(void) noexcept { return c_api::last_error().c_str(); }

void nearlite_options_init(nearlite_options* options) noexcept {
  if (options == nullptr) return;
  const nearlite::IndexOptions defaults;
  *options = {};
  options->size = sizeof(nearlite_options);
  options->m = defaults.m;
  options->ef_construction = defaults.ef_construction;
  options->create = 1;
  options->busy_timeout_ms = 5000;
}

nearlite_code nearlite_store_open(const char* path, const nearlite_options* options,
                                  nearlite_store** store) noexcept {
  return c_api::guard([&]() -> Status {
    if (store != nullptr) *store = nullptr;
    if (!c_api::all(path, store)) return c_api::missing("path or store");
    nearlite::StoreOptions made;
    const Status status = c_api::store_options(options, made);
    return status.ok() ? c_api::give(nearlite::VectorStore::open(path, made), store) : status;
  });
}

nearlite_code nearlite_store_get_or_build(const char* path, const char* table, const char* column,
                                          const nearlite_options* options,
                                          nearlite_progress progress, void* user,
                                          nearlite_store** store) noexcept {
  return c_api::guard([&]() -> Status {
    if (store != nullptr) *store = nullptr;
    if (!c_api::all(path, table, column, store)) return c_api::missing("an argument");
    nearlite::StoreOptions made;
    const Status status = c_api::store_options(options, made);
    if (!status.ok()) return status;
    return c_api::give(nearlite::VectorStore::get_or_build(path, table, column, made,
                                                           c_api::watch_of(progress, user)),
                       store);
  });
}

nearlite_code nearlite_store_close(nearlite_store* store) noexcept {
  return c_api::guard(
      [&] { return store != nullptr ? store->store.close() : c_api::missing("store"); });
}

void nearlite_store_free(nearlite_store* store) noexcept {
  c_api::guard([&] {
    delete store;
    return Status();
  });
}

nearlite_code nearlite_store_save(nearlite_store* store, const char* path,
                                  nearlite_progress progress, void* user) noexcept {
  return c_api::guard([&]() -> Status {
    if (!c_api::all(store, path)) return c_api::missing("store or path");
    return store->store.save(path, c_api::watch_of(progress, user));
  });
}

int32_t nearlite_store_dim(const nearlite_store* store) noexcept {
  return store != nullptr ? store->store.dim() : 0;
}

nearlite_code nearlite_store_size(nearlite_store* store, uint64_t* size) noexcept {
  return c_api::guard([&]() -> Status {
    if (!c_api::all(store, size)) return c_api::missing("store or size");
    const auto count = store->store.size();
    if (count.ok()) *size = *count;
    return count.status();
  });
}

nearlite_code nearlite_store_insert(nearlite_store* store, const int64_t* ids, const float* vectors,
                                    size_t count) noexcept {
  return c_api::guard([&]() -> Status {
    if (store == nullptr || (count != 0 && !c_api::all(ids, vectors)))
      return c_api::missing("store, ids or vectors");
    std::span<const float> all;
    const Status status = c_api::vectors_of(*store, vectors, count, all);
    return status.ok() ? store->store.insert(c_api::ids_of(ids, count), all) : status;
  });
}

nearlite_code nearlite_store_upsert(nearlite_store* store, const int64_t* ids, const float* vectors,
                                    size_t count) noexcept {
  return c_api::guard([&]() -> Status {
    if (store == nullptr || (count != 0 && !c_api::all(ids, vectors)))
      return c_api::missing("store, ids or vectors");
    std::span<const float> all;
    const Status status = c_api::vectors_of(*store, vectors, count, all);
    return status.ok() ? store->store.upsert(c_api::ids_of(ids, count), all) : status;
  });
}

nearlite_code nearlite_store_erase(nearlite_store* store, const int64_t* ids, size_t count,
                                   size_t* erased) noexcept {
  return c_api::guard([&]() -> Status {
    if (store == nullptr || (count != 0 && ids == nullptr)) return c_api::missing("store or ids");
    const auto found = store->store.erase(c_api::ids_of(ids, count));
    if (found.ok() && erased != nullptr) *erased = *found;
    return found.status();
  });
}

nearlite_code nearlite_store_build(nearlite_store* store, nearlite_source source, void* source_user,
                                   uint64_t total, nearlite_progress progress, void* progress_user,
                                   uint64_t* added) noexcept {
  return c_api::guard([&]() -> Status {
    if (store == nullptr || source == nullptr) return c_api::missing("store or source");
    const auto rows = [&](std::int64_t& id, std::span<float> vector) -> Result<bool> {
      const int answer = source(source_user, &id, vector.data());
      if (answer >= 0) return answer != 0;
      return Status(Code::kInterrupted, "nearlite: the source of rows gave up");
    };
    const auto count = store->store.build(rows, total, c_api::watch_of(progress, progress_user));
    if (count.ok() && added != nullptr) *added = *count;
    return count.status();
  });
}

nearlite_code nearlite_store_contains(nearlite_store* store, int64_t id, int32_t* found) noexcept {
  return c_api::guard([&]() -> Status {
    if (!c_api::all(store, found)) return c_api::missing("store or found");
    const auto is_there = store->store.contains(id);
    if (is_there.ok()) *found = *is_there ? 1 : 0;
    return is_there.status();
  });
}

nearlite_code nearlite_store_get(nearlite_store* store, int64_t id, float* vector) noexcept {
  return c_api::guard([&]() -> Status {
    if (!c_api::all(store, vector)) return c_api::missing("store or vector");
    return store->store.get(id, {vector, static_cast<std::size_t>(store->store.dim())});
  });
}

nearlite_code nearlite_store_for_each(nearlite_store* store, nearlite_sink sink,
                                      void* user) noexcept {
  return c_api::guard([&]() -> Status {
    if (store == nullptr || sink == nullptr) return c_api::missing("store or sink");
    return store->store.for_each([&](std::int64_t id, std::span<const float> vector) {
      return sink(user, id, vector.data()) == 0;
    });
  });
}

nearlite_code nearlite_store_search(nearlite_store* store, const float* query, size_t k,
                                    const nearlite_search_options* options, nearlite_hit* hits,
                                    size_t* found) noexcept {
  return c_api::guard([&]() -> Status {
    if (!c_api::all(store, query, found) || (k != 0 && hits == nullptr))
      return c_api::missing("store, query, hits or found");
    *found = 0;
    std::int64_t wanted = 0;
    const Status status = c_api::check_k(k, wanted);
    if (!status.ok()) return status;
    const auto answer =
        store->store.search(std::span(query, static_cast<std::size_t>(store->store.dim())), wanted,
                            c_api::search_options(options));
    if (!answer.ok()) return answer.status();
    c_api::copy(*answer, hits, k);
    *found = answer->size();
    return {};
  });
}

nearlite_code nearlite_store_search_batch(nearlite_store* store, const float* queries,
                                          size_t query_count, size_t k, int32_t thread_count,
                                          const nearlite_search_options* options,
                                          nearlite_hit* hits, size_t* found) noexcept {
  return c_api::guard([&]() -> Status {
    if (store == nullptr || (query_count != 0 && !c_api::all(queries, found)) ||
        (k != 0 && query_count != 0 && hits == nullptr))
      return c_api::missing("store, queries, hits or found");
    std::span<const float> all;
    std::int64_t wanted = 0;
    Status status = c_api::vectors_of(*store, queries, query_count, all);
    if (status.ok()) status = c_api::check_k(k, wanted);
    if (!status.ok()) return status;
    const auto answers =
        store->store.search_batch(all, wanted, thread_count, c_api::search_options(options));
    if (!answers.ok()) return answers.status();
    for (std::size_t i = 0; i < answers->size(); ++i) {
      c_api::copy((*answers)[i], hits + i * k, k);
      found[i] = (*answers)[i].size();
    }
    return {};
  });
}

nearlite_code nearlite_store_search_range(nearlite_store* store, const float* query, double radius,
                                          const nearlite_search_options* options,
                                          nearlite_hit* hits, size_t capacity,
                                          size_t* found) noexcept {
  return c_api::guard([&]() -> Status {
    if (!c_api::all(store, query, found) || (capacity != 0 && hits == nullptr))
      return c_api::missing("store, query, hits or found");
    const auto answer =
        store->store.search_range(std::span(query, static_cast<std::size_t>(store->store.dim())),
                                  radius, c_api::search_options(options));
    if (!answer.ok()) return answer.status();
    c_api::copy(*answer, hits, capacity);
    *found = answer->size();
    return {};
  });
}

nearlite_code nearlite_store_set_sync(nearlite_store* store, nearlite_sync sync,
                                      uint32_t n) noexcept {
  return c_api::guard([&]() -> Status {
    if (store == nullptr) return c_api::missing("store");
    // Out of range: Index refuses it.
    const auto kind = static_cast<unsigned>(sync) > 255U ? 255U : static_cast<unsigned>(sync);
    return store->store.set_sync_mode({static_cast<nearlite::SyncMode::Kind>(kind), n});
  });
}

nearlite_code nearlite_store_flush(nearlite_store* store) noexcept {
  return c_api::guard(
      [&] { return store != nullptr ? store->store.flush() : c_api::missing("store"); });
}

nearlite_code nearlite_store_upkeep(nearlite_store* store, nearlite_upkeep what,
                                    nearlite_progress progress, void* user) noexcept {
  return c_api::guard([&]() -> Status {
    if (store == nullptr) return c_api::missing("store");
    const nearlite::Watch watch = c_api::watch_of(progress, user);
    switch (what) {
      case NEARLITE_OPTIMIZE: return store->store.optimize(watch);
      case NEARLITE_COMPACT: return store->store.compact(watch);
      case NEARLITE_REPAIR: return store->store.repair(watch);
      case NEARLITE_REBUILD: return store->store.rebuild(watch);
    }
    return Status(Code::kInvalidArgument, "nearlite: unknown kind of upkeep");
  });
}

nearlite_code nearlite_store_check(nearlite_store* store) noexcept {
  return c_api::guard([&]() -> Status {
    if (store == nullptr) return c_api::missing("store");
    const auto problems = store->store.check();
    if (!problems.ok() || problems->empty()) return problems.status();
    std::string text;
    for (const std::string& problem : *problems) text += (text.empty() ? "" : "\n") + problem;
    return Status(Code::kCorruption, text);
  });
}

nearlite_code nearlite_store_execute(nearlite_store* store, const char* sql) noexcept {
  return c_api::guard([&]() -> Status {
    if (!c_api::all(store, sql)) return c_api::missing("store or sql");
    return store->store.with_database(
        [&](nearlite::Database& database) { return database.execute(sql); });
  });
}

}  // extern "C"
