#include "dialect/schema.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "dialect/operands.h"

namespace nearlite::dialect {
namespace {

// "vector" of "vector(3)".
std::string_view word_of(std::string_view type) noexcept {
  return type.substr(0, std::min(type.find_first_of(" ("), type.size()));
}

}  // namespace

bool ColumnInfo::is_vector() const noexcept { return is_vector_type(word_of(type)); }

std::uint32_t ColumnInfo::dim() const noexcept {
  const std::size_t open = type.find('(');
  if (open == std::string::npos || !is_vector()) return 0;
  std::size_t at = open + 1;
  while (at < type.size() && type[at] == ' ') ++at;
  std::uint32_t dim = 0;
  const auto read = std::from_chars(type.data() + at, type.data() + type.size(), dim);
  return read.ec == std::errc() ? dim : 0;
}

const ColumnInfo* TableInfo::find_column(std::string_view column) const noexcept {
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const ColumnInfo& one) {
    return equals_ignoring_case(one.name, column);
  });
  return found == columns.end() ? nullptr : &*found;
}

}  // namespace nearlite::dialect
