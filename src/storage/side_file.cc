#include "storage/side_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/try.h"

namespace nearlite {

namespace {

constexpr std::uint64_t kMagic = 0x31'45'44'49'53'4C'4E'00;  // "\0NLSIDE1", little-endian
constexpr std::size_t kHeaderBytes = 144;
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

Status io_error(const std::string& path, const char* what) {
  return file_error("side file " + path, what);
}

Status damaged(const std::string& path, const char* what) {
  return {Code::kCorruption, "nearlite: side file " + path + ": " + what};
}

Status write_all(int handle, const std::string& path, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(handle, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return io_error(path, "write");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

// What a file that is there begins with. A schema may come from a stranger's file and name any file
// beside the database, so nothing is replaced or removed that does not look like ours: an image or,
// for a temporary one, also an empty file and one whose header was not written yet (zeros).
Status check_is_ours(const std::string& path, bool is_temporary) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? Status() : io_error(path, "stat");
  }
  const Status foreign(Code::kInvalidArgument,
                       "nearlite: path: " + path +
                           " exists and is not a side file of an index; it is left as it is");
  if (!S_ISREG(info.st_mode)) return foreign;
  if (info.st_size == 0) return is_temporary ? Status() : foreign;
  const File file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open()) return io_error(path, "open");
  std::byte head[sizeof(kMagic)] = {};
  const ssize_t count = read(file.handle(), head, sizeof(head));
  if (count < 0) return io_error(path, "read");
  const std::uint64_t magic = Reader(head).u64();
  const bool is_ours = count == sizeof(head) && (magic == kMagic || (is_temporary && magic == 0));
  return is_ours ? Status() : foreign;
}

// The temporary file, ours alone. A crashed writer's left-over has no lock and is taken over; a
// living writer's has.
Result<File> open_temporary(const std::string& path, unsigned mode) {
  for (int attempt = 0; attempt < 8; ++attempt) {
    NEARLITE_TRY(check_is_ours(path, true));
    File file(open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!file.is_open()) return io_error(path, "open");
    if (flock(file.handle(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK)
        return Status(Code::kBusy, "nearlite: side file " + path + " is being written");
      return io_error(path, "lock");
    }
    // The one who had it may have renamed it away between our open and our lock.
    struct stat ours {};
    struct stat named {};
    if (fstat(file.handle(), &ours) != 0) return io_error(path, "stat");
    if (stat(path.c_str(), &named) != 0 || named.st_ino != ours.st_ino ||
        named.st_dev != ours.st_dev)
      continue;
    if (ftruncate(file.handle(), 0) != 0) return io_error(path, "truncate");
    return file;
  }
  return Status(Code::kBusy, "nearlite: side file " + path + " is being written");
}

std::vector<std::byte> encode_header(const SideFileHeader& header, std::uint64_t body_bytes,
                                     std::uint64_t directory_hash) {
  std::vector<std::byte> bytes;
  Writer writer(bytes);
  writer.u64(kMagic);
  writer.u32(kFormatVersion);
  writer.u32(kHeaderBytes);
  writer.u64(header.index_seed);
  writer.u32(header.dim);
  writer.u32(header.m);
  writer.u32(header.code_bytes);
  writer.u32(header.residual_bytes);
  writer.u64(header.node_count);
  writer.u64(header.at.seq);
  writer.u64(header.at.commit_id);
  writer.u64(header.at.live_count);
  writer.u64(header.at.dead_count);
  writer.u64(header.at.purge_floor);
  writer.u64(header.at.unlink_floor);
  writer.u32(header.at.max_node_id);
  writer.u32(header.at.entry);
  writer.u64(body_bytes);
  writer.u64(header.directory_bytes);
  writer.u64(directory_hash);
  while (bytes.size() < kHeaderBytes - 8) writer.u8(0);
  writer.u64(hash64(bytes));
  return bytes;
}

Status decode_header(const std::string& path, std::span<const std::byte> bytes,
                     SideFileHeader& header, std::uint64_t& body_bytes,
                     std::uint64_t& directory_hash) {
  Reader reader(bytes.first(kHeaderBytes));
  if (reader.u64() != kMagic) return damaged(path, "no side file");
  if (reader.u32() != kFormatVersion || reader.u32() != kHeaderBytes)
    return damaged(path, "another version");
  header.index_seed = reader.u64();
  header.dim = reader.u32();
  header.m = reader.u32();
  header.code_bytes = reader.u32();
  header.residual_bytes = reader.u32();
  header.node_count = reader.u64();
  header.at.seq = reader.u64();
  header.at.commit_id = reader.u64();
  header.at.live_count = reader.u64();
  header.at.dead_count = reader.u64();
  header.at.purge_floor = reader.u64();
  header.at.unlink_floor = reader.u64();
  header.at.max_node_id = reader.u32();
  header.at.entry = reader.u32();
  body_bytes = reader.u64();
  header.directory_bytes = reader.u64();
  directory_hash = reader.u64();
  Reader tail(bytes.subspan(kHeaderBytes - 8, 8));
  if (tail.u64() != hash64(bytes.first(kHeaderBytes - 8)))
    return damaged(path, "header does not check");
  return {};
}

std::string temporary_name(const std::string& path) { return path + ".tmp"; }

// The hash of the first bytes of a body that comes piece by piece.
class DirectoryHash {
 public:
  explicit DirectoryHash(const SideFileHeader& header) : left_(header.directory_bytes) {}
  void add(std::span<const std::byte> piece) noexcept {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, piece.size()));
    hasher_.bytes(piece.first(count));
    left_ -= count;
  }
  [[nodiscard]] std::uint64_t digest() const noexcept { return hasher_.digest64(); }

