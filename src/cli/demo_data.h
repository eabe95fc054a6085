// The demo's data files (data/README.md): sentences with their embeddings, read and checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nearlite/status.h"

namespace nearlite::cli {

inline constexpr std::size_t kDim = 384;

/// A line of a text file with its vector.
struct Sentence {
  std::string label;  ///< words of the gloss; number of the row a query means, 0 for none
  std::string text;
  std::span<const float> vector;  ///< into Sentences::vectors
};

struct Sentences {
  std::vector<Sentence> rows;
  std::vector<float> vectors;
};

/// Reads `<folder>/<name>.txt` and `<folder>/<name>.f16`, at most `rows_max` rows (0: all).
///
/// Errors: kIo when a file is missing; kCorruption when the two do not belong together, a line is
/// not "label, tab, text", or a number is not finite.
Result<Sentences> read_sentences(const std::string& folder, const std::string& name,
                                 std::size_t rows_max);

}  // namespace nearlite::cli
