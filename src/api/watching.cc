#include "api/watching.h"

namespace nearlite::api {
namespace {
constexpr std::chrono::milliseconds kBetweenCalls(100);
}

bool Watching::should_stop() {
  if (watch_.stop.stop_requested()) is_stopped_ = true;
  if (!is_stopped_ && watch_.on_progress && Clock::now() - told_at_ >= kBetweenCalls) tell();
  return is_stopped_;
}

void Watching::tell() {
  if (!watch_.on_progress) return;
  told_at_ = Clock::now();
  if (!watch_.on_progress(progress_)) is_stopped_ = true;
}

Status Watching::check() {
  if (!should_stop()) return {};
  return Status(Code::kInterrupted,
                "nearlite: interrupted after " + std::to_string(progress_.done) + " row(s)");
}

}  // namespace nearlite::api
