// The file protocol of the side file (`path=`): a stamped, checksummed image that is replaced as a
// whole. What is in the body is the index layer's business (index/side_image.h).
//
// Written to <path>.tmp, synced, renamed over <path>, and the folder synced: a reader sees the old
// image or the new one, also after power loss. Two processes that save at once: the second gives up
// with kBusy. Nothing here is trusted on reading: sizes are checked against the file before
// anything is used, and the body against its hash.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "nearlite/status.h"
#include "storage/records.h"

namespace nearlite {

/// What an image is of, and as of which commit. FORMAT: docs/format.md, "Side file".
struct SideFileHeader {
  std::uint64_t index_seed = 0;  ///< tells indexes apart (derived from the index uuid)
  std::uint32_t dim = 0;
  std::uint32_t m = 0;
  std::uint32_t code_bytes = 0;
  std::uint32_t residual_bytes = 0;
  std::uint64_t node_count = 0;
  CommitRecord at;  ///< seq, commit_id, max_node_id, live_count, dead_count, entry, purge_floor,
                    ///< unlink_floor
};

/// Whether an image may be written to `path`: no file is there, or an image. Errors:
/// kInvalidArgument (somebody else's file), kIo.
Status check_side_file(const std::string& path);

/// Removes an image; without effect when there is none. Errors: as check_side_file.
Status remove_side_file(const std::string& path);

/// Writes a new image. `write_body` gets a sink to call as often as it likes. `mode`: permission
/// bits of the file. Errors: kIo, kFull, kBusy (another process is saving), kInvalidArgument
/// (check_side_file). On failure the old image stays.
using SideFileSink = std::function<Status(std::span<const std::byte>)>;
Status write_side_file(const std::string& path, unsigned mode, const SideFileHeader& header,
                       const std::function<Status(const SideFileSink&)>& write_body);

/// The same image in memory.
Result<std::vector<std::byte>> encode_side_image(
    const SideFileHeader& header, const std::function<Status(const SideFileSink&)>& write_body);
/// Checks an image in memory and calls `visit` with its parts. `name` goes into messages.
using SideImageVisitor = std::function<Status(const SideFileHeader&, std::span<const std::byte>)>;
Status decode_side_image(const std::string& name, std::span<const std::byte> image,
                         const SideImageVisitor& visit);

/// Maps an image and calls `visit` with its header and body, which live during the call only.
/// kNotFound when there is no file, kCorruption when it is torn, of another version or damaged.
Status read_side_file(const std::string& path, const SideImageVisitor& visit);

}  // namespace nearlite
