// See direct_read.h. Every number from the file is checked before it is followed: the file may be
// anything.
#include "sqlite/direct_read.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "sqlite/handles.h"

namespace nearlite::sqlite {
namespace {

constexpr std::string_view kMagic{"SQLite format 3", 16};
constexpr std::size_t kFileHeaderBytes = 100;
constexpr std::byte kInteriorPage{5};
constexpr std::byte kLeafPage{13};
constexpr unsigned kDepthMax = 20;
// Keys beyond are read through SQLite: a place costs memory.
constexpr std::int64_t kKeyMax = std::int64_t{1} << 26;
// Pieces of a blob on consecutive pages are this far apart at most: a page's pointer to the next
// one, and what is reserved in it.
constexpr std::uint64_t kGapMax = 4 + 255;
// Wrong answers, one after the other, until all is looked up again; and up to which the pauses
// grow.
constexpr unsigned kFailuresToForget = 3;
constexpr unsigned kFailuresMax = 8;

/// Big-endian numbers of a page; beyond its end everything is 0, and ok() turns false.
class PageReader {
 public:
  PageReader(std::span<const std::byte> page, std::size_t at) : page_(page), at_(at) {}

  [[nodiscard]] std::uint32_t number(unsigned bytes) noexcept {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < bytes; ++i) value = value << 8 | byte();
    return value;
  }
  /// SQLite's varint: seven bits a byte, highest first; all eight of a ninth.
  [[nodiscard]] std::uint64_t varint() noexcept {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) {
      const std::uint32_t next = byte();
      value = value << 7 | (next & 0x7F);
      if (next < 0x80) return value;
    }
    return value << 8 | byte();
  }
  [[nodiscard]] bool ok() const noexcept { return is_ok_; }
  [[nodiscard]] std::size_t at() const noexcept { return at_; }

 private:
  std::uint32_t byte() noexcept {
    is_ok_ = is_ok_ && at_ < page_.size();
    return is_ok_ ? static_cast<std::uint32_t>(page_[at_++]) : 0;
  }
  std::span<const std::byte> page_;
  std::size_t at_;
  bool is_ok_ = true;
};

/// Bytes of a record that stay in its leaf (file format, section 1.6).
std::uint64_t local_bytes_of(std::uint64_t payload, std::uint64_t usable) noexcept {
  const std::uint64_t local_max = usable - 35;
  if (payload <= local_max) return payload;
  const std::uint64_t local_min = (usable - 12) * 32 / 255 - 23;
  const std::uint64_t local = local_min + (payload - local_min) % (usable - 4);
  return local <= local_max ? local : local_min;
}

std::uint64_t varint_bytes(std::uint64_t value) noexcept {
  std::uint64_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

}  // namespace

DirectReader::DirectReader(sqlite3* db, std::string schema) : db_(db), schema_(std::move(schema)) {}

void DirectReader::set_table(std::string table, std::uint64_t blob_bytes) {
  table_ = std::move(table);
  blob_bytes_ = blob_bytes;
  forget();
  failures_ = 0;
  paused_ = 0;
}

void DirectReader::forget() noexcept {
  page_size_ = 0;
  root_ = 0;
  places_.clear();
  overflow_.clear();
  announced_.close();  // it may be of another file
}

bool DirectReader::is_known(std::int64_t key) const noexcept {
  return static_cast<std::uint64_t>(key) < places_.size() &&
         places_[static_cast<std::size_t>(key)] != 0;
}

bool DirectReader::begin() {
  file_ = nullptr;
  announced_.drop();
  mapped_lines_.clear();
  const int rc = sqlite3_file_control(db_, schema_.c_str(), SQLITE_FCNTL_FILE_POINTER, &file_);
  if (rc != SQLITE_OK || file_ == nullptr || file_->pMethods == nullptr) return false;
  is_mapped_ = file_->pMethods->iVersion >= 3 && file_->pMethods->xFetch != nullptr;
  return true;
}

void DirectReader::prepare(std::int64_t key, std::uint64_t offset) const noexcept {
  if (key < 0 || static_cast<std::uint64_t>(key) >= places_.size()) return;
  const auto slot = static_cast<std::size_t>(key);
  __builtin_prefetch(&places_[slot]);
  const std::uint64_t from = header_bytes_ + offset;
  const std::uint64_t page = from < local_bytes_ ? 0 : (from - local_bytes_) / (usable_ - 4);
  if (page < overflow_count_) __builtin_prefetch(&overflow_[slot * overflow_count_ + page]);
}

// A wrong place costs nothing: reading decides.
void DirectReader::expect(std::int64_t key, std::uint64_t offset, std::size_t size) {
  if (paused_ > 0 || key < 0 || !is_known(key) || offset + size > blob_bytes_) return;
  const auto is_ready = [&] { return announced_.is_ready(db_, schema_, file_, right_count_); };
  if (!is_mapped_ && !is_ready()) return;
  if (!locate(key, header_bytes_ + offset, size) || prefetch_mapped()) return;
  if (is_ready()) announced_.add(key, offset, extents_);
}

