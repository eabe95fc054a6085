// Parser of the module's arguments; see arguments.h.
#include "sqlite/arguments.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "base/try.h"
#include "sqlite/argument_tokens.h"
#include "vector/sparse.h"

namespace nearlite::sqlite {
namespace {

using Tokens = std::vector<ArgumentToken>;
using Kind = ArgumentToken::Kind;

// Hidden columns of the table, names of rowids, and columns of the shadow tables.
constexpr std::array<std::string_view, 14> kReserved{
    "rowid",     "_rowid_",        "oid",         "distance", "k",
    "ef_search", "exact",          "rank",        "node_id",  "touched_row",
    "filter",    "after_distance", "after_rowid", "now"};

struct NamedType {
  std::string_view name;
  ValueType type;
};
// "float" is missing on purpose: as a scalar it would hide a forgotten dimension.
constexpr std::array kTypes{
    NamedType{"text", ValueType::kText},    NamedType{"integer", ValueType::kInteger},
    NamedType{"int", ValueType::kInteger},  NamedType{"real", ValueType::kReal},
    NamedType{"double", ValueType::kReal},  NamedType{"boolean", ValueType::kBoolean},
    NamedType{"bool", ValueType::kBoolean}, NamedType{"blob", ValueType::kBlob}};

bool is_reserved(std::string_view name) {
  const std::string text = to_lower(name);
  // node_id2, node_id3, … are the node ids of further vector columns.
  if (text.starts_with("node_id") && text.find_first_not_of("0123456789", 7) == std::string::npos) {
    return true;
  }
  return std::find(kReserved.begin(), kReserved.end(), text) != kReserved.end();
}

constexpr std::array<std::string_view, 6> kContentOptions{
    "content", "content_rowid", "content_vector", "sync", "build", "element"};

bool is_content_option(std::string_view name) {
  return std::find(kContentOptions.begin(), kContentOptions.end(), name) != kContentOptions.end();
}

class Parser {
 public:
  explicit Parser(std::string_view table) : table_(table) {}
  Status parse_argument(std::string_view text);
  Result<TableOptions> finish();

 private:
  Status parse_option(const Tokens& tokens);
  Status parse_column(const Tokens& tokens);
  Status parse_vector(const Tokens& tokens);
  Status parse_sparse(const Tokens& tokens);
  Status parse_scalar(const Tokens& tokens, std::size_t at, ColumnKind kind);
  Status parse_metric(std::string_view owner, std::string_view value,
                      std::optional<Metric>& metric) const;
  Status parse_dim(std::string_view owner, std::string_view value, std::uint32_t& dim,
                   std::uint32_t max = kDimMax) const;
  Status check_name(const std::string& name) const;
  Status check_counts() const;
  Status settle_metrics();
  Status finish_content();
  Status finish_expiry();
  [[nodiscard]] std::string owner(std::string_view column) const {
    return std::string(table_) + "." + std::string(column);
  }

