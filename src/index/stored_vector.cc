#include "index/stored_vector.h"

#include "vector/element.h"

namespace nearlite {

Status decode_stored(const IndexOptions& options, std::span<const std::byte> stored,
                     std::span<float> values) {
  if (stored.size() != vector_bytes(options.element, options.dim) || values.size() != options.dim) {
    return {Code::kCorruption, "nearlite: " + options.label + ": a stored vector has " +
                                   std::to_string(stored.size()) + " bytes"};
  }
  decode(options.element, stored.data(), options.dim, values.data());
  if (!are_finite(values)) {
    return {Code::kCorruption, "nearlite: " + options.label + ": a stored vector is not finite"};
  }
  return {};
}

Result<std::vector<std::byte>> encode_stored(const IndexOptions& options,
                                             std::span<const float> values) {
  if (values.size() != options.dim) {
    return Status(Code::kInvalidArgument, "nearlite: " + options.label + ": expected " +
                                              std::to_string(options.dim) + " dimensions, got " +
                                              std::to_string(values.size()));
  }
  std::vector<std::byte> stored(vector_bytes(options.element, options.dim));
  if (const Status status = encode(options.element, values, stored.data()); !status.ok()) {
    return Status(status.code(), "nearlite: " + options.label + ": " + status.message());
  }
  return stored;
}

}  // namespace nearlite
