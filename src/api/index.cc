// Index: how one is made, opened, described and closed.
#include "nearlite/index.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/index_impl.h"
#include "base/text.h"
#include "base/try.h"

namespace nearlite {
inline namespace v1 {
namespace {

constexpr std::array kMetrics{"cosine", "l2", "ip", "l1", "hamming"};
constexpr std::array kElements{"float", "float16", "bfloat16", "int8", "bit"};
constexpr std::array kQuantizes{"int8", "bit", "none"};

template <std::size_t N>
int place_of(const std::array<const char*, N>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

Result<std::string> settings_sql(std::string_view name, const IndexOptions& options) {
  const auto metric = static_cast<std::size_t>(options.metric);
  const auto element = static_cast<std::size_t>(options.element);
  const auto quantize = static_cast<std::size_t>(options.quantize);
  if (metric >= kMetrics.size() || element >= kElements.size() || quantize >= kQuantizes.size()) {
    return Status(Code::kInvalidArgument,
                  "nearlite: " + std::string(name) + ": unknown metric, element or quantize");
  }
  std::string sql = ", m=" + std::to_string(options.m) +
                    ", ef_construction=" + std::to_string(options.ef_construction);
  if (options.ef_search != 0) sql += ", ef_search=" + std::to_string(options.ef_search);
  sql += std::string(", quantize=") + kQuantizes[quantize] +
         ", tombstone_rebuild_pct=" + std::to_string(options.tombstone_rebuild_pct) +
         ", parallel_insert_threshold=" + std::to_string(options.parallel_insert_threshold);
  if (!options.path.empty()) {
    sql += ", path=" + quote_string(options.path) + ", persist=" + quote_string(options.persist);
  }
  return sql;
}

std::string type_sql(const IndexOptions& options) {
  return std::string(kElements[static_cast<std::size_t>(options.element)]) + "[" +
         std::to_string(options.dim) +
         "] metric=" + kMetrics[static_cast<std::size_t>(options.metric)];
}

Result<std::string> create_sql(std::string_view name, const IndexOptions& options) {
  NEARLITE_ASSIGN(const std::string settings, settings_sql(name, options));
  std::string sql = "CREATE VIRTUAL TABLE " + quote_identifier(name) + " USING hnsw(" +
                    quote_identifier(options.column) + " " + type_sql(options);
  if (!options.columns.empty()) sql += ", " + options.columns;
  return sql + settings + ")";
}

}  // namespace

Index::Impl::~Impl() {
  if (session && writes) ignore(session->flush(), "nobody is left to hear of it; close() reports");
}

// The text must be one statement: `columns` comes from the caller.
Status Index::Impl::run_create(api::Session& session, std::string_view name, std::string_view sql) {
  auto statement = session.connection().prepare_next(sql);
  if (!statement.ok()) return api::callers_failure(statement.status());
  if (!sql.empty()) {
    return Status(Code::kInvalidArgument,
                  "nearlite: " + std::string(name) + ": columns: unbalanced parentheses");
  }
  return api::callers_failure(statement->use().run());
}

Result<std::string> Index::Impl::create_over_sql(std::string_view name, const Content& content,
                                                 const IndexOptions& options) {
  NEARLITE_ASSIGN(const std::string settings, settings_sql(name, options));
  std::string sql = "CREATE VIRTUAL TABLE " + quote_identifier(name) +
                    " USING hnsw(content=" + quote_string(content.table);
  if (!content.rowid.empty()) sql += ", content_rowid=" + quote_string(content.rowid);
  sql += ", content_vector=" + quote_string(content.vector);
  sql += ", sync=" + quote_string(content.sync);
  // What is left out is told by the table.
  if (options.dim != 0) sql += ", dim=" + std::to_string(options.dim);
  if (options.metric != Metric::kCosine) {
    sql += std::string(", metric=") + kMetrics[static_cast<std::size_t>(options.metric)];
  }
  if (options.element != Element::kFloat32) {
    sql += std::string(", element=") + kElements[static_cast<std::size_t>(options.element)];
  }
  return sql + ", build=deferred" + settings + ")";
}

Status Index::Impl::error(Code code, const std::string& problem) const {
  return Status(code, "nearlite: " + name + "." + column + ": " + problem);
}

Status Index::Impl::check_vector(std::span<const float> values) const {
  if (values.size() != static_cast<std::size_t>(dim)) {
    return error(Code::kInvalidArgument, "expected " + std::to_string(dim) + " dimensions, got " +
                                             std::to_string(values.size()));
  }
  return check_finite(values);
}

Status Index::Impl::check_finite(std::span<const float> vectors) const {
  const auto bad = std::find_if(vectors.begin(), vectors.end(),
                                [](float value) { return !std::isfinite(value); });
  if (bad == vectors.end()) return {};
  const auto at = static_cast<std::size_t>(bad - vectors.begin());
  const auto width = static_cast<std::size_t>(dim);
  return error(Code::kInvalidArgument,
               (vectors.size() > width ? "vector " + std::to_string(at / width) + ": " : "") +
                   "component " + std::to_string(at % width + 1) + " is " +
                   (std::isnan(*bad) ? "nan" : "infinite"));
}

Status Index::Impl::check_batch(std::size_t id_count, std::span<const float> vectors) const {
  const std::size_t expected = id_count * static_cast<std::size_t>(dim);
  if (vectors.size() != expected) {
    return error(Code::kInvalidArgument, "expected " + std::to_string(id_count) + " vectors of " +
                                             std::to_string(dim) + " dimensions, got " +
                                             std::to_string(vectors.size()) + " numbers");
  }
  return check_finite(vectors);
}

Result<bool> Index::Impl::exists(api::Session& session, std::string_view name) {
  NEARLITE_ASSIGN(sqlite::Statement statement,
                  session.prepare("SELECT 1 FROM pragma_table_list WHERE schema = 'main' AND "
                                  "type = 'virtual' AND name = ?1 COLLATE NOCASE"));
  sqlite::StatementUse use = statement.use();
  const auto row = use.bind_text(1, name).step();
  if (!row.ok()) return api::callers_failure(row.status());
  return row;
}

Result<IndexStats> Index::Impl::stats() const {
  std::string text;
  {
    NEARLITE_ASSIGN(sqlite::Statement * statement, session->kept("SELECT nearlite_stats(?1)"));
    sqlite::StatementUse use = statement->use();
    const auto row = use.bind_text(1, name).step();
    if (!row.ok()) return api::callers_failure(row.status());
    text = use.column_text(0);
  }
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.contains("indexes")) {
    return error(Code::kInternal, "nearlite_stats is not as expected");
  }
  IndexStats stats;
  if (json.contains("content")) {
    const auto& content = json["content"];
    stats.content_table = content.value("table", "");
    stats.content_rowid = content.value("rowid", "");
    stats.is_built = content.value("built", true);
  }
  for (const auto& one : json["indexes"]) {
    const std::string called = one.value("column", "");
    if (!column.empty() && called != column) continue;
    stats.dim = one.value("dim", 0);
    stats.metric = static_cast<Metric>(std::max(0, place_of(kMetrics, one.value("metric", ""))));
    stats.element =
        static_cast<Element>(std::max(0, place_of(kElements, one.value("element", ""))));
    stats.live = one.value("live", std::uint64_t{0});
    stats.dead = one.value("dead", std::uint64_t{0});
    stats.memory_bytes = one.value("memory_bytes", std::uint64_t{0});
    stats.cached = one.value("cached", false);
    stats.loads = one.value("loads", std::uint64_t{0});
    stats.image_loads = one.value("image_loads", std::uint64_t{0});
    stats.saves = one.value("saves", std::uint64_t{0});
    stats.catch_ups = one.value("catch_ups", std::uint64_t{0});
    stats.last_path = one.value("last_path", "");
    stats.ef_search = one.value("ef_search", 0);
    stats.target_recall = one.value("target_recall", 0.0);
    stats.measured_recall = one.value("measured_recall", 0.0);
    stats.recall_warning = one.value("recall_warning", "");
    stats.column = called;
    return stats;
  }
  return Status(Code::kNotFound, "nearlite: " + name + ": no vector column called " + column);
}

Result<std::unique_ptr<Index::Impl>> Index::Impl::open(std::shared_ptr<api::Session> session,
                                                       std::string_view name,
                                                       std::string_view column) {
  if (!session) return Status(Code::kInvalidArgument, "nearlite: the database was moved from");
  NEARLITE_ASSIGN(const bool is_there, exists(*session, name));
  if (!is_there) {
    return Status(Code::kNotFound, "nearlite: no index called " + std::string(name));
  }
  auto impl = std::make_unique<Impl>();
  impl->session = std::move(session);
  impl->name = name;
  impl->column = column;
  NEARLITE_ASSIGN(const IndexStats stats, impl->stats());
  impl->column = stats.column;
  impl->table = quote_identifier(impl->name);
  impl->vector = quote_identifier(impl->column);
  const bool is_own = stats.content_table.empty();
  impl->filter_table = is_own ? impl->table : quote_identifier(stats.content_table);
  impl->filter_rowid = is_own ? "rowid" : quote_identifier(stats.content_rowid);
  impl->dim = stats.dim;
  impl->metric = stats.metric;
  impl->element = stats.element;
  return impl;
}

Index::Index(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Index::~Index() = default;
Index::Index(Index&& other) noexcept = default;
Index& Index::operator=(Index&& other) noexcept = default;

Result<Index> Index::create(Database& database, std::string_view name,
                            const IndexOptions& options) {
  auto session = database.session();
  if (!session) return Status(Code::kInvalidArgument, "nearlite: the database was moved from");
  NEARLITE_ASSIGN(const std::string sql, create_sql(name, options));
  NEARLITE_TRY(session->transact([&] { return Impl::run_create(*session, name, sql); }));
  return open(database, name, options.column);
}

Result<Index> Index::open(Database& database, std::string_view name) {
  return open(database, name, "");
}

Result<Index> Index::open(Database& database, std::string_view name, std::string_view column) {
  NEARLITE_ASSIGN(auto impl, Impl::open(database.session(), name, column));
  return Index(std::move(impl));
}

Result<Index> Index::open_or_create(Database& database, std::string_view name,
                                    const IndexOptions& options) {
  auto session = database.session();
  if (!session) return Status(Code::kInvalidArgument, "nearlite: the database was moved from");
  NEARLITE_ASSIGN(bool is_there, Impl::exists(*session, name));
  if (!is_there) {
    NEARLITE_ASSIGN(const std::string sql, create_sql(name, options));
    NEARLITE_TRY(session->transact([&]() -> Status {
      NEARLITE_ASSIGN(is_there, Impl::exists(*session, name));  // made by another meanwhile
      return is_there ? Status() : Impl::run_create(*session, name, sql);
    }));
  }
  NEARLITE_ASSIGN(auto impl, Impl::open(session, name, options.column));
  if (impl->dim != options.dim || impl->metric != options.metric ||
      impl->element != options.element) {
    IndexOptions has;
    has.dim = impl->dim;
    has.metric = impl->metric;
    has.element = impl->element;
    return impl->error(Code::kInvalidArgument,
                       "it is " + type_sql(has) + ", not " + type_sql(options));
  }
  return Index(std::move(impl));
}

std::string_view Index::name() const noexcept {
  return impl_ ? std::string_view(impl_->name) : std::string_view();
}
std::string_view Index::column() const noexcept {
  return impl_ ? std::string_view(impl_->column) : std::string_view();
}
int Index::dim() const noexcept { return impl_ ? impl_->dim : 0; }
Metric Index::metric() const noexcept { return impl_ ? impl_->metric : Metric::kCosine; }
Element Index::element() const noexcept { return impl_ ? impl_->element : Element::kFloat32; }

Result<IndexStats> Index::stats() const { return impl_ ? impl_->stats() : closed_index(); }

Status Index::close() {
  if (!impl_) return closed_index();
  NEARLITE_TRY(impl_->session->flush());
  impl_.reset();
  return {};
}

}  // namespace v1
}  // namespace nearlite
