// What is known of the recall of one vector column's searches; kept in <t>_config.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "graph/types.h"

namespace nearlite::sqlite {

struct Measurement {
  std::uint32_t ef_search = 0;  ///< the least that reaches the target, or the widest that was tried
  std::uint32_t recall_ppm = 0;  ///< found with it, in millionths
  std::uint32_t former_ef = 0;   ///< in force before
  std::uint32_t former_recall_ppm = 0;
  std::uint64_t seq = 0;  ///< the commit that was measured
  NodeId max_node_id = kNodeNone;
  std::uint64_t live_count = 0;
};

/// Rows inserted and deleted since a measurement, by the numbers of a later commit.
[[nodiscard]] std::uint64_t changed_since(const Measurement& from, NodeId max_node_id,
                                          std::uint64_t live_count) noexcept;
/// So many make it worthless.
[[nodiscard]] std::uint64_t worthless_after(const Measurement& from) noexcept;

[[nodiscard]] std::string encode(const Measurement& measurement);
/// nullopt where that is no measurement: then there is none.
[[nodiscard]] std::optional<Measurement> decode_measurement(std::string_view text);

}  // namespace nearlite::sqlite
