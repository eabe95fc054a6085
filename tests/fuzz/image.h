// A database out of bytes, which may be anything.
#pragma once

#include <cstring>
#include <memory>
#include <span>

#include "support/database.h"

namespace nearlite::test {

// A statement of a hostile schema may run for long by itself: the host's limit, as one would set
// it.
inline int too_long(void* budget) { return --*static_cast<int*>(budget) < 0 ? 1 : 0; }

/// The bytes of a database, as Image takes them.
inline Blob serialize(Database& database) {
  sqlite3_int64 size = 0;
  unsigned char* bytes = sqlite3_serialize(database.handle(), "main", &size, 0);
  const auto* from = reinterpret_cast<const std::byte*>(bytes);
  Blob copy(from, from + size);
  sqlite3_free(bytes);
  return copy;
}

class Image {
 public:
  explicit Image(std::span<const std::byte> bytes)
      : budget_(std::make_unique<int>(3000)), database_(":memory:") {
    auto* copy = static_cast<unsigned char*>(sqlite3_malloc64(bytes.size()));
    std::memcpy(copy, bytes.data(), bytes.size());
    const auto size = static_cast<sqlite3_int64>(bytes.size());
    sqlite3_deserialize(database_.handle(), "main", copy, size, size,
                        SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
    sqlite3_progress_handler(database_.handle(), 1000, too_long, budget_.get());
  }
  Database& operator*() { return database_; }
  Database* operator->() { return &database_; }

 private:
  std::unique_ptr<int> budget_;  // SQLite has its address
  Database database_;
};

}  // namespace nearlite::test
