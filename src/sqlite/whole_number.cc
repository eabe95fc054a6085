#include "sqlite/whole_number.h"

#include <cmath>

namespace nearlite::sqlite {

std::optional<std::int64_t> whole_number(sqlite3_value* value) noexcept {
  const int type = sqlite3_value_numeric_type(value);
  if (type == SQLITE_INTEGER) return sqlite3_value_int64(value);
  if (type != SQLITE_FLOAT) return std::nullopt;
  const double number = sqlite3_value_double(value);
  // 2^63. Its negative would fit, but not every SQLite takes it for an integer.
  constexpr double kEnd = 9'223'372'036'854'775'808.0;
  if (std::floor(number) != number || std::fabs(number) >= kEnd) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

}  // namespace nearlite::sqlite
