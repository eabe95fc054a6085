// Sparse columns: values from users, and what a damaged or hostile file may hold of them.
#pragma once

#include <cstddef>
#include <span>

namespace nearlite::test {

void fuzz_sparse_text(std::span<const std::byte> input);
void fuzz_sparse_blob(std::span<const std::byte> input);
void fuzz_postings(std::span<const std::byte> input);
void fuzz_sparse_rows(std::span<const std::byte> input);

}  // namespace nearlite::test
