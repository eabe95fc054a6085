// CREATE INDEX … USING hnsw becomes a virtual table over the rows of the table it is on; an
// ordinary index stays one.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "base/text.h"
#include "base/try.h"
#include "dialect/clauses.h"
#include "dialect/definitions.h"
#include "dialect/operands.h"

namespace nearlite::dialect {
namespace {

struct OperatorClass {
  std::string_view name;
  std::string_view type;  // of the columns it takes
  Metric metric;
};
constexpr std::array<OperatorClass, 9> kClasses{{
    {"vector_l2_ops", "vector", Metric::kL2},
    {"vector_ip_ops", "vector", Metric::kIp},
    {"vector_cosine_ops", "vector", Metric::kCosine},
    {"vector_l1_ops", "vector", Metric::kL1},
    {"halfvec_l2_ops", "halfvec", Metric::kL2},
    {"halfvec_ip_ops", "halfvec", Metric::kIp},
    {"halfvec_cosine_ops", "halfvec", Metric::kCosine},
    {"halfvec_l1_ops", "halfvec", Metric::kL1},
    {"bit_hamming_ops", "bit", Metric::kHamming},
}};
constexpr std::string_view kClassNames =
    "vector_l2_ops, vector_ip_ops, vector_cosine_ops, vector_l1_ops, halfvec_… of the same, "
    "bit_hamming_ops";

class CreateIndex {
 public:
  explicit CreateIndex(Task& task)
      : source_(task.source),
        schema_(task.schema),
        edits_(task.edits),
        out_(task.out),
        operands_(task.source) {}

  Status run() {
    NEARLITE_TRY(read());
    if (columns_ == kNone) return {};  // SQLite says what is missing
    if (method_ != kNone) {
      const std::string method = to_lower(source_.name(method_));
      if (method == "hnsw") return vector_index();
      if (method == "ivfflat") {
        return source_.error(Range{method_ - 1, method_},
                             "there is no ivfflat here; USING hnsw takes the same operator"
                             " classes, and needs no data to begin with");
      }
      if (method != "btree") {
        return source_.error(Range{method_ - 1, method_},
                             "there are no indexes of the kind " + method +
                                 "; USING hnsw for vectors, nothing for anything else");
      }
    }
    return ordinary_index();
  }

 private:
  // CREATE [UNIQUE] INDEX [CONCURRENTLY] [IF NOT EXISTS] [name] ON [ONLY] table [USING method] (…)
  Status read() {
    std::size_t at = 1;
    if (source_.is_word(at, "unique")) unique_ = at++;
    ++at;
    if (source_.is_word(at, "concurrently")) concurrently_ = at++;
    if (source_.has_words(at, {"if", "not", "exists"})) {
      if_not_exists_ = true;
      at += 3;
    }
    if (!source_.is_word(at, "on")) {
      name_ = {at, at};
      if (source_.is(at + 1, TokenKind::kDot)) name_.last += 2;
      at = name_.last + 1;
    }
    if (!source_.is_word(at, "on")) return {};
    on_ = at++;
    if (source_.is_word(at, "only") && source_.is_name(at + 1)) only_ = at++;
    table_ = {at, at};
    if (source_.is(at + 1, TokenKind::kDot)) table_.last += 2;
    at = table_.last + 1;
    if (source_.is_word(at, "using")) {
      method_ = at + 1;
      at += 2;
    }
    if (source_.close_of(at) != kNone) columns_ = at;
    return {};
  }

  void erase(std::size_t first, std::size_t next) {
    edits_.replace(source_.at(first).begin, source_.at(next).begin, "");
  }

  [[nodiscard]] std::string schema_name() const {
    const Range qualified = name_.empty() || name_.first == name_.last ? table_ : name_;
    return qualified.first == qualified.last ? "" : source_.name(qualified.first);
  }

  Status ordinary_index() {
    if (concurrently_ != kNone) erase(concurrently_, concurrently_ + 1);
    if (only_ != kNone) erase(only_, only_ + 1);
    if (method_ != kNone) erase(method_ - 1, columns_);
    if (!name_.empty()) return {};
    NEARLITE_ASSIGN(const std::string name, free_name());
    edits_.wrap(source_.at(on_).begin, source_.at(on_).end, quote_identifier(name) + " ", "");
    return {};
  }

