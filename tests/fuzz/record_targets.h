// Targets without a database: decoders and parsers.
#pragma once

#include <cstddef>
#include <span>

namespace nearlite::test {

void fuzz_links(std::span<const std::byte> input);
void fuzz_commit_state(std::span<const std::byte> input);
void fuzz_vector_block(std::span<const std::byte> input);
void fuzz_side_image(std::span<const std::byte> input);
void fuzz_plan_terms(std::span<const std::byte> input);
void fuzz_vector_text(std::span<const std::byte> input);
void fuzz_vector_blob(std::span<const std::byte> input);
void fuzz_create_arguments(std::span<const std::byte> input);
void fuzz_vec0_arguments(std::span<const std::byte> input);
void fuzz_options(std::span<const std::byte> input);

/// Ends the process: what the fuzzer calls a crash.
[[noreturn]] void fail(const char* what);
inline void expect(bool holds, const char* what) {
  if (!holds) fail(what);
}

}  // namespace nearlite::test
