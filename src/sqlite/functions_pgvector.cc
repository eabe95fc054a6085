#include "sqlite/functions_pgvector.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/table_options.h"
#include "sqlite/vector_argument.h"
#include "sqlite/whole_number.h"
#include "vector/distance.h"
#include "vector/element.h"
#include "vector/parse.h"

namespace nearlite::sqlite {
namespace {

const char* name_of_call(sqlite3_context* context) noexcept {
  return static_cast<const char*>(sqlite3_user_data(context));
}

Status failure(sqlite3_context* context, const std::string& problem) {
  return {Code::kInvalidArgument,
          std::string("nearlite: ") + name_of_call(context) + ": " + problem};
}

/// Puts the function's name before a plain phrase.
Status named(sqlite3_context* context, const Status& status) {
  return status.code() == Code::kInvalidArgument ? failure(context, status.message()) : status;
}

bool has_null(int count, sqlite3_value** arguments) noexcept {
  return std::any_of(arguments, arguments + count,
                     [](sqlite3_value* value) { return sqlite3_value_type(value) == SQLITE_NULL; });
}

Status text_of(sqlite3_value* value, std::string_view& out) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (text == nullptr) return bare_code(SQLITE_NOMEM);
  out = {text, static_cast<std::size_t>(sqlite3_value_bytes(value))};
  return {};
}

void result_text(sqlite3_context* context, std::string_view text) {
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

/// A bit string: '101', or a vector, of which the positive components are set.
Status read_bits(sqlite3_context* context, sqlite3_value* value, std::vector<float>& bits) {
  if (sqlite3_value_type(value) == SQLITE_TEXT) {
    std::string_view text;
    NEARLITE_TRY(text_of(value, text));
    if (is_bit_text(text)) return named(context, parse_bit_text(text, 0, bits));
  }
  VectorValue vector;
  NEARLITE_TRY(named(context, read_vector(value, ElementType::kFloat32, vector)));
  bits = std::move(vector.values);
  return {};
}

struct BitCounts {
  std::size_t different = 0;
  std::size_t both = 0;
  std::size_t either = 0;
};

Status count_bits(sqlite3_context* context, sqlite3_value** arguments, BitCounts& counts) {
  std::vector<float> a;
  std::vector<float> b;
  NEARLITE_TRY(read_bits(context, arguments[0], a));
  NEARLITE_TRY(read_bits(context, arguments[1], b));
  if (a.size() != b.size()) {
    return failure(context, "the bit strings have different lengths, " + std::to_string(a.size()) +
                                " and " + std::to_string(b.size()));
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    counts.both += a[i] > 0 && b[i] > 0 ? 1 : 0;
    counts.either += a[i] > 0 || b[i] > 0 ? 1 : 0;
  }
  counts.different = counts.either - counts.both;
  return {};
}

void hamming_distance_of(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return {};
    BitCounts counts;
    NEARLITE_TRY(count_bits(context, arguments, counts));
    sqlite3_result_double(context, static_cast<double>(counts.different));
    return {};
  });
}

// 1 - |both| / |either|; 1 when nothing is in common, not even a bit to have.
void jaccard_distance(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return {};
    BitCounts counts;
    NEARLITE_TRY(count_bits(context, arguments, counts));
    const double distance = counts.both == 0 ? 1.0
                                             : 1.0 - static_cast<double>(counts.both) /
                                                         static_cast<double>(counts.either);
    sqlite3_result_double(context, distance);
    return {};
  });
}

Result<const VectorValue*> vector_of(sqlite3_context* context, sqlite3_value** arguments, int index,
                                     VectorValue& scratch) {
  return read_argument(context, name_of_call(context), arguments, index, scratch);
}

