// get_embedding(text): a function of the host's as a SQL function. Nothing registers it but
// Database::register_embedding(): a database that is opened must not be able to make its host talk
// to a server. For the same reason triggers, views and the like of a schema may not call it.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "nearlite/status.h"
#include "sqlite/api.h"

namespace nearlite::sqlite {

using EmbeddingFunction = std::function<Result<std::vector<float>>(std::string_view)>;

/// Replaces the function of before; an empty one takes the SQL function away.
Status register_embedding_function(sqlite3* db, EmbeddingFunction function);

}  // namespace nearlite::sqlite
