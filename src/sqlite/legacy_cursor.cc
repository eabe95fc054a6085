#include "sqlite/legacy_cursor.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/place.h"
#include "sqlite/vec0_value.h"
#include "sqlite/vector_argument.h"
#include "vector/distance.h"
#include "vector/element.h"

namespace nearlite::sqlite {

bool LegacyCursor::is_before(const Hit& a, const Hit& b) noexcept {
  return a.distance != b.distance ? a.distance < b.distance : a.rowid < b.rowid;
}

struct LegacyCursor::Query {
  std::size_t vector_index = 0;
  const VectorColumn* column = nullptr;
  std::vector<float> vector;
  std::optional<std::size_t> k;
  std::optional<Place> after;
};

LegacyCursor::LegacyCursor(std::shared_ptr<LegacyTable> table)
    : table_(std::move(table)), reader_(table_->make_reader()) {}

LegacyCursor::~LegacyCursor() {
  if (is_reading_) table_->reading_ends();
}

// Tells the table whether we stand at a row.
Status LegacyCursor::note(Status status) noexcept {
  const bool is_reading = status.ok() && !at_end();
  if (is_reading && !is_reading_) table_->reading_begins();
  if (!is_reading && is_reading_) table_->reading_ends();
  is_reading_ = is_reading;
  return status;
}

Status LegacyCursor::filter(int plan, const char* terms, std::span<sqlite3_value*> values) {
  return note(begin(plan, terms, values));
}

Status LegacyCursor::begin(int plan, const char* terms, std::span<sqlite3_value*> values) {
  scan_use_.reset();
  scan_end_ = true;
  searching_ = plan == kPlanSearch;
  row_terms_ = LegacyTerms();
  chunk_terms_ = LegacyTerms();
  condition_.emplace(table_->options());
  chunk_condition_.emplace(table_->options());
  hits_.clear();
  at_ = 0;
  reader_.forget();
  NEARLITE_TRY(table_->ready());
  NEARLITE_ASSIGN(const std::vector<PlanTerm> decoded, decode_plan(terms));
  if (decoded.size() != values.size())
    return {Code::kInternal, "nearlite: query plan does not fit"};
  Query query;
  sqlite3_value* after_distance = nullptr;
  sqlite3_value* after_rowid = nullptr;
  for (std::size_t i = 0; i < decoded.size(); ++i) {
    const PlanTerm& term = decoded[i];
    switch (term.kind) {
      case 'v':
        query.vector_index = static_cast<std::size_t>(term.column);
        query.column = &table_->options().vectors[query.vector_index];
        NEARLITE_TRY(read_vec0_column(*query.column, VectorUse::kQuery, values[i], query.vector));
        break;
      case 'k': {
        NEARLITE_ASSIGN(query.k, read_vec0_k(values[i]));
        break;
      }
      case 'b': go_to(query.after, lower_bound(term, values[i])); break;
      case 'p': after_distance = values[i]; break;
      case 'q': after_rowid = values[i]; break;
      case 'r':
      case 'R':
      case 'f':
      case 'F': NEARLITE_TRY(add_term(term, values[i])); break;
      case 'w': NEARLITE_TRY(condition_->add_text(table_->name(), values[i])); break;
      case 'l':
      case 'o':
      case 'u':
      case 'e':
      case 'x':
      case 't': break;  // the answer is complete and exact in any case, and no row ends
      default: return {Code::kInternal, "nearlite: query plan does not fit"};
    }
  }
  NEARLITE_ASSIGN(const auto place, read_place(table_->name(), after_distance, after_rowid));
  go_to(query.after, place);
  return searching_ ? search(query) : open_scan();
}

Status LegacyCursor::add_term(const PlanTerm& term, sqlite3_value* value) {
  if (term.column < 0) return row_terms_.add("rowid", term, value);
  const auto place = static_cast<std::size_t>(term.column);
  const std::vector<Column>& columns = table_->options().columns;
  const Column& column = columns[place];
  if (column.kind == ColumnKind::kKey) return row_terms_.add("id", term, value);
  if (column.kind != ColumnKind::kPartition) return condition_->add(place, term, value);
  const auto number = static_cast<std::size_t>(
      std::count_if(columns.begin(), columns.begin() + term.column,
                    [](const Column& other) { return other.kind == ColumnKind::kPartition; }));
  NEARLITE_TRY(chunk_condition_->add(place, term, value));
  return chunk_terms_.add(with_affinity(column, numbered_kind("partition", number)), term, value);
}

// ---- Scans

Status LegacyCursor::open_scan() {
  const std::string& name = table_->name();
  if (!condition_->is_empty()) NEARLITE_TRY(condition_->prepare(table_->db(), name));
  if (!chunk_condition_->is_empty()) NEARLITE_TRY(chunk_condition_->prepare(table_->db(), name));
  NEARLITE_ASSIGN(scan_, Statement::prepare(table_->db(),
                                            std::string("SELECT ") + LegacyReader::kRowColumns +
                                                " FROM " + reader_.rows_name() + " WHERE 1" +
                                                row_terms_.text() + " ORDER BY rowid",
                                            name + "_rowids"));
  scan_use_.reset(new StatementUse(scan_.use()));
  row_terms_.bind(*scan_use_);
  return step_scan();
}

Status LegacyCursor::step_scan() {
  for (;;) {
    NEARLITE_ASSIGN(const bool row, scan_use_->step());
    scan_end_ = !row;
    if (scan_end_) break;
    NEARLITE_TRY(reader_.take_row(*scan_use_, row_));
    bool holds = true;
    for (auto* condition : {&*chunk_condition_, &*condition_}) {
      if (holds && !condition->is_empty()) {
        NEARLITE_ASSIGN(holds, condition->holds(reader_, row_));
      }
    }
    if (holds) return {};
  }
  scan_use_.reset();
  return {};
}

// ---- Searches

Status LegacyCursor::search(const Query& query) {
  const bool has_chunks = table_->layout().vectors[query.vector_index] == LegacyVectors::kChunks;
  if (query.k != std::size_t{0}) {
    NEARLITE_TRY(has_chunks && row_terms_.is_empty() ? search_chunks(query) : search_rows(query));
  }
  std::sort(hits_.begin(), hits_.end(), is_before);
  return settle();
}

// Row by row: where a condition names rows, or the vectors are not in chunks.
Status LegacyCursor::search_rows(const Query& query) {
  NEARLITE_TRY(open_scan());
  std::string bytes;
  while (!scan_end_) {
    NEARLITE_TRY(reader_.vector(row_, query.vector_index, bytes));
    NEARLITE_TRY(compare(query, row_.rowid, reinterpret_cast<const std::byte*>(bytes.data())));
    NEARLITE_TRY(step_scan());
  }
  return {};
}

Status LegacyCursor::search_chunks(const Query& query) {
  if (!condition_->is_empty()) NEARLITE_TRY(condition_->prepare(table_->db(), table_->name()));
  NEARLITE_ASSIGN(
      Statement statement,
      Statement::prepare(table_->db(),
                         "SELECT chunk_id, size, validity, rowids FROM " + reader_.chunks_name() +
                             " WHERE 1" + chunk_terms_.text() + " ORDER BY chunk_id",
                         table_->name() + "_chunks"));
  std::int64_t count = 0;
  {
    StatementUse use = statement.use();
    chunk_terms_.bind(use);
    LegacyChunk chunk;
    for (;;) {
      NEARLITE_ASSIGN(const bool row, use.step());
      if (!row) break;
      NEARLITE_TRY(reader_.take_chunk(use, chunk));
      NEARLITE_TRY(search_chunk(query, chunk, count));
    }
  }
  if (!chunk_terms_.is_empty()) return {};
  // A place that is taken for free would be a row that no search finds.
  NEARLITE_ASSIGN(const std::int64_t rows, reader_.count_rows());
  if (rows == count) return {};
  return corruption(table_->name(), "its chunks have " + std::to_string(count) + " rows, but " +
                                        std::to_string(rows) + " are known");
}

Status LegacyCursor::search_chunk(const Query& query, const LegacyChunk& chunk,
                                  std::int64_t& count) {
  const std::size_t bytes = vector_bytes(query.column->type, query.column->dim);
  std::string vectors;
  LegacyRow row;
  row.chunk = chunk.id;
  for (std::size_t place = 0; place < chunk.size; ++place) {
    if (!chunk.is_taken(place)) continue;
    ++count;
    row.rowid = chunk.rowid(place);
    row.offset = static_cast<std::int64_t>(place);
    if (!condition_->is_empty()) {
      NEARLITE_ASSIGN(const bool holds, condition_->holds(reader_, row));
      if (!holds) continue;
    }
    if (vectors.empty()) NEARLITE_TRY(reader_.chunk_vectors(chunk, query.vector_index, vectors));
    const char* vector = vectors.data() + place * bytes;
    NEARLITE_TRY(compare(query, row.rowid, reinterpret_cast<const std::byte*>(vector)));
  }
  return {};
}

Status LegacyCursor::compare(const Query& query, RowId rowid, const std::byte* vector) {
  decoded_.resize(query.column->dim);
  decode(query.column->type, vector, query.column->dim, decoded_.data());
  double distance = nearlite::distance(query.column->metric, query.vector.data(), decoded_.data(),
                                       decoded_.size());
  // sqlite-vec takes vectors with NaN or infinity in them; they are the last.
  if (std::isnan(distance)) distance = std::numeric_limits<double>::infinity();
  const Hit hit{distance, rowid};
  if (query.after && !is_beyond({distance, rowid}, *query.after)) return {};
  if (query.k && hits_.size() == *query.k) {
    if (!is_before(hit, hits_.front())) return {};
    std::pop_heap(hits_.begin(), hits_.end(), is_before);
    hits_.pop_back();
  }
  hits_.push_back(hit);
  std::push_heap(hits_.begin(), hits_.end(), is_before);
  return {};
}

// The row of the present hit.
Status LegacyCursor::settle() {
  if (at_ >= hits_.size()) return {};
  NEARLITE_ASSIGN(const bool found, reader_.find(hits_[at_].rowid, row_));
  if (found) return {};
  return corruption(table_->name(),
                    "row " + std::to_string(hits_[at_].rowid) + " of its chunks is not known");
}

Status LegacyCursor::next() {
  if (!searching_) return note(step_scan());
  ++at_;
  return note(settle());
}

bool LegacyCursor::at_end() const noexcept { return searching_ ? at_ >= hits_.size() : scan_end_; }

Status LegacyCursor::column(sqlite3_context* context, int column) {
  if (sqlite3_vtab_nochange(context) != 0) return {};
  const auto place = static_cast<std::size_t>(column);
  const std::size_t declared = table_->options().columns.size();
  if (place >= declared) {
    const bool is_distance = table_->hidden()[place - declared] == HiddenColumn::kDistance;
    if (searching_ && is_distance) sqlite3_result_double(context, hits_[at_].distance);
    return {};
  }
  LegacyValue value;
  NEARLITE_TRY(reader_.value(row_, place, value));
  value.result(context);
  const Column& wanted = table_->options().columns[place];
  if (wanted.kind == ColumnKind::kVector)
    mark_result(context, table_->options().vectors[wanted.vector_index].type);
  return {};
}

}  // namespace nearlite::sqlite
