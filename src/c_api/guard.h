// Where C meets the C++ API: no exception gets out, and the text of a failure is kept for the
// thread.
#pragma once

#include <exception>
#include <new>
#include <string>

#include "nearlite/nearlite_c.h"
#include "nearlite/status.h"

namespace nearlite::c_api {

/// The text of this thread's last failure.
std::string& last_error() noexcept;

inline nearlite_code keep(Code code, const char* message) noexcept {
  try {
    last_error() = message;
  } catch (const std::exception&) {
    last_error().clear();  // out of memory; the code says enough
  }
  return static_cast<nearlite_code>(code);
}

inline nearlite_code keep(const Status& status) noexcept {
  return status.ok() ? NEARLITE_OK : keep(status.code(), status.message().c_str());
}

/// Runs `body` (-> Status) and returns its code.
template <class Body>
nearlite_code guard(Body&& body) noexcept {
  try {
    return keep(body());
  } catch (const std::bad_alloc&) {
    return keep(Code::kNoMemory, "nearlite: out of memory");
  } catch (const std::exception& exception) {
    return keep(Code::kInternal, exception.what());
  } catch (...) {
    return keep(Code::kInternal, "nearlite: internal error");
  }
}

}  // namespace nearlite::c_api
