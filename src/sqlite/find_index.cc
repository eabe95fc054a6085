#include "sqlite/find_index.h"

#include "base/try.h"
#include "sqlite/table.h"

namespace nearlite::sqlite {
namespace {

Status find(Connection& connection, const std::string& name, FoundIndex& index) {
  index.vector_index = 0;
  auto found = connection.resolve(name);
  if (found.ok()) {
    index.table = std::move(*found);
    return {};
  }
  const std::size_t dot = name.rfind('.');
  if (found.status().code() != Code::kNotFound || dot == std::string::npos) return found.status();
  const auto parent = connection.resolve(std::string_view(name).substr(0, dot));
  if (!parent.ok()) return found.status();
  index.table = *parent;
  NEARLITE_ASSIGN(index.vector_index,
                  index.table->find_vector(std::string_view(name).substr(dot + 1)));
  return {};
}

}  // namespace

Result<FoundIndex> find_index(Connection& connection, const std::string& name) {
  FoundIndex index;
  const Status status = find(connection, name, index);
  if (!status.ok() || index.table->schema() != "main") {
    // The statement reads the schema of main only: what is attached may have changed, or change
    // between two batches.
    NEARLITE_ASSIGN(index.scope, ReadScope::open(connection.db()));
    NEARLITE_TRY(find(connection, name, index));
  }
  return index;
}

}  // namespace nearlite::sqlite