 private:
  std::uint64_t left_;
  Hasher hasher_;
};

}  // namespace

Status check_side_file(const std::string& path) {
  NEARLITE_TRY(check_is_ours(path, false));
  return check_is_ours(temporary_name(path), true);
}

Status remove_side_file(const std::string& path) {
  NEARLITE_TRY(check_is_ours(path, false));
  return unlink(path.c_str()) == 0 || errno == ENOENT ? Status() : io_error(path, "remove");
}

Status write_side_file(const std::string& path, unsigned mode, const SideFileHeader& header,
                       const SideBodyWriter& write_body) {
  const std::string temporary = temporary_name(path);
  NEARLITE_TRY(check_side_file(path));
  NEARLITE_ASSIGN(const File file, open_temporary(temporary, mode));
  std::vector<std::byte> buffer(kHeaderBytes);  // place of the header, known at the end
  buffer.reserve(kBufferBytes);
  std::uint64_t body_bytes = 0;
  DirectoryHash directory(header);
  const auto flush = [&]() -> Status {
    NEARLITE_TRY(write_all(file.handle(), temporary, buffer));
    buffer.clear();
    return {};
  };
  Status status = write_body([&](std::span<const std::byte> piece) -> Status {
    directory.add(piece);
    body_bytes += piece.size();
    if (buffer.size() + piece.size() > kBufferBytes) NEARLITE_TRY(flush());
    if (piece.size() > kBufferBytes) return write_all(file.handle(), temporary, piece);
    buffer.insert(buffer.end(), piece.begin(), piece.end());
    return {};
  });
  if (status.ok()) status = flush();
  if (status.ok()) {
    const std::vector<std::byte> head = encode_header(header, body_bytes, directory.digest());
    if (lseek(file.handle(), 0, SEEK_SET) != 0) {
      status = io_error(temporary, "seek");
    } else {
      status = write_all(file.handle(), temporary, head);
    }
  }
  if (status.ok() && fsync(file.handle()) != 0) status = io_error(temporary, "sync");
  if (status.ok() && std::rename(temporary.c_str(), path.c_str()) != 0)
    status = io_error(path, "rename");
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return sync_folder(path);
}

SideImage::SideImage(std::string name, File file, std::span<const std::byte> bytes)
    : name_(std::move(name)), file_(std::move(file)), bytes_(bytes) {}

