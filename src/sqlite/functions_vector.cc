// Scalar functions on vectors; see functions_vector.h.
//
// A blob without subtype is float32, except in the constructors, where it is what the constructor
// makes: vec_int8(x'01ff') is [1,-1]. Results of vec_add and the like have the type of their
// arguments where both agree, else float32. Distances come from vector/distance.h, as those of an
// index do: they are equal to the last bit.
#include "sqlite/functions_vector.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/handles.h"
#include "sqlite/vector_argument.h"
#include "vector/distance.h"
#include "vector/parse.h"

namespace nearlite::sqlite {
namespace {

// SQLite's own mark of JSON, so that json_array(vec_to_json(v)) nests.
constexpr unsigned kSubtypeJson = 74;

/// What a function was registered with.
struct Function {
  const char* name;
  int argument_count;
  void (*call)(sqlite3_context*, int, sqlite3_value**);
  Metric metric = Metric::kCosine;
  ElementType type = ElementType::kFloat32;
};

const Function& self(sqlite3_context* context) noexcept {
  return *static_cast<const Function*>(sqlite3_user_data(context));
}

Status failure(sqlite3_context* context, const std::string& problem) {
  return Status(Code::kInvalidArgument,
                std::string("nearlite: ") + self(context).name + ": " + problem);
}

/// Puts the function's name before a plain phrase.
Status named(sqlite3_context* context, const Status& status) {
  return status.code() == Code::kInvalidArgument ? failure(context, status.message()) : status;
}

bool has_null(int count, sqlite3_value** arguments) noexcept {
  return std::any_of(arguments, arguments + count,
                     [](sqlite3_value* value) { return sqlite3_value_type(value) == SQLITE_NULL; });
}

Result<const VectorValue*> argument(sqlite3_context* context, sqlite3_value** arguments, int index,
                                    VectorValue& scratch) {
  return read_argument(context, self(context).name, arguments, index, scratch);
}

/// Two vectors of equal length.
struct Pair {
  VectorValue scratch_a;
  VectorValue scratch_b;
  const VectorValue* a = nullptr;
  const VectorValue* b = nullptr;
  [[nodiscard]] std::size_t dim() const noexcept { return a->values.size(); }
  [[nodiscard]] bool is_either(ElementType type) const noexcept {
    return (!a->is_text && a->type == type) || (!b->is_text && b->type == type);
  }
};

Status read_pair(sqlite3_context* context, sqlite3_value** arguments, Pair& pair) {
  NEARLITE_ASSIGN(pair.a, argument(context, arguments, 0, pair.scratch_a));
  NEARLITE_ASSIGN(pair.b, argument(context, arguments, 1, pair.scratch_b));
  if (pair.a->values.size() == pair.b->values.size()) return Status();
  return failure(context, "the vectors have different lengths, " +
                              std::to_string(pair.a->values.size()) + " and " +
                              std::to_string(pair.b->values.size()));
}

void vec_distance(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return Status();
    Pair pair;
    NEARLITE_TRY(read_pair(context, arguments, pair));
    const Metric metric = self(context).metric;
    if (metric != Metric::kHamming && pair.is_either(ElementType::kBit)) {
      return failure(context, "bit vectors are compared by vec_distance_hamming");
    }
    sqlite3_result_double(
        context, distance(metric, pair.a->values.data(), pair.b->values.data(), pair.dim()));
    return Status();
  });
}

void vec_cosine_similarity(sqlite3_context* context, int count,
                           sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return Status();
    Pair pair;
    NEARLITE_TRY(read_pair(context, arguments, pair));
    if (pair.is_either(ElementType::kBit)) {
      return failure(context, "bit vectors are compared by vec_distance_hamming");
    }
    sqlite3_result_double(
        context, cosine_similarity(pair.a->values.data(), pair.b->values.data(), pair.dim()));
    return Status();
  });
}

void vec_make(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return Status();
    VectorValue vector;
    const ElementType type = self(context).type;
    NEARLITE_TRY(named(context, read_vector(arguments[0], type, vector)));
    return named(context, result_vector(context, type, vector.values));
  });
}

void vec_length(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return Status();
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, argument(context, arguments, 0, scratch));
    sqlite3_result_int64(context, static_cast<sqlite3_int64>(vector->values.size()));
    return Status();
  });
}

