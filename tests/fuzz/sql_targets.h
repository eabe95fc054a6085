// Targets with a database: images, shadow rows, snapshots, statements.
#pragma once

#include <cstddef>
#include <span>

namespace nearlite::test {

void fuzz_filter(std::span<const std::byte> input);
void fuzz_command(std::span<const std::byte> input);
void fuzz_functions(std::span<const std::byte> input);
void fuzz_snapshot(std::span<const std::byte> input);
void fuzz_image(std::span<const std::byte> input);
void fuzz_shadow_rows(std::span<const std::byte> input);
void fuzz_statements(std::span<const std::byte> input);
void fuzz_dialect(std::span<const std::byte> input);

}  // namespace nearlite::test
