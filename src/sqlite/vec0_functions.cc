// The functions of sqlite-vec; see vec0_functions.h. Those of nearlite.so that have the same names
// give NULL for NULL, take arguments of different types, and write shorter JSON; hence a set of its
// own. Distances are computed by the same code.
#include "sqlite/vec0_functions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "base/try.h"
#include "sqlite/boundary.h"
#include "sqlite/vec0_value.h"
#include "sqlite/vector_argument.h"
#include "vector/distance.h"

namespace nearlite::sqlite {
namespace {

constexpr unsigned kSubtypeJson = 74;  // SQLite's own mark
// The version of sqlite-vec whose interface this is.
constexpr const char* kVersion = "v0.1.9+nearlite." NEARLITE_VERSION;

Status failure(std::string text) { return {Code::kInvalidArgument, std::move(text)}; }

Metric metric_of(sqlite3_context* context) noexcept {
  return *static_cast<const Metric*>(sqlite3_user_data(context));
}

// A constant text is parsed for the first row of a statement only (vector_argument.cc).
void delete_value(void* value) noexcept { delete static_cast<VectorValue*>(value); }

Result<const VectorValue*> argument(sqlite3_context* context, sqlite3_value** arguments, int index,
                                    VectorValue& scratch) {
  const bool is_text = sqlite3_value_type(arguments[index]) == SQLITE_TEXT;
  if (is_text) {
    const auto* kept = static_cast<const VectorValue*>(sqlite3_get_auxdata(context, index));
    if (kept != nullptr) return kept;
  }
  NEARLITE_TRY(read_vec0_vector(arguments[index], scratch));
  if (is_text) {
    auto kept = std::make_unique<VectorValue>(scratch);
    sqlite3_set_auxdata(context, index, kept.release(), c_callback<&delete_value>());
  }
  return &scratch;
}

/// Two vectors of one type and length.
struct Pair {
  VectorValue scratch_a;
  VectorValue scratch_b;
  const VectorValue* a = nullptr;
  const VectorValue* b = nullptr;
};

Status read_pair(sqlite3_context* context, sqlite3_value** arguments, Pair& pair) {
  const auto named = [](const Status& status, const char* which) {
    if (status.code() != Code::kInvalidArgument) return status;
    return failure(std::string("Error reading ") + which + " vector: " + status.message());
  };
  const auto a = argument(context, arguments, 0, pair.scratch_a);
  if (!a.ok()) return named(a.status(), "1st");
  const auto b = argument(context, arguments, 1, pair.scratch_b);
  if (!b.ok()) return named(b.status(), "2nd");
  pair.a = *a;
  pair.b = *b;
  if (pair.a->type != pair.b->type) {
    return failure(std::string("Vector type mistmatch. First vector has type ") +
                   vec0_name_of(pair.a->type) + ", while the second has type " +
                   vec0_name_of(pair.b->type) + ".");
  }
  if (pair.a->values.size() != pair.b->values.size()) {
    return failure("Vector dimension mistmatch. First vector has " +
                   std::to_string(pair.a->values.size()) + " dimensions, while the second has " +
                   std::to_string(pair.b->values.size()) + " dimensions.");
  }
  return {};
}

void vec_distance(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    Pair pair;
    NEARLITE_TRY(read_pair(context, arguments, pair));
    const Metric metric = metric_of(context);
    const bool is_bit = pair.a->type == ElementType::kBit;
    if (metric == Metric::kHamming && !is_bit) {
      return failure(std::string("Cannot calculate hamming distance between two ") +
                     vec0_name_of(pair.a->type) + " vectors.");
    }
    if (metric != Metric::kHamming && is_bit) {
      const char* name = metric == Metric::kL2 ? "L2" : metric == Metric::kL1 ? "L1" : "cosine";
      return failure(std::string("Cannot calculate ") + name + " distance between two bitvectors.");
    }
    const double result =
        distance(metric, pair.a->values.data(), pair.b->values.data(), pair.a->values.size());
    if (metric == Metric::kL1 && pair.a->type == ElementType::kInt8) {
      sqlite3_result_int64(context, std::llround(result));
    } else {
      sqlite3_result_double(context, result);
    }
    return {};
  });
}

void vec_f32(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    VectorValue vector;
    if (sqlite3_value_type(arguments[0]) != SQLITE_BLOB) {
      NEARLITE_TRY(read_vec0_vector(arguments[0], vector));
      return result_vector(context, ElementType::kFloat32, vector.values);
    }
    // Its bytes are what counts, whatever their subtype.
    NEARLITE_TRY(read_vec0_blob(arguments[0], ElementType::kFloat32, vector.values));
    return result_vector(context, ElementType::kFloat32, vector.values);
  });
}

