// Casts, and the operands of pgvector's operators.
//
// `a <-> b` binds as in PostgreSQL: weaker than + - * / %, stronger than comparisons, from left to
// right together with || and ->. Operands are found from the operator outwards.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dialect/source.h"
#include "vector/types.h"

namespace nearlite::dialect {

/// `value::type(3)`.
struct Cast {
  Range value;
  Range type;             ///< from the :: on
  std::string type_name;  ///< in lower case, without what is in parentheses: "vector", "real[]"
  Range argument;         ///< what is in parentheses; empty: none
};

/// An operator with its operands, all of which are there.
struct Distance {
  std::size_t symbol = kNone;
  Range left;
  Range right;
};

class Operands {
 public:
  explicit Operands(const Source& source);

  /// Every cast, every distance in order of the text. Errors: an operator without an operand.
  Result<std::vector<Cast>> find_casts() const;
  Result<std::vector<Distance>> find_distances() const;

  /// The cast whose type ends a range and whose value begins it.
  [[nodiscard]] bool is_cast(Range range, std::size_t& colons) const;
  /// The range without parentheses round it and without casts to vector types behind it.
  [[nodiscard]] Range strip(Range range) const;

  [[nodiscard]] bool is_operand_end(std::size_t index) const;
  /// The operand without operators that ends, or begins, at `index`; kNone when there is none.
  [[nodiscard]] std::size_t primary_first(std::size_t last) const;
  [[nodiscard]] std::size_t primary_last(std::size_t first) const;

 private:
  [[nodiscard]] std::size_t type_last(std::size_t colons) const;
  [[nodiscard]] bool is_prefixed(std::size_t first) const;
  [[nodiscard]] std::size_t name_first(std::size_t last) const;
  [[nodiscard]] std::size_t call_last(std::size_t last) const;

  const Source& source_;
  std::vector<std::size_t> colons_of_;  // of each token that ends a cast: its `::`, else kNone
};

/// A name in an expression that means something else than a column.
[[nodiscard]] bool is_reserved(std::string_view word) noexcept;

/// vector, halfvec, sparsevec, bit, varbit.
[[nodiscard]] bool is_vector_type(std::string_view type) noexcept;

/// What `<->` and so on are called here: the SQL function, and the metric of an index that orders
/// by it, if there are such indexes.
[[nodiscard]] std::string_view function_of(std::string_view symbol) noexcept;
[[nodiscard]] std::optional<Metric> metric_of(std::string_view symbol) noexcept;

}  // namespace nearlite::dialect
