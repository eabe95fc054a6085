// Bytes of a file, of standard input or of memory, read once from front to back. Knows how far it
// is and the hash of everything read so far, by which an interrupted import recognises the file it
// had begun with.
//
// Nothing is allocated for bytes that are not there: a line grows as it is read, up to a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "nearlite/status.h"

namespace nearlite::formats {

class Input {
 public:
  /// Opens a file, or standard input for "-". Errors: kIo. What follows may also fail with
  /// kInterrupted, when a signal ends the waiting for more of a pipe.
  static Result<Input> open(const std::string& path);
  /// Reads from memory, which must outlive the Input. `name` goes into messages.
  static Input of_bytes(std::span<const std::byte> bytes, std::string name);

  ~Input();
  Input(Input&& other) noexcept;
  Input& operator=(Input&& other) noexcept;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// The file's name, for messages.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Bytes handed out so far, and their hash.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::uint64_t digest() const noexcept { return hasher_.digest64(); }
  /// The file's size; 0 when it has none (a pipe).
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// Fills `out` as far as there are bytes; the number of bytes read. Errors: kIo.
  Result<std::size_t> read(std::span<std::byte> out);
  /// The next byte without taking it; -1 at the end. Errors: kIo.
  Result<int> peek();
  /// Appends the next line to `line`, with its line feed if it has one. False at the end.
  /// Errors: kIo; kInvalidArgument: `line` would exceed `bytes_max`.
  Result<bool> read_line(std::string& line, std::size_t bytes_max);

 private:
  class File;
  Input() noexcept;
  Status fill();
  void take(std::size_t count) noexcept;

  std::string name_;
  std::unique_ptr<File> file_;  ///< none: memory
  std::string buffer_;
  std::string_view unread_;  ///< of buffer_, or of the memory given
  std::uint64_t offset_ = 0;
  std::uint64_t size_ = 0;
  Hasher hasher_;
};

}  // namespace nearlite::formats
