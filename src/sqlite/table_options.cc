// Names and ranges of the options; see table_options.h.
#include "sqlite/table_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/try.h"
#include "graph/types.h"
#include "sqlite/argument_tokens.h"

namespace nearlite::sqlite {
namespace {

/// An option whose value is a whole number.
struct NumberOption {
  std::string_view name;
  std::uint32_t TableOptions::*field;
  std::uint32_t min;
  std::uint32_t max;
  bool is_changeable;
};

// ef_construction: more than ten thousand candidates a node is an exact search in all but name.
constexpr std::uint32_t kEfConstructionMax = 10'000;
constexpr std::uint32_t kThresholdMax = 1'000'000;
constexpr double kRecallMin = 0.5;
constexpr double kRecallMax = 0.9999;
constexpr std::uint32_t kPersistEveryMax = 1'000'000'000;

constexpr std::array kNumbers{
    NumberOption{"m", &TableOptions::m, kMMin, kMMax, false},
    NumberOption{"ef_construction", &TableOptions::ef_construction, 1, kEfConstructionMax, true},
    NumberOption{"ef_search", &TableOptions::ef_search, 1, kEfMax, true},
    NumberOption{"tombstone_rebuild_pct", &TableOptions::tombstone_rebuild_pct, 0, 100, true},
    NumberOption{"parallel_insert_threshold", &TableOptions::parallel_insert_threshold, 1,
                 kThresholdMax, true},
};

constexpr std::array<std::string_view, 5> kWords{"quantize", "persist", "path", "expires_at",
                                                 "target_recall"};

const NumberOption* find_number(std::string_view name) noexcept {
  const auto* found = std::find_if(kNumbers.begin(), kNumbers.end(),
                                   [&](const NumberOption& option) { return option.name == name; });
  return found == kNumbers.end() ? nullptr : found;
}

Status set_number(std::string_view table, std::string_view name, std::string_view value,
                  std::uint32_t min, std::uint32_t max, std::uint32_t& field) {
  const char* end = value.data() + value.size();
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  const bool is_number = stop == end && error != std::errc::invalid_argument;
  if (!is_number || error == std::errc::result_out_of_range || number < min || number > max) {
    std::string problem(name);
    problem.append(" must be a whole number between ").append(std::to_string(min));
    problem.append(" and ").append(std::to_string(max)).append(", got ").append(shown(value));
    return invalid(table, problem);
  }
  field = static_cast<std::uint32_t>(number);
  return Status();
}

Status set_persist(std::string_view table, std::string_view value, TableOptions& options) {
  const std::string text = to_lower(value);
  if (text == "commit" || text == "close") {
    options.persist = text == "commit" ? Persist::kCommit : Persist::kClose;
    options.persist_every = 0;
    return Status();
  }
  constexpr std::string_view kEvery = "every";
  if (!text.starts_with(kEvery)) {
    return invalid(table, "persist must be commit, close or 'every N', got " + shown(value));
  }
  const std::size_t number = std::min(text.find_first_not_of(' ', kEvery.size()), text.size());
  NEARLITE_TRY(set_number(table, "persist = every N: N", text.substr(number), 1, kPersistEveryMax,
                          options.persist_every));
  options.persist = Persist::kEvery;
  return Status();
}

Status set_quantize(std::string_view table, std::string_view value, TableOptions& options) {
  const std::optional<Quantize> found = find_quantize(to_lower(value));
  if (!found) return invalid(table, "quantize must be int8, bit or none, got " + shown(value));
  options.quantize = *found;
  return Status();
}

Status set_recall(std::string_view table, std::string_view value, TableOptions& options) {
  const char* end = value.data() + value.size();
  double number = 0;
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  const bool is_none = number == 0;
  if (error != std::errc() || stop != end ||
      !(is_none || (number >= kRecallMin && number <= kRecallMax))) {
    return invalid(
        table,
        "target_recall must be 0 (none) or a number between 0.5 and 0.9999, got " + shown(value));
  }
  options.target_recall_ppm = static_cast<std::uint32_t>(std::lround(number * 1e6));
  return Status();
}

std::string recall_text(std::uint32_t ppm) {
  char text[16];
  std::snprintf(text, sizeof text, "%.6f", ppm / 1e6);
  return text;
}

Status set_path(std::string_view table, std::string_view value, TableOptions& options) {
  if (value.size() > kPathBytesMax) {
    return invalid(table, "path must be at most " + std::to_string(kPathBytesMax) +
                              " bytes long, got " + std::to_string(value.size()));
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; };
  if (std::any_of(value.begin(), value.end(), is_control)) {
    return invalid(table, "path contains a control character: " + shown(value));
  }
  options.path = value;
  return Status();
}

}  // namespace

std::string_view name_of(ValueType type) noexcept {
  switch (type) {
    case ValueType::kText: return "text";
    case ValueType::kInteger: return "integer";
    case ValueType::kReal: return "real";
    case ValueType::kBoolean: return "boolean";
    case ValueType::kBlob: return "blob";
  }
  return "unknown";
}

std::string_view name_of(HiddenColumn column) noexcept {
  switch (column) {
    case HiddenColumn::kDistance: return "distance";
    case HiddenColumn::kK: return "k";
    case HiddenColumn::kEfSearch: return "ef_search";
    case HiddenColumn::kExact: return "exact";
    case HiddenColumn::kFilter: return "filter";
    case HiddenColumn::kAfterDistance: return "after_distance";
    case HiddenColumn::kAfterRowid: return "after_rowid";
    case HiddenColumn::kNow: return "now";
    case HiddenColumn::kTouched: return "touched_row";
    case HiddenColumn::kCommand: break;
  }
  return "";
}

bool TableOptions::has_key() const noexcept {
  return std::any_of(columns.begin(), columns.end(),
                     [](const Column& column) { return column.kind == ColumnKind::kKey; });
}

std::vector<HiddenColumn> hidden_columns(std::string_view table, const TableOptions& options) {
  std::vector<HiddenColumn> columns{HiddenColumn::kDistance, HiddenColumn::kK};
  for (const HiddenColumn column :
       {HiddenColumn::kEfSearch, HiddenColumn::kExact, HiddenColumn::kFilter,
        HiddenColumn::kAfterDistance, HiddenColumn::kAfterRowid, HiddenColumn::kNow,
        HiddenColumn::kCommand}) {
    const std::string_view name = column == HiddenColumn::kCommand ? table : name_of(column);
    const auto has_name = [&](const Column& other) {
      return equals_ignoring_case(other.name, name);
    };
    const auto is_name = [&](HiddenColumn other) {
      return equals_ignoring_case(name_of(other), name);
    };
    // In hnsw these names are reserved. A column of vec0 may have them; then they mean that. And a
    // table may be called k.
    const bool is_taken = std::any_of(options.columns.begin(), options.columns.end(), has_name) ||
                          std::any_of(columns.begin(), columns.end(), is_name);
    if (!is_taken) columns.push_back(column);
  }
  if (options.content) columns.push_back(HiddenColumn::kTouched);
  return columns;
}

void drop_own_settings(std::string_view option, TableOptions& options) {
  const std::string name = canonical_option(option);
  for (VectorColumn& column : options.vectors) {
    if (name == "ef_search") column.ef_search = 0;
    if (name == "ef_construction") column.ef_construction = 0;
  }
}

std::string canonical_option(std::string_view name) {
  std::string text = to_lower(name);
  if (text == "ef") text = "ef_construction";
  const bool is_known =
      find_number(text) != nullptr || std::find(kWords.begin(), kWords.end(), text) != kWords.end();
  return is_known ? text : std::string();
}

Status set_option(std::string_view table, std::string_view name, std::string_view value,
                  TableOptions& options) {
  const std::string option = canonical_option(name);
  if (const NumberOption* number = find_number(option)) {
    // Messages use the user's word: "ef" stays "ef".
    return set_number(table, to_lower(name), value, number->min, number->max,
                      options.*number->field);
  }
  if (option == "persist") return set_persist(table, value, options);
  if (option == "quantize") return set_quantize(table, value, options);
  if (option == "path") return set_path(table, value, options);
  if (option == "target_recall") return set_recall(table, value, options);
  if (option == "expires_at") {
    options.expires_at = value;
    return Status();
  }
  return Status(Code::kNotFound, invalid(table, "unknown option " + shown(name)).message());
}

Status check_quantize(std::string_view owner, Quantize quantize, const VectorColumn& column) {
  if (quantize != Quantize::kBit || column.metric == Metric::kCosine ||
      column.type == ElementType::kBit) {
    return Status();
  }
  return invalid(owner, "quantize=bit keeps directions only: it needs the metric cosine, got " +
                            shown(name_of(column.metric)));
}

Status change_option(std::string_view table, std::string_view name, std::string_view value,
                     TableOptions& options) {
  const std::string option = canonical_option(name);
  const NumberOption* number = find_number(option);
  const bool is_changeable = option == "persist" || option == "target_recall" ||
                             (number != nullptr && number->is_changeable);
  if (!option.empty() && !is_changeable) {
    return invalid(table, option + " is fixed when the table is created");
  }
  return set_option(table, name, value, options);
}

std::string option_text(const TableOptions& options, std::string_view name) {
  const std::string option = canonical_option(name);
  if (const NumberOption* number = find_number(option)) {
    return std::to_string(options.*number->field);
  }
  if (option == "quantize") return std::string(name_of(options.quantize));
  if (option == "path") return options.path;
  if (option == "target_recall") return recall_text(options.target_recall_ppm);
  if (option == "expires_at") return options.expires_at;
  if (option == "persist") {
    switch (options.persist) {
      case Persist::kCommit: return "commit";
      case Persist::kEvery: return "every " + std::to_string(options.persist_every);
      case Persist::kClose: return "close";
    }
  }
  return std::string();
}

Status invalid(std::string_view table, std::string_view problem) {
  std::string message = "nearlite: ";
  message.append(table).append(": ").append(problem);
  return Status(Code::kInvalidArgument, std::move(message));
}

namespace {

// Messages must be UTF-8 whatever bytes a damaged file holds: hosts decode them.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    if (lead < 0x80U) continue;
    const int more = lead >= 0xf0U && lead < 0xf5U ? 3 : lead >= 0xe0U ? 2 : 1;
    if (lead < 0xc2U || lead >= 0xf5U) return false;
    for (int k = 0; k < more; ++k, ++i) {
      if (i == text.size() || (static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80U) return false;
    }
  }
  return true;
}

}  // namespace

std::string shown(std::string_view value) {
  constexpr std::size_t kShownBytesMax = 64;
  std::string text = "'";
  for (const char c : value.substr(0, kShownBytesMax)) {
    text += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  if (!is_utf8(value)) {
    for (char& c : text) c = static_cast<unsigned char>(c) >= 0x80U ? '?' : c;
  }
  if (value.size() > kShownBytesMax) {
    // Do not end inside a UTF-8 sequence: drop its continuation bytes and its lead byte.
    while ((static_cast<unsigned char>(text.back()) & 0xc0U) == 0x80U) text.pop_back();
    if (static_cast<unsigned char>(text.back()) >= 0xc0U) text.pop_back();
    text += "...";
  }
  text += '\'';
  return text;
}

}  // namespace nearlite::sqlite