Status SideImage::damaged(const char* what) const { return nearlite::damaged(name_, what); }

Status SideImage::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  if (!file_.is_open()) {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) return damaged("too short");
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }
  while (!out.empty()) {
    const ssize_t count = pread(file_.handle(), out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      return io_error(name_, "read");
    }
    if (count == 0) return damaged("too short");  // it was truncated since
    out = out.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Status SideImage::read_head(std::uint64_t size) {
  if (size < kHeaderBytes) return damaged("too short");
  std::byte head[kHeaderBytes];
  NEARLITE_TRY(read_at(0, head));
  std::uint64_t body_bytes = 0;
  std::uint64_t directory_hash = 0;
  NEARLITE_TRY(decode_header(name_, head, header_, body_bytes, directory_hash));
  if (size - kHeaderBytes != body_bytes || header_.directory_bytes > body_bytes)
    return damaged("torn");
  record_bytes_ = body_bytes - header_.directory_bytes;
  directory_.resize(static_cast<std::size_t>(header_.directory_bytes));
  NEARLITE_TRY(read_at(kHeaderBytes, directory_));
  return hash64(directory_) == directory_hash ? Status() : damaged("directory does not check");
}

Result<std::unique_ptr<SideImage>> SideImage::open(const std::string& path) {
  File file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno == ENOENT)
      return Status(Code::kNotFound, "nearlite: side file " + path + " does not exist");
    return io_error(path, "open");
  }
  struct stat info {};
  if (fstat(file.handle(), &info) != 0) return io_error(path, "stat");
  if (!S_ISREG(info.st_mode)) return nearlite::damaged(path, "not a file");
  std::unique_ptr<SideImage> image(new SideImage(path, std::move(file), {}));
  NEARLITE_TRY(image->read_head(static_cast<std::uint64_t>(info.st_size)));
  return image;
}

Result<std::unique_ptr<SideImage>> SideImage::of(const std::string& name,
                                                 std::span<const std::byte> bytes) {
  std::unique_ptr<SideImage> image(new SideImage(name, File(-1), bytes));
  NEARLITE_TRY(image->read_head(bytes.size()));
  return image;
}

std::uint64_t SideImage::place_of(std::uint64_t offset) const noexcept {
  return kHeaderBytes + header_.directory_bytes + offset;
}

Status SideImage::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (!has(offset, out.size())) return damaged("a record beyond the end");
  return read_at(place_of(offset), out);
}

Result<bool> SideImage::read_now(std::uint64_t offset, std::span<std::byte> out) const {
  if (!has(offset, out.size())) return damaged("a record beyond the end");
#if defined(RWF_NOWAIT)
  if (file_.is_open()) {
    const auto place = static_cast<off_t>(place_of(offset));
    const iovec into{out.data(), out.size()};
    const ssize_t count = preadv2(file_.handle(), &into, 1, place, RWF_NOWAIT);
    if (count == static_cast<ssize_t>(out.size())) return true;
    const bool is_known = errno == EAGAIN || count >= 0;  // not to every file system
    // Advice may be declined.
    if (is_known && posix_fadvise(file_.handle(), place, static_cast<off_t>(out.size()),
                                  POSIX_FADV_WILLNEED) == 0) {
      return false;
    }
  }
#endif
  NEARLITE_TRY(read_at(place_of(offset), out));
  return true;
}

Result<std::vector<std::byte>> encode_side_image(
    const SideFileHeader& header, const SideBodyWriter& write_body) {
  std::vector<std::byte> image(kHeaderBytes);
  NEARLITE_TRY(write_body([&](std::span<const std::byte> piece) {
    image.insert(image.end(), piece.begin(), piece.end());
    return Status();
  }));
  const auto body = std::span(image).subspan(kHeaderBytes);
  DirectoryHash directory(header);
  directory.add(body);
  const std::vector<std::byte> head = encode_header(header, body.size(), directory.digest());
  std::copy(head.begin(), head.end(), image.begin());
  return image;
}

}  // namespace nearlite
