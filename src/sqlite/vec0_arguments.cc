// Parser of vec0's arguments; see vec0_arguments.h.
#include "sqlite/vec0_arguments.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/try.h"
#include "sqlite/argument_tokens.h"

namespace nearlite::sqlite {
namespace {

using Tokens = std::vector<ArgumentToken>;
using Kind = ArgumentToken::Kind;

constexpr std::uint32_t kChunkSizeMax = 4096;
// A graph that nobody walks costs little to keep.
constexpr std::uint32_t kFlatM = 2;
constexpr std::uint32_t kFlatEf = 8;

struct NamedType {
  std::string_view name;
  ValueType type;
};
constexpr std::array kTypes{
    NamedType{"text", ValueType::kText},       NamedType{"integer", ValueType::kInteger},
    NamedType{"int", ValueType::kInteger},     NamedType{"int64", ValueType::kInteger},
    NamedType{"int32", ValueType::kInteger},   NamedType{"real", ValueType::kReal},
    NamedType{"float", ValueType::kReal},      NamedType{"double", ValueType::kReal},
    NamedType{"boolean", ValueType::kBoolean}, NamedType{"bool", ValueType::kBoolean}};

Status problem(const std::string& text) {
  return {Code::kInvalidArgument, "vec0 constructor error: " + text};
}

std::optional<ValueType> find_type(const ArgumentToken& token) {
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(),
                                   [&](const NamedType& type) { return token.is_word(type.name); });
  return found == kTypes.end() ? std::nullopt : std::optional(found->type);
}

// sqlite-vec looks no further than the name of the type goes: float16 is float to it.
std::optional<ElementType> find_element(const ArgumentToken& token, bool is_made) {
  struct NamedElement {
    std::string_view name;
    ElementType type;
  };
  constexpr std::array kElements{
      NamedElement{"float32", ElementType::kFloat32}, NamedElement{"float", ElementType::kFloat32},
      NamedElement{"f32", ElementType::kFloat32},     NamedElement{"int8", ElementType::kInt8},
      NamedElement{"i8", ElementType::kInt8},         NamedElement{"bit", ElementType::kBit}};
  const std::string word = to_lower(token.text);
  for (const NamedElement& element : kElements) {
    if (is_made ? word.starts_with(element.name) : token.is_word(element.name)) return element.type;
  }
  return std::nullopt;
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  const std::size_t end = text.find_last_not_of(" \t\r\n") + 1;
  const std::string_view digits = text.substr(begin, end < begin ? 0 : end - begin);
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && stop == digits.data() + digits.size();
}

class Parser {
 public:
  Parser(std::string_view table, bool is_made) : table_(table), is_made_(is_made) {}
  Status parse_argument(std::string_view text);
  Result<TableOptions> finish();

 private:
  Status parse_option(const Tokens& tokens);
  Status parse_vector(const Tokens& tokens);
  Status parse_metric(const Tokens& tokens, std::size_t& at, VectorColumn& column);
  Status parse_method(const Tokens& tokens, std::size_t& at, VectorColumn& column);
  Status parse_scalar(const Tokens& tokens);
  Status parse_key(const Tokens& tokens);
  Status parse_auxiliary(const Tokens& tokens);
  Status add(Column column);
  [[nodiscard]] Status not_parsed(std::string_view what) const {
    return problem("could not parse " + std::string(what) + " " + shown(text_));
  }

