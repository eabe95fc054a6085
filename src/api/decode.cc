#include "api/decode.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/try.h"
#include "vector/parse.h"
#include "vector/types.h"

namespace nearlite::api {
namespace {

constexpr ElementType kTypes[] = {ElementType::kFloat32, ElementType::kFloat16,
                                  ElementType::kBFloat16, ElementType::kInt8, ElementType::kBit};

Status give(const Status& status, const std::vector<float>& values, std::span<float> out) {
  if (!status.ok()) return Status(Code::kCorruption, "nearlite: " + status.message());
  std::copy(values.begin(), values.end(), out.begin());
  return {};
}

}  // namespace

Status decode_blob(int element, std::span<const std::byte> stored, std::span<float> out) {
  // A table of the user's holds float32 blobs, whatever the index makes of them.
  const bool is_float32 = stored.size() == vector_bytes(ElementType::kFloat32, out.size());
  std::vector<float> values;
  const Status status = parse_vector_blob(
      stored, is_float32 ? ElementType::kFloat32 : kTypes[element], out.size(), values);
  return give(status, values, out);
}

Status decode_text(std::string_view text, std::span<float> out) {
  std::vector<float> values;
  const Status status = parse_vector_text(text, out.size(), values);
  return give(status, values, out);
}

}  // namespace nearlite::api
