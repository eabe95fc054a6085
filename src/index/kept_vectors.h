// The stored vectors of a small index in memory, each kept when it is first read.
//
// A search that shows distances reads ten vectors. In an index of a few thousand rows that takes
// longer than finding them; in a large one the memory would be as much as everything else together,
// so nothing is kept there.
//
// A place belongs to many ids, and the last one read has it. INVARIANT D6. What is found is told by
// the hash of its bytes, as everywhere where a vector is not read through SQLite: whoever kept it,
// in whatever snapshot, it is the vector wanted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include "base/aligned.h"
#include "base/lines_ahead.h"
#include "graph/types.h"
#include "storage/store.h"

namespace nearlite {

/// Threads: any.
class KeptVectors {
 public:
  /// Whether that many vectors have a place in `bytes_max` of memory.
  [[nodiscard]] static bool suits(std::uint64_t row_count, std::size_t vector_bytes,
                                  std::uint64_t bytes_max) noexcept;

  /// REQUIRES: suits(1, vector_bytes, bytes_max). Throws std::bad_alloc.
  KeptVectors(std::size_t vector_bytes, std::uint64_t bytes_max);
  ~KeptVectors();
  KeptVectors(const KeptVectors&) = delete;
  KeptVectors& operator=(const KeptVectors&) = delete;

  [[nodiscard]] std::size_t vector_bytes() const noexcept { return vector_bytes_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

  /// This one will be looked for soon: adds where it lies to `lines`.
  void expect(NodeId id, LinesAhead& lines) const;
  /// Calls `visit` with the bytes of a vector that is kept, which live during the call only. False:
  /// it is not, or another thread is just writing there.
  template <class Visit>
  bool find(const KnownVector& wanted, const Visit& visit) {
    Chunk* const chunk = chunk_of(wanted.id);
    if (chunk == nullptr) return false;
    const Reading reading(chunk->places[slot_of(wanted.id)]);
    if (!reading.is_begun || reading.place.hash != wanted.hash) return false;
    visit(std::span<const std::byte>(bytes_of(*chunk, wanted.id), vector_bytes_));
    return true;
  }
  /// Keeps a copy, unless there is no memory or somebody is just reading what would make way.
  /// REQUIRES: hash64(bytes) == known.hash, not 0, and vector_bytes() of them.
  void keep(const KnownVector& known, std::span<const std::byte> bytes) noexcept;

 private:
  struct Place {
    std::atomic<std::int32_t> users{0};  ///< readers; -1: a writer
    std::uint64_t hash = 0;              ///< 0: nothing is kept
  };
  struct Reading {
    explicit Reading(Place& what) noexcept;
    ~Reading() {
      if (is_begun) place.users.fetch_sub(1, std::memory_order_release);
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

    Place& place;
    bool is_begun = false;  ///< false: a writer is there
  };
  struct Free {
    void operator()(std::byte* bytes) const noexcept {
      ::operator delete (bytes, std::align_val_t{kAlignment});
    }
  };
  static constexpr std::size_t kChunkPlaces = 64;
  struct Chunk {
    Place places[kChunkPlaces];
    std::unique_ptr<std::byte, Free> vectors;
  };

  [[nodiscard]] std::size_t chunk_index(NodeId id) const noexcept {
    return id % place_count_ / kChunkPlaces;
  }
  [[nodiscard]] std::size_t slot_of(NodeId id) const noexcept {
    return id % place_count_ % kChunkPlaces;
  }
  [[nodiscard]] Chunk* chunk_of(NodeId id) const noexcept {
    return chunks_[chunk_index(id)].load(std::memory_order_acquire);
  }
  [[nodiscard]] std::byte* bytes_of(const Chunk& chunk, NodeId id) const noexcept {
    return chunk.vectors.get() + slot_of(id) * stride_;
  }
  Chunk* make_chunk(NodeId id) noexcept;

  std::size_t vector_bytes_;
  std::size_t stride_;  ///< of a vector: whole cache lines
  std::size_t place_count_;
  std::atomic<std::size_t> chunk_count_{0};
  std::unique_ptr<std::atomic<Chunk*>[]> chunks_;  ///< null: nothing was kept there yet
};

}  // namespace nearlite