void vec_type(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return Status();
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, argument(context, arguments, 0, scratch));
    const std::string_view name = name_of(vector->type);
    sqlite3_result_text(context, name.data(), static_cast<int>(name.size()), SQLITE_STATIC);
    return Status();
  });
}

void vec_to_json(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return Status();
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, argument(context, arguments, 0, scratch));
    const std::string json = format_vector_json(vector->values);
    sqlite3_result_text64(context, json.data(), json.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    sqlite3_result_subtype(context, kSubtypeJson);
    return Status();
  });
}

bool is_float(ElementType type) noexcept {
  return type != ElementType::kInt8 && type != ElementType::kBit;
}

void vec_normalize(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return Status();
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, argument(context, arguments, 0, scratch));
    if (!is_float(vector->type)) {
      return failure(context,
                     "expected a vector of floats, got " + std::string(name_of(vector->type)));
    }
    std::vector<float> values = vector->values;
    const double length = norm(values.data(), values.size());
    // The zero vector has no direction: it stays as it is.
    if (length > 0) {
      for (float& value : values) value = static_cast<float>(value / length);
    }
    return named(context, result_vector(context, vector->type, values));
  });
}

/// vec_add and vec_sub: component by component, rounded to float once.
Status combine(sqlite3_context* context, int count, sqlite3_value** arguments, double sign) {
  if (has_null(count, arguments)) return Status();
  Pair pair;
  NEARLITE_TRY(read_pair(context, arguments, pair));
  if (pair.is_either(ElementType::kBit)) return failure(context, "bit vectors have no sum");
  std::vector<float> values(pair.dim());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(double{pair.a->values[i]} + sign * double{pair.b->values[i]});
  }
  const VectorValue& typed = pair.a->is_text ? *pair.b : *pair.a;
  const bool is_same = pair.a->is_text || pair.b->is_text || pair.a->type == pair.b->type;
  const ElementType type = is_same ? typed.type : ElementType::kFloat32;
  return named(context, result_vector(context, type, values));
}

void vec_add(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&] { return combine(context, count, arguments, 1); });
}

void vec_sub(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&] { return combine(context, count, arguments, -1); });
}

void vec_slice(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return Status();
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, argument(context, arguments, 0, scratch));
    for (int i = 1; i <= 2; ++i) {
      if (sqlite3_value_numeric_type(arguments[i]) != SQLITE_INTEGER) {
        return failure(context, "start and end must be integers");
      }
    }
    const sqlite3_int64 start = sqlite3_value_int64(arguments[1]);
    const sqlite3_int64 end = sqlite3_value_int64(arguments[2]);
    const auto dim = static_cast<sqlite3_int64>(vector->values.size());
    if (start < 0 || start >= end || end > dim) {
      return failure(context, "need 0 <= start < end <= " + std::to_string(dim) + ", got " +
                                  std::to_string(start) + " and " + std::to_string(end));
    }
    if (vector->type == ElementType::kBit && (start % 8 != 0 || end % 8 != 0)) {
      return failure(context, "start and end must be multiples of 8 in a bit vector");
    }
    const std::vector<float> values(vector->values.begin() + start, vector->values.begin() + end);
    return named(context, result_vector(context, vector->type, values));
  });
}

/// Components in [-1, 1] become whole numbers in [-127, 127], nearest, ties to even; others are
/// clipped. Zero stays zero and opposite numbers stay opposite.
void vec_quantize_int8(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return Status();
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, argument(context, arguments, 0, scratch));
    const auto* mode = reinterpret_cast<const char*>(sqlite3_value_text(arguments[1]));
    if (mode == nullptr) return bare_code(SQLITE_NOMEM);
    if (std::string_view(mode) != "unit")
      return failure(context, "the second argument must be 'unit'");
    if (!is_float(vector->type)) {
      return failure(context,
                     "expected a vector of floats, got " + std::string(name_of(vector->type)));
    }
    std::vector<float> values = vector->values;
    for (float& value : values) value = std::nearbyint(std::clamp(value, -1.0F, 1.0F) * 127.0F);
    return named(context, result_vector(context, ElementType::kInt8, values));
  });
}

void vec_quantize_binary(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (has_null(count, arguments)) return Status();
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, argument(context, arguments, 0, scratch));
    return named(context, result_vector(context, ElementType::kBit, vector->values));
  });
}

void nearlite_version(sqlite3_context* context, int /*count*/,
                      sqlite3_value** /*arguments*/) noexcept {
  sqlite3_result_text(context, NEARLITE_VERSION, -1, SQLITE_STATIC);
}