void vec_int8(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    VectorValue vector;
    const int type = sqlite3_value_type(arguments[0]);
    if (type != SQLITE_BLOB && type != SQLITE_TEXT) {
      return failure("Unknown type for int8 vector.");
    }
    if (type == SQLITE_BLOB) {
      NEARLITE_TRY(read_vec0_blob(arguments[0], ElementType::kInt8, vector.values));
      return result_vector(context, ElementType::kInt8, vector.values);
    }
    NEARLITE_TRY(read_vec0_vector(arguments[0], vector));
    for (const float value : vector.values) {
      if (value != std::nearbyint(value)) return failure("JSON parsing error: not an integer");
      if (value < -128 || value > 127)
        return failure("JSON parsing error: value out of range for int8");
    }
    return result_vector(context, ElementType::kInt8, vector.values);
  });
}

void vec_bit(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    if (sqlite3_value_type(arguments[0]) != SQLITE_BLOB) {
      return failure("Unknown type for bitvector.");
    }
    VectorValue vector;
    NEARLITE_TRY(read_vec0_blob(arguments[0], ElementType::kBit, vector.values));
    return result_vector(context, ElementType::kBit, vector.values);
  });
}

void vec_length(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, argument(context, arguments, 0, scratch));
    sqlite3_result_int64(context, static_cast<sqlite3_int64>(vector->values.size()));
    return {};
  });
}

void vec_type(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, argument(context, arguments, 0, scratch));
    sqlite3_result_text(context, vec0_name_of(vector->type), -1, SQLITE_STATIC);
    return {};
  });
}

// Six digits behind the point, as printf writes them; whole numbers for int8 and bit.
void vec_to_json(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, argument(context, arguments, 0, scratch));
    const bool is_whole = vector->type == ElementType::kInt8 || vector->type == ElementType::kBit;
    sqlite3_str* text = sqlite3_str_new(sqlite3_context_db_handle(context));
    char separator = '[';
    for (const float value : vector->values) {
      sqlite3_str_appendchar(text, 1, separator);
      if (is_whole) {
        sqlite3_str_appendf(text, "%d", static_cast<int>(value));
      } else {
        sqlite3_str_appendf(text, "%f", double{value});
      }
      separator = ',';
    }
    sqlite3_str_appendchar(text, 1, ']');
    const int size = sqlite3_str_length(text);
    const int rc = sqlite3_str_errcode(text);
    char* json = sqlite3_str_finish(text);
    if (rc != SQLITE_OK || json == nullptr) {
      sqlite3_free(json);
      return bare_code(rc != SQLITE_OK ? rc : SQLITE_NOMEM);
    }
    sqlite3_result_text(context, json, size, sqlite3_free);
    sqlite3_result_subtype(context, kSubtypeJson);
    return {};
  });
}

void vec_normalize(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, argument(context, arguments, 0, scratch));
    if (vector->type != ElementType::kFloat32) {
      return failure("only float32 vectors are supported when normalizing");
    }
    std::vector<float> values = vector->values;
    const double length = norm(values.data(), values.size());
    // The zero vector has no direction: it stays as it is.
    if (length > 0) {
      for (float& value : values) value = static_cast<float>(value / length);
    }
    return result_vector(context, ElementType::kFloat32, values);
  });
}

/// vec_add and vec_sub; int8 wraps around.
Status combine(sqlite3_context* context, sqlite3_value** arguments, float sign) {
  Pair pair;
  NEARLITE_TRY(read_pair(context, arguments, pair));
  const ElementType type = pair.a->type;
  if (type == ElementType::kBit) {
    return failure(sign > 0 ? "Cannot add two bitvectors together."
                            : "Cannot subtract two bitvectors together.");
  }
  std::vector<float> values(pair.a->values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = pair.a->values[i] + sign * pair.b->values[i];
    if (type == ElementType::kInt8)
      values[i] = static_cast<std::int8_t>(static_cast<int>(values[i]));
  }
  return result_vector(context, type, values);
}

void vec_add(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) noexcept {
  guard(context, [&] { return combine(context, arguments, 1); });
}

void vec_sub(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) noexcept {
  guard(context, [&] { return combine(context, arguments, -1); });
}

Status check_slice(const VectorValue& vector, sqlite3_int64 start, sqlite3_int64 end) {
  const auto dim = static_cast<sqlite3_int64>(vector.values.size());
  if (start < 0) return failure("slice 'start' index must be a postive number.");
  if (end < 0) return failure("slice 'end' index must be a postive number.");
  if (start > dim) return failure("slice 'start' index is greater than the number of dimensions");
  if (end > dim) return failure("slice 'end' index is greater than the number of dimensions");
  if (start > end) return failure("slice 'start' index is greater than 'end' index");
  if (start == end) {
    return failure(
        "slice 'start' index is equal to the 'end' index, vectors must have non-zero length");
  }
  if (vector.type != ElementType::kBit) return {};
  if (start % 8 != 0) return failure("start index must be divisible by 8.");
  return end % 8 != 0 ? failure("end index must be divisible by 8.") : Status();
}