  std::string_view table_;
  bool is_made_;
  std::string_view text_;  // the argument at hand
  TableOptions options_;
  std::optional<Column> key_;
};

Status Parser::parse_argument(std::string_view text) {
  text_ = text;
  Result<Tokens> tokens = split_argument(text);
  if (!tokens.ok()) {
    return problem("Could not parse " + shown(text) + ": " + tokens.status().message());
  }
  if (tokens->empty()) return {};  // a comma at the end, or nothing but a comment
  const Tokens& all = *tokens;
  if (all[0].is_symbol('+')) return parse_auxiliary(all);
  if (all[0].kind == Kind::kSymbol || all.size() < 2) {
    return problem("Could not parse " + shown(text));
  }
  if (all[1].is_symbol('=')) return parse_option(all);
  if (all.size() >= 3 && all[2].kind == Kind::kBracket) return parse_vector(all);
  return parse_scalar(all);
}

// The only one is how many rows sqlite-vec puts into a chunk. It is checked and means nothing here.
Status Parser::parse_option(const Tokens& tokens) {
  if (!tokens[0].is_word("chunk_size")) {
    return problem("Unknown table option: " + tokens[0].text);
  }
  std::int64_t size = 0;
  if (tokens.size() != 3) return not_parsed("table option");
  if (!read_number(tokens[2].text, size) || size <= 0) {
    return problem("chunk_size must be a non-zero positive integer");
  }
  if (size % 8 != 0) return problem("chunk_size must be divisible by 8");
  return size > kChunkSizeMax ? problem("chunk_size too large") : Status();
}

Status Parser::parse_vector(const Tokens& tokens) {
  const std::optional<ElementType> element = find_element(tokens[1], is_made_);
  if (!element) return not_parsed("vector column");
  VectorColumn column;
  column.name = tokens[0].text;
  column.type = *element;
  column.metric = column.type == ElementType::kBit ? Metric::kHamming : Metric::kL2;
  std::uint64_t dim = 0;
  if (!read_number(tokens[2].text, dim) || dim == 0) return not_parsed("vector column");
  if (dim > kVec0DimMax) {
    return problem("Dimension on vector column too large, provided " + std::to_string(dim) +
                   ", maximum " + std::to_string(kVec0DimMax));
  }
  if (column.type == ElementType::kBit && dim % 8 != 0) {
    return problem("the dimensions of a bit vector must be divisible by 8, provided " +
                   std::to_string(dim) + " in " + shown(text_));
  }
  column.dim = static_cast<std::uint32_t>(dim);
  for (std::size_t at = 3; at < tokens.size();) {
    if (tokens[at].is_word("distance_metric")) {
      NEARLITE_TRY(parse_metric(tokens, at, column));
    } else if (tokens[at].is_word("indexed")) {
      NEARLITE_TRY(parse_method(tokens, at, column));
    } else {
      return not_parsed("vector column");
    }
  }
  NEARLITE_TRY(
      add(Column{ColumnKind::kVector, column.name, ValueType::kBlob, options_.vectors.size()}));
  options_.vectors.push_back(std::move(column));
  if (options_.vectors.size() <= kVectorColumnsMax) return {};
  return problem("Too many provided vector columns, maximum " + std::to_string(kVectorColumnsMax));
}

Status Parser::parse_metric(const Tokens& tokens, std::size_t& at, VectorColumn& column) {
  if (tokens.size() - at < 3 || !tokens[at + 1].is_symbol('=')) return not_parsed("vector column");
  const std::string name = to_lower(tokens[at + 2].text);
  const std::optional<Metric> metric = find_metric(name);
  const bool is_known = metric && *metric != Metric::kIp;
  const bool is_bit = column.type == ElementType::kBit;
  if (!is_known || is_bit != (*metric == Metric::kHamming)) return not_parsed("vector column");
  column.metric = *metric;
  at += 3;
  return {};
}

// INDEXED BY. flat compares all rows; hnsw says how the graph is; the other methods of sqlite-vec
// are answered by the graph as it is by default, their parameters are read over.
Status Parser::parse_method(const Tokens& tokens, std::size_t& at, VectorColumn& column) {
  constexpr std::array<std::string_view, 5> kMethods{"flat", "hnsw", "rescore", "diskann", "ivf"};
  if (tokens.size() - at < 3 || !tokens[at + 1].is_word("by")) return not_parsed("vector column");
  const std::string method = to_lower(tokens[at + 2].text);
  if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end()) {
    return problem("INDEXED BY must be flat, hnsw, rescore, diskann or ivf, got " +
                   shown(tokens[at + 2].text));
  }
  at += 3;
  TableOptions graph;
  if (at < tokens.size() && tokens[at].is_symbol('(')) {
    ++at;
    while (at < tokens.size() && !tokens[at].is_symbol(')')) {
      const bool is_pair = tokens.size() - at >= 3 && tokens[at + 1].is_symbol('=') &&
                           tokens[at + 2].kind != Kind::kSymbol;
      if (!is_pair) return not_parsed("vector column");
      if (method == "hnsw") {
        const std::string name = canonical_option(tokens[at].text);
        if (name != "m" && name != "ef_construction" && name != "ef_search") {
          return problem("INDEXED BY hnsw takes m, ef_construction and ef_search, got " +
                         shown(tokens[at].text));
        }
        const Status status = set_option(table_, name, tokens[at + 2].text, graph);
        if (!status.ok()) return problem(status.message());
        if (name == "m") column.m = graph.m;
        if (name == "ef_construction") column.ef_construction = graph.ef_construction;
        if (name == "ef_search") column.ef_search = graph.ef_search;
      }
      at += 3;
      if (at < tokens.size() && tokens[at].is_symbol(',')) ++at;
    }
    if (at == tokens.size()) return not_parsed("vector column");
    ++at;
  }
  column.is_flat = method == "flat";
  if (column.is_flat) {
    column.m = kFlatM;
    column.ef_construction = kFlatEf;
  }
  return {};
}

