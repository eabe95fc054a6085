// The sparse columns of a table: values in <t>_rows, an index of each beside them (sparse_index.h).
#include "base/try.h"
#include "sqlite/functions_sparse.h"
#include "sqlite/shadow_tables.h"
#include "sqlite/table.h"

namespace nearlite::sqlite {

void Table::make_sparse(std::uint32_t block_bytes) {
  for (const Column& column : options_.columns) {
    if (column.kind != ColumnKind::kSparse) continue;
    SparseIndex::Place place{.schema = schema_,
                             .table = name_,
                             .suffix = column_suffix(column.vector_index),
                             .column = quote_identifier(column.stored_name()),
                             .dim = options_.sparse[column.vector_index].dim,
                             .block_bytes = block_bytes};
    sparse_.push_back(std::make_unique<SparseIndex>(db_, std::move(place)));
  }
}

Status Table::parse_sparse(std::size_t sparse_index, sqlite3_value* value,
                           SparseVector& out) const {
  const SparseColumn& column = options_.sparse[sparse_index];
  const Status status = read_sparse(value, column.dim, out);
  if (status.code() != Code::kInvalidArgument) return status;
  return error(Code::kInvalidArgument, column.name + ": " + status.message());
}

Status Table::merge_sparse(bool is_commit) {
  for (auto& index : sparse_) NEARLITE_TRY(index->merge_if_much(is_commit));
  return {};
}

void Table::end_sparse() noexcept {
  for (auto& index : sparse_) index->end();
}

}  // namespace nearlite::sqlite
