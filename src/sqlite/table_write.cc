// Inserting, updating and deleting rows. Whatever can be refused is checked before anything is
// written; when a nested write fails half-way, what was written is undone by deletes, and if that
// fails too the transaction is poisoned.
#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/label_hash.h"
#include "sqlite/table.h"
#include "sqlite/vec0_value.h"
#include "sqlite/vector_argument.h"
#include "sqlite/whole_number.h"
#include "vector/parse.h"

namespace nearlite::sqlite {

// What the user gave for one row. Unchanged columns of an UPDATE are marked, not read.
struct Table::NewRow {
  struct Vector {
    bool is_set = false;  // given by the statement (not an unchanged column)
    bool is_null = true;
    std::vector<float> values;
    NodeId id = kNodeNone;  // handed out for the new vector
  };
  std::vector<Vector> vectors;
  struct Sparse {
    bool is_set = false;
    std::vector<std::byte> blob;  // as stored; empty for NULL
  };
  std::vector<Sparse> sparse;
  std::span<sqlite3_value* const> values;
  std::uint64_t label_hash = 0;  // of the other columns that are given

  // Binds what is stored of the value given for a column.
  void bind(StatementUse& use, int mark, const Column& column, sqlite3_value* value) const {
    const bool is_sparse =
        column.kind == ColumnKind::kSparse && !sparse[column.vector_index].blob.empty();
    if (is_sparse) {
      use.bind_blob(mark, sparse[column.vector_index].blob);
    } else {
      use.bind_value(mark, value);
    }
  }
};

namespace {

Status parse_any(const VectorColumn& column, sqlite3_value* value, std::vector<float>& out) {
  const int type = sqlite3_value_type(value);
  const void* data = type == SQLITE_TEXT ? sqlite3_value_text(value) : sqlite3_value_blob(value);
  if (type == SQLITE_TEXT && data == nullptr) return bare_code(SQLITE_NOMEM);
  const std::span bytes(static_cast<const std::byte*>(data),
                        static_cast<std::size_t>(sqlite3_value_bytes(value)));
  return parse_column_vector(column.type, column.dim, type, bytes, out);
}

bool fits(ValueType type, sqlite3_value* value) {
  const int given = sqlite3_value_type(value);
  if (given == SQLITE_NULL) return true;
  switch (type) {
    case ValueType::kText: return given == SQLITE_TEXT;
    case ValueType::kInteger: return whole_number(value).has_value();
    case ValueType::kReal: {
      const int number = sqlite3_value_numeric_type(value);
      return number == SQLITE_INTEGER || number == SQLITE_FLOAT;
    }
    case ValueType::kBoolean: {
      const auto number = whole_number(value);
      return number && (*number == 0 || *number == 1);
    }
    case ValueType::kBlob: return given == SQLITE_BLOB;
  }
  return false;
}

const char* name_of_type(int type) {
  switch (type) {
    case SQLITE_INTEGER: return "integer";
    case SQLITE_FLOAT: return "real";
    case SQLITE_TEXT: return "text";
    case SQLITE_BLOB: return "blob";
    default: return "null";
  }
}

}  // namespace

Status Table::parse_vector(std::size_t vector_index, VectorUse use, sqlite3_value* value,
                           std::vector<float>& out) const {
  const VectorColumn& column = options_.vectors[vector_index];
  if (options_.front == Front::kVec0) return read_vec0_column(column, use, value, out);
  const Status status = parse_any(column, value, out);
  if (status.ok() || status.code() != Code::kInvalidArgument) return status;
  return {Code::kInvalidArgument,
          "nearlite: " + name_ + "." + column.name + ": " + status.message()};
}

Status Table::check_values(std::span<sqlite3_value* const> values, VectorUse use,
                           NewRow& row) const {
  row.values = values;
  row.vectors.resize(options_.vectors.size());
  row.sparse.resize(options_.sparse.size());
  row.label_hash = hash_labels(options_.columns, values);
  for (std::size_t i = 0; i < options_.columns.size(); ++i) {
    const Column& column = options_.columns[i];
    if (sqlite3_value_nochange(values[i]) != 0) continue;
    if (column.kind == ColumnKind::kVector) {
      NewRow::Vector& vector = row.vectors[column.vector_index];
      vector.is_set = true;
      vector.is_null = sqlite3_value_type(values[i]) == SQLITE_NULL;
      if (!vector.is_null)
        NEARLITE_TRY(parse_vector(column.vector_index, use, values[i], vector.values));
    } else if (column.kind == ColumnKind::kSparse) {
      NewRow::Sparse& sparse = row.sparse[column.vector_index];
      sparse.is_set = true;
      if (sqlite3_value_type(values[i]) == SQLITE_NULL) continue;
      SparseVector vector;
      NEARLITE_TRY(parse_sparse(column.vector_index, values[i], vector));
      sparse.blob = sparse_blob(vector);
    } else if (column.is_stored() && column.kind != ColumnKind::kAuxiliary &&
               !fits(column.type, values[i])) {
      return error(Code::kInvalidArgument, column.name + ": expected " +
                                               std::string(name_of(column.type)) + ", got " +
                                               name_of_type(sqlite3_value_type(values[i])));
    }
  }
  return {};
}

// Before a row is changed or deleted. `row` null: it is deleted, or gets another rowid.
Status Table::note_sparse_change(RowId rowid, const NewRow* row) {
  for (std::size_t i = 0; i < sparse_.size(); ++i) {
    if (row == nullptr || row->sparse[i].is_set) NEARLITE_TRY(sparse_[i]->note_change(rowid));
  }
  return {};
}

// Of a row that gets its rowid now; what an UPDATE leaves alone may be a value, too.
Status Table::note_new_sparse(RowId rowid, const NewRow& row) {
  for (std::size_t i = 0; i < sparse_.size(); ++i) {
    const bool is_null = row.sparse[i].is_set && row.sparse[i].blob.empty();
    if (!is_null) NEARLITE_TRY(sparse_[i]->note_new(rowid));
  }
  return {};
}

Result<bool> Table::row_exists(RowId rowid) {
  NEARLITE_TRY(prepare(exists_, "SELECT 1 FROM " + rows_name() + " WHERE rowid = ?1"));
  StatementUse use = exists_.use();
  return use.bind(1, rowid).step();
}

// The key is the first column (vec0_arguments.cc).
Result<std::optional<RowId>> Table::row_of_key(sqlite3_value* key) {
  NEARLITE_TRY(prepare(key_, "SELECT rowid FROM " + rows_name() + " WHERE " +
                                 quote_identifier(options_.columns.front().stored_name()) +
                                 " = ?1"));
  StatementUse use = key_.use();
  NEARLITE_ASSIGN(const bool found, use.bind_value(1, key).step());
  return found ? std::optional(use.column_int64(0)) : std::nullopt;
}

// The row that has the key of `values`; none where there are no keys, or it is left alone.
Result<std::optional<RowId>> Table::find_key(std::span<sqlite3_value* const> values) {
  if (!options_.has_key() || sqlite3_value_nochange(values[0]) != 0) return std::optional<RowId>();
  return row_of_key(values[0]);
}

// The node of each vector column of a row; kNodeNone for a NULL vector. Empty when there is no such
// row.
Result<std::vector<NodeId>> Table::node_ids(RowId rowid) {
  std::string columns;
  for (std::size_t i = 0; i < indexes_.size(); ++i)
    columns += (i == 0 ? "" : ", ") + node_column(i);
  NEARLITE_TRY(prepare(nodes_, "SELECT " + columns + " FROM " + rows_name() + " WHERE rowid = ?1"));
  StatementUse use = nodes_.use();
  NEARLITE_ASSIGN(const bool found, use.bind(1, rowid).step());
  std::vector<NodeId> ids;
  if (!found) return ids;
  for (std::size_t i = 0; i < indexes_.size(); ++i) {
    if (use.column_type(static_cast<int>(i)) == SQLITE_NULL) {
      ids.push_back(kNodeNone);
      continue;
    }
    NEARLITE_ASSIGN(const std::int64_t id, use.get_int64(static_cast<int>(i)));
    if (id < 1 || id > kNodeIdMax)
      return corruption(name_ + "_rows", "node id " + std::to_string(id));
    ids.push_back(static_cast<NodeId>(id));
  }
  return ids;
}

bool Table::is_writing() const noexcept {
  bool writing = false;
  for (const auto& index : indexes_) writing = writing || index->is_writing();
  for (const auto& index : sparse_) writing = writing || index->is_writing();
  return writing;
}

// A row may be half written: the transaction can only be rolled back.
void Table::poison(const std::string& why) {
  for (auto& index : indexes_) index->poison(why);
  for (auto& index : sparse_) index->poison(why);
}

// Inserts the vectors of `row` into their indexes; the ids are in <t>_rows already. On failure
// those inserted are erased.
Status Table::write_vectors(NewRow& row, RowId rowid) {
  for (std::size_t i = 0; i < row.vectors.size(); ++i) {
    NewRow::Vector& vector = row.vectors[i];
    if (vector.is_null || vector.id == kNodeNone) continue;
    const Status status = indexes_[i]->insert(vector.id, rowid, vector.values, row.label_hash);
    if (status.ok()) continue;
    // SQLite has rolled the whole transaction back already: there is nothing to undo.
    if (!indexes_[i]->is_writing()) return status;
    for (std::size_t j = 0; j < i; ++j) {
      if (row.vectors[j].id == kNodeNone) continue;
      if (!indexes_[j]->erase(row.vectors[j].id).ok())
        indexes_[j]->poison("an insert was half done");
    }
    return status;
  }
  return {};
}

Result<Written> Table::insert(sqlite3_value* rowid, std::span<sqlite3_value* const> values,
                              bool replace, RowId& rowid_out) {
  NEARLITE_TRY(ready());
  NewRow row;
  NEARLITE_TRY(check_values(values, VectorUse::kInsert, row));
  NEARLITE_TRY(merge_sparse(false));
  const bool has_rowid = rowid != nullptr && sqlite3_value_type(rowid) != SQLITE_NULL;
  if (has_rowid) {
    const auto number = whole_number(rowid);
    if (!number) return bare_code(SQLITE_MISMATCH);
    rowid_out = *number;
    NEARLITE_ASSIGN(const bool exists, is_taken(rowid_out));
    if (exists) {
      if (!replace) return Written::kConflict;
      NEARLITE_TRY(erase(rowid_out));
    }
  }
  NEARLITE_ASSIGN(const std::optional<RowId> same, find_key(values));
  if (same) {
    if (!replace) return Written::kConflict;
    NEARLITE_TRY(erase(*same));
  }
  for (std::size_t i = 0; i < row.vectors.size(); ++i) {
    if (row.vectors[i].is_null) continue;
    NEARLITE_ASSIGN(row.vectors[i].id, indexes_[i]->next_id());
  }
  {
    std::string columns = "rowid";
    std::string marks = "?1";
    int mark = 1;
    for (std::size_t i = 0; i < indexes_.size(); ++i) {
      columns += ", " + node_column(i);
      marks += ", ?" + std::to_string(++mark);
    }
    for (const Column& column : options_.columns) {
      if (!column.is_stored()) continue;
      columns += ", " + quote_identifier(column.stored_name());
      marks += ", ?" + std::to_string(++mark);
    }
    NEARLITE_TRY(prepare(
        insert_, "INSERT INTO " + rows_name() + "(" + columns + ") VALUES (" + marks + ")"));
    StatementUse use = insert_.use();
    if (has_rowid) use.bind(1, rowid_out);
    mark = 1;
    for (const NewRow::Vector& vector : row.vectors) {
      ++mark;
      if (vector.id != kNodeNone) use.bind(mark, std::int64_t{vector.id});
    }
    for (std::size_t i = 0; i < options_.columns.size(); ++i) {
      if (options_.columns[i].is_stored()) row.bind(use, ++mark, options_.columns[i], values[i]);
    }
    NEARLITE_TRY(use.run());
    if (!has_rowid) rowid_out = sqlite3_last_insert_rowid(db_);
  }
  Status status = note_new_sparse(rowid_out, row);
  if (status.ok()) status = write_vectors(row, rowid_out);
  if (status.ok()) return Written::kDone;
  if (!is_writing()) return status;  // SQLite has rolled the transaction back already
  Status undone = prepare(delete_, "DELETE FROM " + rows_name() + " WHERE rowid = ?1");
  if (undone.ok()) undone = delete_.use().bind(1, rowid_out).run();
  if (!undone.ok()) poison("a row was half inserted");
  return status;
}

Status Table::erase(RowId rowid) {
  NEARLITE_TRY(ready());
  const KeepLastRowid keep(db_);
  NEARLITE_ASSIGN(const std::vector<NodeId> ids, node_ids(rowid));
  if (ids.empty()) return {};
  NEARLITE_TRY(note_sparse_change(rowid, nullptr));
  NEARLITE_TRY(prepare(delete_, "DELETE FROM " + rows_name() + " WHERE rowid = ?1"));
  NEARLITE_TRY(delete_.use().bind(1, rowid).run());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == kNodeNone) continue;
    if (const Status status = indexes_[i]->erase(ids[i]); !status.ok()) {
      poison("a row was half deleted: " + status.message());
      return status;
    }
  }
  return {};
}