  std::string_view table_;
  TableOptions options_;
  std::vector<std::optional<Metric>> metrics_;  // of the vector columns, as written
  std::optional<Metric> table_metric_;
  std::optional<std::uint32_t> dim_;
  ContentOptions content_;
  std::vector<std::string> seen_;  // options given so far
};

Status Parser::parse_argument(std::string_view text) {
  Result<Tokens> tokens = split_argument(text);
  if (!tokens.ok()) {
    return invalid(table_, tokens.status().message() + ", in " + shown(text));
  }
  if (tokens->empty()) return Status();  // A comma at the end, or nothing but a comment.
  if (tokens->size() >= 2 && (*tokens)[1].is_symbol('=')) return parse_option(*tokens);
  return parse_column(*tokens);
}

Status Parser::parse_option(const Tokens& tokens) {
  const std::string name = to_lower(tokens[0].text);
  const std::string canonical = canonical_option(name);
  const std::string& key = canonical.empty() ? name : canonical;
  const bool is_content = is_content_option(name);
  if (canonical.empty() && key != "dim" && key != "metric" && !is_content) {
    return invalid(table_, "unknown option " + shown(tokens[0].text));
  }
  const bool is_every = tokens.size() == 4 && tokens[2].is_word("every");
  if (tokens.size() != 3 && !is_every) {
    return invalid(table_, name + " needs exactly one value after '='");
  }
  if (tokens[2].kind == Kind::kSymbol) {
    return invalid(table_, name + " has no value, but " + shown(tokens[2].text));
  }
  if (std::find(seen_.begin(), seen_.end(), key) != seen_.end()) {
    return invalid(table_, name + " is given twice");
  }
  seen_.push_back(key);
  std::string value = tokens[2].text;
  if (is_every) value += " " + tokens[3].text;
  if (key == "metric") return parse_metric(table_, value, table_metric_);
  if (key == "dim") return parse_dim(table_, value, dim_.emplace());
  if (is_content) return set_content_option(table_, name, value, content_);
  return set_option(table_, name, value, options_);
}

Status Parser::parse_column(const Tokens& tokens) {
  if (tokens[0].is_symbol('+')) return parse_scalar(tokens, 1, ColumnKind::kAuxiliary);
  if (tokens.size() >= 3 && tokens[1].kind == Kind::kWord && tokens[2].kind == Kind::kBracket) {
    return tokens[1].is_word("sparse") ? parse_sparse(tokens) : parse_vector(tokens);
  }
  return parse_scalar(tokens, 0, ColumnKind::kMetadata);
}

Status Parser::parse_vector(const Tokens& tokens) {
  const std::string& name = tokens[0].text;
  NEARLITE_TRY(check_name(name));
  std::string type = to_lower(tokens[1].text);
  if (type == "float32") type = "float";
  const std::optional<ElementType> element = find_element_type(type);
  if (!element) {
    return invalid(owner(name),
                   "a vector's type is float, float16, bfloat16, int8, bit or sparse, got " +
                       shown(tokens[1].text));
  }
  VectorColumn column{name, *element, 0, Metric::kCosine};
  NEARLITE_TRY(parse_dim(owner(name), tokens[2].text, column.dim));
  if (column.type == ElementType::kBit && column.dim % 8 != 0) {
    return invalid(owner(name), "the dimensions of a bit vector must be a multiple of 8, got " +
                                    std::to_string(column.dim));
  }
  std::optional<Metric> metric;
  for (std::size_t at = 3; at < tokens.size(); at += 3) {
    const bool is_pair = tokens.size() - at >= 3 && tokens[at + 1].is_symbol('=');
    if (!is_pair || !equals_ignoring_case(tokens[at].text, "metric")) {
      return invalid(owner(name), "expected metric=..., got " + shown(tokens[at].text));
    }
    if (metric) return invalid(owner(name), "metric is given twice");
    NEARLITE_TRY(parse_metric(owner(name), tokens[at + 2].text, metric));
  }
  options_.columns.push_back(
      Column{ColumnKind::kVector, name, ValueType::kBlob, options_.vectors.size(), false});
  options_.vectors.push_back(std::move(column));
  metrics_.push_back(metric);
  return check_counts();
}

Status Parser::parse_sparse(const Tokens& tokens) {
  const std::string& name = tokens[0].text;
  NEARLITE_TRY(check_name(name));
  SparseColumn column{name};
  NEARLITE_TRY(parse_dim(owner(name), tokens[2].text, column.dim, kSparseDimMax));
  const bool has_metric = tokens.size() == 6 && tokens[4].is_symbol('=') &&
                          equals_ignoring_case(tokens[3].text, "metric");
  if (has_metric) {
    std::optional<Metric> metric;
    NEARLITE_TRY(parse_metric(owner(name), tokens[5].text, metric));
    if (*metric != Metric::kIp) {
      return invalid(owner(name),
                     "sparse vectors have the metric ip only, got " + shown(tokens[5].text));
    }
  } else if (tokens.size() > 3) {
    return invalid(owner(name), "unexpected " + shown(tokens[3].text) + " after the type");
  }
  options_.columns.push_back(
      Column{ColumnKind::kSparse, name, ValueType::kBlob, options_.sparse.size(), false});
  options_.sparse.push_back(std::move(column));
  return check_counts();
}

Status Parser::parse_scalar(const Tokens& tokens, std::size_t at, ColumnKind kind) {
  if (at == tokens.size() || tokens[at].kind == Kind::kSymbol) {
    return invalid(table_, "expected a column or option, got " + shown(tokens[0].text));
  }
  const std::string& name = tokens[at++].text;
  NEARLITE_TRY(check_name(name));
  const auto is_this = [&](const NamedType& type) { return tokens[at].is_word(type.name); };
  const auto* type =
      at == tokens.size() ? kTypes.end() : std::find_if(kTypes.begin(), kTypes.end(), is_this);
  if (type == kTypes.end()) {
    const std::string got = at == tokens.size() ? "nothing" : shown(tokens[at].text);
    return invalid(owner(name),
                   "expected a type (float[N] for a vector; text, integer, real, boolean, blob), "
                   "got " +
                       got);
  }
  ++at;
  if (tokens.size() - at == 2 && tokens[at].is_word("partition") && tokens[at + 1].is_word("key") &&
      kind == ColumnKind::kMetadata) {
    kind = ColumnKind::kPartition;
    at += 2;
  }
  bool is_indexed = kind == ColumnKind::kPartition;
  if (tokens.size() - at == 1 && tokens[at].is_word("indexed") && kind == ColumnKind::kMetadata) {
    is_indexed = true;
    ++at;
  }
  if (at != tokens.size()) {
    return invalid(owner(name), "unexpected " + shown(tokens[at].text) + " after the type");
  }
  if (kind == ColumnKind::kPartition && type->type != ValueType::kText &&
      type->type != ValueType::kInteger) {
    return invalid(owner(name), "a partition key is text or integer, got " + shown(type->name));
  }
  options_.columns.push_back(Column{kind, name, type->type, 0, is_indexed});
  return check_counts();
}

Status Parser::parse_metric(std::string_view owner, std::string_view value,
                            std::optional<Metric>& metric) const {
  metric = find_metric(to_lower(value));
  if (metric) return Status();
  return invalid(owner, "metric must be cosine, l2, ip, l1 or hamming, got " + shown(value));
}

Status Parser::parse_dim(std::string_view owner, std::string_view value, std::uint32_t& dim,
                         std::uint32_t max) const {
  const std::size_t begin = std::min(value.find_first_not_of(" \t\r\n"), value.size());
  const std::size_t end = value.find_last_not_of(" \t\r\n") + 1;
  const std::string_view digits = value.substr(begin, end < begin ? 0 : end - begin);
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), dim);
  if (error == std::errc() && stop == digits.data() + digits.size() && dim >= 1 && dim <= max) {
    return Status();
  }
  return invalid(owner, "dimensions must be a whole number between 1 and " + std::to_string(max) +
                            ", got " + shown(value));
}

