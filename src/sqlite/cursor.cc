#include "sqlite/cursor.h"

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/expiry.h"
#include "sqlite/place.h"
#include "sqlite/vec0_value.h"

namespace nearlite::sqlite {

// Columns of both statements: rowid, the node of each vector column, then the other columns in
// order.
std::string Cursor::select_list() const {
  std::string list = table_->source_rowid();
  if (table_->content() != nullptr) {
    return list + ", " + quote_identifier(table_->content()->names().vector);
  }
  for (std::size_t i = 0; i < table_->index_count(); ++i) list += ", " + Table::node_column(i);
  for (const Column& column : table_->options().columns) {
    if (column.is_stored()) list += ", " + quote_identifier(column.stored_name());
  }
  return list;
}

Status Cursor::filter(int plan, const char* terms, std::span<sqlite3_value*> values) {
  scan_use_.reset();
  row_use_.reset();
  scan_end_ = true;
  hits_ = nullptr;
  NEARLITE_TRY(table_->ready());
  NEARLITE_ASSIGN(const std::vector<PlanTerm> decoded, decode_plan(terms));
  if (decoded.size() != values.size())
    return {Code::kInternal, "nearlite: query plan does not fit"};
  if (table_->content() != nullptr) NEARLITE_TRY(table_->content()->ready());
  Filter rows(*table_);
  SearchStream::Arguments arguments;
  sqlite3_value* query = nullptr;
  std::size_t vector_index = 0;
  bool is_sparse = false;
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < decoded.size(); ++i) {
    const PlanTerm& term = decoded[i];
    switch (term.kind) {
      case 's': is_sparse = true; [[fallthrough]];
      case 'v':
        query = values[i];
        vector_index = static_cast<std::size_t>(term.column);
        break;
      case 'k': NEARLITE_TRY(take_k(values[i], arguments)); break;
      case 'e': arguments.ef_search = values[i]; break;
      case 'x': arguments.exact = values[i]; break;
      case 'l': arguments.limit_hint = sqlite3_value_int64(values[i]); break;
      case 'o':
        offset = std::max<std::int64_t>(0, sqlite3_value_int64(values[i]));
        arguments.has_offset = true;
        break;
      case 'b': go_to(arguments.from, lower_bound(term, values[i])); break;
      case 'p': arguments.after_distance = values[i]; break;
      case 'q': arguments.after_rowid = values[i]; break;
      case 't': arguments.now = values[i]; break;
      case 'u':
        if (sqlite3_value_numeric_type(values[i]) != SQLITE_NULL) {
          arguments.distance_bound = sqlite3_value_double(values[i]);
        }
        break;
      case 'w': NEARLITE_TRY(rows.add_text(values[i])); break;
      default: NEARLITE_TRY(rows.add(term, values[i]));
    }
  }
  if (plan != kPlanSearch) {
    NEARLITE_ASSIGN(const std::int64_t now, read_now(*table_, arguments.now));
    rows.drop_expired(now);
    return open_scan(rows);
  }
  if (arguments.limit_hint >= 0) arguments.limit_hint += std::min<std::int64_t>(offset, INT32_MAX);
  if (is_sparse) {
    hits_ = &sparse_stream_;
    return sparse_stream_.open(table_, vector_index, query, arguments, rows);
  }
  hits_ = &stream_;
  NEARLITE_TRY(rows.limit(vector_index, arguments));
  return stream_.open(table_, vector_index, query, std::move(arguments));
}

Status Cursor::take_k(sqlite3_value* value, SearchStream::Arguments& arguments) const {
  if (table_->options().front == Front::kHnsw) {
    arguments.k = value;
    return {};
  }
  NEARLITE_ASSIGN(arguments.count, read_vec0_k(value));
  return {};
}

