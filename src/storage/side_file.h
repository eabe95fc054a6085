// The file protocol of the side file (`path=`): a stamped image that is replaced as a whole. It has
// a directory, which is read at once and has a checksum here, and records, which are read when they
// are needed and have one each. What is in them is the index layer's business (index/side_nodes.h).
//
// Written to <path>.tmp, synced, renamed over <path>, and the folder synced: a reader sees the old
// image or the new one, also after power loss. Two processes that save at once: the second gives up
// with kBusy. Nothing here is trusted on reading: sizes are checked against the file before
// anything is used. Never mapped: who truncates a mapped file ends the process.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
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
  std::uint64_t directory_bytes = 0;  ///< of the body; records follow
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
using SideBodyWriter = std::function<Status(const SideFileSink&)>;
Status write_side_file(const std::string& path, unsigned mode, const SideFileHeader& header,
                       const SideBodyWriter& write_body);

/// The same image in memory.
Result<std::vector<std::byte>> encode_side_image(
    const SideFileHeader& header, const SideBodyWriter& write_body);

/// An image to read. Threads: any.
class SideImage {
 public:
  /// kNotFound when there is no file, kCorruption when it is torn, of another version or damaged.
  static Result<std::unique_ptr<SideImage>> open(const std::string& path);
  /// Of bytes that outlive it. `name` goes into messages.
  static Result<std::unique_ptr<SideImage>> of(const std::string& name,
                                               std::span<const std::byte> bytes);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const SideFileHeader& header() const noexcept { return header_; }
  /// Checked against its hash.
  [[nodiscard]] std::span<const std::byte> directory() const noexcept { return directory_; }
  /// How long all records are together.
  [[nodiscard]] std::uint64_t record_bytes() const noexcept { return record_bytes_; }
  /// Fills `out` with what stands there in the records. Errors: kIo, kCorruption (not that long).
  Status read(std::uint64_t offset, std::span<std::byte> out) const;
  /// The same if that needs no waiting for the disk; else false, and fetching it has begun: so that
  /// several places are fetched at once.
  Result<bool> read_now(std::uint64_t offset, std::span<std::byte> out) const;
  /// "side file <name>: <what>" as kCorruption.
  [[nodiscard]] Status damaged(const char* what) const;

 private:
  SideImage(std::string name, File file, std::span<const std::byte> bytes);
  [[nodiscard]] bool has(std::uint64_t offset, std::size_t count) const noexcept {
    return offset <= record_bytes_ && count <= record_bytes_ - offset;
  }
  [[nodiscard]] std::uint64_t place_of(std::uint64_t offset) const noexcept;
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const;
  Status read_head(std::uint64_t size);

  std::string name_;
  File file_;                         // or, where it is not open,
  std::span<const std::byte> bytes_;  // the whole image
  SideFileHeader header_;
  std::vector<std::byte> directory_;
  std::uint64_t record_bytes_ = 0;
};

}  // namespace nearlite