  // As PostgreSQL does: table_column_idx, and a number behind it where that is taken.
  Result<std::string> free_name() {
    std::string stem = source_.name(table_.last);
    for (const Range& part : split_at_commas(source_, {columns_ + 1, at_close() - 1})) {
      const Range column = part.empty() ? part : operands_.strip({part.first, part.first});
      if (!column.empty() && source_.is_name(column.first))
        stem += "_" + source_.name(column.first);
      if (!part.empty() && source_.is(part.first, TokenKind::kOpen))
        stem += "_" + cast_column(part);
    }
    stem += "_idx";
    for (int number = 0;; ++number) {
      const std::string name = number == 0 ? stem : stem + std::to_string(number);
      NEARLITE_ASSIGN(const ObjectKind kind, schema_.find_object(schema_name(), name));
      if (kind == ObjectKind::kNothing) return name;
    }
  }

  [[nodiscard]] std::size_t at_close() const { return source_.close_of(columns_); }

  // (embedding::halfvec(3)): the name of the column; "expr" when it is something else.
  [[nodiscard]] std::string cast_column(Range part) const {
    const std::size_t close = source_.close_of(part.first);
    const Range column = operands_.strip({part.first, close});
    return column.first == column.last && source_.is_name(column.first) ? source_.name(column.first)
                                                                        : "expr";
  }

  Status vector_index() {
    if (unique_ != kNone) return source_.error(unique_, "an hnsw index cannot be UNIQUE");
    const std::vector<Range> parts = split_at_commas(source_, {columns_ + 1, at_close() - 1});
    if (parts.size() != 1 || parts.front().empty()) {
      return source_.error(Range{columns_, at_close()}, "an hnsw index is on one column");
    }
    const std::string table = source_.name(table_.last);
    NEARLITE_ASSIGN(
        const auto info,
        schema_.find_table(table_.first == table_.last ? "" : source_.name(table_.first), table));
    if (!info) return source_.error(table_, "there is no table " + table);
    NEARLITE_ASSIGN(const ObjectKind kind, schema_.find_object(info->schema, info->name));
    if (kind != ObjectKind::kTable) {
      return source_.error(table_, table + " is a table of the module hnsw, which has its indexes");
    }
    NEARLITE_TRY(read_column(parts.front(), *info));
    NEARLITE_TRY(read_options(at_close() + 1));
    std::string name;
    if (name_.empty()) {
      NEARLITE_ASSIGN(name, free_name());
    } else {
      name = source_.name(name_.last);
    }
    std::string schema = schema_name();
    if (schema.empty() && info->schema != "main") schema = info->schema;  // where its table is
    out_.sql = std::string("CREATE VIRTUAL TABLE ") + (if_not_exists_ ? "IF NOT EXISTS " : "") +
               (schema.empty() ? "" : quote_identifier(schema) + ".") + quote_identifier(name) +
               " USING hnsw(content=" + quote_string(info->name) +
               ", content_vector=" + quote_string(column_) + ", dim=" + std::to_string(dim_) +
               ", metric=" + std::string(name_of(metric_)) + options_ + ")";
    return {};
  }

  // column class, or (column::type(n)) class.
  Status read_column(Range part, const TableInfo& info) {
    Range column{part.first, part.first};
    if (source_.close_of(part.first) != kNone) column.last = source_.close_of(part.first);
    NEARLITE_TRY(read_class(part, column.last + 1));
    const Range name = operands_.strip(column);
    if (name.first != name.last || !source_.is_name(name.first)) {
      return source_.error(column,
                           "an index on an expression is not translated, only one on a"
                           " column or its cast; store the value in a column of its own");
    }
    column_ = source_.name(name.first);
    const ColumnInfo* found = info.find_column(column_);
    if (found == nullptr) {
      return source_.error(name, "there is no column " + column_ + " in " + info.name);
    }
    column_ = found->name;
    dim_ = found->dim();
    std::string type = to_lower(found->type.substr(0, found->type.find_first_of(" (")));
    for (std::size_t i = name.last + 1; i < column.last; ++i) {
      if (!source_.is(i, TokenKind::kCast)) continue;
      type = to_lower(source_.name(i + 1));
      if (source_.is(i + 3, TokenKind::kNumber)) {
        dim_ = static_cast<std::uint32_t>(
            std::strtoul(std::string(source_.text(i + 3)).c_str(), nullptr, 10));
      }
      if (found->dim() != 0 && dim_ != found->dim()) {
        return source_.error(column, column_ + " has " + std::to_string(found->dim()) +
                                         " dimensions, not " + std::to_string(dim_));
      }
    }
    if (dim_ == 0) {
      return source_.error(column, column_ +
                                       " has no dimensions; declare it vector(n), or write"
                                       " ((" +
                                       column_ + "::vector(n)) …)");
    }
    const bool is_bits = class_->metric == Metric::kHamming;
    if (is_bits != (type == "bit") || (is_vector_type(type) && type != class_->type)) {
      return source_.error(part.last,
                           std::string(class_->name) + " is not for columns of type " + type);
    }
    if (is_bits && dim_ % 8 != 0) {
      return source_.error(column,
                           column_ + " has " + std::to_string(dim_) +
                               " bits; an index takes multiples of 8, and <~> works without");
    }
    if (is_bits) options_ = ", element=bit";
    return {};
  }

