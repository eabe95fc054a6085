// The nodes of an image: a directory that says where each is, and a record for each.
//
// FORMAT: docs/format.md, "The side file". A record is read, checked and believed by itself, so
// that a search need not read more than the nodes it meets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "graph/graph.h"
#include "storage/side_file.h"

namespace nearlite {

/// The directory of the present nodes of a graph up to `max_id`.
[[nodiscard]] std::vector<std::byte> encode_side_directory(const Graph& graph, NodeId max_id);
/// The record of a node in an image with this header.
[[nodiscard]] std::vector<std::byte> encode_side_record(const SideFileHeader& header,
                                                        const Graph& graph, NodeId id);
/// The checksum a record begins with, of the bytes behind it.
[[nodiscard]] std::uint64_t side_record_check(const SideFileHeader& header, NodeId id,
                                              std::span<const std::byte> bytes) noexcept;
inline constexpr std::size_t kSideCheckBytes = 8;

/// The nodes of an image for a graph of this kind. Errors: kCorruption.
Result<std::shared_ptr<NodeSource>> open_side_nodes(std::unique_ptr<SideImage> image,
                                                    const Graph& graph);

}  // namespace nearlite
