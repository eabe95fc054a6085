// target_recall: how wide searches must be to find what they should, measured.
//
// Queries are rows of the index, each moved a quarter of the way to another one; what they find is
// compared with what a comparison of everything finds. Rows and numbers decide alone, so that equal
// statements write equal measurements. It happens by command and, when enough rows have changed, in
// a COMMIT that writes anyway: never in a search.
#include "sqlite/measure.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/table.h"
#include "vector/parse.h"

namespace nearlite::sqlite {

namespace {

constexpr std::size_t kQueryCount = 100;
constexpr std::size_t kContentQueryCount = 24;  // each reads the whole table
constexpr std::size_t kK = 10;
constexpr float kShift = 0.25F;
// Widths to choose from, each about half as wide again as the one before.
constexpr std::array<std::uint32_t, 17> kWidths{16,  24,  32,  48,   64,   96,   128,  192, 256,
                                                384, 512, 768, 1024, 1536, 2048, 3072, 4096};
constexpr std::uint32_t kPpm = 1'000'000;
constexpr std::uint64_t kWorthlessMin = 1'000;

struct Query {
  std::vector<float> values;
  std::vector<Hit> truth;
};

std::string config_key(std::size_t vector_index) {
  return "measured" + column_suffix(vector_index);
}

std::string decimal(std::uint32_t ppm) {
  char text[16];
  std::snprintf(text, sizeof text, "%.4f", ppm / double{kPpm});
  return text;
}

}  // namespace

std::uint64_t changed_since(const Measurement& from, NodeId max_node_id,
                            std::uint64_t live_count) noexcept {
  const std::uint64_t inserted = max_node_id - std::min(max_node_id, from.max_node_id);
  const std::uint64_t there = from.live_count + inserted;
  return inserted + (there - std::min(there, live_count));
}

std::uint64_t worthless_after(const Measurement& from) noexcept {
  return std::max(kWorthlessMin, from.live_count / 4);
}

std::string encode(const Measurement& one) {
  std::string text;
  for (const std::uint64_t number :
       {std::uint64_t{one.ef_search}, std::uint64_t{one.recall_ppm}, std::uint64_t{one.former_ef},
        std::uint64_t{one.former_recall_ppm}, one.seq, std::uint64_t{one.max_node_id},
        one.live_count}) {
    text += (text.empty() ? "" : " ") + std::to_string(number);
  }
  return text;
}

std::optional<Measurement> decode_measurement(std::string_view text) {
  std::array<std::uint64_t, 7> numbers{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0 && (at == end || *at++ != ' ')) return std::nullopt;
    const auto [stop, error] = std::from_chars(at, end, numbers[i]);
    if (error != std::errc()) return std::nullopt;
    at = stop;
  }
  const bool is_sane = at == end && numbers[0] >= 1 && numbers[0] <= kEfMax && numbers[1] <= kPpm &&
                       numbers[2] <= kEfMax && numbers[3] <= kPpm && numbers[5] <= kNodeIdMax;
  if (!is_sane) return std::nullopt;
  return Measurement{static_cast<std::uint32_t>(numbers[0]),
                     static_cast<std::uint32_t>(numbers[1]),
                     static_cast<std::uint32_t>(numbers[2]),
                     static_cast<std::uint32_t>(numbers[3]),
                     numbers[4],
                     static_cast<NodeId>(numbers[5]),
                     numbers[6]};
}

namespace {

/// The share of what is nearest that searches of width `ef` find, in millionths.
Result<std::uint32_t> recall_at(Index& index, std::span<const Query> queries, std::uint32_t ef) {
  std::size_t right = 0;
  std::size_t count = 0;
  for (const Query& query : queries) {
    SearchRequest request;
    request.query = query.values;
    request.k = kK;
    request.ef_search = ef;
    NEARLITE_ASSIGN(const std::vector<Hit> hits, index.search(request));
    const double far = query.truth.empty() ? 0 : query.truth.back().distance;
    count += query.truth.size();
    // Of rows at one distance any will do.
    right += static_cast<std::size_t>(std::count_if(
        hits.begin(), hits.end(), [&](const Hit& hit) { return hit.distance <= far; }));
  }
  return count == 0 ? kPpm : static_cast<std::uint32_t>(std::min(right, count) * kPpm / count);
}

}  // namespace

// The vector of a node as floats; empty when there is none.
Result<std::vector<float>> Table::sample_vector(std::size_t vector_index, NodeId id, RowId rowid) {
  std::vector<float> values;
  if (content_ != nullptr) {
    NEARLITE_TRY(content_->read_row(rowid, touched_));
    if (touched_.has_vector) values = touched_.values;
    return values;
  }
  const VectorColumn& column = options_.vectors[vector_index];
  std::vector<std::byte> bytes(vector_bytes(column.type, column.dim));
  RowId stored = 0;
  NEARLITE_ASSIGN(const bool found, indexes_[vector_index]->store().read_vector(id, stored, bytes));
  if (found) NEARLITE_TRY(parse_vector_blob(bytes, column.type, column.dim, values));
  return values;
}

