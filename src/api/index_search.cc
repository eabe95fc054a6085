// Index: one query at a time.
#include <algorithm>
#include <cmath>

#include "api/index_impl.h"
#include "base/try.h"

namespace nearlite {
inline namespace v1 {
namespace {

void bind_value(sqlite::StatementUse& use, int index, const Value& value) {
  struct Bind {
    sqlite::StatementUse& use;
    int index;
    void operator()(std::monostate /*null*/) const { use.bind_null(index); }
    void operator()(std::int64_t number) const { use.bind(index, number); }
    void operator()(double number) const { use.bind_double(index, number); }
    void operator()(const std::string& text) const { use.bind_text(index, text); }
  };
  std::visit(Bind{use, index}, value);
}

}  // namespace

// The filter comes first, so that its parameters have the first numbers and ours the last. It
// stands in a query of its own: whatever it says is decided before the search, and k hits come
// where k rows qualify. The line break ends a comment in it.
std::string Index::Impl::search_sql(Shape shape, const SearchOptions& options) const {
  std::string sql = "SELECT rowid, distance FROM " + table + " WHERE ";
  if (!options.filter.empty()) {
    sql += "rowid IN (SELECT " + filter_rowid + " FROM " + filter_table + " WHERE (" +
           options.filter + "\n)) AND ";
  }
  sql += vector + " MATCH ?";
  if (shape == Shape::kNearest) sql += " AND k = ?";
  if (shape == Shape::kWithin) sql += " AND distance <= ?";
  if (options.ef_search != 0) sql += " AND ef_search = ?";
  if (options.after) sql += " AND after_distance = ? AND after_rowid = ?";
  if (options.exact) sql += " AND exact = 1";
  if (shape != Shape::kStream) sql += " ORDER BY distance";
  return sql;
}

Status Index::Impl::search(Shape shape, std::span<const float> query, double radius, std::int64_t k,
                           const SearchOptions& options, const HitSink& take) {
  NEARLITE_TRY(check_vector(query));
  const std::string sql = search_sql(shape, options);
  sqlite::Statement own;
  sqlite::Statement* statement = &own;
  if (options.filter.empty() && shape != Shape::kStream) {
    NEARLITE_ASSIGN(statement, session->kept(sql));
  } else {
    NEARLITE_ASSIGN(own, session->prepare(sql));
  }
  const int ours = 1 + (shape != Shape::kStream ? 1 : 0) + (options.ef_search != 0 ? 1 : 0) +
                   (options.after ? 2 : 0);
  const int theirs = sqlite::parameter_count(*statement) - ours;
  if (theirs != static_cast<int>(options.parameters.size())) {
    return error(Code::kInvalidArgument,
                 "filter: it has " + std::to_string(std::max(theirs, 0)) + " parameter(s), " +
                     std::to_string(options.parameters.size()) + " value(s) were given");
  }
  sqlite::StatementUse use = statement->use();
  int at = 0;
  for (const Value& value : options.parameters) bind_value(use, ++at, value);
  use.bind_blob(++at, std::as_bytes(query));
  if (shape == Shape::kNearest) use.bind(++at, k);
  if (shape == Shape::kWithin) use.bind_double(++at, radius);
  if (options.ef_search != 0) use.bind(++at, options.ef_search);
  if (options.after) {
    use.bind_double(++at, options.after->distance);
    use.bind(++at, options.after->id);
  }
  for (;;) {
    const auto row = use.step();
    if (!row.ok()) return api::callers_failure(row.status());
    if (!*row || !take({use.column_int64(0), use.column_double(1)})) return {};
  }
}

Result<std::vector<Hit>> Index::Impl::nearest(std::span<const float> query, std::int64_t k,
                                              const SearchOptions& options) {
  std::vector<Hit> hits;
  NEARLITE_TRY(search(Shape::kNearest, query, 0, k, options, [&](const Hit& hit) {
    hits.push_back(hit);
    return true;
  }));
  return hits;
}

Result<std::size_t> Index::search(std::span<const float> query, std::span<Hit> hits,
                                  const SearchOptions& options) const {
  if (!impl_) return closed_index();
  std::size_t count = 0;
  NEARLITE_TRY(impl_->search(Impl::Shape::kNearest, query, 0,
                             static_cast<std::int64_t>(hits.size()), options, [&](const Hit& hit) {
                               if (count < hits.size()) hits[count++] = hit;
                               return true;
                             }));
  return count;
}

Result<std::vector<Hit>> Index::search(std::span<const float> query, std::int64_t k,
                                       const SearchOptions& options) const {
  return impl_ ? impl_->nearest(query, k, options) : closed_index();
}

Result<std::vector<Hit>> Index::search_range(std::span<const float> query, double radius,
                                             const SearchOptions& options) const {
  if (!impl_) return closed_index();
  if (std::isnan(radius)) return impl_->error(Code::kInvalidArgument, "radius: it is nan");
  std::vector<Hit> hits;
  NEARLITE_TRY(impl_->search(Impl::Shape::kWithin, query, radius, 0, options, [&](const Hit& hit) {
    hits.push_back(hit);
    return true;
  }));
  // A stream may bring a row late.
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.id < b.id;
  });
  return hits;
}

Status Index::search_each(std::span<const float> query, const SearchOptions& options,
                          const HitSink& sink) const {
  if (!impl_) return closed_index();
  if (!sink) return impl_->error(Code::kInvalidArgument, "there is no sink for hits");
  return impl_->search(Impl::Shape::kStream, query, 0, 0, options, sink);
}

}  // namespace v1
}  // namespace nearlite
