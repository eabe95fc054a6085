#include "sqlite/place.h"

#include <cmath>

#include "sqlite/whole_number.h"

namespace nearlite::sqlite {

namespace {

bool is_given(sqlite3_value* value) {
  return value != nullptr && sqlite3_value_type(value) != SQLITE_NULL;
}

}  // namespace

Status refuse_argument(const std::string& table, const char* what, sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return {Code::kInvalidArgument,
          "nearlite: " + table + ": " + what + ", got " + shown(text == nullptr ? "" : text)};
}

Result<std::optional<Place>> read_place(const std::string& table, sqlite3_value* after_distance,
                                        sqlite3_value* after_rowid) {
  if (!is_given(after_distance)) {
    if (is_given(after_rowid))
      return refuse_argument(table, "after_rowid: expected NULL without after_distance",
                             after_rowid);
    return std::optional<Place>();
  }
  const int type = sqlite3_value_numeric_type(after_distance);
  if (type != SQLITE_INTEGER && type != SQLITE_FLOAT)
    return refuse_argument(table, "after_distance: expected a number", after_distance);
  Place place{sqlite3_value_double(after_distance), INT64_MAX};
  if (is_given(after_rowid)) {
    const auto rowid = whole_number(after_rowid);
    if (!rowid) return refuse_argument(table, "after_rowid: expected an integer", after_rowid);
    place.rowid = *rowid;
  }
  return std::optional(place);
}

std::optional<Place> lower_bound(const PlanTerm& term, sqlite3_value* value) {
  const int type = sqlite3_value_numeric_type(value);
  if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) return std::nullopt;
  const double bound = sqlite3_value_double(value);
  // Larger whole numbers are rounded. A row value's first part comes as >=.
  const bool is_precise = type == SQLITE_FLOAT || std::fabs(bound) < 9e15;
  const bool is_excluded = term.op == SQLITE_INDEX_CONSTRAINT_GT && is_precise;
  return Place{is_excluded ? bound : std::nextafter(bound, -INFINITY), INT64_MAX};
}

void go_to(std::optional<Place>& place, const std::optional<Place>& other) noexcept {
  if (other && (!place || is_beyond({other->distance, other->rowid}, *place))) place = other;
}

}  // namespace nearlite::sqlite
