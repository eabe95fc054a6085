// How many vectors go into one blob of <table>_vectors: arithmetic of SQLite's pages (file format,
// section 1.6).
//
// A blob of P bytes keeps a local part in its leaf page and the rest in overflow pages of page_size
// - 4 bytes each; a leaf may hold the local parts of several rows. Single vectors per row leave up
// to a third of the pages empty.
#include <algorithm>

#include "storage/records.h"

namespace nearlite {
namespace {

// Small blocks are better to read: SQLite follows the chain of overflow pages from the first one,
// so a vector at the end of a long block costs a page read for each page before it (measured: with
// 20 KiB blocks these reads were half of a search's time). Hence the smallest block whose pages are
// nearly full.
constexpr std::uint64_t kBlockBytesMin = 2 * 1024;
constexpr std::uint64_t kBlockBytesMax = 32 * 1024;
// Cost in per mille of the vectors' bytes at which pages count as nearly full.
constexpr std::uint64_t kCostAccepted = 1060;

/// Thousandths of a page that one row with a blob of `bytes` takes.
std::uint64_t page_cost(std::uint64_t bytes, std::uint64_t page_size) noexcept {
  constexpr std::uint64_t kRecordHeaderBytes = 5;  // size, type of the key (NULL), type of the blob
  constexpr std::uint64_t kCellBytes = 3 + 4 + 2;  // payload size, rowid, pointer to the cell
  constexpr std::uint64_t kLeafHeaderBytes = 8;
  const std::uint64_t payload = bytes + kRecordHeaderBytes;
  const std::uint64_t local_max = page_size - 35;
  std::uint64_t local = payload;
  std::uint64_t overflow_pages = 0;
  if (payload > local_max) {
    const std::uint64_t overflow_bytes = page_size - 4;
    const std::uint64_t local_min = (page_size - 12) * 32 / 255 - 23;
    local = local_min + (payload - local_min) % overflow_bytes;
    if (local > local_max) local = local_min;
    overflow_pages = (payload - local + overflow_bytes - 1) / overflow_bytes;
  }
  const std::uint64_t cell = local + kCellBytes + (overflow_pages == 0 ? 0 : 4);
  const std::uint64_t cells_per_leaf =
      std::max<std::uint64_t>(1, (page_size - kLeafHeaderBytes) / cell);
  return overflow_pages * 1000 + 1000 / cells_per_leaf;
}

}  // namespace

VectorLayout choose_vector_layout(std::uint32_t vector_bytes, std::uint32_t page_size) {
  // A page size is a power of two from 512 to 65,536; anything else is treated as the default one.
  const std::uint64_t page = page_size >= 512 && page_size <= 65'536 ? page_size : 4096;
  VectorLayout best{vector_bytes, 1};
  if (vector_bytes == 0) return best;
  // Bytes of pages per thousand bytes of vectors: slot headers, padding and empty parts of pages
  // add.
  const auto cost = [&](const VectorLayout& layout) {
    const std::uint64_t used = page_cost(layout.block_bytes(), page) * page;
    return used / (std::uint64_t{vector_bytes} * layout.capacity);
  };
  bool is_found = false;
  for (VectorLayout layout{vector_bytes, 1}; layout.block_bytes() <= kBlockBytesMax;
       ++layout.capacity) {
    if (layout.block_bytes() < kBlockBytesMin) continue;
    if (!is_found || cost(layout) < cost(best)) best = layout;
    is_found = true;
    if (cost(best) <= kCostAccepted) break;
  }
  return best;
}

}  // namespace nearlite
