// Propagation of Status and Result. NEARLITE_TRY(expr) returns the failure of `expr` to the caller;
// NEARLITE_ASSIGN(lhs, expr) does the same for a Result and otherwise assigns its value.
// A Status that is swallowed on purpose is spelled ignore(status, "reason").
#pragma once

#include "nearlite/status.h"

#define NEARLITE_CONCAT_INNER(a, b) a##b
#define NEARLITE_CONCAT(a, b) NEARLITE_CONCAT_INNER(a, b)

#define NEARLITE_TRY(expr)                                                          \
  do {                                                                              \
    if (::nearlite::Status nearlite_status = (expr); !nearlite_status.ok()) {       \
      return nearlite_status;                                                       \
    }                                                                               \
  } while (false)

#define NEARLITE_ASSIGN(lhs, expr)                                                  \
  auto NEARLITE_CONCAT(nearlite_result_, __LINE__) = (expr);                        \
  if (!NEARLITE_CONCAT(nearlite_result_, __LINE__).ok()) {                          \
    return NEARLITE_CONCAT(nearlite_result_, __LINE__).status();                    \
  }                                                                                 \
  lhs = std::move(*NEARLITE_CONCAT(nearlite_result_, __LINE__))

namespace nearlite {

/// Swallows a failure on purpose; `reason` says why that is right.
inline void ignore(const Status& /*status*/, const char* /*reason*/) noexcept {}

}  // namespace nearlite
