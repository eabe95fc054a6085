#include "cli/import_target.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "cli/try.h"

namespace nearlite::cli {
namespace {

using Names = std::vector<std::string>;

std::optional<std::size_t> place_of(const Names& names, std::string_view name) {
  const auto place = std::find(names.begin(), names.end(), name);
  if (place == names.end()) return std::nullopt;
  return static_cast<std::size_t>(place - names.begin());
}

// The column asked for, which must be there, or else the first of the usual ones that is.
Result<std::optional<std::size_t>> choose(const Names& columns, const std::string& asked,
                                          std::initializer_list<std::string_view> usual,
                                          const char* option) {
  if (!asked.empty()) {
    const auto place = place_of(columns, asked);
    if (place) return place;
    return Status(Code::kInvalidArgument,
                  fmt::format("{} {}: the file has no such column; it has {}", option, asked,
                              fmt::join(columns, ", ")));
  }
  for (const std::string_view name : usual) {
    if (const auto place = place_of(columns, name)) return place;
  }
  return std::optional<std::size_t>();
}

std::string conflict_clause(const std::string& on_conflict) {
  if (on_conflict == "replace") return " OR REPLACE";
  if (on_conflict == "ignore") return " OR IGNORE";
  return "";
}

std::optional<std::int64_t> whole_number(const formats::Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

}  // namespace

Result<ImportTarget> ImportTarget::open(Database& database, const ImportArguments& arguments) {
  ImportTarget target(database, arguments);
  NEARLITE_CLI_ASSIGN(const Names indexes, list_indexes(database));
  if (!arguments.table.empty() && !has(indexes, arguments.table)) {
    NEARLITE_CLI_ASSIGN(Names columns, list_columns(database, arguments.table));
    if (!columns.empty()) {
      target.table_ = arguments.table;
      NEARLITE_CLI_TRY(target.open_ordinary(std::move(columns)));
      return target;
    }
  }
  NEARLITE_CLI_TRY(target.open_index());
  return target;
}

Status ImportTarget::open_index() {
  NEARLITE_CLI_ASSIGN(const IndexTable index, find_index(*database_, arguments_->table));
  table_ = index.rows;
  id_column_ = index.id;
  vector_column_ = index.vector().name;
  vector_sql_ = as_stored(index, "{}");
  dim_ = index.vector().dim;
  others_ = index.columns;
  return {};
}

Status ImportTarget::open_ordinary(Names columns) {
  if (!has(columns, "embedding")) {
    return {Code::kInvalidArgument,
            fmt::format("{}: has no column named embedding for the vectors", table_)};
  }
  vector_column_ = "embedding";
  std::erase(columns, vector_column_);
  others_ = std::move(columns);
  NEARLITE_CLI_ASSIGN(const bool is_text, is_text_column(*database_, table_, vector_column_));
  vector_sql_ = is_text ? "vec_to_json(vec_f32({}))" : "vec_f32({})";
  NEARLITE_CLI_ASSIGN(Statement key,
                      database_->prepare("SELECT name FROM pragma_table_info(?1) WHERE pk = 1"
                                         " AND upper(type) = 'INTEGER'"));
  NEARLITE_CLI_ASSIGN(const bool has_key, key.bind_text(1, table_).step());
  if (has_key) {
    id_column_ = std::string(key.column_text(0));
    std::erase(others_, id_column_);
  }
  return {};
}

Status ImportTarget::map(const Names& columns) {
  NEARLITE_CLI_ASSIGN(id_place_,
                      choose(columns, arguments_->id, {id_column_, "id", "rowid"}, "--id"));
  NEARLITE_CLI_ASSIGN(text_place_, choose(columns, arguments_->text, {}, "--text"));
  vector_place_.reset();
  if (!text_place_) {
    NEARLITE_CLI_ASSIGN(vector_place_, choose(columns, arguments_->vector,
                                              {vector_column_, "embedding", "vector"}, "--vector"));
    if (!vector_place_) {
      return {Code::kNotFound,
              fmt::format("no column of the file looks like the vector (it has {}); name it with "
                          "--vector, or a column of texts to embed with --text",
                          fmt::join(columns, ", "))};
    }
  }
  pairs_.clear();
  unused_.clear();
  std::vector<std::string> renamed;
  for (const std::string& pair : arguments_->maps) {
    const std::size_t equals = pair.find('=');
    const std::string from = pair.substr(0, equals);
    const std::string to = equals == std::string::npos ? from : pair.substr(equals + 1);
    NEARLITE_CLI_ASSIGN(const auto place, choose(columns, from, {}, "--map"));
    if (!has(others_, to)) {
      return {Code::kInvalidArgument,
              fmt::format("--map {}: {} has no column {}", pair, table_, to)};
    }
    pairs_.emplace_back(place.value_or(0), to);
    renamed.push_back(from);
  }
  for (std::size_t place = 0; place < columns.size(); ++place) {
    const bool is_taken =
        place == id_place_ || place == vector_place_ || has(renamed, columns[place]);
    const bool is_wanted = has(others_, columns[place]) &&
                           std::none_of(pairs_.begin(), pairs_.end(), [&](const auto& pair) {
                             return pair.second == columns[place];
                           });
    if (is_taken) continue;
    if (is_wanted) {
      pairs_.emplace_back(place, columns[place]);
    } else if (place != text_place_) {
      unused_.push_back(columns[place]);
    }
  }
  return prepare();
}

Status ImportTarget::prepare() {
  std::string names = as_identifier(id_column_) + ", " + as_identifier(vector_column_);
  std::string values = "?1, " + fmt::format(fmt::runtime(vector_sql_), "?2");
  if (id_column_ == "rowid") names = "rowid, " + as_identifier(vector_column_);
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    names += ", " + as_identifier(pairs_[i].second);
    values += fmt::format(", ?{}", i + 3);
  }
  NEARLITE_CLI_ASSIGN(insert_,
                      database_->prepare(fmt::format("INSERT{} INTO {}({}) VALUES ({})",
                                                     conflict_clause(arguments_->on_conflict),
                                                     as_identifier(table_), names, values)));
  return {};
}

Status ImportTarget::bind(int parameter, const formats::Value& value, const char* what) {
  struct Visitor {
    Statement& statement;
    int parameter;
    void operator()(formats::Null /*null*/) const { statement.bind_null(parameter); }
    void operator()(std::int64_t number) const { statement.bind_int64(parameter, number); }
    void operator()(double number) const { statement.bind_double(parameter, number); }
    void operator()(const std::string& text) const { statement.bind_text(parameter, text); }
    void operator()(const std::vector<float>& vector) const {
      statement.bind_vector(parameter, vector);
    }
  };
  if (parameter > 2 && std::holds_alternative<std::vector<float>>(value)) {
    return {Code::kInvalidArgument, fmt::format("{}: a list of numbers is no value for it", what)};
  }
  std::visit(Visitor{*insert_, parameter}, value);
  return {};
}

Status ImportTarget::insert(const formats::Row& row, std::optional<std::int64_t> id,
                            const std::vector<float>* vector) {
  insert_->reset();
  if (!id && id_place_) {
    const formats::Value& value = row.values[*id_place_];
    id = whole_number(value);
    if (!id && !std::holds_alternative<formats::Null>(value)) {
      return {Code::kInvalidArgument, "the id is not a whole number"};
    }
  }
  if (id) insert_->bind_int64(1, *id);
  if (vector != nullptr) {
    insert_->bind_vector(2, *vector);
  } else if (vector_place_) {
    const formats::Value& value = row.values[*vector_place_];
    if (std::holds_alternative<double>(value) || std::holds_alternative<std::int64_t>(value)) {
      return {Code::kInvalidArgument, "the vector is a single number"};
    }
    NEARLITE_CLI_TRY(bind(2, value, "the vector"));
  }
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    NEARLITE_CLI_TRY(
        bind(static_cast<int>(i) + 3, row.values[pairs_[i].first], pairs_[i].second.c_str()));
  }
  return insert_->run();
}

}  // namespace nearlite::cli
