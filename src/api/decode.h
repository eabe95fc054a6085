// A stored vector as floats. Apart from the rest, since the engine's headers and the public ones
// both have a Metric.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "nearlite/status.h"

namespace nearlite::api {

/// Decodes a blob of element type number `element` (Element) into out.size() components.
/// Errors: kCorruption when the size is wrong.
Status decode_blob(int element, std::span<const std::byte> stored, std::span<float> out);
/// The same for JSON text, which external tables may hold.
Status decode_text(std::string_view text, std::span<float> out);

}  // namespace nearlite::api
