// Targets of what the command reads from outside: files to import, replies of embedding servers.
#pragma once

#include <cstddef>
#include <span>

namespace nearlite::test {

void fuzz_import_file(std::span<const std::byte> input);
void fuzz_embedding_reply(std::span<const std::byte> input);

}  // namespace nearlite::test
