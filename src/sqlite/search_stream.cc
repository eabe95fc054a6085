#include "sqlite/search_stream.h"

#include <algorithm>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/expiry.h"
#include "sqlite/place.h"
#include "sqlite/whole_number.h"

namespace nearlite::sqlite {

namespace {
constexpr std::size_t kFirstBatch = 64;
constexpr std::size_t kBatchGrowth = 4;
constexpr std::size_t kAllRows = INT32_MAX;
// A walk may keep this many more than it is asked for without becoming wider.
constexpr std::uint32_t kOffsetSlack = 4;
}  // namespace

Result<std::optional<std::size_t>> read_k(const std::string& table, sqlite3_value* value) {
  if (value == nullptr || sqlite3_value_type(value) == SQLITE_NULL)
    return std::optional<std::size_t>();
  const auto k = whole_number(value);
  if (!k || *k < 0) return refuse_argument(table, "k: expected an integer of 0 or more", value);
  return std::optional(static_cast<std::size_t>(*k));
}

Status SearchStream::read_arguments(const Arguments& arguments) {
  request_.ef_search = arguments.ef_search_default;
  request_.exact = arguments.is_exact_default;
  if (arguments.count) {
    has_k_ = true;
    request_.k = *arguments.count;
  }
  NEARLITE_ASSIGN(const std::optional<std::size_t> k, read_k(table_->name(), arguments.k));
  if (k) {
    has_k_ = true;
    request_.k = *k;
  }
  if (arguments.ef_search != nullptr && sqlite3_value_type(arguments.ef_search) != SQLITE_NULL) {
    const auto ef = whole_number(arguments.ef_search);
    if (!ef || *ef < 1 || *ef > kEfMax)
      return refuse_argument(table_->name(), "ef_search: expected 1 to 100000",
                             arguments.ef_search);
    request_.ef_search = static_cast<std::uint32_t>(*ef);
  }
  if (arguments.exact != nullptr) request_.exact = sqlite3_value_int(arguments.exact) != 0;
  request_.after = arguments.from;
  request_.complete = arguments.from || arguments.after_distance != nullptr;
  NEARLITE_ASSIGN(const auto place,
                  read_place(table_->name(), arguments.after_distance, arguments.after_rowid));
  go_to(request_.after, place);
  return {};
}

Status SearchStream::open(std::shared_ptr<Table> table, std::size_t vector_index,
                          sqlite3_value* query, Arguments arguments) {
  *this = SearchStream();
  table_ = std::move(table);
  vector_index_ = vector_index;
  NEARLITE_TRY(table_->ready());
  NEARLITE_TRY(read_arguments(arguments));
  arguments_ = std::move(arguments);
  const bool is_null = sqlite3_value_type(query) == SQLITE_NULL;
  if (is_null && table_->options().front == Front::kHnsw) {
    finished_ = true;  // nothing is near to NULL
    return {};
  }
  NEARLITE_TRY(table_->parse_vector(vector_index, VectorUse::kQuery, query, query_));
  request_.query = query_;
  request_.lazy_distances = !arguments_.distance_bound;
  NEARLITE_ASSIGN(const std::int64_t now, read_now(*table_, arguments_.now));
  NEARLITE_ASSIGN(excluded_, expired_nodes(*table_, vector_index, now));
  if (excluded_ && excluded_->size() > 0) request_.excluded = excluded_.get();
  if (arguments_.allowed) request_.allowed = arguments_.allowed.get();
  if (arguments_.allowed_rows) request_.allowed_rows = &*arguments_.allowed_rows;
  batch_size_ =
      arguments_.limit_hint >= 0 ? static_cast<std::size_t>(arguments_.limit_hint) : kFirstBatch;
  return fill();
}

// Of a page: it goes on where it stopped.
std::size_t SearchStream::plan_page() {
  request_.k = std::max<std::size_t>(batch_size_, 1);
  batch_size_ = std::max(batch_size_ * kBatchGrowth, kFirstBatch);
  return kAllRows;
}

// Plans the next batch of a search without k: how many rows it is to bring the stream to, and how
// many are searched for. Rows beyond those that are passed on stay behind: what a walk misses, it
// misses among the farthest, and a row that comes late would be out of order.
Result<std::size_t> SearchStream::plan_batch() {
  if (request_.complete) return plan_page();
  if (arguments_.has_offset && emitted_.empty()) {
    // What a walk of the usual width yields, wherever the page is.
    const std::uint32_t own = table_->index(vector_index_).options().ef_search;
    const std::uint32_t ef = request_.ef_search != 0 ? request_.ef_search : own;
    request_.k = ef > 2 * kOffsetSlack ? ef - kOffsetSlack : std::max<std::uint32_t>(ef / 2, 1);
    return request_.k;
  }
  if (arguments_.has_offset) {
    request_.complete = true;
    return plan_page();
  }

  NEARLITE_ASSIGN(std::uint64_t population, table_->index(vector_index_).live_count());
  if (request_.allowed != nullptr) {
    population = std::min<std::uint64_t>(population, request_.allowed->size());
  }
  if (request_.allowed_rows != nullptr) population = request_.allowed_rows->size();
  const std::size_t target = emitted_.size() + std::max<std::size_t>(batch_size_, 1);
  const bool is_enough = emitted_.empty() && arguments_.limit_hint >= 0;  // SQLite stops there
  request_.k = is_enough ? target : 2 * target;
  // Not all rows of external content have nodes: there the end shows by itself.
  if (table_->content() == nullptr) request_.k = std::min<std::uint64_t>(request_.k, population);
  // Near the end one scan is cheaper than ever wider searches, and misses nothing.
  const bool is_last = !emitted_.empty() && request_.k > population / kBatchGrowth;
  if (is_last) {
    request_.k = table_->content() == nullptr ? population : kAllRows;
    request_.exact = true;
  }
  finished_ = is_last || (table_->content() == nullptr && request_.k >= population);
  batch_size_ = std::max(batch_size_ * kBatchGrowth, kFirstBatch);
  return finished_ ? request_.k : target;
}

// `query_` and `arguments_` live in this object, and request_ points to them.
Status SearchStream::fill() {
  batch_.clear();
  position_ = 0;
  while (batch_.empty() && !finished_) {
    std::size_t target = request_.k;
    if (has_k_) {
      finished_ = true;
    } else {
      NEARLITE_ASSIGN(target, plan_batch());
    }
    NEARLITE_ASSIGN(batch_, table_->index(vector_index_).search(request_));
    if (has_k_) continue;
    if (request_.complete && !batch_.empty()) {
      request_.lazy_distances = false;
      request_.after = Place{batch_.back().distance, batch_.back().rowid};
    }
    finished_ = finished_ || batch_.size() < request_.k;
    finished_ = finished_ || (arguments_.distance_bound && !batch_.empty() &&
                              batch_.back().distance > *arguments_.distance_bound);
    std::erase_if(batch_, [&](const Hit& hit) { return emitted_.contains(hit.rowid); });
    const std::size_t due = target - std::min(target, emitted_.size());
    if (!finished_ && batch_.size() > due) batch_.resize(due);
    for (const Hit& hit : batch_) emitted_.insert(hit.rowid);
  }
  return {};
}

Result<double> SearchStream::distance() {
  if (!hit().is_exact) {
    const std::span rest = std::span(batch_).subspan(position_);
    NEARLITE_TRY(table_->index(vector_index_).measure(query_, rest));
    // They are in order but for errors beyond what is ever seen; the ids of those that are passed
    // on may already be out.
    if (position_ == 0) {
      std::sort(rest.begin(), rest.end(), is_nearer);
    }
  }
  return hit().distance;
}

Status SearchStream::next() {
  ++position_;
  return at_end() && !finished_ ? fill() : Status();
}

}  // namespace nearlite::sqlite
