#include "dialect/source.h"

#include <algorithm>

#include "base/text.h"

namespace nearlite::dialect {
namespace {

constexpr std::size_t kExcerptBytes = 100;

bool is_continuation(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// Characters, not bytes.
std::size_t count_characters(std::string_view text) {
  return text.size() -
         static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_continuation));
}

}  // namespace

Source::Source(std::string_view script, std::size_t begin, std::size_t end)
    : script_(script),
      begin_(begin),
      end_(end),
      tokens_(tokenize(script.substr(begin, end - begin))) {
  for (Token& token : tokens_) {
    token.begin += begin;
    token.end += begin;
  }
  if (!tokens_.empty() && tokens_.back().kind == TokenKind::kSemicolon) tokens_.pop_back();
  nothing_.begin = nothing_.end = tokens_.empty() ? end : tokens_.back().end;
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (is(i, TokenKind::kClose) && !open.empty()) open.pop_back();
    parents_.push_back(open.empty() ? kNone : open.back());
    if (is(i, TokenKind::kOpen)) open.push_back(i);
  }
}

std::string_view Source::text(std::size_t index) const noexcept {
  const Token& token = at(index);
  return script_.substr(token.begin, token.end - token.begin);
}

std::string_view Source::text(Range range) const noexcept {
  if (range.empty()) return {};
  return script_.substr(at(range.first).begin, at(range.last).end - at(range.first).begin);
}

bool Source::is_word(std::size_t index, std::string_view word) const noexcept {
  return is(index, TokenKind::kWord) && equals_ignoring_case(text(index), word) &&
         !(index > 0 && is(index - 1, TokenKind::kDot));
}

bool Source::is_word(std::size_t index,
                     std::initializer_list<std::string_view> words) const noexcept {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return is_word(index, word); });
}

bool Source::has_words(std::size_t index,
                       std::initializer_list<std::string_view> words) const noexcept {
  return std::all_of(words.begin(), words.end(),
                     [&](std::string_view word) { return is_word(index++, word); });
}

std::string Source::name(std::size_t index) const { return name_of(at(index).kind, text(index)); }

std::size_t Source::close_of(std::size_t open) const noexcept {
  if (!is(open, TokenKind::kOpen) || at(open).partner == open) return kNone;
  // The semicolon that was cut off is no partner, so every partner is still there.
  return at(open).partner;
}

std::size_t Source::after(std::size_t index) const noexcept {
  const std::size_t close = close_of(index);
  return close == kNone ? index + 1 : close + 1;
}

Status Source::error(Range range, std::string_view problem) const {
  const std::size_t place = std::min(at(range.first).begin, script_.size());
  const std::size_t place_end = std::max(place + 1, at(range.last).end);
  const std::string_view before = script_.substr(0, place);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t newline = before.rfind('\n');
  std::size_t first = newline == std::string_view::npos ? 0 : newline + 1;
  const std::size_t column = 1 + count_characters(script_.substr(first, place - first));
  std::size_t last = std::min(script_.find('\n', place), script_.size());
  // Long lines are shown from a little before the place on.
  if (place - first > kExcerptBytes / 2) first = place - kExcerptBytes / 2;
  while (first < place && is_continuation(script_[first])) ++first;
  last = std::min(last, first + kExcerptBytes);
  while (last > place && last < script_.size() && is_continuation(script_[last])) --last;
  std::string shown(script_.substr(first, last - first));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  const std::size_t marked = std::min(place_end, std::max(last, place + 1)) - place;
  const std::size_t blanks = count_characters(script_.substr(first, place - first));
  const std::size_t marks =
      std::max<std::size_t>(1, count_characters(script_.substr(place, marked)));
  return {Code::kInvalidArgument, "nearlite: line " + std::to_string(line) + ", column " +
                                      std::to_string(column) + ": " + std::string(problem) +
                                      "\n  " + shown + "\n  " + std::string(blanks, ' ') +
                                      std::string(marks, '^')};
}

}  // namespace nearlite::dialect
