// Memory on 64-byte boundaries (cache lines, widest registers), zeroed, for codes, lists and
// scratch. A failed allocation is a result, not an exception.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "nearlite/status.h"

namespace nearlite {

inline constexpr std::size_t kAlignment = 64;

enum class Pages : std::uint8_t {
  kDefault = 0,
  kHuge = 1,  ///< ask for huge pages where the buffer is large enough: for memory read at random
  kLazy = 2,  ///< pages that take no memory until they are touched: for buffers used in part
  kSmall = 3,  ///< the same, and never huge ones: what is touched is far apart
};

class AlignedBuffer {
 public:
  AlignedBuffer() noexcept = default;
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        mapped_(std::exchange(other.mapped_, false)),
        small_(std::exchange(other.small_, false)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(mapped_, other.mapped_);
    std::swap(small_, other.small_);
    return *this;
  }
  ~AlignedBuffer() { reset(); }

  /// Frees what it held and allocates `bytes` zero bytes; 0 is allowed. Errors: kNoMemory (then
  /// empty).
  Status allocate(std::size_t bytes, Pages pages = Pages::kDefault);

  /// allocate(), unless `bytes` or more are there already; then the content stays.
  Status reserve(std::size_t bytes) { return bytes <= bytes_ ? Status() : allocate(bytes); }

  /// Asks for huge pages where the bytes from `first` up to `last` lie, whatever is in them: for a
  /// large buffer of Pages::kSmall that is filled more densely from now on. Others stay as they
  /// are.
  void make_huge(std::size_t first, std::size_t last) noexcept;

  void reset() noexcept;

  [[nodiscard]] std::byte* data() noexcept { return data_; }
  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }

  /// The memory as an array of a trivial type.
  template <class T>
  [[nodiscard]] T* as() noexcept {
    return reinterpret_cast<T*>(data_);
  }
  template <class T>
  [[nodiscard]] const T* as() const noexcept {
    return reinterpret_cast<const T*>(data_);
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  bool mapped_ = false;
  bool small_ = false;  // mapped as Pages::kSmall
};

}  // namespace nearlite
