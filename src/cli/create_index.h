// The statement that makes an index, for `init` and for the first `add`.
#pragma once

#include <string>

#include "cli/commands.h"

namespace nearlite::cli {

[[nodiscard]] std::string create_index_sql(const InitArguments& arguments);

}  // namespace nearlite::cli
