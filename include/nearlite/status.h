/// Nearlite: results of operations that may fail.
///
/// `Status` says whether something worked and, if not, why; `Result<T>` is a value or a Status.
/// Both are
/// [[nodiscard]]. Nothing in Nearlite throws except `Result::value()`, which is for hosts that like
/// exceptions.
#pragma once

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace nearlite {

/// What kind of failure happened. Numbers are stable: they may be stored and compared.
enum class Code : std::uint8_t {
  kOk = 0,
  kInvalidArgument = 1,  ///< the caller's input is wrong (length, NaN, unknown option, …)
  kNotFound = 2,         ///< a named thing does not exist
  kConstraint = 3,       ///< a uniqueness or similar constraint is violated
  kBusy = 4,             ///< another connection holds a lock; retry later
  kFull = 5,             ///< disk, database or id space is full
  kIo = 6,               ///< the operating system reported an error
  kNoMemory = 7,         ///< an allocation failed
  kInterrupted = 8,      ///< interrupted by the host
  kReadOnly = 9,         ///< the database or index cannot be written
  kCorruption = 10,      ///< stored bytes are damaged
  kInternal = 11,        ///< a bug of ours; the transaction cannot continue
  kSqlite = 12,          ///< any other SQLite error; see sqlite_code()
};

/// The outcome of an operation: a code, a message that names table, thing, limit and value, and,
/// when the failure came from SQLite, its extended result code unchanged.
class [[nodiscard]] Status {
 public:
  Status() noexcept = default;
  Status(Code code, std::string message) noexcept : code_(code), message_(std::move(message)) {}

  /// Wraps a failure reported by SQLite, keeping its extended result code.
  static Status from_sqlite(Code code, int extended_code, std::string message) noexcept {
    Status status(code, std::move(message));
    status.sqlite_code_ = extended_code;
    return status;
  }

  [[nodiscard]] bool ok() const noexcept { return code_ == Code::kOk; }
  [[nodiscard]] Code code() const noexcept { return code_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  /// SQLite's extended result code, or 0 when the failure is our own.
  [[nodiscard]] int sqlite_code() const noexcept { return sqlite_code_; }

 private:
  Code code_ = Code::kOk;
  int sqlite_code_ = 0;
  std::string message_;
};

/// Thrown by Result::value() only.
class Error : public std::runtime_error {
 public:
  explicit Error(Status status)
      : std::runtime_error(status.message()), status_(std::move(status)) {}
  [[nodiscard]] const Status& status() const noexcept { return status_; }

 private:
  Status status_;
};

/// A value, or the Status that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Status status)
      : state_(std::in_place_index<1>, std::move(status)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  /// The failure; an ok Status when there is a value.
  [[nodiscard]] Status status() const { return ok() ? Status() : std::get<1>(state_); }
  /// REQUIRES: ok().
  [[nodiscard]] T& operator*() noexcept { return *std::get_if<0>(&state_); }
  [[nodiscard]] const T& operator*() const noexcept { return *std::get_if<0>(&state_); }
  [[nodiscard]] T* operator->() noexcept { return std::get_if<0>(&state_); }
  [[nodiscard]] const T* operator->() const noexcept { return std::get_if<0>(&state_); }
  /// The value; throws nearlite::Error when there is none.
  [[nodiscard]] T& value() & {
    if (!ok()) throw Error(std::get<1>(state_));
    return std::get<0>(state_);
  }
  [[nodiscard]] T value() && {
    if (!ok()) throw Error(std::get<1>(state_));
    return std::move(std::get<0>(state_));
  }

 private:
  std::variant<T, Status> state_;
};

}  // namespace nearlite
