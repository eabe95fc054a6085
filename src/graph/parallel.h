// Runs a loop on several threads. The threads live for one loop: a loop here lasts milliseconds, a
// thread costs twenty microseconds, and no thread of ours is left when a host forks or unloads us.
#pragma once

#include <atomic>
#include <cstddef>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "nearlite/status.h"

namespace nearlite {

/// Calls body(index, worker) for every index < count in any order, worker < thread_count; one
/// worker never runs twice at a time. `poll` is called on the calling thread now and then; true
/// ends the loop early with kInterrupted. An allocation that fails in `body` ends it with
/// kNoMemory.
template <class Body, class Poll>
Status parallel_for(unsigned thread_count, std::size_t count, std::size_t grain, Body&& body,
                    Poll&& poll) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stop{false};
  std::atomic<bool> out_of_memory{false};
  bool interrupted = false;
  const auto work = [&](unsigned worker, bool may_poll) {
    try {
      while (!stop.load(std::memory_order_relaxed)) {
        const std::size_t first = next.fetch_add(grain, std::memory_order_relaxed);
        if (first >= count) return;
        const std::size_t last = first + grain < count ? first + grain : count;
        for (std::size_t index = first; index < last; ++index) body(index, worker);
        if (may_poll && poll()) {
          interrupted = true;
          stop.store(true, std::memory_order_relaxed);
        }
      }
    } catch (const std::bad_alloc&) {
      out_of_memory.store(true, std::memory_order_relaxed);
      stop.store(true, std::memory_order_relaxed);
    }
  };
  std::vector<std::thread> threads;
  try {
    for (unsigned worker = 1; worker < thread_count; ++worker)
      threads.emplace_back(work, worker, false);
  } catch (const std::bad_alloc&) {  // fewer threads do it too
  } catch (const std::system_error&) {
  }
  work(0, true);
  for (std::thread& thread : threads)
    thread.join();  // orders everything they did before what follows
  if (out_of_memory.load(std::memory_order_relaxed))
    return {Code::kNoMemory, "no memory in a worker thread"};
  if (interrupted) return {Code::kInterrupted, "interrupted"};
  return {};
}

}  // namespace nearlite