void inner_product(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return {};
    VectorValue scratch_a;
    VectorValue scratch_b;
    NEARLITE_ASSIGN(const VectorValue* a, vector_of(context, arguments, 0, scratch_a));
    NEARLITE_ASSIGN(const VectorValue* b, vector_of(context, arguments, 1, scratch_b));
    if (a->values.size() != b->values.size()) {
      return failure(context, "the vectors have different lengths, " +
                                  std::to_string(a->values.size()) + " and " +
                                  std::to_string(b->values.size()));
    }
    const double product =
        -distance(Metric::kIp, a->values.data(), b->values.data(), a->values.size());
    sqlite3_result_double(context, product == 0 ? 0 : product);  // not -0
    return {};
  });
}

void vector_norm(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return {};
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, vector_of(context, arguments, 0, scratch));
    sqlite3_result_double(context, norm(vector->values.data(), vector->values.size()));
    return {};
  });
}

void binary_quantize(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return {};
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, vector_of(context, arguments, 0, scratch));
    std::string bits;
    for (const float component : vector->values) bits += component > 0 ? '1' : '0';
    result_text(context, bits);
    return {};
  });
}

// subvector(v, start, count): components from start on, counted from 1, as far as there are any.
void subvector(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return {};
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, vector_of(context, arguments, 0, scratch));
    const auto given_start = whole_number(arguments[1]);
    const auto given_count = whole_number(arguments[2]);
    if (!given_start || !given_count) return failure(context, "start and count must be integers");
    const std::int64_t start = *given_start;
    const std::int64_t wanted = *given_count;
    const auto dim = static_cast<std::int64_t>(vector->values.size());
    const std::int64_t first = std::max<std::int64_t>(start, 1);
    // start + wanted may be beyond 64 bits.
    const std::int64_t last = wanted > dim || start > dim - wanted ? dim : start - 1 + wanted;
    if (wanted < 1 || first > last) {
      return failure(context, "no component of " + std::to_string(dim) + " is in " +
                                  std::to_string(wanted) + " from " + std::to_string(start) +
                                  " on");
    }
    const std::vector<float> part(vector->values.begin() + (first - 1),
                                  vector->values.begin() + last);
    if (vector->is_text) {
      result_text(context, format_vector_json(part));
      return {};
    }
    return result_vector(context, vector->type, part);
  });
}

Status check_dim(sqlite3_context* context, std::string_view type, std::size_t dim,
                 sqlite3_value* wanted) {
  if (wanted == nullptr || sqlite3_value_int64(wanted) == static_cast<sqlite3_int64>(dim))
    return {};
  return failure(context, std::string(type) + ": expected " +
                              std::to_string(sqlite3_value_int64(wanted)) + " dimensions, got " +
                              std::to_string(dim));
}

Status round_to_half(sqlite3_context* context, std::vector<float>& values) {
  std::vector<std::byte> bytes(vector_bytes(ElementType::kFloat16, values.size()));
  NEARLITE_TRY(named(context, encode(ElementType::kFloat16, values, bytes.data())));
  decode(ElementType::kFloat16, bytes.data(), values.size(), values.data());
  return {};
}

// vec_cast(v, 'vector' [, dim]): `v`, checked; a text in the shortest form. What ::vector becomes.
void vec_cast(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return {};
    std::string_view type;
    NEARLITE_TRY(text_of(arguments[1], type));
    sqlite3_value* dim = count > 2 ? arguments[2] : nullptr;
    if (type == "bit" || type == "varbit") {
      std::vector<float> bits;
      NEARLITE_TRY(read_bits(context, arguments[0], bits));
      NEARLITE_TRY(check_dim(context, type, bits.size(), dim));
      std::string text;
      for (const float bit : bits) text += bit > 0 ? '1' : '0';
      result_text(context, text);
      return {};
    }
    if (type != "vector" && type != "halfvec") {
      return failure(context, "no type " + shown(type) + "; there are vector, halfvec, bit");
    }
    const ElementType element = type == "halfvec" ? ElementType::kFloat16 : ElementType::kFloat32;
    VectorValue vector;
    const Status status = read_vector(arguments[0], element, vector);
    if (!status.ok()) return named(context, status);
    NEARLITE_TRY(check_dim(context, type, vector.values.size(), dim));
    if (!vector.is_text) return named(context, result_vector(context, element, vector.values));
    if (element == ElementType::kFloat16) NEARLITE_TRY(round_to_half(context, vector.values));
    result_text(context, format_vector_json(vector.values));
    return {};
  });
}