// Through SQLite's own mapping; false: it has none there.
bool DirectReader::prefetch_mapped() {
  if (!is_mapped_) return false;
  for (const Extent& piece : extents_) {
    const auto at = static_cast<sqlite3_int64>(piece.at);
    void* mapped = nullptr;
    const int rc = file_->pMethods->xFetch(file_, at, static_cast<int>(piece.size), &mapped);
    is_mapped_ = rc == SQLITE_OK && mapped != nullptr;
    if (!is_mapped_) return false;
    mapped_lines_.add(static_cast<const std::byte*>(mapped), piece.size);
    file_->pMethods->xUnfetch(file_, at, mapped);
  }
  return true;
}

bool DirectReader::read_file(std::uint64_t at, std::span<std::byte> out) {
  return file_->pMethods->xRead(file_, out.data(), static_cast<int>(out.size()),
                                static_cast<sqlite3_int64>(at)) == SQLITE_OK;
}

bool DirectReader::read_page(std::uint32_t page) {
  return page > 0 && read_file(start_of(page), page_);
}

// Page size and what follows from it. Also asks who reads: a VFS on top of the system's own may
// keep something else in the file.
bool DirectReader::read_header() {
  char* name = nullptr;
  sqlite3_file_control(db_, schema_.c_str(), SQLITE_FCNTL_VFSNAME, &name);
  const std::string_view vfs = name == nullptr ? "" : name;
  const bool is_plain = (vfs.starts_with("unix") || vfs.starts_with("win32")) &&
                        vfs.find('/') == std::string_view::npos;
  sqlite3_free(name);
  std::array<std::byte, kFileHeaderBytes> header{};
  if (!is_plain || !read_file(0, header)) return false;
  if (std::memcmp(header.data(), kMagic.data(), kMagic.size()) != 0) return false;
  PageReader reader(header, kMagic.size());
  const std::uint32_t written = reader.number(2);
  const std::uint32_t page_size = written == 1 ? 65'536 : written;
  if (page_size < 512 || (page_size & (page_size - 1)) != 0) return false;
  const auto reserved = static_cast<std::uint32_t>(header[20]);
  if (page_size - reserved < 480) return false;
  usable_ = page_size - reserved;
  // The record's header: its own size, the key's type (NULL), the type of the blob.
  header_bytes_ = 2 + varint_bytes(2 * blob_bytes_ + 12);
  const std::uint64_t payload = header_bytes_ + blob_bytes_;
  local_bytes_ = local_bytes_of(payload, usable_);
  overflow_count_ = (payload - local_bytes_ + usable_ - 5) / (usable_ - 4);
  page_.resize(page_size);
  page_size_ = page_size;
  return true;
}

bool DirectReader::find_root() {
  auto find = Statement::prepare(db_,
                                 "SELECT rootpage FROM " + quote_identifier(schema_) +
                                     ".sqlite_master WHERE type = 'table' AND name = ?1",
                                 table_);
  if (!find.ok()) return false;
  StatementUse use = find->use();
  const auto has_row = use.bind_text(1, table_).step();
  if (!has_row.ok() || !*has_row) return false;
  root_ = static_cast<std::uint32_t>(use.column_int64(0));
  return root_ > 1;
}

// Descends to the leaf that should hold `key`.
bool DirectReader::find(std::int64_t key) {
  if (page_size_ == 0 && !read_header()) return false;
  if (root_ == 0 && !find_root()) return false;
  std::uint32_t page = root_;
  for (unsigned depth = 0; depth < kDepthMax; ++depth) {
    if (!read_page(page)) return false;
    if (page_[0] == kLeafPage) return learn_leaf(page, key) && is_known(key);
    if (page_[0] != kInteriorPage) return false;
    PageReader header(page_, 3);
    const std::uint32_t cell_count = header.number(2);
    page = PageReader(page_, 8).number(4);  // behind the last key
    std::uint32_t low = 0;
    for (std::uint32_t high = cell_count; low < high;) {
      const std::uint32_t middle = (low + high) / 2;
      PageReader cell(page_, PageReader(page_, 12 + std::size_t{2} * middle).number(2));
      const std::uint32_t child = cell.number(4);
      const auto last_key = static_cast<std::int64_t>(cell.varint());
      if (!cell.ok()) return false;
      if (key <= last_key) {
        page = child;
        high = middle;
      } else {
        low = middle + 1;
      }
    }
  }
  return false;
}