void vec_slice(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, argument(context, arguments, 0, scratch));
    const sqlite3_int64 start = sqlite3_value_int64(arguments[1]);
    const sqlite3_int64 end = sqlite3_value_int64(arguments[2]);
    NEARLITE_TRY(check_slice(*vector, start, end));
    const std::vector<float> values(vector->values.begin() + start, vector->values.begin() + end);
    return result_vector(context, vector->type, values);
  });
}

// [-1, 1] in 255 steps onto [-128, 127], towards zero, in float32: the bytes must be those that
// sqlite-vec has stored, so 1 becomes 126.
void vec_quantize_int8(sqlite3_context* context, int /*count*/,
                       sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    std::vector<float> values;
    if (sqlite3_value_type(arguments[0]) == SQLITE_BLOB) {
      NEARLITE_TRY(read_vec0_blob(arguments[0], ElementType::kFloat32, values));
    } else {
      VectorValue vector;
      NEARLITE_TRY(read_vec0_vector(arguments[0], vector));
      values = std::move(vector.values);
    }
    const auto* mode = reinterpret_cast<const char*>(sqlite3_value_text(arguments[1]));
    if (mode == nullptr || sqlite3_stricmp(mode, "unit") != 0) {
      return failure("2nd argument to vec_quantize_int8() must be 'unit'.");
    }
    constexpr float kStep = 2.0F / 255.0F;
    for (float& value : values) {
      value = std::clamp(std::trunc((value + 1.0F) / kStep - 128.0F), -128.0F, 127.0F);
    }
    return result_vector(context, ElementType::kInt8, values);
  });
}

void vec_quantize_binary(sqlite3_context* context, int /*count*/,
                         sqlite3_value** arguments) noexcept {
  guard(context, [&]() -> Status {
    VectorValue scratch;
    NEARLITE_ASSIGN(const VectorValue* vector, argument(context, arguments, 0, scratch));
    if (vector->type == ElementType::kBit) {
      return failure("Can only binary quantize float or int8 vectors");
    }
    if (vector->values.size() % 8 != 0) {
      return failure("Binary quantization requires vectors with a length divisible by 8");
    }
    return result_vector(context, ElementType::kBit, vector->values);
  });
}

void vec_version(sqlite3_context* context, int /*count*/, sqlite3_value** /*arguments*/) noexcept {
  sqlite3_result_text(context, kVersion, -1, SQLITE_STATIC);
}

void vec_debug(sqlite3_context* context, int /*count*/, sqlite3_value** /*arguments*/) noexcept {
  guard(context, [&]() -> Status {
    const std::string text = std::string("Version: ") + kVersion + "\n" + kVec0DebugMark +
                             NEARLITE_VERSION +
                             "\nInterface: sqlite-vec v0.1.9\nSQLite: " + sqlite3_libversion();
    sqlite3_result_text(context, text.c_str(), -1, SQLITE_TRANSIENT);
    return {};
  });
}

struct Function {
  const char* name;
  int argument_count;
  void (*call)(sqlite3_context*, int, sqlite3_value**);
  Metric metric = Metric::kCosine;
};

constexpr auto kDistance = c_callback<&vec_distance>();

constexpr std::array kFunctions{
    Function{"vec_version", 0, c_callback<&vec_version>()},
    Function{"vec_distance_l2", 2, kDistance, Metric::kL2},
    Function{"vec_distance_l1", 2, kDistance, Metric::kL1},
    Function{"vec_distance_cosine", 2, kDistance, Metric::kCosine},
    Function{"vec_distance_hamming", 2, kDistance, Metric::kHamming},
    Function{"vec_length", 1, c_callback<&vec_length>()},
    Function{"vec_type", 1, c_callback<&vec_type>()},
    Function{"vec_to_json", 1, c_callback<&vec_to_json>()},
    Function{"vec_add", 2, c_callback<&vec_add>()},
    Function{"vec_sub", 2, c_callback<&vec_sub>()},
    Function{"vec_slice", 3, c_callback<&vec_slice>()},
    Function{"vec_normalize", 1, c_callback<&vec_normalize>()},
    Function{"vec_f32", 1, c_callback<&vec_f32>()},
    Function{"vec_bit", 1, c_callback<&vec_bit>()},
    Function{"vec_int8", 1, c_callback<&vec_int8>()},
    Function{"vec_quantize_int8", 2, c_callback<&vec_quantize_int8>()},
    Function{"vec_quantize_binary", 1, c_callback<&vec_quantize_binary>()},
    // The last: who finds it takes all others to be there.
    Function{"vec_debug", 0, c_callback<&vec_debug>()},
};

}  // namespace

Status register_vec0_functions(sqlite3* db) {
  constexpr int kFlags =
      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS | SQLITE_SUBTYPE | kResultSubtype;
  for (const Function& function : kFunctions) {
    // The user data is read only: the table above is constant.
    const int rc = sqlite3_create_function_v2(db, function.name, function.argument_count, kFlags,
                                              const_cast<Metric*>(&function.metric), function.call,
                                              nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) return from_sqlite(db, rc, function.name);
  }
  return {};
}

}  // namespace nearlite::sqlite