  Status read_class(Range part, std::size_t at) {
    if (at > part.last) {
      return source_.error(part, "an operator class is missing: " + std::string(kClassNames));
    }
    const std::string name = to_lower(source_.name(at));
    const auto* found = std::find_if(kClasses.begin(), kClasses.end(),
                                     [&](const OperatorClass& one) { return one.name == name; });
    if (name == "bit_jaccard_ops") {
      return source_.error(at, "no index orders by the Jaccard distance; <%> works without one");
    }
    if (found == kClasses.end()) {
      return source_.error(at,
                           "no operator class " + name + "; there are " + std::string(kClassNames));
    }
    if (at != part.last) {
      return source_.error(Range{at + 1, part.last}, "an hnsw index has no order of its own");
    }
    class_ = found;
    metric_ = found->metric;
    return {};
  }

  // WITH (m = 16, ef_construction = 64), and quantize, which pgvector does not have
  Status read_options(std::size_t at) {
    if (source_.is_word(at, "with") && source_.close_of(at + 1) != kNone) {
      const std::size_t close = source_.close_of(at + 1);
      for (const Range& part : split_at_commas(source_, {at + 2, close - 1})) {
        NEARLITE_TRY(read_option(part.empty() ? Range{at + 1, close} : part));
      }
      at = close + 1;
    }
    if (at >= source_.size()) return {};
    const Range rest{at, source_.size() - 1};
    if (source_.is_word(at, "where")) {
      return source_.error(rest,
                           "an hnsw index covers all rows; conditions of a query are applied"
                           " to what it finds");
    }
    return source_.error(rest, "not translated");
  }

  Status read_option(Range part) {
    const std::string name = to_lower(source_.name(part.first));
    const bool is_word = name == "quantize";
    if (!is_word && name != "m" && name != "ef_construction") {
      return source_.error(part,
                           "no option " + name + "; there are m, ef_construction and quantize");
    }
    std::string value = source_.name(part.last);
    if (source_.is(part.last, TokenKind::kString)) value = value.substr(1, value.size() - 2);
    const bool is_number = !value.empty() && value.size() < 10 &&
                           value.find_first_not_of("0123456789") == std::string::npos;
    const bool is_right = is_word ? find_quantize(to_lower(value)).has_value() : is_number;
    if (part.last != part.first + 2 || !source_.is_symbol(part.first + 1, "=") || !is_right) {
      return source_.error(part,
                           "expected " + name + (is_word ? " = int8, bit or none" : " = number"));
    }
    options_ += ", " + name + "=" + value;
    return {};
  }

  const Source& source_;
  Schema& schema_;
  Edits& edits_;
  Translation& out_;
  Operands operands_;
  std::size_t unique_ = kNone;
  std::size_t concurrently_ = kNone;
  bool if_not_exists_ = false;
  Range name_;
  std::size_t on_ = kNone;
  std::size_t only_ = kNone;
  Range table_;
  std::size_t method_ = kNone;
  std::size_t columns_ = kNone;
  std::string column_;
  std::uint32_t dim_ = 0;
  const OperatorClass* class_ = nullptr;
  Metric metric_ = Metric::kL2;
  std::string options_;
};

}  // namespace

Status translate_create_index(Task& task) { return CreateIndex(task).run(); }

}  // namespace nearlite::dialect
