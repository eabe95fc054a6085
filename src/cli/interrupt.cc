#include "cli/interrupt.h"

#include <atomic>
#include <csignal>

namespace nearlite::cli {
namespace {

// Both are read by the signal handler. Relaxed is enough: handler and program are one thread, and
// the engine's own threads look at neither.
std::atomic<int> signal_count{0};
std::atomic<const Database*> running{nullptr};
static_assert(std::atomic<const Database*>::is_always_lock_free);

}  // namespace
}  // namespace nearlite::cli

namespace {

void on_signal(int number) {
  using namespace nearlite::cli;
  if (signal_count.fetch_add(1, std::memory_order_relaxed) > 0) {
    std::signal(number, SIG_DFL);
    std::raise(number);
  }
  const nearlite::Database* database = running.load(std::memory_order_relaxed);
  if (database != nullptr) database->interrupt();
}

}  // namespace

namespace nearlite::cli {

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = &on_signal;
  sigemptyset(&action.sa_mask);
  // No SA_RESTART: a read from the terminal ends, so that the shell can begin a new line.
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool is_interrupted() noexcept { return signal_count.load(std::memory_order_relaxed) > 0; }

void clear_interrupt() noexcept { signal_count.store(0, std::memory_order_relaxed); }

Status interrupted() { return {Code::kInterrupted, "interrupted"}; }

InterruptScope::InterruptScope(const Database& database) noexcept
    : before_(running.exchange(&database, std::memory_order_relaxed)) {}

InterruptScope::~InterruptScope() { running.store(before_, std::memory_order_relaxed); }

}  // namespace nearlite::cli
