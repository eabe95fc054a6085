#include "support/process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace nearlite::test {
namespace {

int code_of(int status) { return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status); }

}  // namespace

pid_t spawn_self(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = arguments;
  std::string name = "nearlite-test-child";
  std::vector<char*> argv{name.data()};
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = vfork();
  if (child == 0) {
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  if (child < 0) throw std::runtime_error("fork failed");
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw std::runtime_error("waitpid failed");
  }
  return code_of(status);
}

bool has_ended(pid_t child, int& code) {
  int status = 0;
  if (waitpid(child, &status, WNOHANG) != child) return false;
  code = code_of(status);
  return true;
}

void* map_shared_file(const std::string& path, std::size_t size) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, static_cast<off_t>(size)) != 0) {
    throw std::runtime_error("cannot make " + path);
  }
  void* page = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (page == MAP_FAILED) throw std::runtime_error("cannot map " + path);
  return page;
}

void sleep_microseconds(unsigned long microseconds) {
  timespec time{static_cast<time_t>(microseconds / 1'000'000),
                static_cast<long>(microseconds % 1'000'000) * 1000};
  while (nanosleep(&time, &time) != 0 && errno == EINTR) {
  }
}

}  // namespace nearlite::test
