#include "sqlite/content_infer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/try.h"
#include "sqlite/argument_tokens.h"
#include "sqlite/boundary.h"
#include "sqlite/handles.h"
#include "vector/parse.h"

namespace nearlite::sqlite {

namespace {

struct DeclaredWord {
  std::string_view word;
  ElementType element;
};
// Ours, pgvector's and libSQL's.
constexpr std::array kDeclaredWords{DeclaredWord{"vector", ElementType::kFloat32},
                                    DeclaredWord{"float", ElementType::kFloat32},
                                    DeclaredWord{"float32", ElementType::kFloat32},
                                    DeclaredWord{"f32_blob", ElementType::kFloat32},
                                    DeclaredWord{"halfvec", ElementType::kFloat16},
                                    DeclaredWord{"float16", ElementType::kFloat16},
                                    DeclaredWord{"f16_blob", ElementType::kFloat16},
                                    DeclaredWord{"bfloat16", ElementType::kBFloat16},
                                    DeclaredWord{"fb16_blob", ElementType::kBFloat16},
                                    DeclaredWord{"int8", ElementType::kInt8},
                                    DeclaredWord{"bit", ElementType::kBit}};

struct Declared {
  std::optional<ElementType> element;
  std::optional<std::uint32_t> dim;
};

// "vector(384)" and the like; anything else tells nothing.
Declared parse_declared(std::string_view type) {
  const std::size_t open = type.find_first_of("([");
  if (open == std::string_view::npos) return {};
  std::string word = to_lower(type.substr(0, open));
  while (!word.empty() && word.back() == ' ') word.pop_back();
  const auto* known = std::find_if(kDeclaredWords.begin(), kDeclaredWords.end(),
                                   [&](const DeclaredWord& entry) { return entry.word == word; });
  if (known == kDeclaredWords.end()) return {};
  std::string_view digits = type.substr(open + 1);
  while (!digits.empty() && digits.front() == ' ') digits.remove_prefix(1);
  std::uint32_t dim = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), dim);
  if (error != std::errc() || dim < 1 || dim > kDimMax) return {};
  return {known->element, dim};
}

// The dimensions of the first vector; nullopt for a table without any.
Result<std::optional<std::uint32_t>> first_dim(sqlite3* db, const ContentPlace& place,
                                               const ContentNames& names, ElementType element) {
  const std::string vector = quote_identifier(names.vector);
  const std::string rowid = quote_identifier(names.rowid);
  NEARLITE_ASSIGN(
      Statement find,
      Statement::prepare(db,
                         "SELECT " + vector + ", " + rowid + " FROM " +
                             quote_identifier(place.schema) + "." + quote_identifier(names.table) +
                             " WHERE " + vector + " IS NOT NULL ORDER BY " + rowid + " LIMIT 1",
                         place.index));
  StatementUse use = find.use();
  NEARLITE_ASSIGN(const bool found, use.step());
  if (!found) return std::optional<std::uint32_t>();
  std::vector<float> values;
  Status status(Code::kInvalidArgument, "a vector is JSON text or a blob");
  if (use.column_type(0) == SQLITE_TEXT) {
    status = parse_vector_text(use.column_text(0), 0, values);
  } else if (use.column_type(0) == SQLITE_BLOB) {
    NEARLITE_ASSIGN(const std::span<const std::byte> bytes, use.get_blob(0));
    status = parse_vector_blob(bytes, element, 0, values);
  }
  if (status.ok()) return std::optional(static_cast<std::uint32_t>(values.size()));
  return invalid(place.index, names.table + "." + names.vector + " of row " +
                                  std::to_string(use.column_int64(1)) + ": " + status.message());
}

}  // namespace

Status infer_vectors(sqlite3* db, const ContentPlace& place, const ContentNames& names,
                     const std::string& declared_type, TableOptions& options) {
  const ContentOptions& content = *options.content;
  const Declared declared = parse_declared(declared_type);
  const std::string column = names.table + "." + names.vector;
  if (content.dim && declared.dim && *content.dim != *declared.dim) {
    return invalid(place.index, "dim is " + std::to_string(*content.dim) + ", but " + column +
                                    " is declared " + shown(declared_type));
  }
  if (content.element && declared.element && *content.element != *declared.element) {
    return invalid(place.index, "element is " + std::string(name_of(*content.element)) + ", but " +
                                    column + " is declared " + shown(declared_type));
  }
  const ElementType element =
      content.element.value_or(declared.element.value_or(ElementType::kFloat32));
  std::optional<std::uint32_t> dim = content.dim ? content.dim : declared.dim;
  if (!dim) {
    NEARLITE_ASSIGN(dim, first_dim(db, place, names, element));
  }
  if (!dim) {
    return invalid(place.index, "dim is needed: " + column +
                                    " has no vector and no type that tells, such as vector(384)");
  }
  return settle_content(place.index, element, *dim, options);
}

}  // namespace nearlite::sqlite
