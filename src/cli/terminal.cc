#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace nearlite::cli {
namespace {

std::string coloured(const char* code, std::string_view text) {
  if (!is_colour_terminal()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

bool is_dumb_terminal() {
  const char* terminal = std::getenv("TERM");
  return terminal == nullptr || std::string_view(terminal) == "dumb";
}

// Bytes 10xxxxxx continue a UTF-8 character.
bool is_start(char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U; }

}  // namespace

bool is_colour_terminal() {
  static const bool answer = [] {
    return isatty(STDOUT_FILENO) == 1 && !is_dumb_terminal() && std::getenv("NO_COLOR") == nullptr;
  }();
  return answer;
}

std::string bold(std::string_view text) { return coloured("1", text); }
std::string faint(std::string_view text) { return coloured("2", text); }
std::string green(std::string_view text) { return coloured("32", text); }
std::string red(std::string_view text) { return coloured("1;31", text); }

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t place = text.size(); place > 3;) text.insert(place -= 3, 1, ',');
  return text;
}

std::string in_bytes(std::uint64_t count) {
  constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(count);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, kUnits[unit]);
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_start));
}

std::string fit(std::string_view text, std::size_t width) {
  if (width_of(text) <= width) return std::string(text);
  std::size_t end = 0;
  for (std::size_t columns = 0; end < text.size(); ++end) {
    if (is_start(text[end]) && ++columns >= width) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

double Stopwatch::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

ProgressBar::ProgressBar(std::string label, std::uint64_t total)
    : label_(std::move(label)),
      total_(total),
      is_shown_(isatty(STDERR_FILENO) == 1 && !is_dumb_terminal()),
      is_coloured_(std::getenv("NO_COLOR") == nullptr) {
  show(0);
}

ProgressBar::~ProgressBar() {
  if (is_shown_) fmt::print(stderr, "\r\x1b[K");  // back to an empty line
}

void ProgressBar::show(std::uint64_t done, std::uint64_t rows) {
  if (!is_shown_) return;
  constexpr std::uint64_t kWidth = 40;
  const double rate = static_cast<double>(rows) / std::max(watch_.seconds(), 1e-3);
  const std::string speed = with_commas(static_cast<std::uint64_t>(rate)) + " rows/s";
  if (total_ == 0) {
    fmt::print(stderr, "\r\x1b[K   {} {} rows  {}", label_, with_commas(rows), speed);
    return;
  }
  const std::uint64_t filled = std::min(done, total_) * kWidth / total_;
  std::string bar;
  for (std::uint64_t i = 0; i < kWidth; ++i) bar += i < filled ? "━" : "╌";
  if (is_coloured_) bar = "\x1b[32m" + bar + "\x1b[0m";
  fmt::print(stderr, "\r\x1b[K   {} {} {:>3}%  {}", label_, bar,
             100 * std::min(done, total_) / total_, speed);
}

}  // namespace nearlite::cli
