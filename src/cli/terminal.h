// What the command shows people: colours and a progress bar on a terminal (and only there), numbers
// and texts in readable form.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nearlite::cli {

/// Whether standard output is a terminal that shows colours: not a file or pipe, not TERM=dumb, and
/// the user has not set NO_COLOR.
[[nodiscard]] bool is_colour_terminal();

[[nodiscard]] std::string bold(std::string_view text);
[[nodiscard]] std::string faint(std::string_view text);
[[nodiscard]] std::string green(std::string_view text);
[[nodiscard]] std::string red(std::string_view text);

/// 20000 → "20,000".
[[nodiscard]] std::string with_commas(std::uint64_t number);
/// 31457280 → "30.0 MiB".
[[nodiscard]] std::string in_bytes(std::uint64_t count);
/// At most `width` columns of `text`, its end replaced by "…" if there is more.
[[nodiscard]] std::string fit(std::string_view text, std::size_t width);
/// The columns `text` takes, were every character one column wide.
[[nodiscard]] std::size_t width_of(std::string_view text);

/// Time since it was made.
class Stopwatch {
 public:
  [[nodiscard]] double seconds() const;
  [[nodiscard]] double milliseconds() const { return 1000 * seconds(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// One line on standard error that fills up; nothing at all where that is no terminal. Gone with
/// the object.
class ProgressBar {
 public:
  /// `total` 0: unknown, only the count is shown.
  ProgressBar(std::string label, std::uint64_t total);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(std::uint64_t done) { show(done, done); }
  /// `done` of `total` (bytes, say), which is `rows` rows.
  void show(std::uint64_t done, std::uint64_t rows);

 private:
  std::string label_;
  std::uint64_t total_;
  bool is_shown_;
  bool is_coloured_;
  Stopwatch watch_;
};

}  // namespace nearlite::cli