// A node's rowid never changes: a row that moves gets new nodes for the vectors the statement
// leaves alone.
Status Table::move_vectors(std::span<const NodeId> old_ids, NewRow& row) {
  for (std::size_t i = 0; i < row.vectors.size(); ++i) {
    if (row.vectors[i].is_set || old_ids[i] == kNodeNone) continue;
    RowId stored = 0;
    const VectorColumn& column = options_.vectors[i];
    std::vector<std::byte> bytes(vector_bytes(column.type, column.dim));
    NEARLITE_ASSIGN(const bool found, indexes_[i]->store().read_vector(old_ids[i], stored, bytes));
    if (!found) return corruption(name_, "node " + std::to_string(old_ids[i]) + " has no vector");
    NEARLITE_TRY(parse_vector_blob(bytes, column.type, column.dim, row.vectors[i].values));
    row.vectors[i].is_set = true;
    row.vectors[i].is_null = false;
  }
  return {};
}

// Writes the changed columns of one row of <t>_rows.
Status Table::update_row(RowId old_rowid, RowId new_rowid, std::span<const NodeId> ids,
                         const NewRow& row) {
  std::string sql = "UPDATE " + rows_name() + " SET rowid = ?2";
  int mark = 2;
  for (std::size_t i = 0; i < ids.size(); ++i)
    sql += ", " + node_column(i) + " = ?" + std::to_string(++mark);
  const int first_value = mark + 1;
  for (std::size_t i = 0; i < options_.columns.size(); ++i) {
    const Column& column = options_.columns[i];
    if (!column.is_stored() || sqlite3_value_nochange(row.values[i]) != 0) continue;
    sql += ", " + quote_identifier(column.stored_name()) + " = ?" + std::to_string(++mark);
  }
  NEARLITE_ASSIGN(Statement statement, Statement::prepare(db_, sql + " WHERE rowid = ?1", name_));
  StatementUse use = statement.use();
  use.bind(1, old_rowid).bind(2, new_rowid);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] != kNodeNone) use.bind(3 + static_cast<int>(i), std::int64_t{ids[i]});
  }
  mark = first_value;
  for (std::size_t i = 0; i < options_.columns.size(); ++i) {
    if (options_.columns[i].is_stored() && sqlite3_value_nochange(row.values[i]) == 0)
      row.bind(use, mark++, options_.columns[i], row.values[i]);
  }
  return use.run();
}

