// Files of the operating system, for what must be replaced as a whole and be on disk.
#pragma once

#include <unistd.h>

#include <string>
#include <utility>

#include "nearlite/status.h"

namespace nearlite {

/// The owner of a file descriptor; empty when negative.
class File {
 public:
  explicit File(int handle) noexcept : handle_(handle) {}
  File(File&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (handle_ >= 0) close(handle_);
  }
  [[nodiscard]] int handle() const noexcept { return handle_; }
  [[nodiscard]] bool is_open() const noexcept { return handle_ >= 0; }

 private:
  int handle_;
};

/// "nearlite: <name>: <what>: <the system's message for errno>": kFull when there is no space, else
/// kIo.
[[nodiscard]] Status file_error(const std::string& name, const char* what);

/// Makes the entries of the folder that holds `path` durable.
Status sync_folder(const std::string& path);

/// Removes the file if there is one. Errors: kIo.
Status remove_file(const std::string& path);

/// Syncs `temporary`, renames it over `path` and syncs the folder: a reader, also after power loss,
/// finds the old file or the new one. Errors: kIo, kFull.
Status put_in_place(const std::string& temporary, const std::string& path);

}  // namespace nearlite
