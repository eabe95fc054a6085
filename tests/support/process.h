// Child processes for crash and stress tests: the test program starts itself again with other
// arguments (fork and exec, because SQLite connections and threads must not be carried across a
// fork), and shares a page of memory with it.
#pragma once

#include <sys/mman.h>
#include <sys/types.h>

#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace nearlite::test {

/// Starts this program with `arguments` (and nothing else on its command line).
pid_t spawn_self(const std::vector<std::string>& arguments);

/// Waits for a child; its exit code, or -signal.
int wait_for(pid_t child);

/// True, once the child has ended; `code` as from wait_for.
bool has_ended(pid_t child, int& code);

/// A struct of atomics in a file mapped by several processes; it survives the death of any of them.
template <typename T>
class SharedPage {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  explicit SharedPage(const std::string& path) : page_(static_cast<T*>(map(path, sizeof(T)))) {}
  ~SharedPage() { munmap(page_, sizeof(T)); }
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;
  T* operator->() const { return page_; }
  T& operator*() const { return *page_; }

 private:
  static void* map(const std::string& path, std::size_t size);
  T* page_;
};

void* map_shared_file(const std::string& path, std::size_t size);

template <typename T>
void* SharedPage<T>::map(const std::string& path, std::size_t size) {
  return map_shared_file(
      path, size);  // a new file is all zero, which is the initial state of every T used here
}

void sleep_microseconds(unsigned long microseconds);

}  // namespace nearlite::test
