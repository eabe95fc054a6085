#include "formats/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/try.h"

namespace nearlite::formats {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 16;

Status system_failure(const std::string& name) {
  if (errno == EINTR) return {Code::kInterrupted, name + ": interrupted"};
  return {Code::kIo, name + ": " + std::strerror(errno)};
}

}  // namespace

// A descriptor rather than a stream: what a pipe has is taken as it comes, and a signal is seen.
class Input::File {
 public:
  explicit File(int descriptor) noexcept : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ > STDIN_FILENO) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

Input::Input() noexcept = default;
Input::~Input() = default;
Input::Input(Input&& other) noexcept = default;
Input& Input::operator=(Input&& other) noexcept = default;

Result<Input> Input::open(const std::string& path) {
  Input input;
  input.name_ = path == "-" ? "standard input" : path;
  const int descriptor = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return system_failure(input.name_);
  input.file_ = std::make_unique<File>(descriptor);
  struct stat about {};
  if (fstat(descriptor, &about) != 0) return system_failure(input.name_);
  if (S_ISDIR(about.st_mode)) return Status(Code::kIo, input.name_ + ": is a folder");
  if (S_ISREG(about.st_mode)) input.size_ = static_cast<std::uint64_t>(about.st_size);
  return input;
}

Input Input::of_bytes(std::span<const std::byte> bytes, std::string name) {
  Input input;
  input.name_ = std::move(name);
  input.unread_ = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  input.size_ = bytes.size();
  return input;
}

Status Input::fill() {
  if (!unread_.empty() || !file_) return {};
  // Moving an Input moves the buffer, whose address stays: it is too long to lie inside the string.
  buffer_.resize(kBufferBytes);
  const ssize_t count = ::read(file_->descriptor(), buffer_.data(), buffer_.size());
  if (count < 0) return system_failure(name_);
  unread_ = std::string_view(buffer_).substr(0, static_cast<std::size_t>(count));
  return {};
}

void Input::take(std::size_t count) noexcept {
  hasher_.bytes(std::as_bytes(std::span(unread_.data(), count)));
  unread_.remove_prefix(count);
  offset_ += count;
}

Result<std::size_t> Input::read(std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    NEARLITE_TRY(fill());
    if (unread_.empty()) break;
    const std::size_t count = std::min(unread_.size(), out.size() - done);
    std::memcpy(out.data() + done, unread_.data(), count);
    take(count);
    done += count;
  }
  return done;
}

Result<int> Input::peek() {
  NEARLITE_TRY(fill());
  return unread_.empty() ? -1 : static_cast<int>(static_cast<unsigned char>(unread_.front()));
}

Result<bool> Input::read_line(std::string& line, std::size_t bytes_max) {
  bool has_any = false;
  for (;;) {
    NEARLITE_TRY(fill());
    if (unread_.empty()) return has_any;
    const std::size_t feed = unread_.find('\n');
    const std::size_t count = feed == std::string_view::npos ? unread_.size() : feed + 1;
    if (count > bytes_max - std::min(bytes_max, line.size())) {
      return Status(Code::kInvalidArgument,
                    name_ + ": a line is longer than " + std::to_string(bytes_max) + " bytes");
    }
    line.append(unread_.substr(0, count));
    take(count);
    has_any = true;
    if (feed != std::string_view::npos) return true;
  }
}

}  // namespace nearlite::formats
