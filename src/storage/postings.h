// A block of postings: which rows have a value at one index of a sparse vector, and which value.
// Byte form of <table>_sparse (docs/format.md).
//
// Decoding takes bytes from a file that may be damaged or hostile: failure is Code::kCorruption.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "graph/types.h"
#include "nearlite/status.h"

namespace nearlite {

struct Posting {
  RowId rowid = 0;
  float value = 0;

  bool operator==(const Posting&) const = default;
};

/// The most bytes that a posting takes, and those of the checksum.
inline constexpr std::size_t kPostingBytesMax = 14;
inline constexpr std::size_t kPostingsCheckBytes = 4;

/// Byte form of postings with ascending rowids, none below `first`, the block's key. For each: the
/// distance to the rowid before (of the first one to `first`) as varint, the value as float32; at
/// the end a checksum over that, `term` and `first`.
[[nodiscard]] std::vector<std::byte> encode_postings(std::uint32_t term, RowId first,
                                                     std::span<const Posting> postings);

/// Appends a block's postings to `out`. They are ascending by rowid, none is below `first`, and
/// their values are finite. Throws std::bad_alloc.
Status decode_postings(std::uint32_t term, RowId first, std::span<const std::byte> bytes,
                       std::vector<Posting>& out);

/// How many of `postings`, which begin a block of key `first`, fit into `bytes_max`; at least one
/// of any. `bytes_max` at least kPostingBytesMax + kPostingsCheckBytes.
[[nodiscard]] std::size_t count_fitting(RowId first, std::span<const Posting> postings,
                                        std::size_t bytes_max) noexcept;

}  // namespace nearlite
