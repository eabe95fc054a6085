// The provider that the command line chose, and what people are told about it.
#pragma once

#include <string>

#include "cli/commands.h"
#include "embed/provider.h"

namespace nearlite::cli {

/// Opens the provider. The key comes from the environment variable OPENAI_API_KEY and from nowhere
/// else. `dim_expected` 0: any. Errors: kInvalidArgument.
Result<embed::Provider> open_provider(const ProviderArguments& arguments, std::size_t dim_expected);

/// The vector of one text; a warning on standard error if the server cut it.
Result<std::vector<float>> embed_one(embed::Provider& provider, const std::string& text);

/// "warning: the beginning of text 3 only was read …", for `count` texts of which `first` is one.
void warn_truncated(std::size_t count, const std::string& first);

}  // namespace nearlite::cli
