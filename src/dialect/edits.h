// Changes to a text, collected in any order and carried out at once.
//
// What is put round a range belongs to it as a whole: it is rendered only with all of the range,
// and goes when something around the range is replaced. Ranges nest as parentheses do; of two that
// begin or end together the one collected last is the outer one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nearlite::dialect {

class Edits {
 public:
  /// The text must outlive it.
  explicit Edits(std::string_view text) : text_(text) {}

  [[nodiscard]] bool empty() const noexcept { return edits_.empty(); }

  /// Puts `before` and `after` round [begin, end).
  void wrap(std::size_t begin, std::size_t end, std::string before, std::string after);
  /// Replaces [begin, end) and whatever was collected inside.
  void replace(std::size_t begin, std::size_t end, std::string what);

  /// The text at [begin, end), changed.
  [[nodiscard]] std::string render(std::size_t begin, std::size_t end) const;

 private:
  enum class Kind : std::uint8_t { kAfter, kBefore, kReplace };  // in the order of one place
  struct Edit {
    std::size_t place;
    Kind kind;
    std::size_t begin;  // the range it belongs to
    std::size_t end;
    std::string what;
  };
  void add(Edit edit);

  std::string_view text_;
  std::vector<Edit> edits_;  // sorted
};

}  // namespace nearlite::dialect
