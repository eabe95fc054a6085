// See mapped_copy.h.
#include "sqlite/mapped_copy.h"

#include <algorithm>
#include <array>
#include <string_view>

#if defined(__linux__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>
#endif

namespace nearlite::sqlite {

#if defined(__linux__) && defined(MFD_ALLOW_SEALING)

namespace {

// SQLite keeps its own reads away from the last bytes of a mapping; a file may also grow or shrink
// between two questions about its length.
constexpr std::uint64_t kSlack = 4'096;

}  // namespace

bool MappedCopy::open(sqlite3* db, const char* schema, std::uint64_t bytes_max) {
  close();
  if (open_file(db, schema) && map(bytes_max) && open_target()) return true;
  close();
  return false;
}

bool MappedCopy::open_file(sqlite3* db, const char* schema) {
  const char* const name = sqlite3_db_filename(db, schema);
  sqlite3_vfs* vfs = nullptr;
  if (name == nullptr || *name == '\0') return false;
  if (sqlite3_file_control(db, schema, SQLITE_FCNTL_VFS_POINTER, &vfs) != SQLITE_OK) return false;
  if (vfs == nullptr || std::string_view(vfs->zName) != "unix") return false;
  if (sqlite3_uri_boolean(name, "nolock", 0) != 0 || sqlite3_uri_boolean(name, "immutable", 0) != 0)
    return false;
  file_memory_ = std::make_unique<std::byte[]>(static_cast<std::size_t>(vfs->szOsFile));
  file_ = reinterpret_cast<sqlite3_file*>(file_memory_.get());
  int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB;
  return vfs->xOpen(vfs, name, file_, flags, &flags) == SQLITE_OK && file_->pMethods != nullptr &&
         file_->pMethods->iVersion >= 3 && file_->pMethods->xFetch != nullptr;
}

// SQLite maps a file when somebody fetches of it, up to the limit of the handle.
bool MappedCopy::map(std::uint64_t bytes_max) noexcept {
  const sqlite3_io_methods& methods = *file_->pMethods;
  sqlite3_int64 limit = static_cast<sqlite3_int64>(std::min<std::uint64_t>(bytes_max, INT64_MAX));
  if (methods.xFileControl(file_, SQLITE_FCNTL_MMAP_SIZE, &limit) != SQLITE_OK) return false;
  limit = -1;
  if (methods.xFileControl(file_, SQLITE_FCNTL_MMAP_SIZE, &limit) != SQLITE_OK) return false;
  sqlite3_int64 size = 0;
  if (methods.xFileSize(file_, &size) != SQLITE_OK) return false;
  const auto mapped = static_cast<std::uint64_t>(std::max<sqlite3_int64>(std::min(size, limit), 0));
  if (mapped <= kSlack) return false;
  const std::uint64_t bytes = mapped - kSlack;
  const auto last_at = static_cast<sqlite3_int64>(bytes - 1);
  void* first = nullptr;
  void* last = nullptr;
  if (methods.xFetch(file_, 0, 1, &first) != SQLITE_OK) first = nullptr;
  if (methods.xFetch(file_, last_at, 1, &last) != SQLITE_OK) last = nullptr;
  if (first != nullptr) methods.xUnfetch(file_, 0, first);
  if (last != nullptr) methods.xUnfetch(file_, last_at, last);
  if (first == nullptr || last != static_cast<std::byte*>(first) + (bytes - 1)) return false;
  // Vectors are anywhere: without this a page that is not in memory yet would bring its neighbours.
  static_cast<void>(::madvise(first, bytes, MADV_RANDOM));
  mapping_ = static_cast<const std::byte*>(first);
  bytes_ = bytes;
  return true;
}

// Sealed, for nobody can cut off what cannot shrink.
bool MappedCopy::open_target() noexcept {
  target_descriptor_ = ::memfd_create("nearlite", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (target_descriptor_ < 0) return false;
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur < kBytesMax) return false;
  if (::ftruncate(target_descriptor_, kBytesMax) != 0) return false;
  if (::fcntl(target_descriptor_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return false;
  void* const memory = ::mmap(nullptr, kBytesMax, PROT_READ, MAP_SHARED, target_descriptor_, 0);
  if (memory == MAP_FAILED) return false;
  target_ = static_cast<std::byte*>(memory);
  return true;
}

void MappedCopy::close() noexcept {
  if (file_ != nullptr && file_->pMethods != nullptr) file_->pMethods->xClose(file_);
  file_ = nullptr;
  file_memory_.reset();
  mapping_ = nullptr;
  bytes_ = 0;
  if (target_ != nullptr) ::munmap(target_, kBytesMax);
  if (target_descriptor_ >= 0) ::close(target_descriptor_);
  target_ = nullptr;
  target_descriptor_ = -1;
}

std::span<const std::byte> MappedCopy::copy(std::span<const Piece> pieces) noexcept {
  // A write beyond the limit of file sizes would end the process, in a file in memory, too.
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur < kBytesMax) return {};
  std::array<iovec, kPiecesMax> vectors;
  std::size_t total = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::byte* const begin = mapping_ + pieces[i].at;
    vectors[i] = {const_cast<std::byte*>(begin), pieces[i].size};  // only read
    total += pieces[i].size;
  }
  const ssize_t written =
      ::pwritev(target_descriptor_, vectors.data(), static_cast<int>(pieces.size()), 0);
  if (written < 0 || static_cast<std::size_t>(written) != total) return {};
  return {target_, total};
}

#else

bool MappedCopy::open(sqlite3*, const char*, std::uint64_t) { return false; }
void MappedCopy::close() noexcept {}
std::span<const std::byte> MappedCopy::copy(std::span<const Piece>) noexcept { return {}; }

#endif

}  // namespace nearlite::sqlite
