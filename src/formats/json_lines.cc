// JSON lines: an object a line. Numbers, texts, null; true and false become 1 and 0; an array of
// numbers is a vector; other arrays and objects stay JSON text. Blank lines are skipped.
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/try.h"
#include "formats/reader.h"

namespace nearlite::formats {
namespace {

using Json = nlohmann::json;

// An object or array that is kept as text is written by recursion.
constexpr std::size_t kDepthMax = 500;

bool is_too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool is_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char letter = text[i];
    if (letter == '\\' && is_quoted) {
      ++i;
    } else if (letter == '"') {
      is_quoted = !is_quoted;
    } else if (!is_quoted && (letter == '[' || letter == '{')) {
      if (++depth > kDepthMax) return true;
    } else if (!is_quoted && (letter == ']' || letter == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

// Values no JSON number gives: where an array is no vector.
std::optional<std::vector<float>> as_vector(const Json& array) {
  if (!array.is_array() || array.empty() || array.size() > kDimMax) return std::nullopt;
  std::vector<float> vector;
  vector.reserve(array.size());
  for (const Json& component : array) {
    if (!component.is_number()) return std::nullopt;
    vector.push_back(component.get<float>());
    if (!std::isfinite(vector.back())) return std::nullopt;
  }
  return vector;
}

Value as_value(const Json& json) {
  using Type = Json::value_t;
  switch (json.type()) {
    case Type::null: return Null();
    case Type::boolean: return std::int64_t{json.get<bool>() ? 1 : 0};
    case Type::number_integer: return json.get<std::int64_t>();
    case Type::number_unsigned: {
      const auto number = json.get<std::uint64_t>();
      if (number <= INT64_MAX) return static_cast<std::int64_t>(number);
      return static_cast<double>(number);
    }
    case Type::number_float: return json.get<double>();
    case Type::string: return json.get<std::string>();
    default: break;
  }
  if (auto vector = as_vector(json)) return std::move(*vector);
  return json.dump();
}

class JsonLinesReader final : public Reader {
 public:
  explicit JsonLinesReader(Input input) : Reader(std::move(input)) {}

  // The first row is read ahead, for the names of its columns.
  Status read_first() {
    NEARLITE_ASSIGN(has_ahead_, read(ahead_));
    return {};
  }

  Result<bool> next(Row& row) override {
    if (has_ahead_) {
      has_ahead_ = false;
      row = std::move(ahead_);
      row.values.resize(columns_.size());
      return true;
    }
    return read(row);
  }

 private:
  Result<bool> read(Row& row) {
    row.problem.clear();
    row.values.assign(columns_.size(), Null());
    do {
      text_.clear();
      row.line = ++line_;
      const auto has_line = input_.read_line(text_, kRowBytesMax);
      if (!has_line.ok()) {
        if (has_line.status().code() != Code::kInvalidArgument) return has_line;
        return failure(row.line, "a row is longer than " + std::to_string(kRowBytesMax) + " bytes");
      }
      if (!*has_line) return false;
    } while (text_.find_first_not_of(" \t\r\n") == std::string::npos);
    if (is_too_deep(text_)) {
      row.problem = "nested deeper than " + std::to_string(kDepthMax) + " levels";
      return true;
    }
    const Json json = Json::parse(text_, nullptr, false);
    if (json.is_discarded()) {
      row.problem = "not valid JSON";
    } else if (!json.is_object()) {
      row.problem = "not a JSON object";
    } else {
      for (const auto& [name, value] : json.items()) NEARLITE_TRY(set(row, name, value));
    }
    return true;
  }

  Status set(Row& row, const std::string& name, const Json& value) {
    const auto [place, is_new] = places_.try_emplace(name, columns_.size());
    if (is_new) {
      if (columns_.size() == kColumnsMax) {
        return failure(row.line, "more than " + std::to_string(kColumnsMax) + " different keys");
      }
      columns_.push_back(name);
      row.values.emplace_back();
    }
    row.values[place->second] = as_value(value);
    return {};
  }

  std::uint64_t line_ = 0;
  std::string text_;
  std::unordered_map<std::string, std::size_t> places_;
  Row ahead_;
  bool has_ahead_ = false;
};

}  // namespace

Result<std::unique_ptr<Reader>> open_json_lines(Input input) {
  auto reader = std::make_unique<JsonLinesReader>(std::move(input));
  NEARLITE_TRY(reader->read_first());
  return std::unique_ptr<Reader>(std::move(reader));
}

}  // namespace nearlite::formats
