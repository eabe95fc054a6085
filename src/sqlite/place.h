// Where in the order of answers a search goes on, as statements say it.
#pragma once

#include <optional>
#include <string>

#include "index/index.h"
#include "sqlite/plan.h"

namespace nearlite::sqlite {

/// Says that an argument of a search is not as expected: "nearlite: t: <what>, got 'x'".
Status refuse_argument(const std::string& table, const char* what, sqlite3_value* value);

/// Behind after_distance, and at that distance behind after_rowid (NULL or null: behind all of
/// them). nullopt: from the beginning. Errors name the table.
Result<std::optional<Place>> read_place(const std::string& table, sqlite3_value* after_distance,
                                        sqlite3_value* after_rowid);

/// The place that `distance > value` or `distance >= value` excludes up to; nullopt for what is no
/// number. SQLite compares again, so this errs to the near side.
std::optional<Place> lower_bound(const PlanTerm& term, sqlite3_value* value);

/// The further of two.
void go_to(std::optional<Place>& place, const std::optional<Place>& other) noexcept;

}  // namespace nearlite::sqlite
