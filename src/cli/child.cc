#include "cli/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace nearlite::cli {
namespace {

constexpr const char* kSelf = "/proc/self/exe";

Status system_failure(const char* what, int error) {
  return {Code::kIo, fmt::format("{}: {}", what, std::strerror(error))};
}

}  // namespace

Result<Child> Child::start(const std::vector<std::string>& arguments) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return system_failure("pipe", errno);
  std::vector<std::string> words = arguments;
  words.insert(words.begin(), "nearlite");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);  // clears close-on-exec
  pid_t process = 0;
  const int error = posix_spawn(&process, kSelf, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    return system_failure(kSelf, error);
  }
  return Child(process, ends[0]);
}

Child::Child(Child&& other) noexcept
    : process_(std::exchange(other.process_, 0)),
      output_(std::exchange(other.output_, -1)),
      unread_(std::move(other.unread_)) {}

Child::~Child() {
  if (process_ > 0) {
    kill_now();
    while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (output_ >= 0) close(output_);
}

Result<bool> Child::read_line(std::string& line) {
  for (;;) {
    const std::size_t end = unread_.find('\n');
    if (end != std::string::npos) {
      line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return true;
    }
    char buffer[4096];
    const ssize_t count = read(output_, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_failure("reading from a child process", errno);
    if (count == 0) return false;
    unread_.append(buffer, static_cast<std::size_t>(count));
  }
}

void Child::kill_now() noexcept {
  if (process_ > 0) ::kill(process_, SIGKILL);
}

Result<int> Child::wait() {
  int status = 0;
  while (waitpid(process_, &status, 0) < 0) {
    if (errno != EINTR) return system_failure("waiting for a child process", errno);
  }
  process_ = 0;
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace nearlite::cli