Status Parser::check_name(const std::string& name) const {
  if (name.empty() || name.size() > kNameBytesMax) {
    return invalid(table_, "a column's name must be 1 to " + std::to_string(kNameBytesMax) +
                               " bytes long, got " + std::to_string(name.size()));
  }
  if (is_reserved(name)) return invalid(owner(name), "this column name is reserved");
  if (equals_ignoring_case(name, table_)) {
    return invalid(owner(name), "a column cannot have the table's name, which is for commands");
  }
  for (const Column& column : options_.columns) {
    if (equals_ignoring_case(column.name, name)) {
      return invalid(owner(name), "this column is declared twice");
    }
  }
  return Status();
}

Status Parser::check_counts() const {
  struct Limit {
    ColumnKind kind;
    std::size_t max;
    std::string_view what;
  };
  constexpr std::array kLimits{
      Limit{ColumnKind::kVector, kVectorColumnsMax, "vector columns"},
      Limit{ColumnKind::kSparse, kSparseColumnsMax, "sparse columns"},
      Limit{ColumnKind::kPartition, kPartitionColumnsMax, "partition keys"},
      Limit{ColumnKind::kMetadata, kMetadataColumnsMax, "metadata columns"},
      Limit{ColumnKind::kAuxiliary, kAuxiliaryColumnsMax, "auxiliary columns"}};
  for (const Limit& limit : kLimits) {
    const auto is_kind = [&](const Column& column) { return column.kind == limit.kind; };
    const auto count = static_cast<std::size_t>(
        std::count_if(options_.columns.begin(), options_.columns.end(), is_kind));
    if (count > limit.max) {
      return invalid(table_, "at most " + std::to_string(limit.max) + " " +
                                 std::string(limit.what) + " are possible");
    }
  }
  return Status();
}

