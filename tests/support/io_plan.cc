#include "support/io_plan.h"

#include <algorithm>

namespace nearlite::test {

const char* name_of(IoKind kind) {
  constexpr const char* kNames[kIoKindCount] = {"open",     "read",   "write",  "truncate",
                                                "sync",     "size",   "lock",   "shm map",
                                                "shm lock", "delete", "access", "rename"};
  return kNames[static_cast<std::size_t>(kind)];
}

IoPlan& IoPlan::get() {
  static IoPlan plan;
  return plan;
}

void IoPlan::reset() { *this = IoPlan(); }

void IoPlan::start(Mode mode) {
  mode_ = mode;
  calls_ = failures_ = grown_ = 0;
  by_kind_ = {};
}

void IoPlan::fail_at(std::uint64_t n, bool persistent) {
  start(persistent ? Mode::kPersistent : Mode::kOnce);
  at_ = n;
}

void IoPlan::only(std::span<const IoKind> kinds) {
  counted_ = {};
  for (const IoKind kind : kinds) counted_[static_cast<std::size_t>(kind)] = true;
}

void IoPlan::limit_bytes(std::uint64_t bytes) {
  start(Mode::kQuota);
  quota_ = bytes;
}

void IoPlan::count_only() { start(Mode::kCount); }

bool IoPlan::fails(IoKind kind) {
  if (mode_ == Mode::kOff || !counted_[static_cast<std::size_t>(kind)]) return false;
  ++by_kind_[static_cast<std::size_t>(kind)];
  const std::uint64_t n = calls_++;
  const bool now = (mode_ == Mode::kOnce && n == at_) || (mode_ == Mode::kPersistent && n >= at_);
  if (now) ++failures_;
  return now;
}

std::uint64_t IoPlan::grow(std::uint64_t wanted) {
  if (mode_ == Mode::kOff) return wanted;
  const std::uint64_t granted = mode_ == Mode::kQuota ? std::min(wanted, quota_) : wanted;
  if (mode_ == Mode::kQuota) quota_ -= granted;
  if (granted < wanted) ++failures_;
  grown_ += granted;
  return granted;
}

void IoPlan::give_back(std::uint64_t bytes) {
  if (mode_ == Mode::kQuota) quota_ += bytes;
}

}  // namespace nearlite::test
