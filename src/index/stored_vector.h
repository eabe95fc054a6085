// Vectors between their stored form and float32, with the checks that bytes from a file need.
#pragma once

#include <span>
#include <vector>

#include "index/options.h"
#include "nearlite/status.h"

namespace nearlite {

/// Stored bytes to dim floats. Errors: kCorruption for a wrong size or a component that is not
/// finite.
Status decode_stored(const IndexOptions& options, std::span<const std::byte> stored,
                     std::span<float> values);

/// Floats to the declared element type. Errors: kInvalidArgument for a wrong length or a component
/// out of its range.
Result<std::vector<std::byte>> encode_stored(const IndexOptions& options,
                                             std::span<const float> values);

}  // namespace nearlite
