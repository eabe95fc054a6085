/// Nearlite: vector search inside SQLite, exactly as transactional as your rows. Start here.
///
/// Link with `nearlite::nearlite` (CMake) or `pkg-config nearlite`, and include this one header. A
/// whole program, in SQL:
///
/// ```cpp
/// #include <nearlite/nearlite.h>
/// #include <cstdio>
///
/// int main() {
///   auto db = nearlite::Database::open("places.db", {.create = true});
///   if (!db.ok()) return std::puts(db.status().message().c_str());
///   const nearlite::Status status = db->execute(
///       "CREATE VIRTUAL TABLE IF NOT EXISTS places USING hnsw(position float[2] metric=l2);"
///       "INSERT OR REPLACE INTO places(rowid, position)"
///       " VALUES (1, '[52.52, 13.40]'), (2, '[48.86, 2.35]'), (3, '[41.90, 12.50]')");
///   if (!status.ok()) return std::puts(status.message().c_str());
///   auto nearest = db->prepare("SELECT rowid, distance FROM places"
///                              " WHERE position MATCH ?1 AND k = 2 ORDER BY distance");
///   const float brussels[] = {50.85F, 4.35F};
///   nearest.value().bind_vector(1, brussels);
///   while (nearest->step().value()) {
///     std::printf("%lld %.2f\n", static_cast<long long>(nearest->column_int64(0)),
///                 nearest->column_double(1));
///   }
/// }
/// ```
///
/// Without SQL, for any number of threads, the same is a VectorStore (vector_store.h):
///
/// ```cpp
/// nearlite::StoreOptions options;
/// options.index = nearlite::IndexOptions::of(2);
/// auto store = nearlite::VectorStore::open("places.vectors", options).value();
/// const float berlin[] = {52.52F, 13.40F}, brussels[] = {50.85F, 4.35F};
/// nearlite::Status status = store.upsert(1, berlin);
/// auto hits = store.search(brussels, 2, {}).value();
/// ```
///
/// | Header | For |
/// |---|---|
/// | vector_store.h | vectors in a file, shared by threads; get-or-build over a table's column |
/// | index.h | one vector column of a database: rows, searches, batches, sync modes, upkeep |
/// | database.h, transaction.h | connections, statements, transactions |
/// | options.h, status.h | choices and their defaults; failures |
/// | nearlite_c.h | the same for other languages, in plain C; not included here |
///
/// docs/cpp.md shows all of it, docs/sql.md is the reference of the SQL underneath. Failures come
/// back as Status and Result; `.value()` throws for programs that like exceptions better.
#pragma once

#include <string_view>

#include "nearlite/database.h"
#include "nearlite/index.h"
#include "nearlite/options.h"
#include "nearlite/status.h"
#include "nearlite/transaction.h"
#include "nearlite/vector_store.h"

namespace nearlite {

/// Tells the version of the library that is linked, as `nearlite_version()` does in SQL.
[[nodiscard]] std::string_view version() noexcept;

}  // namespace nearlite
