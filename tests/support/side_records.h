// The checksums of an image's records, for tests that forge one.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "graph/level.h"
#include "index/side_nodes.h"
#include "storage/side_file.h"

namespace nearlite::test {

/// Makes the checksums of all records right, as far as they lie where the directory says. `body` is
/// that of an image with this header. REQUIRES: m of the header is one an index may have.
inline void repair_side_records(const SideFileHeader& header, std::span<std::byte> body) {
  const LevelThresholds thresholds = make_level_thresholds(header.m);
  const auto directory = body.first(header.directory_bytes);
  const auto records = body.subspan(header.directory_bytes);
  for (std::size_t entry = 0; entry < directory.size() / 16; ++entry) {
    std::uint64_t bits = 0;
    std::uint64_t offset = 0;
    std::memcpy(&bits, &directory[16 * entry], sizeof bits);
    std::memcpy(&offset, &directory[16 * entry + 8], sizeof offset);
    for (; bits != 0; bits &= bits - 1) {
      const auto id = static_cast<NodeId>(64 * entry) + static_cast<NodeId>(std::countr_zero(bits));
      const unsigned level = level_of(thresholds, header.index_seed, id);
      const std::uint64_t size = 48 + std::uint64_t{header.code_bytes} + header.residual_bytes +
                                 (2 + std::uint64_t{level}) * header.m * sizeof(NodeId);
      if (offset > records.size() || size > records.size() - offset) return;
      const std::uint64_t check =
          side_record_check(header, id, records.subspan(offset + 8, size - 8));
      std::memcpy(&records[offset], &check, sizeof check);
      offset += size;
    }
  }
}

}  // namespace nearlite::test
