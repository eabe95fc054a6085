// Options of external content; see table_options.h.
#include "base/try.h"
#include "sqlite/argument_tokens.h"
#include "sqlite/table_options.h"

namespace nearlite::sqlite {

namespace {

Status check_length(std::string_view table, std::string_view name, std::string_view value) {
  if (!value.empty() && value.size() <= kNameBytesMax) return {};
  return invalid(table, std::string(name) + " must be a name of 1 to " +
                            std::to_string(kNameBytesMax) + " bytes, got " + shown(value));
}

}  // namespace

Status set_content_option(std::string_view table, std::string_view name, std::string_view value,
                          ContentOptions& options) {
  const std::string option = to_lower(name);
  for (const auto& [known, field] :
       {std::pair{"content", &options.table}, std::pair{"content_rowid", &options.rowid},
        std::pair{"content_vector", &options.vector}}) {
    if (option != known) continue;
    NEARLITE_TRY(check_length(table, option, value));
    *field = value;
    return {};
  }
  const std::string word = to_lower(value);
  if (option == "sync") {
    if (word != "strict" && word != "log") {
      return invalid(table, "sync must be strict or log, got " + shown(value));
    }
    options.sync = word == "log" ? ContentSync::kLog : ContentSync::kStrict;
    return {};
  }
  if (option == "build") {
    if (word != "now" && word != "deferred") {
      return invalid(table, "build must be now or deferred, got " + shown(value));
    }
    options.is_deferred = word == "deferred";
    return {};
  }
  if (option == "element") {
    options.element = find_element_type(word == "float32" ? "float" : word);
    if (options.element) return {};
    return invalid(table,
                   "element must be float, float16, bfloat16, int8 or bit, got " + shown(value));
  }
  return {Code::kNotFound, invalid(table, "unknown option " + shown(name)).message()};
}

Status settle_content(std::string_view table, ElementType element, std::uint32_t dim,
                      TableOptions& options) {
  VectorColumn& column = options.vectors.front();
  const bool is_bit = element == ElementType::kBit;
  column.type = element;
  column.dim = dim;
  column.metric = options.content->metric.value_or(is_bit ? Metric::kHamming : Metric::kCosine);
  if (is_bit && dim % 8 != 0) {
    return invalid(table, "the dimensions of a bit vector must be a multiple of 8, got " +
                              std::to_string(dim));
  }
  if (is_bit == (column.metric == Metric::kHamming))
    return check_quantize(table, options.quantize, column);
  return invalid(table, is_bit ? "bit vectors have the metric hamming only, got " +
                                     shown(name_of(column.metric))
                               : "the metric hamming is for bit vectors only, got type " +
                                     shown(name_of(column.type)));
}

}  // namespace nearlite::sqlite