Status Table::measure_column(std::size_t vector_index) {
  Index& index = *indexes_[vector_index];
  NEARLITE_ASSIGN(const auto live, live_rows(vector_index));
  const std::size_t count =
      std::min(live.size(), content_ != nullptr ? kContentQueryCount : kQueryCount);
  std::vector<std::vector<float>> rows;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [id, rowid] = live[i * live.size() / count];
    NEARLITE_ASSIGN(std::vector<float> values, sample_vector(vector_index, id, rowid));
    if (!values.empty()) rows.push_back(std::move(values));
  }
  std::vector<Query> queries(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::vector<float>& other = rows[(i + rows.size() / 2) % rows.size()];
    queries[i].values = rows[i];
    for (std::size_t j = 0;
         j < other.size() && options_.vectors[vector_index].type != ElementType::kBit; ++j) {
      queries[i].values[j] += kShift * (other[j] - rows[i][j]);
    }
    SearchRequest request;
    request.query = queries[i].values;
    request.k = kK;
    request.complete = true;
    NEARLITE_ASSIGN(queries[i].truth, index.search(request));
  }
  NEARLITE_ASSIGN(const CommitRecord at, index.store().last_commit());
  Measurement made;
  made.seq = at.seq;
  made.max_node_id = at.max_node_id;
  made.live_count = at.live_count;
  made.former_ef = index.options().ef_search;
  NEARLITE_ASSIGN(made.former_recall_ppm, recall_at(index, queries, made.former_ef));
  // The least width that is enough; wider ones find no less.
  std::size_t low = 0;
  std::size_t high = kWidths.size() - 1;
  NEARLITE_ASSIGN(made.recall_ppm, recall_at(index, queries, kWidths[high]));
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    NEARLITE_ASSIGN(const std::uint32_t recall, recall_at(index, queries, kWidths[middle]));
    if (recall >= options_.target_recall_ppm) {
      high = middle;
      made.recall_ppm = recall;
    } else {
      low = middle + 1;
    }
  }
  made.ef_search = kWidths[high];
  const std::string text = encode(made);
  NEARLITE_TRY(indexes_.front()->store().put_config(
      config_key(vector_index), std::as_bytes(std::span(text.data(), text.size()))));
  if (made.former_recall_ppm < options_.target_recall_ppm && measurements_[vector_index]) {
    sqlite3_log(SQLITE_WARNING, "nearlite: %s: recall fell to %s at ef_search %u; it is %u now",
                index.options().label.c_str(), decimal(made.former_recall_ppm).c_str(),
                made.former_ef, made.ef_search);
  }
  measurements_[vector_index] = made;
  settings_changed_ = true;
  return {};
}

Status Table::measure() {
  if (options_.target_recall_ppm == 0) {
    return error(Code::kInvalidArgument, "measure: there is no target_recall to reach");
  }
  for (std::size_t i = 0; i < indexes_.size(); ++i) NEARLITE_TRY(measure_column(i));
  apply_settings();
  return {};
}

// At the end of a transaction that writes: when so much has changed that nobody knows any more.
Status Table::measure_when_due() {
  if (options_.target_recall_ppm == 0 || content_ != nullptr) return {};
  for (std::size_t i = 0; i < indexes_.size(); ++i) {
    if (!indexes_[i]->is_writing()) continue;
    NEARLITE_ASSIGN(const CommitRecord at, indexes_[i]->store().last_commit());
    const Measurement known = measurements_[i].value_or(Measurement());
    if (changed_since(known, at.max_node_id, at.live_count) < worthless_after(known)) continue;
    NEARLITE_TRY(measure_column(i));
  }
  apply_settings();
  return {};
}

Status Table::load_measurements() {
  measurements_.assign(indexes_.size(), std::nullopt);
  for (std::size_t i = 0; i < indexes_.size() && options_.target_recall_ppm != 0; ++i) {
    NEARLITE_ASSIGN(const auto bytes, indexes_.front()->store().find_config(config_key(i)));
    if (!bytes) continue;
    measurements_[i] =
        decode_measurement({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  }
  return {};
}

// What nearlite_stats says of it.
void Table::describe_recall(std::size_t vector_index, const IndexStats& stats,
                            nlohmann::ordered_json& one) const {
  if (options_.target_recall_ppm == 0) return;
  one["target_recall"] = options_.target_recall_ppm / double{kPpm};
  const auto& known = measurements_[vector_index];
  if (!known) {
    one["recall_warning"] = "not measured yet";
    return;
  }
  one["measured_recall"] = known->recall_ppm / double{kPpm};
  one["measured_at"] = known->seq;
  one["former_ef_search"] = known->former_ef;
  one["former_recall"] = known->former_recall_ppm / double{kPpm};
  const std::uint64_t changed = changed_since(*known, stats.max_node_id, stats.live_count);
  if (changed >= worthless_after(*known)) {
    one["recall_warning"] = std::to_string(changed) + " rows have changed since it was measured";
  } else if (known->recall_ppm < options_.target_recall_ppm) {
    one["recall_warning"] = "not reached at the greatest width that was tried";
  } else if (known->former_ef != known->ef_search &&
             known->former_recall_ppm < options_.target_recall_ppm) {
    one["recall_warning"] = "recall had fallen below it; ef_search was raised";
  }
}

}  // namespace nearlite::sqlite