// A key, a partition key or a metadata column: a name, a type, and words.
Status Parser::parse_scalar(const Tokens& tokens) {
  const auto ends_with = [&](std::string_view first, std::string_view second) {
    const bool is_end = tokens.size() == 4 || (is_made_ && tokens.size() > 4);
    return is_end && tokens[2].is_word(first) && tokens[3].is_word(second);
  };
  const std::optional<ValueType> type = find_type(tokens[1]);
  if (ends_with("primary", "key")) return parse_key(tokens);
  if (!type) {
    return tokens.size() > 2 && tokens[2].is_word("partition")
               ? not_parsed("table option")
               : problem("Unknown table option: " + tokens[0].text +
                         "; a metadata column is text, integer, float or boolean");
  }
  Column column{ColumnKind::kMetadata, tokens[0].text, *type};
  if (ends_with("partition", "key")) {
    if (*type != ValueType::kText && *type != ValueType::kInteger)
      return not_parsed("table option");
    column.kind = ColumnKind::kPartition;
    column.is_indexed = true;
  } else if (ends_with("not", "null")) {
    column.is_required = true;
  } else if (tokens.size() != 2 && !is_made_) {
    return not_parsed("table option");
  }
  return add(std::move(column));
}

Status Parser::parse_key(const Tokens& tokens) {
  const std::optional<ValueType> type = find_type(tokens[1]);
  if (!type || (*type != ValueType::kInteger && *type != ValueType::kText)) {
    return not_parsed("table option");
  }
  if (key_) {
    return problem(
        "More than one primary key definition was provided, vec0 only suports a single primary key "
        "column");
  }
  const bool is_text = *type == ValueType::kText;
  key_ = Column{is_text ? ColumnKind::kKey : ColumnKind::kRowid, tokens[0].text, *type};
  key_->is_required = true;
  return {};
}

// Any type may be written; only those of sqlite-vec mean anything, and to SQLite only.
Status Parser::parse_auxiliary(const Tokens& tokens) {
  if (tokens.size() < 2 || tokens[1].kind == Kind::kSymbol) {
    return problem("Could not parse " + shown(text_));
  }
  for (std::size_t i = 2; i < tokens.size(); ++i) {
    if (tokens[i].kind != Kind::kWord) return not_parsed("table option");
  }
  return add(Column{ColumnKind::kAuxiliary, tokens[1].text});
}

Status Parser::add(Column column) {
  struct Limit {
    ColumnKind kind;
    std::size_t max;
    std::string_view what;
  };
  constexpr std::array kLimits{Limit{ColumnKind::kPartition, kPartitionColumnsMax, "partition key"},
                               Limit{ColumnKind::kMetadata, kMetadataColumnsMax, "metadata"},
                               Limit{ColumnKind::kAuxiliary, kAuxiliaryColumnsMax, "auxiliary"}};
  const ColumnKind kind = column.kind;
  options_.columns.push_back(std::move(column));
  for (const Limit& limit : kLimits) {
    const auto count = std::count_if(options_.columns.begin(), options_.columns.end(),
                                     [&](const Column& other) { return other.kind == limit.kind; });
    if (kind == limit.kind && static_cast<std::size_t>(count) > limit.max) {
      return problem("More than " + std::to_string(limit.max) + " " + std::string(limit.what) +
                     " columns were provided");
    }
  }
  return {};
}

// A name in <t>_rows that neither another column has nor our own columns there.
std::string free_name(const std::string& name, const std::vector<Column>& columns) {
  const std::string lower = to_lower(name);
  const bool is_node =
      lower.starts_with("node_id") && lower.find_first_not_of("0123456789", 7) == std::string::npos;
  if (!is_node && lower != "rowid" && lower != "oid" && lower != "_rowid_") return {};
  std::string stored = name + "_";
  const auto is_taken = [&](const Column& column) {
    return equals_ignoring_case(column.name, stored);
  };
  while (std::any_of(columns.begin(), columns.end(), is_taken)) stored += '_';
  return stored;
}

Result<TableOptions> Parser::finish() {
  options_.front = Front::kVec0;
  options_.exact_up_to = kVec0ExactUpTo;
  if (options_.vectors.empty()) return problem("At least one vector column is required");
  std::vector<Column>& columns = options_.columns;
  columns.insert(columns.begin(),
                 key_.value_or(Column{ColumnKind::kRowid, "rowid", ValueType::kInteger}));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string& name = columns[i].name;
    if (name.empty() || name.size() > kNameBytesMax) {
      return problem("a column's name must be 1 to " + std::to_string(kNameBytesMax) +
                     " bytes long, got " + std::to_string(name.size()));
    }
    const auto is_same = [&](const Column& other) {
      return equals_ignoring_case(other.name, name);
    };
    if (equals_ignoring_case(name, "distance") || equals_ignoring_case(name, "k") ||
        std::any_of(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(i), is_same)) {
      return problem("could not declare virtual table, 'duplicate column name: " + name + "'");
    }
    if (columns[i].is_stored()) columns[i].stored_as = free_name(name, columns);
  }
  return std::move(options_);
}

}  // namespace

Result<TableOptions> parse_vec0_arguments(std::string_view table,
                                          std::span<const char* const> arguments, bool is_made) {
  Parser parser(table, is_made);
  for (const char* argument : arguments) NEARLITE_TRY(parser.parse_argument(argument));
  return parser.finish();
}

}  // namespace nearlite::sqlite
