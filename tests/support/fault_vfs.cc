#include "support/fault_vfs.h"

#include <sqlite3.h>

#include <cstring>
#include <string>

#include "support/io_plan.h"

namespace nearlite::test {
namespace {

sqlite3_vfs* real_vfs = nullptr;

// SQLite allocates it, together with the real file that follows in memory.
struct ShimFile : sqlite3_file {
  std::string* path;  // null for temporary files, which no crash keeps
  [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

ShimFile* shim(sqlite3_file* file) { return static_cast<ShimFile*>(file); }
IoPlan& plan() { return IoPlan::get(); }

void report(ShimFile* file, IoEvent event) {
  if (file->path == nullptr || !plan().is_recording()) return;
  event.path = *file->path;
  plan().add(std::move(event));
}

std::uint64_t size_of(ShimFile* file) {
  sqlite3_int64 size = 0;
  file->real()->pMethods->xFileSize(file->real(), &size);
  return static_cast<std::uint64_t>(size);
}

int x_close(sqlite3_file* file) {
  delete shim(file)->path;
  sqlite3_file* real = shim(file)->real();
  return real->pMethods == nullptr ? SQLITE_OK : real->pMethods->xClose(real);
}

int x_read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  if (plan().fails(IoKind::kRead)) {
    std::memset(to, 0, static_cast<std::size_t>(size));
    return SQLITE_IOERR_READ;
  }
  return shim(file)->real()->pMethods->xRead(shim(file)->real(), to, size, offset);
}

int x_write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  if (plan().fails(IoKind::kWrite)) return SQLITE_IOERR_WRITE;
  ShimFile* self = shim(file);
  int written = size;
  if (plan().is_armed()) {
    const std::uint64_t old_size = size_of(self);
    const auto end = static_cast<std::uint64_t>(offset) + static_cast<std::uint64_t>(size);
    const std::uint64_t growth = end > old_size ? end - old_size : 0;
    const std::uint64_t granted = plan().grow(growth);
    // As a full disk does it: what fits is written.
    if (granted < growth) {
      const std::uint64_t missing = growth - granted;
      written = missing >= static_cast<std::uint64_t>(size) ? 0 : size - static_cast<int>(missing);
    }
  }
  const int rc = written == 0 ? SQLITE_OK
                              : self->real()->pMethods->xWrite(self->real(), from, written, offset);
  if (rc == SQLITE_OK && self->path != nullptr && plan().is_recording()) {
    const auto* bytes = static_cast<const std::byte*>(from);
    report(self, {.kind = IoEvent::Kind::kWrite,
                  .offset = static_cast<std::uint64_t>(offset),
                  .bytes = {bytes, bytes + written}});
  }
  return rc == SQLITE_OK && written < size ? SQLITE_FULL : rc;
}

int x_truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (plan().fails(IoKind::kTruncate)) return SQLITE_IOERR_TRUNCATE;
  ShimFile* self = shim(file);
  const std::uint64_t old_size = size_of(self);
  const int rc = self->real()->pMethods->xTruncate(self->real(), size);
  const auto new_size = static_cast<std::uint64_t>(size);
  if (rc == SQLITE_OK && old_size > new_size) plan().give_back(old_size - new_size);
  report(self, {.kind = IoEvent::Kind::kTruncate, .offset = new_size});
  return rc;
}

int x_sync(sqlite3_file* file, int /*flags*/) {
  if (plan().fails(IoKind::kSync)) return SQLITE_IOERR_FSYNC;
  report(shim(file), {.kind = IoEvent::Kind::kSync});
  return SQLITE_OK;
}

int x_file_size(sqlite3_file* file, sqlite3_int64* size) {
  if (plan().fails(IoKind::kSize)) return SQLITE_IOERR_FSTAT;
  return shim(file)->real()->pMethods->xFileSize(shim(file)->real(), size);
}

int x_lock(sqlite3_file* file, int level) {
  if (plan().fails(IoKind::kLock)) return SQLITE_IOERR_LOCK;
  return shim(file)->real()->pMethods->xLock(shim(file)->real(), level);
}

int x_unlock(sqlite3_file* file, int level) {
  return shim(file)->real()->pMethods->xUnlock(shim(file)->real(), level);
}

int x_check_reserved_lock(sqlite3_file* file, int* out) {
  if (plan().fails(IoKind::kLock)) return SQLITE_IOERR_CHECKRESERVEDLOCK;
  return shim(file)->real()->pMethods->xCheckReservedLock(shim(file)->real(), out);
}

int x_file_control(sqlite3_file* file, int what, void* argument) {
  return shim(file)->real()->pMethods->xFileControl(shim(file)->real(), what, argument);
}

int x_sector_size(sqlite3_file* file) {
  return shim(file)->real()->pMethods->xSectorSize(shim(file)->real());
}

int x_device_characteristics(sqlite3_file* file) {
  return shim(file)->real()->pMethods->xDeviceCharacteristics(shim(file)->real());
}

int x_shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
  if (plan().fails(IoKind::kShmMap)) {
    *out = nullptr;
    return SQLITE_IOERR_SHMMAP;
  }
  return shim(file)->real()->pMethods->xShmMap(shim(file)->real(), region, size, extend, out);
}

