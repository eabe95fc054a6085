#include "storage/postings.h"

#include <cmath>

#include "base/bytes.h"
#include "base/hash.h"

namespace nearlite {

namespace {

// Seeded with the key, so that a block moved to another one does not check.
std::uint32_t check_of(std::uint32_t term, RowId first, std::span<const std::byte> body) noexcept {
  const std::uint64_t seed = mix64(mix64(term) ^ static_cast<std::uint64_t>(first));
  return static_cast<std::uint32_t>(hash64(body, seed));
}

// Without overflow: two rowids may be further apart than int64 reaches.
std::uint64_t step_between(RowId before, RowId rowid) noexcept {
  return static_cast<std::uint64_t>(rowid) - static_cast<std::uint64_t>(before);
}

}  // namespace

std::vector<std::byte> encode_postings(std::uint32_t term, RowId first,
                                       std::span<const Posting> postings) {
  std::vector<std::byte> bytes;
  bytes.reserve(postings.size() * 6 + kPostingsCheckBytes);
  Writer writer(bytes);
  RowId before = first;
  for (const Posting& posting : postings) {
    writer.varint(step_between(before, posting.rowid));
    writer.f32(posting.value);
    before = posting.rowid;
  }
  writer.u32(check_of(term, first, bytes));
  return bytes;
}

Status decode_postings(std::uint32_t term, RowId first, std::span<const std::byte> bytes,
                       std::vector<Posting>& out) {
  const Status damaged(Code::kCorruption, "block " + std::to_string(term) + ", " +
                                              std::to_string(first) + " is damaged");
  if (bytes.size() < kPostingsCheckBytes) return damaged;
  const auto body = bytes.first(bytes.size() - kPostingsCheckBytes);
  Reader tail(bytes.subspan(body.size()));
  if (tail.u32() != check_of(term, first, body)) return damaged;
  Reader reader(body);
  RowId before = first;
  bool is_first = true;
  while (reader.remaining() > 0) {
    const std::uint64_t step = reader.varint();
    const float value = reader.f32();
    if (!reader.ok() || step > step_between(before, INT64_MAX) || (step == 0 && !is_first) ||
        !std::isfinite(value))
      return damaged;
    before = static_cast<RowId>(static_cast<std::uint64_t>(before) + step);
    out.push_back({before, value});
    is_first = false;
  }
  return {};
}

std::size_t count_fitting(RowId first, std::span<const Posting> postings,
                          std::size_t bytes_max) noexcept {
  std::size_t bytes = kPostingsCheckBytes;
  RowId before = first;
  for (std::size_t i = 0; i < postings.size(); ++i) {
    bytes += varint_bytes(step_between(before, postings[i].rowid)) + sizeof(float);
    if (bytes > bytes_max) return i;
    before = postings[i].rowid;
  }
  return postings.size();
}

}  // namespace nearlite
