// What this process has in memory, where that can be told.
#pragma once

// The sanitizers keep what was freed, and count it.
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define NEARLITE_TELLS_RESIDENT 1

#include <unistd.h>

#include <cstddef>
#include <fstream>

namespace nearlite::test {

inline std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace nearlite::test
#endif
