// NEARLITE_ASSERT(condition): for programmer errors only, in debug, sanitizer and test builds.
// Bytes from disk never reach it: they are decoded by the bounded reader, which reports corruption.
#pragma once

#include <cstdio>
#include <cstdlib>

#ifdef NEARLITE_ENABLE_ASSERTS
#define NEARLITE_ASSERT(condition)                                                           \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
#else
#define NEARLITE_ASSERT(condition) static_cast<void>(0)
#endif
