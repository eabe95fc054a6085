#include "driver/worker.h"

#include <unistd.h>

#include <exception>
#include <iostream>

namespace bench {

void fail(const std::string& message) {
  std::cout << Json{{"error", message}}.dump() << std::endl;
  _exit(1);  // other threads may still be at work
}

int serve(const Commands& commands) {
  for (std::string line; std::getline(std::cin, line);) {
    try {
      const Json request = Json::parse(line);
      const auto command = commands.find(request.at("do").get<std::string>());
      if (command == commands.end()) fail("unknown command: " + line);
      std::cout << command->second(request).dump() << std::endl;
    } catch (const std::exception& exception) {
      fail(line + ": " + exception.what());
    }
  }
  return 0;
}

}  // namespace bench