// Remembers the rows of the leaf in page_, of which neighbours are often asked for next: those near
// `wanted`, for a number in a page must not decide how much memory is taken.
bool DirectReader::learn_leaf(std::uint32_t page, std::int64_t wanted) {
  const std::uint32_t cell_count = PageReader(page_, 3).number(2);
  for (std::uint32_t i = 0; i < cell_count; ++i) {
    PageReader pointer(page_, 8 + std::size_t{2} * i);
    PageReader cell(page_, pointer.number(2));
    const std::uint64_t payload = cell.varint();
    const auto key = static_cast<std::int64_t>(cell.varint());
    if (!pointer.ok() || !cell.ok()) return false;
    const std::size_t begin = cell.at();
    const std::size_t local_end = begin + local_bytes_;
    const bool is_ours = payload == header_bytes_ + blob_bytes_ && key >= 0 &&
                         key <= wanted + cell_count &&
                         local_end + (overflow_count_ > 0 ? 4 : 0) <= usable_;
    if (!is_ours) continue;
    const auto slot = static_cast<std::size_t>(key);
    if (slot >= places_.size()) {
      // In this order: without memory for the second, the first is merely larger than it must be.
      const std::size_t size = slot + slot / 2 + 1;
      overflow_.resize(size * overflow_count_);
      places_.resize(size);
    }
    places_[slot] = start_of(page) + begin;
    if (overflow_count_ > 0) {
      std::fill_n(overflow_.begin() + static_cast<std::ptrdiff_t>(slot * overflow_count_),
                  overflow_count_, 0);
      overflow_[slot * overflow_count_] = PageReader(page_, local_end).number(4);
    }
  }
  return true;
}

// The number of an overflow page, 0 if it is not to be had. Each page begins with the number of the
// next.
std::uint32_t DirectReader::overflow_page(std::int64_t key, std::uint64_t index) {
  std::uint32_t* const pages = &overflow_[static_cast<std::size_t>(key) * overflow_count_];
  for (std::uint64_t i = 1; i <= index; ++i) {
    if (pages[i] != 0 || pages[i - 1] == 0) continue;
    std::array<std::byte, 4> next{};
    if (!read_file(start_of(pages[i - 1]), next)) return 0;
    pages[i] = PageReader(next, 0).number(4);
  }
  return pages[index];
}

// The pieces of the file that hold bytes [from, from + size) of a record.
bool DirectReader::locate(std::int64_t key, std::uint64_t from, std::size_t size) {
  extents_.clear();
  while (size > 0) {
    Extent piece{};
    if (from < local_bytes_) {
      piece = {places_[static_cast<std::size_t>(key)] + from, local_bytes_ - from};
    } else {
      const std::uint64_t room = usable_ - 4;
      const std::uint32_t page = overflow_page(key, (from - local_bytes_) / room);
      if (page == 0) return false;
      const std::uint64_t on_page = (from - local_bytes_) % room;
      piece = {start_of(page) + 4 + on_page, room - on_page};
    }
    piece.size = std::min<std::uint64_t>(piece.size, size);
    extents_.push_back(piece);
    from += piece.size;
    size -= piece.size;
  }
  return true;
}

std::span<const std::byte> DirectReader::read(std::int64_t key, std::uint64_t offset,
                                              std::span<std::byte> buffer) {
  if (paused_ > 0) {
    --paused_;
    return {};
  }
  if (key < 0 || key >= kKeyMax || offset + buffer.size() > blob_bytes_) return {};
  mapped_lines_.fetch();
  const std::span<const std::byte> copied =
      announced_.take(key, offset, buffer.size(), right_count_);
  if (!copied.empty()) return copied;
  const bool is_found = (is_known(key) || find(key)) &&
                        locate(key, header_bytes_ + offset, buffer.size()) && read_extents(buffer);
  if (is_found) return buffer;
  report(key, false);
  return {};
}

// One read for pieces on consecutive pages: a call costs more than the bytes between them.
bool DirectReader::read_extents(std::span<std::byte> out) {
  for (std::size_t first = 0; first < extents_.size();) {
    const std::uint64_t begin = extents_[first].at;
    std::uint64_t end = begin + extents_[first].size;
    std::size_t last = first + 1;
    for (; last < extents_.size(); ++last) {
      const Extent& next = extents_[last];
      if (next.at < end || next.at - end > kGapMax) break;
      end = next.at + next.size;
    }
    const bool is_single = last == first + 1;
    if (!is_single) joined_.resize(end - begin);
    const std::span<std::byte> target = is_single ? out.first(end - begin) : std::span(joined_);
    if (!read_file(begin, target)) return false;
    for (; first < last; ++first) {
      const Extent& piece = extents_[first];
      if (!is_single) std::memcpy(out.data(), joined_.data() + (piece.at - begin), piece.size);
      out = out.subspan(piece.size);
    }
  }
  return true;
}

void DirectReader::report(std::int64_t key, bool is_right) noexcept {
  if (is_right) {
    ++right_count_;
    failures_ = 0;
    return;
  }
  if (is_known(key)) places_[static_cast<std::size_t>(key)] = 0;
  failures_ = std::min(failures_ + 1, kFailuresMax);
  // The table may have moved as a whole: after VACUUM, say.
  if (failures_ >= kFailuresToForget) forget();
  paused_ = std::uint64_t{1} << (2 * failures_ - 2);  // 1, 4, 16, … 16,384
}

}  // namespace nearlite::sqlite
