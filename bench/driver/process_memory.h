// What the kernel says this process holds, in bytes.
#pragma once

#include "driver/worker.h"

namespace bench {

/// rss, and of it anonymous (the heap) and file (mappings, the mapped data set among them).
Json process_memory();

}  // namespace bench