int x_shm_lock(sqlite3_file* file, int offset, int n, int flags) {
  // A lock that cannot be given back is no failure SQLite asks for.
  if ((flags & SQLITE_SHM_LOCK) != 0 && plan().fails(IoKind::kShmLock)) return SQLITE_IOERR_SHMLOCK;
  return shim(file)->real()->pMethods->xShmLock(shim(file)->real(), offset, n, flags);
}

void x_shm_barrier(sqlite3_file* file) {
  shim(file)->real()->pMethods->xShmBarrier(shim(file)->real());
}

int x_shm_unmap(sqlite3_file* file, int remove) {
  return shim(file)->real()->pMethods->xShmUnmap(shim(file)->real(), remove);
}

const sqlite3_io_methods kMethods = {2,
                                     x_close,
                                     x_read,
                                     x_write,
                                     x_truncate,
                                     x_sync,
                                     x_file_size,
                                     x_lock,
                                     x_unlock,
                                     x_check_reserved_lock,
                                     x_file_control,
                                     x_sector_size,
                                     x_device_characteristics,
                                     x_shm_map,
                                     x_shm_lock,
                                     x_shm_barrier,
                                     x_shm_unmap,
                                     nullptr,
                                     nullptr};

int x_open(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  ShimFile* self = shim(file);
  self->pMethods = nullptr;
  self->path = nullptr;
  self->real()->pMethods = nullptr;
  if (plan().fails(IoKind::kOpen)) return SQLITE_CANTOPEN;
  int exists = 1;
  if (name != nullptr) real_vfs->xAccess(real_vfs, name, SQLITE_ACCESS_EXISTS, &exists);
  const int rc = real_vfs->xOpen(real_vfs, name, self->real(), flags, out_flags);
  if (rc != SQLITE_OK) return rc;
  if (name != nullptr && (flags & SQLITE_OPEN_DELETEONCLOSE) == 0)
    self->path = new std::string(name);
  self->pMethods = &kMethods;
  if (exists == 0) report(self, {.kind = IoEvent::Kind::kCreate});
  return SQLITE_OK;
}

int x_delete(sqlite3_vfs* /*vfs*/, const char* name, int sync_folder) {
  if (plan().fails(IoKind::kDelete)) return SQLITE_IOERR_DELETE;
  const int rc = real_vfs->xDelete(real_vfs, name, 0);
  if (rc == SQLITE_OK) {
    plan().add({.kind = IoEvent::Kind::kDelete, .path = name, .folder_synced = sync_folder != 0});
  }
  return rc;
}

int x_access(sqlite3_vfs* /*vfs*/, const char* name, int flags, int* out) {
  if (plan().fails(IoKind::kAccess)) return SQLITE_IOERR_ACCESS;
  return real_vfs->xAccess(real_vfs, name, flags, out);
}

sqlite3_vfs make_shim() {
  sqlite3_vfs vfs = *real_vfs;
  vfs.szOsFile = static_cast<int>(sizeof(ShimFile)) + real_vfs->szOsFile;
  vfs.zName = "nearlite-test-shim";
  vfs.pNext = nullptr;
  vfs.xOpen = x_open;
  vfs.xDelete = x_delete;
  vfs.xAccess = x_access;
  return vfs;
}

sqlite3_vfs shim_vfs;

}  // namespace

FaultVfs::FaultVfs() {
  real_vfs = sqlite3_vfs_find(nullptr);
  shim_vfs = make_shim();
  sqlite3_vfs_register(&shim_vfs, 1);
}

FaultVfs::~FaultVfs() {
  IoPlan::get().reset();
  sqlite3_vfs_unregister(&shim_vfs);
  sqlite3_vfs_register(real_vfs, 1);
}

}  // namespace nearlite::test
