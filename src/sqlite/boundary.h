// Where C++ meets SQLite's C: no exception gets out, and results keep their meaning in both
// directions.
//
// An exception that crosses SQLite leaves the connection's mutex locked for ever. Therefore every
// function whose address SQLite gets is noexcept, contains nothing but a guard(), and is registered
// through c_callback<&fn>(), which does not compile for a function that is not noexcept.
//
// A Status born from SQLite keeps its extended result code: to_sqlite(from_sqlite(db, rc, …)) ==
// extended code of rc.
#pragma once

#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "nearlite/status.h"
#include "sqlite/api.h"

namespace nearlite::sqlite {

/// The kind of failure that a SQLite result code (primary or extended) stands for.
[[nodiscard]] Code code_of(int rc) noexcept;

/// The result code to hand to SQLite: the extended code of a Status that came from SQLite,
/// otherwise by the table of our own codes (corruption is SQLITE_CORRUPT_VTAB). SQLITE_OK for an ok
/// Status.
[[nodiscard]] int to_sqlite(const Status& status) noexcept;

/// Wraps the failure `rc` of a call on `db`, with the extended code and message that `db` remembers
/// of it. `context` names what was worked on ("docs", "docs_links"). REQUIRES: no other call on
/// `db` since the failure.
[[nodiscard]] Status from_sqlite(sqlite3* db, int rc, std::string_view context);

/// A bare result code for SQLite, without message (SQLITE_CONSTRAINT from xBestIndex, say).
[[nodiscard]] Status bare_code(int rc);

/// "nearlite: <what>: <problem>" as corruption of stored rows.
[[nodiscard]] Status corruption(std::string_view what, std::string_view problem);

/// Hands the message of a failure to SQLite, replacing one that is there already.
void set_error(char** error, const Status& status) noexcept;
void set_error(sqlite3_vtab* vtab, const Status& status) noexcept;
/// Ends a SQL function with a failure.
void result_error(sqlite3_context* context, const Status& status) noexcept;

namespace internal {

struct NoTarget {};
inline void set_error(NoTarget /*none*/, const Status& /*status*/) noexcept {}

/// The body of a guard returns a Status, or a result code (whose message, if any, it has set
/// itself).
template <class Target, class Body>
int run(Target target, Body& body) noexcept {
  using sqlite::set_error;
  try {
    if constexpr (std::is_same_v<std::invoke_result_t<Body&>, int>) {
      return body();
    } else {
      const Status status = body();
      if (status.ok()) return SQLITE_OK;
      set_error(target, status);
      return to_sqlite(status);
    }
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  } catch (...) {
    // The message is short enough for std::string's local buffer, so building it cannot throw.
    set_error(target, Status(Code::kInternal, "internal error"));
    return SQLITE_ERROR;
  }
}

}  // namespace internal

/// Runs `body` (-> Status or int), lets no exception out, and returns the result code. A failure's
/// message goes to
/// `*error`, to `vtab->zErrMsg`, or nowhere.
template <class Body>
int guard(char** error, Body&& body) noexcept {
  return internal::run(error, body);
}
template <class Body>
int guard(sqlite3_vtab* vtab, Body&& body) noexcept {
  return internal::run(vtab, body);
}
template <class Body>
int guard(Body&& body) noexcept {
  return internal::run(internal::NoTarget(), body);
}

/// The same for SQL functions: `body` -> Status sets the result itself, a failure becomes the
/// function's error.
template <class Body>
void guard(sqlite3_context* context, Body&& body) noexcept {
  try {
    const Status status = body();
    if (!status.ok()) result_error(context, status);
  } catch (const std::bad_alloc&) {
    sqlite3_result_error_nomem(context);
  } catch (...) {
    sqlite3_result_error(context, "nearlite: internal error", -1);
  }
}

namespace internal {

template <class Function>
struct CallbackOf {
  static constexpr bool kNoexcept = false;
};
template <class R, class... Arguments>
struct CallbackOf<R (*)(Arguments...) noexcept> {
  static constexpr bool kNoexcept = true;
  using Type = R (*)(Arguments...);
};

}  // namespace internal

/// The address of `Function` as SQLite takes it. Compiles for noexcept functions only.
template <auto Function>
[[nodiscard]] constexpr auto c_callback() noexcept {
  using Traits = internal::CallbackOf<decltype(Function)>;
  static_assert(Traits::kNoexcept, "a function that SQLite calls must be noexcept");
  return static_cast<typename Traits::Type>(Function);
}

}  // namespace nearlite::sqlite
