// Propagation of Status and Result. NEARLITE_TRY(expr) returns the failure of `expr` to the caller;
// NEARLITE_ASSIGN(lhs, expr) does the same for a Result and otherwise assigns its value.
// A Status that is swallowed on purpose is spelled ignore(status, "reason").
#pragma once

#include "nearlite/status.h"

#define NEARLITE_CONCAT_INNER(a, b) a##b
#define NEARLITE_CONCAT(a, b) NEARLITE_CONCAT_INNER(a, b)

// __COUNTER__ keeps the names of nested uses apart (a visitor in the argument of a call, say).
#define NEARLITE_TRY(expr) NEARLITE_TRY_AS(NEARLITE_CONCAT(nearlite_status_, __COUNTER__), expr)
#define NEARLITE_TRY_AS(name, expr)                                \
  do {                                                             \
    if (::nearlite::Status name = (expr); !name.ok()) return name; \
  } while (false)

#define NEARLITE_ASSIGN(lhs, expr) \
  NEARLITE_ASSIGN_AS(NEARLITE_CONCAT(nearlite_result_, __COUNTER__), lhs, expr)
#define NEARLITE_ASSIGN_AS(name, lhs, expr) \
  auto name = (expr);                       \
  if (!name.ok()) return name.status();     \
  lhs = std::move(*name)

namespace nearlite {

/// Swallows a failure on purpose; `reason` says why that is right.
inline void ignore(const Status& /*status*/, const char* /*reason*/) noexcept {}

}  // namespace nearlite