/// What vec_sum and vec_avg keep; SQLite owns the bytes and clears them.
struct Sum {
  std::vector<double>* components;
  std::uint64_t count;
};

void sum_step(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    auto* sum = static_cast<Sum*>(sqlite3_aggregate_context(context, sizeof(Sum)));
    if (sum == nullptr) return bare_code(SQLITE_NOMEM);
    if (has_null(count, arguments)) return {};
    VectorValue vector;
    const Status status = read_vector(arguments[0], ElementType::kFloat32, vector);
    if (!status.ok()) return named(context, status);
    if (sum->components == nullptr) {
      sum->components = new std::vector<double>(vector.values.size());
    }
    std::vector<double>& components = *sum->components;
    if (components.size() != vector.values.size()) {
      return failure(context, "the vectors have different lengths, " +
                                  std::to_string(components.size()) + " and " +
                                  std::to_string(vector.values.size()));
    }
    for (std::size_t i = 0; i < components.size(); ++i) components[i] += double{vector.values[i]};
    ++sum->count;
    return {};
  });
}

// SQLite calls it for every sum it has begun, whether it failed or not.
void sum_final(sqlite3_context* context) noexcept {
  guard(context, [&]() -> Status {
    auto* sum = static_cast<Sum*>(sqlite3_aggregate_context(context, 0));
    if (sum == nullptr || sum->components == nullptr) return {};
    const std::unique_ptr<std::vector<double>> components(std::exchange(sum->components, nullptr));
    const bool is_average = std::string_view(name_of_call(context)) == "vec_avg";
    const double divisor = is_average ? static_cast<double>(sum->count) : 1.0;
    std::vector<float> values;
    for (const double component : *components) {
      values.push_back(static_cast<float>(component / divisor));
    }
    result_text(context, format_vector_json(values));
    return {};
  });
}

struct Function {
  const char* name;
  int argument_count;
  void (*call)(sqlite3_context*, int, sqlite3_value**);
};

}  // namespace

Status register_pgvector_functions(sqlite3* db) {
  const Function functions[] = {
      {"hamming_distance", 2, c_callback<&hamming_distance_of>()},
      {"jaccard_distance", 2, c_callback<&jaccard_distance>()},
      {"inner_product", 2, c_callback<&inner_product>()},
      {"vector_norm", 1, c_callback<&vector_norm>()},
      {"l2_norm", 1, c_callback<&vector_norm>()},
      {"binary_quantize", 1, c_callback<&binary_quantize>()},
      {"subvector", 3, c_callback<&subvector>()},
      {"vec_cast", 2, c_callback<&vec_cast>()},
      {"vec_cast", 3, c_callback<&vec_cast>()},
  };
  constexpr int kFlags =
      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS | SQLITE_SUBTYPE | kResultSubtype;
  for (const Function& function : functions) {
    // The user data is read only: it is the function's name.
    const int rc = sqlite3_create_function_v2(db, function.name, function.argument_count, kFlags,
                                              const_cast<char*>(function.name), function.call,
                                              nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) return from_sqlite(db, rc, function.name);
  }
  for (const char* name : {"vec_sum", "vec_avg"}) {
    const int rc =
        sqlite3_create_function_v2(db, name, 1, kFlags, const_cast<char*>(name), nullptr,
                                   c_callback<&sum_step>(), c_callback<&sum_final>(), nullptr);
    if (rc != SQLITE_OK) return from_sqlite(db, rc, name);
  }
  return {};
}

}  // namespace nearlite::sqlite
