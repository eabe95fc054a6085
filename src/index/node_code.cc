#include "index/node_code.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/hash.h"
#include "base/try.h"
#include "index/stored_vector.h"

namespace nearlite {

namespace {
constexpr std::size_t kFingerprintBytes = sizeof(std::uint64_t);
}  // namespace

CodeFormat graph_code_format(const IndexOptions& options) noexcept {
  CodeFormat format = code_format(quantizer_options(options));
  if (options.is_external) {
    format.residual_bytes = kFingerprintBytes;
  } else if (format.residual_bytes != 0 || is_coarse(format.kind)) {
    format.residual_bytes += kFingerprintBytes;
  }
  return format;
}

std::size_t slot_content_bytes(const IndexOptions& options) noexcept {
  if (!options.is_external) return vector_bytes(options.element, options.dim);
  return graph_code_format(options).code_bytes + sizeof(CodeInfo) + kFingerprintBytes;
}

std::uint64_t fingerprint(std::span<const std::byte> stored) noexcept { return hash64(stored); }

std::uint64_t read_fingerprint(const std::byte* end) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, end - sizeof value, sizeof value);
  return value;
}

std::uint64_t read_fingerprint(const Graph& graph, NodeId id) noexcept {
  const std::size_t bytes = graph.options().format.residual_bytes;
  return bytes == 0 ? 0 : read_fingerprint(graph.residual(id) + bytes);
}

Status NodeCoder::prepare(const IndexOptions& options, const Quantizer& quantizer) {
  options_ = &options;
  quantizer_ = &quantizer;
  values_.resize(options.dim);
  slot_.resize(slot_content_bytes(options));
  if (options.is_external) NEARLITE_TRY(spare_.reserve(quantizer.format().residual_bytes));
  return scratch_.reserve(quantizer.format());
}

void NodeCoder::from_vector(std::span<const float> values, std::span<const std::byte> stored,
                            Place& place) {
  std::byte* const residual = options_->is_external ? spare_.data() : place.residual;
  quantizer_->encode(values, place.code, residual, place.info, scratch_);
  const std::size_t at = options_->is_external ? 0 : quantizer_->format().residual_bytes;
  if (graph_code_format(*options_).residual_bytes == 0) return;
  const std::uint64_t value = fingerprint(stored);
  std::memcpy(place.residual + at, &value, sizeof value);
}

// Codes of float kinds are compared as they are: what is not a number must not get into the graph.
Status NodeCoder::check_code(std::span<const std::byte> slot) const {
  const CodeFormat& format = quantizer_->format();
  const bool is_float = !is_int8(format.kind) && !is_bits(format.kind);
  const bool is_scaled = is_int8(format.kind) && format.kind != CodeKind::kInt8Global;
  const std::size_t begin = is_float ? 0 : format.code_bytes;
  const std::size_t end = is_float    ? format.code_bytes
                          : is_scaled ? format.code_bytes + sizeof(CodeInfo)
                                      : begin;
  for (std::size_t at = begin; at < end; at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, slot.data() + at, sizeof value);
    if (!std::isfinite(value)) {
      return {Code::kCorruption, "nearlite: " + options_->label + ": a stored code is not finite"};
    }
  }
  return {};
}

Status NodeCoder::from_slot(std::span<const std::byte> slot, Place& place) {
  if (!options_->is_external) {
    NEARLITE_TRY(decode_stored(*options_, slot, values_));
    from_vector(values_, slot, place);
    return {};
  }
  if (slot.size() != slot_.size()) {
    return {Code::kCorruption, "nearlite: " + options_->label + ": a stored code has " +
                                   std::to_string(slot.size()) + " bytes"};
  }
  NEARLITE_TRY(check_code(slot));
  const std::size_t code_bytes = quantizer_->format().code_bytes;
  std::memcpy(place.code, slot.data(), code_bytes);
  std::memcpy(&place.info, slot.data() + code_bytes, sizeof place.info);
  if (has_head(quantizer_->format().kind)) {
    place.info.a = head_squares(quantizer_->format(), place.code);
  }
  std::memcpy(place.residual, slot.data() + code_bytes + sizeof place.info, kFingerprintBytes);
  return {};
}

std::span<const std::byte> NodeCoder::slot_of(std::span<const std::byte> stored,
                                              const Place& place) {
  if (!options_->is_external) return stored;
  std::byte* out = std::copy_n(place.code, quantizer_->format().code_bytes, slot_.data());
  std::memcpy(out, &place.info, sizeof place.info);
  std::memcpy(out + sizeof place.info, place.residual, kFingerprintBytes);
  return slot_;
}

}  // namespace nearlite