constexpr auto kDistance = c_callback<&vec_distance>();
constexpr auto kMake = c_callback<&vec_make>();

constexpr std::array kFunctions{
    Function{"vec_distance_cosine", 2, kDistance, Metric::kCosine},
    Function{"vec_distance_l2", 2, kDistance, Metric::kL2},
    Function{"vec_distance_ip", 2, kDistance, Metric::kIp},
    Function{"vec_distance_l1", 2, kDistance, Metric::kL1},
    Function{"vec_distance_hamming", 2, kDistance, Metric::kHamming},
    Function{"cosine_similarity", 2, c_callback<&vec_cosine_similarity>()},
    Function{"vec_f32", 1, kMake, Metric::kCosine, ElementType::kFloat32},
    Function{"vec_f16", 1, kMake, Metric::kCosine, ElementType::kFloat16},
    Function{"vec_bf16", 1, kMake, Metric::kCosine, ElementType::kBFloat16},
    Function{"vec_int8", 1, kMake, Metric::kCosine, ElementType::kInt8},
    Function{"vec_bit", 1, kMake, Metric::kCosine, ElementType::kBit},
    Function{"vec_length", 1, c_callback<&vec_length>()},
    Function{"vec_type", 1, c_callback<&vec_type>()},
    Function{"vec_to_json", 1, c_callback<&vec_to_json>()},
    Function{"vec_normalize", 1, c_callback<&vec_normalize>()},
    Function{"vec_add", 2, c_callback<&vec_add>()},
    Function{"vec_sub", 2, c_callback<&vec_sub>()},
    Function{"vec_slice", 3, c_callback<&vec_slice>()},
    Function{"vec_quantize_int8", 2, c_callback<&vec_quantize_int8>()},
    Function{"vec_quantize_binary", 1, c_callback<&vec_quantize_binary>()},
    // pgvector's names.
    Function{"l2_distance", 2, kDistance, Metric::kL2},
    Function{"l1_distance", 2, kDistance, Metric::kL1},
    Function{"cosine_distance", 2, kDistance, Metric::kCosine},
    Function{"negative_inner_product", 2, kDistance, Metric::kIp},
    Function{"vector_dims", 1, c_callback<&vec_length>()},
    Function{"l2_normalize", 1, c_callback<&vec_normalize>()},
    Function{"nearlite_version", 0, c_callback<&nearlite_version>()},
};

/// libSQL's names. They are common words, and libSQL has them built in.
constexpr std::array kAliases{
    Function{"vector", 1, kMake, Metric::kCosine, ElementType::kFloat32},
    Function{"vector32", 1, kMake, Metric::kCosine, ElementType::kFloat32},
    Function{"vector_distance_cos", 2, kDistance, Metric::kCosine},
    Function{"vector_distance_l2", 2, kDistance, Metric::kL2},
    Function{"vector_extract", 1, c_callback<&vec_to_json>()},
};

Status register_function(sqlite3* db, const Function& function) {
  constexpr int kFlags =
      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS | SQLITE_SUBTYPE | kResultSubtype;
  // The user data is read only: the tables above are constant.
  const int rc = sqlite3_create_function_v2(db, function.name, function.argument_count, kFlags,
                                            const_cast<Function*>(&function), function.call,
                                            nullptr, nullptr, nullptr);
  return rc == SQLITE_OK ? Status() : from_sqlite(db, rc, function.name);
}

/// Whether no function has this name, with any number of arguments. Errors: kNoMemory.
Result<bool> is_free(sqlite3* db, const char* name) {
  const auto probe =
      Statement::prepare(db, std::string("SELECT ") + name + "(1, 2, 3, 4, 5)", "", 0);
  if (probe.status().code() == Code::kNoMemory) return probe.status();
  const std::string complaint = std::string("no such function: ") + name;
  return !probe.ok() && probe.status().message().find(complaint) != std::string::npos;
}

}  // namespace

Status register_vector_functions(sqlite3* db) {
  for (const Function& function : kFunctions) NEARLITE_TRY(register_function(db, function));
  return Status();
}

Status register_libsql_functions(sqlite3* db) {
  for (const Function& function : kAliases) {
    NEARLITE_ASSIGN(const bool may_take, is_free(db, function.name));
    if (may_take) NEARLITE_TRY(register_function(db, function));
  }
  return Status();
}

}  // namespace nearlite::sqlite
