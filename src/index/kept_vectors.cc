#include "index/kept_vectors.h"

#include <algorithm>

namespace nearlite {

namespace {

// What a vector takes; short ones have a cache line, too, so that places are not many.
std::size_t stride_for(std::size_t vector_bytes) noexcept {
  return (vector_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

bool KeptVectors::suits(std::uint64_t row_count, std::size_t vector_bytes,
                        std::uint64_t bytes_max) noexcept {
  if (vector_bytes == 0) return false;
  const std::uint64_t place_count = bytes_max / stride_for(vector_bytes);
  return place_count > 0 && row_count <= place_count;
}

KeptVectors::KeptVectors(std::size_t vector_bytes, std::uint64_t bytes_max)
    : vector_bytes_(vector_bytes),
      stride_(stride_for(vector_bytes)),
      place_count_(static_cast<std::size_t>(bytes_max / stride_)),
      chunks_(new std::atomic<Chunk*>[(place_count_ + kChunkPlaces - 1) / kChunkPlaces]()) {}

KeptVectors::~KeptVectors() {
  for (std::size_t first = 0; first < place_count_; first += kChunkPlaces)
    delete chunks_[first / kChunkPlaces].load(std::memory_order_relaxed);
}

std::size_t KeptVectors::memory_bytes() const noexcept {
  const std::size_t per_chunk = sizeof(Chunk) + kChunkPlaces * stride_;
  return chunk_count_.load(std::memory_order_relaxed) * per_chunk;
}

KeptVectors::Reading::Reading(Place& what) noexcept : place(what) {
  std::int32_t before = place.users.load(std::memory_order_relaxed);
  while (before >= 0 && !is_begun) {
    is_begun = place.users.compare_exchange_weak(before, before + 1, std::memory_order_acquire,
                                                 std::memory_order_relaxed);
  }
}

void KeptVectors::expect(NodeId id, LinesAhead& lines) const {
  const Chunk* const chunk = chunk_of(id);
  if (chunk == nullptr) return;
  __builtin_prefetch(&chunk->places[slot_of(id)], 1, 3);
  lines.add(bytes_of(*chunk, id), vector_bytes_);
}

// Null when there is no memory.
KeptVectors::Chunk* KeptVectors::make_chunk(NodeId id) noexcept {
  std::unique_ptr<Chunk> made(new (std::nothrow) Chunk);
  if (!made) return nullptr;
  made->vectors.reset(static_cast<std::byte*>(
      ::operator new (kChunkPlaces* stride_, std::align_val_t{kAlignment}, std::nothrow)));
  if (!made->vectors) return nullptr;
  Chunk* other = nullptr;
  if (!chunks_[chunk_index(id)].compare_exchange_strong(other, made.get(),
                                                        std::memory_order_acq_rel)) {
    return other;  // another thread was faster
  }
  chunk_count_.fetch_add(1, std::memory_order_relaxed);
  return made.release();
}

void KeptVectors::keep(const KnownVector& known, std::span<const std::byte> bytes) noexcept {
  Chunk* chunk = chunk_of(known.id);
  if (chunk == nullptr) chunk = make_chunk(known.id);
  if (chunk == nullptr) return;
  Place& place = chunk->places[slot_of(known.id)];
  std::int32_t nobody = 0;
  if (!place.users.compare_exchange_strong(nobody, -1, std::memory_order_acquire,
                                           std::memory_order_relaxed)) {
    return;
  }
  place.hash = known.hash;
  std::copy(bytes.begin(), bytes.end(), bytes_of(*chunk, known.id));
  place.users.store(0, std::memory_order_release);
}

}  // namespace nearlite