Status Cursor::open_scan(const Filter& filter) {
  const std::string sql = "SELECT " + select_list() + " FROM " + table_->source_name() +
                          " WHERE 1" + filter.text() + " ORDER BY " + table_->source_rowid();
  NEARLITE_ASSIGN(scan_, Statement::prepare(table_->db(), sql, table_->name() + "_rows"));
  scan_use_.reset(new StatementUse(scan_.use()));
  filter.bind(*scan_use_);
  return step_scan();
}

Status Cursor::step_scan() {
  NEARLITE_ASSIGN(const bool row, scan_use_->step());
  scan_end_ = !row;
  if (scan_end_) scan_use_.reset();
  return {};
}

Status Cursor::next() {
  if (hits_ == nullptr) return step_scan();
  row_use_.reset();
  return hits_->next();
}

bool Cursor::at_end() const noexcept { return hits_ != nullptr ? hits_->at_end() : scan_end_; }

RowId Cursor::rowid() const noexcept {
  return hits_ != nullptr ? hits_->rowid() : scan_use_->column_int64(0);
}

Status Cursor::load_row() {
  if (row_use_) return {};
  if (!row_) {
    NEARLITE_ASSIGN(
        row_, Statement::prepare(table_->db(),
                                 "SELECT " + select_list() + " FROM " + table_->source_name() +
                                     " WHERE " + table_->source_rowid() + " = ?1",
                                 table_->name() + "_rows"));
  }
  row_use_.reset(new StatementUse(row_.use()));
  NEARLITE_ASSIGN(const bool found, row_use_->bind(1, hits_->rowid()).step());
  if (!found) {
    row_use_.reset();
    if (table_->content() != nullptr) return {};  // deleted since the search: reads as NULL
    return corruption(table_->name() + "_rows",
                      "row " + std::to_string(hits_->rowid()) + " is missing");
  }
  return {};
}

Status Cursor::column(sqlite3_context* context, int column) {
  if (sqlite3_vtab_nochange(context) != 0) return {};
  const auto declared = static_cast<int>(table_->options().columns.size());
  if (column >= declared) {
    const auto hidden = static_cast<std::size_t>(column - declared);
    if (hits_ != nullptr && table_->hidden()[hidden] == HiddenColumn::kDistance) {
      NEARLITE_ASSIGN(const double distance, hits_->distance());
      sqlite3_result_double(context, distance);
    }
    return {};  // the other hidden columns read as NULL
  }
  if (hits_ == nullptr) return row_column(context, column, *scan_use_);
  if (table_->options().columns[static_cast<std::size_t>(column)].kind == ColumnKind::kRowid) {
    sqlite3_result_int64(context, rowid());  // without reading the row
    return {};
  }
  NEARLITE_TRY(load_row());
  return row_use_ ? row_column(context, column, *row_use_) : Status();
}

Status Cursor::row_column(sqlite3_context* context, int column, StatementUse& row) {
  if (table_->content() != nullptr) {
    sqlite3_result_value(context, row.column_value(1));
    return {};
  }
  const std::vector<Column>& columns = table_->options().columns;
  const Column& wanted = columns[static_cast<std::size_t>(column)];
  if (wanted.kind == ColumnKind::kVector) {
    const int place = 1 + static_cast<int>(wanted.vector_index);
    if (row.column_type(place) == SQLITE_NULL) return {};
    NEARLITE_ASSIGN(const std::int64_t id, row.get_int64(place));
    if (id < 1 || id > kNodeIdMax)
      return corruption(table_->name() + "_rows", "node id " + std::to_string(id));
    return table_->result_vector(wanted.vector_index, static_cast<NodeId>(id), context);
  }
  if (wanted.kind == ColumnKind::kRowid) {
    sqlite3_result_int64(context, row.column_int64(0));
    return {};
  }
  int place = 1 + static_cast<int>(table_->index_count());
  for (int i = 0; i < column; ++i) {
    if (columns[static_cast<std::size_t>(i)].is_stored()) ++place;
  }
  sqlite3_result_value(context, row.column_value(place));
  return {};
}

}  // namespace nearlite::sqlite
