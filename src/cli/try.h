// Propagation of Status and Result in the command, which uses Nearlite's public headers only and
// hence not src/base/try.h.
#pragma once

#include <utility>

#include "nearlite/status.h"

#define NEARLITE_CLI_JOIN_INNER(a, b) a##b
#define NEARLITE_CLI_JOIN(a, b) NEARLITE_CLI_JOIN_INNER(a, b)

/// Returns the failure of `expr` to the caller.
#define NEARLITE_CLI_TRY(expr)                                              \
  do {                                                                      \
    if (::nearlite::Status status_ = (expr); !status_.ok()) return status_; \
  } while (false)

/// The same for a Result; assigns its value.
#define NEARLITE_CLI_ASSIGN(lhs, expr) \
  NEARLITE_CLI_ASSIGN_AS(NEARLITE_CLI_JOIN(result_, __COUNTER__), lhs, expr)
#define NEARLITE_CLI_ASSIGN_AS(name, lhs, expr) \
  auto name = (expr);                           \
  if (!name.ok()) return name.status();         \
  lhs = std::move(*name)
