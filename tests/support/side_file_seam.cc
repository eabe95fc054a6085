// The system calls of the side file (src/storage/side_file.cc), reported to the plan of
// io_plan.h. Linked with --wrap for each of them: see cmake/tests.cmake. What the test itself opens
// goes through here too, and is passed on: only files called *.tmp, and folders, are watched.
#include "support/side_file_seam.h"

#include <fcntl.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <map>
#include <string>

#include "support/io_plan.h"

extern "C" {
int __real_open(const char* path, int flags, ...);
int __real_close(int handle);
ssize_t __real_write(int handle, const void* bytes, size_t size);
ssize_t __real_pread(int handle, void* bytes, size_t size, off_t offset);
ssize_t __real_preadv2(int handle, const iovec* places, int count, off_t offset, int flags);
off_t __real_lseek(int handle, off_t offset, int whence);
int __real_ftruncate(int handle, off_t size);
int __real_fsync(int handle);
int __real_rename(const char* from, const char* to);
int __real_unlink(const char* path);
}

namespace nearlite::test {
namespace {

struct Watched {
  std::string path;
  bool is_folder = false;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

std::map<int, Watched>& watched() {
  static std::map<int, Watched> files;
  return files;
}

bool is_on = false;

bool is_watched(int handle) { return is_on && watched().find(handle) != watched().end(); }

bool fails(IoKind kind, int error) {
  if (!is_on || !IoPlan::get().fails(kind)) return false;
  errno = error;
  return true;
}

}  // namespace

SideFileSeam::SideFileSeam() { is_on = true; }
SideFileSeam::~SideFileSeam() {
  is_on = false;
  watched().clear();
}

}  // namespace nearlite::test

using nearlite::test::IoEvent;
using nearlite::test::IoKind;
using nearlite::test::IoPlan;

extern "C" {

int __wrap_open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0;
  va_end(arguments);
  const std::string name = nearlite::test::is_on ? path : "";
  const bool is_folder = (flags & O_DIRECTORY) != 0;
  const bool is_image = name.ends_with(".tmp") || is_folder || name.ends_with(".idx");
  if (is_image && nearlite::test::fails(IoKind::kOpen, EIO)) return -1;
  const int handle = __real_open(path, flags, mode);
  if (handle < 0 || !is_image) return handle;
  nearlite::test::watched()[handle] = {name, is_folder};
  if ((flags & O_CREAT) != 0) IoPlan::get().add({.kind = IoEvent::Kind::kCreate, .path = name});
  return handle;
}

int __wrap_close(int handle) {
  if (nearlite::test::is_on) nearlite::test::watched().erase(handle);
  return __real_close(handle);
}

ssize_t __wrap_write(int handle, const void* bytes, size_t size) {
  auto& files = nearlite::test::watched();
  const auto file = files.find(handle);
  if (!nearlite::test::is_on || file == files.end()) return __real_write(handle, bytes, size);
  if (nearlite::test::fails(IoKind::kWrite, EIO)) return -1;
  const std::uint64_t end = file->second.offset + size;
  const std::uint64_t growth = end > file->second.size ? end - file->second.size : 0;
  const std::uint64_t granted = size - (growth - IoPlan::get().grow(growth));
  if (granted == 0 && size != 0) {
    errno = ENOSPC;
    return -1;
  }
  const ssize_t written = __real_write(handle, bytes, granted);
  if (written > 0) {
    const auto* from = static_cast<const std::byte*>(bytes);
    IoPlan::get().add({.kind = IoEvent::Kind::kWrite,
                       .path = file->second.path,
                       .offset = file->second.offset,
                       .bytes = {from, from + written}});
    file->second.offset += static_cast<std::uint64_t>(written);
    file->second.size = std::max(file->second.size, file->second.offset);
  }
  return written;
}

ssize_t __wrap_pread(int handle, void* bytes, size_t size, off_t offset) {
  if (nearlite::test::is_watched(handle) && nearlite::test::fails(IoKind::kRead, EIO)) return -1;
  return __real_pread(handle, bytes, size, offset);
}

ssize_t __wrap_preadv2(int handle, const iovec* places, int count, off_t offset, int flags) {
  if (nearlite::test::is_watched(handle) && nearlite::test::fails(IoKind::kRead, EIO)) return -1;
  return __real_preadv2(handle, places, count, offset, flags);
}

off_t __wrap_lseek(int handle, off_t offset, int whence) {
  const off_t result = __real_lseek(handle, offset, whence);
  auto& files = nearlite::test::watched();
  const auto file = files.find(handle);
  if (file != files.end() && result >= 0) file->second.offset = static_cast<std::uint64_t>(result);
  return result;
}

int __wrap_ftruncate(int handle, off_t size) {
  auto& files = nearlite::test::watched();
  const auto file = files.find(handle);
  if (!nearlite::test::is_on || file == files.end()) return __real_ftruncate(handle, size);
  if (nearlite::test::fails(IoKind::kTruncate, EIO)) return -1;
  IoPlan::get().add({.kind = IoEvent::Kind::kTruncate,
                     .path = file->second.path,
                     .offset = static_cast<std::uint64_t>(size)});
  return __real_ftruncate(handle, size);
}

int __wrap_fsync(int handle) {
  auto& files = nearlite::test::watched();
  const auto file = files.find(handle);
  if (!nearlite::test::is_on || file == files.end()) return __real_fsync(handle);
  if (nearlite::test::fails(IoKind::kSync, EIO)) return -1;
  IoPlan::get().add(
      {.kind = file->second.is_folder ? IoEvent::Kind::kSyncFolder : IoEvent::Kind::kSync,
       .path = file->second.path});
  return 0;
}

int __wrap_rename(const char* from, const char* to) {
  if (nearlite::test::is_on && nearlite::test::fails(IoKind::kRename, EIO)) return -1;
  const int result = __real_rename(from, to);
  if (nearlite::test::is_on && result == 0)
    IoPlan::get().add({.kind = IoEvent::Kind::kRename, .path = from, .to = to});
  return result;
}

int __wrap_unlink(const char* path) {
  if (nearlite::test::is_on && nearlite::test::fails(IoKind::kDelete, EIO)) return -1;
  const int result = __real_unlink(path);
  if (nearlite::test::is_on && result == 0)
    IoPlan::get().add({.kind = IoEvent::Kind::kDelete, .path = path});
  return result;
}

}  // extern "C"
