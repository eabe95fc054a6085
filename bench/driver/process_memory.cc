#include "driver/process_memory.h"

#include <fstream>
#include <string>

namespace bench {

Json process_memory() {
  std::ifstream status("/proc/self/status");
  Json result = Json::object();
  for (std::string name; status >> name;) {
    std::size_t kib = 0;
    if (name == "VmRSS:" && status >> kib) result["rss"] = kib * 1024;
    if (name == "RssAnon:" && status >> kib) result["anonymous"] = kib * 1024;
    if (name == "RssFile:" && status >> kib) result["file"] = kib * 1024;
    status.ignore(4096, '\n');
  }
  return result;
}

}  // namespace bench
