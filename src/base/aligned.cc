#include "base/aligned.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace nearlite {
namespace {

// Below two huge pages there is little to gain, and a buffer that is touched sparsely would cost
// more memory.
[[maybe_unused]] constexpr std::size_t kHugeBytesMin = std::size_t{4} << 20;
// calloc() is no way to lazy pages: glibc reuses blocks that were freed, and clears them by hand.
[[maybe_unused]] constexpr std::size_t kLazyBytesMin = std::size_t{128} << 10;

[[maybe_unused]] constexpr std::uintptr_t kHugePage = std::size_t{2} << 20;

#if defined(__linux__) && !defined(MADV_COLLAPSE)
#define MADV_COLLAPSE 25  // since Linux 6.1
#endif

}  // namespace

Status AlignedBuffer::allocate(std::size_t bytes, Pages pages) {
  reset();
  if (bytes == 0) return {};
#if defined(__linux__)
  const bool is_huge = pages == Pages::kHuge && bytes >= kHugeBytesMin;
  const bool is_lazy = pages == Pages::kLazy || pages == Pages::kSmall;
  if (is_huge || (is_lazy && bytes >= kLazyBytesMin)) {
    void* mapping =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping != MAP_FAILED) {
      // Advice: where the system has no huge pages the memory works all the same.
      if (is_huge) static_cast<void>(::madvise(mapping, bytes, MADV_HUGEPAGE));
      small_ = pages == Pages::kSmall;
      if (small_) static_cast<void>(::madvise(mapping, bytes, MADV_NOHUGEPAGE));
      data_ = static_cast<std::byte*>(mapping);
      bytes_ = bytes;
      mapped_ = true;
      return {};
    }
  }
#else
  static_cast<void>(pages);
#endif
  void* memory = ::operator new (bytes, std::align_val_t{kAlignment}, std::nothrow);
  if (memory == nullptr) {
    return Status(Code::kNoMemory, "cannot allocate " + std::to_string(bytes) + " bytes");
  }
  std::memset(memory, 0, bytes);
  data_ = static_cast<std::byte*>(memory);
  bytes_ = bytes;
  return {};
}

void AlignedBuffer::make_huge(std::size_t first, std::size_t last) noexcept {
#if defined(__linux__)
  if (!small_ || bytes_ < kHugeBytesMin || first >= last) return;
  const auto address = reinterpret_cast<std::uintptr_t>(data_);
  // Huge pages that lie in the buffer altogether.
  const std::uintptr_t begin = std::max((address + first) & ~(kHugePage - 1),
                                        (address + kHugePage - 1) & ~(kHugePage - 1));
  const std::uintptr_t end = std::min((address + last + kHugePage - 1) & ~(kHugePage - 1),
                                      (address + bytes_) & ~(kHugePage - 1));
  if (begin >= end) return;
  void* const pages = reinterpret_cast<void*>(begin);
  if (::madvise(pages, end - begin, MADV_HUGEPAGE) == 0)
    static_cast<void>(::madvise(pages, end - begin, MADV_COLLAPSE));
#else
  static_cast<void>(first), static_cast<void>(last);
#endif
}

void AlignedBuffer::reset() noexcept {
#if defined(__linux__)
  if (mapped_) {
    ::munmap(data_, bytes_);
    data_ = nullptr;
  }
#endif
  if (data_ != nullptr) ::operator delete (data_, std::align_val_t{kAlignment});
  data_ = nullptr;
  bytes_ = 0;
  mapped_ = false;
  small_ = false;
}

}  // namespace nearlite
