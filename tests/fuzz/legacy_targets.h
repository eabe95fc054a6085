// Targets of databases that sqlite-vec wrote.
#pragma once

#include <cstddef>
#include <span>

namespace nearlite::test {

void fuzz_sqlite_vec(std::span<const std::byte> input);

}  // namespace nearlite::test