Status Parser::settle_metrics() {
  for (std::size_t i = 0; i < options_.vectors.size(); ++i) {
    VectorColumn& column = options_.vectors[i];
    const bool is_bit = column.type == ElementType::kBit;
    const Metric fallback = table_metric_.value_or(is_bit ? Metric::kHamming : Metric::kCosine);
    column.metric = metrics_[i].value_or(fallback);
    if (is_bit != (column.metric == Metric::kHamming)) {
      const std::string problem = is_bit ? "bit vectors have the metric hamming only, got "
                                         : "the metric hamming is for bit vectors only, got type ";
      return invalid(owner(column.name),
                     problem + shown(is_bit ? name_of(column.metric) : name_of(column.type)));
    }
    NEARLITE_TRY(check_quantize(owner(column.name), options_.quantize, column));
  }
  return Status();
}

// An index over somebody else's rows: one vector column, called as it is there. What its type and
// dimensions are may be known only from the table.
Status Parser::finish_content() {
  if (!options_.columns.empty()) {
    return invalid(owner(options_.columns.front().name),
                   "an index over the rows of " + shown(content_.table) +
                       " has no columns of its own; join that table");
  }
  NEARLITE_TRY(check_name(content_.vector));
  content_.dim = dim_;
  content_.metric = table_metric_;
  options_.vectors.push_back({content_.vector, content_.element.value_or(ElementType::kFloat32),
                              dim_.value_or(kDimDefault), Metric::kCosine});
  options_.columns.push_back({ColumnKind::kVector, content_.vector, ValueType::kBlob, 0});
  options_.content = content_;
  return Status();
}

// The column that says when rows end: of the table's own metadata, so that it is filtered on.
Status Parser::finish_expiry() {
  if (std::find(seen_.begin(), seen_.end(), "expires_at") == seen_.end()) return Status();
  if (options_.content) {
    return invalid(table_, "expires_at is for tables that own their rows; here use a filter");
  }
  for (Column& column : options_.columns) {
    if (!equals_ignoring_case(column.name, options_.expires_at)) continue;
    if (column.kind != ColumnKind::kMetadata || column.type != ValueType::kInteger) break;
    column.is_indexed = true;
    options_.expires_at = column.name;
    return Status();
  }
  return invalid(table_,
                 "expires_at must name an integer column, got " + shown(options_.expires_at));
}

Result<TableOptions> Parser::finish() {
  const auto stray = std::find_if(seen_.begin(), seen_.end(),
                                  [](const std::string& name) { return is_content_option(name); });
  if (!content_.table.empty()) {
    NEARLITE_TRY(finish_content());
  } else if (stray != seen_.end()) {
    return invalid(table_, *stray + " is for external content; content='table' is missing");
  } else if (options_.vectors.empty() && !options_.sparse.empty() && !dim_) {
    return invalid(table_,
                   "a table with a sparse column needs one of dense vectors, too, such as "
                   "embedding float[384], which rows may leave NULL");
  } else if (options_.vectors.empty()) {
    const std::string name = "embedding";
    NEARLITE_TRY(check_name(name));
    options_.vectors.push_back(
        VectorColumn{name, ElementType::kFloat32, dim_.value_or(kDimDefault), Metric::kCosine});
    // First, so that INSERT INTO t VALUES (vector, …) reads naturally.
    options_.columns.insert(options_.columns.begin(),
                            Column{ColumnKind::kVector, name, ValueType::kBlob, 0, false});
    metrics_.emplace_back();
  } else if (dim_) {
    return invalid(table_, "dim belongs to the short form; this table declares vector column " +
                               shown(options_.vectors.front().name) + " itself");
  }
  if (!options_.content) NEARLITE_TRY(settle_metrics());
  NEARLITE_TRY(finish_expiry());
  if (std::find(seen_.begin(), seen_.end(), "ef_search") == seen_.end()) {
    options_.ef_search = options_.ef_construction;
  }
  return std::move(options_);
}

}  // namespace

Result<TableOptions> parse_arguments(std::string_view table,
                                     std::span<const char* const> arguments) {
  Parser parser(table);
  for (const char* argument : arguments) {
    NEARLITE_TRY(parser.parse_argument(argument));
  }
  return parser.finish();
}

}  // namespace nearlite::sqlite
