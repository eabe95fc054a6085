// A condition given as text: the argument `filter` of a search.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "nearlite/status.h"

namespace nearlite::sqlite {

struct FilterText {
  bool is_fixed = false;     ///< says the same of a row as long as the row does not change
  bool has_pattern = false;  ///< uses LIKE or GLOB
};

/// Checks that `text` is one expression, so that it stays within the brackets we put round it.
/// `names` are the columns it may use and still count as fixed; a name that is neither a column nor
/// a common operator may be a function, a table or a column of elsewhere. Errors: kInvalidArgument.
Result<FilterText> check_filter_text(std::string_view text, std::span<const std::string> names);

}  // namespace nearlite::sqlite