// A new vector, or a new rowid, is a new node; of other columns the index only learns that they
// changed.
Result<Written> Table::update(RowId old_rowid, RowId new_rowid,
                              std::span<sqlite3_value* const> values, bool replace) {
  const KeepLastRowid keep(db_);
  NEARLITE_TRY(ready());
  NewRow row;
  NEARLITE_TRY(check_values(values, VectorUse::kUpdate, row));
  NEARLITE_TRY(merge_sparse(false));
  NEARLITE_ASSIGN(const std::vector<NodeId> old_ids, node_ids(old_rowid));
  if (old_ids.empty())
    return error(Code::kInternal, "row " + std::to_string(old_rowid) + " is gone");
  if (new_rowid != old_rowid) {
    NEARLITE_ASSIGN(const bool exists, is_taken(new_rowid));
    if (exists && !replace) return Written::kConflict;
    if (exists) NEARLITE_TRY(erase(new_rowid));
    NEARLITE_TRY(move_vectors(old_ids, row));
  }
  NEARLITE_ASSIGN(const std::optional<RowId> same, find_key(values));
  if (same && *same != old_rowid) {
    if (!replace) return Written::kConflict;
    NEARLITE_TRY(erase(*same));
  }
  std::vector<NodeId> new_ids = old_ids;
  for (std::size_t i = 0; i < row.vectors.size(); ++i) {
    if (!row.vectors[i].is_set) continue;
    new_ids[i] = kNodeNone;
    if (row.vectors[i].is_null) continue;
    NEARLITE_ASSIGN(row.vectors[i].id, indexes_[i]->next_id());
    new_ids[i] = row.vectors[i].id;
  }
  for (std::size_t i = 0; i < new_ids.size() && row.label_hash != 0; ++i) {
    if (new_ids[i] != kNodeNone && new_ids[i] == old_ids[i])
      NEARLITE_TRY(indexes_[i]->relabel(new_ids[i], row.label_hash));
  }
  NEARLITE_TRY(note_sparse_change(old_rowid, new_rowid == old_rowid ? &row : nullptr));
  if (new_rowid != old_rowid) NEARLITE_TRY(note_new_sparse(new_rowid, row));
  NEARLITE_TRY(update_row(old_rowid, new_rowid, new_ids, row));
  Status status = write_vectors(row, new_rowid);
  for (std::size_t i = 0; i < row.vectors.size() && status.ok(); ++i) {
    if (row.vectors[i].is_set && old_ids[i] != kNodeNone) status = indexes_[i]->erase(old_ids[i]);
  }
  if (!status.ok()) {
    poison("a row was half updated: " + status.message());
    return status;
  }
  return Written::kDone;
}

Status Table::result_vector(std::size_t vector_index, NodeId id, sqlite3_context* context) {
  const VectorColumn& column = options_.vectors[vector_index];
  const std::size_t size = vector_bytes(column.type, column.dim);
  auto* bytes = static_cast<std::byte*>(sqlite3_malloc64(size));
  if (bytes == nullptr) return bare_code(SQLITE_NOMEM);
  RowId rowid = 0;
  const auto found = indexes_[vector_index]->store().read_vector(id, rowid, {bytes, size});
  if (!found.ok() || !*found) {
    sqlite3_free(bytes);
    if (!found.ok()) return found.status();
    return corruption(name_, "node " + std::to_string(id) + " has no vector");
  }
  sqlite3_result_blob64(context, bytes, size, sqlite3_free);
  mark_result(context, column.type);
  return {};
}

}  // namespace nearlite::sqlite
