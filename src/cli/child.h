// This program started again as a process of its own: for showing that what it promises holds
// between processes, and when one is killed.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "nearlite/status.h"

namespace nearlite::cli {

/// A child process whose standard output we read. Killed and waited for by the destructor, if it is
/// still there.
class Child {
 public:
  /// Starts this program with `arguments`.
  static Result<Child> start(const std::vector<std::string>& arguments);

  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) = delete;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// The next line without its line feed; false at the end of the output. A last line without line
  /// feed, torn by a kill, is none.
  Result<bool> read_line(std::string& line);

  /// kill -9: the process gets no chance to do anything more.
  void kill_now() noexcept;

  /// Waits for the end; the exit code, or minus the number of the signal that ended it.
  Result<int> wait();

 private:
  Child(pid_t process, int output) : process_(process), output_(output) {}
  pid_t process_;
  int output_;
  std::string unread_;
};

}  // namespace nearlite::cli
