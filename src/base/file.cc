#include "base/file.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/try.h"

namespace nearlite {

Status file_error(const std::string& name, const char* what) {
  const int error = errno;
  const Code code = error == ENOSPC || error == EDQUOT ? Code::kFull : Code::kIo;
  return {code, "nearlite: " + name + ": " + what + ": " + std::strerror(error)};
}

Status sync_folder(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const File file(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file.is_open() || fsync(file.handle()) != 0) return file_error(folder, "sync folder");
  return {};
}

Status remove_file(const std::string& path) {
  return unlink(path.c_str()) == 0 || errno == ENOENT ? Status() : file_error(path, "remove");
}

Status put_in_place(const std::string& temporary, const std::string& path) {
  {
    const File file(open(temporary.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open() || fsync(file.handle()) != 0) return file_error(temporary, "sync");
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return file_error(path, "rename");
  return sync_folder(path);
}

}  // namespace nearlite
