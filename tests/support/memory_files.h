// Whether this process may have files in memory: sandboxes forbid them, and then nothing is copied
// out of a mapping of ours (src/sqlite/mapped_copy.h).
#pragma once

#include <sys/mman.h>
#include <unistd.h>

namespace nearlite::test {

[[nodiscard]] inline bool has_memory_files() {
  const int descriptor = memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor >= 0) close(descriptor);
  return descriptor >= 0;
}

}  // namespace nearlite::test
