#include "sqlite/settings.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "base/try.h"
#include "graph/types.h"
#include "sqlite/boundary.h"
#include "sqlite/connection.h"
#include "sqlite/handles.h"
#include "sqlite/table_options.h"

namespace nearlite::sqlite {
namespace {

constexpr std::uint32_t kAnyNumber = 2'147'483'647;

struct Known {
  std::string_view name;
  std::string_view initial;  // what SHOW says of the default
  std::uint32_t max = 0;     // of a number; 0: one of the words
  std::array<std::string_view, 4> words{};
};
constexpr std::size_t kEfSearch = 0;
constexpr std::size_t kIndexScan = 1;
constexpr std::array<Known, Settings::kCount> kKnown{{
    {"hnsw.ef_search", "default", kEfMax, {}},
    {"enable_indexscan", "on", 0, {"on", "off", "true", "false"}},
    {"hnsw.iterative_scan", "relaxed_order", 0, {"off", "relaxed_order", "strict_order", ""}},
    {"hnsw.max_scan_tuples", "default", kAnyNumber, {}},
    {"hnsw.scan_mem_multiplier", "default", 1'000, {}},
}};

Status check(const Known& known, std::string_view value) {
  std::string expected;
  if (known.max != 0) {
    std::uint32_t number = 0;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool is_all = read.ec == std::errc() && read.ptr == value.data() + value.size();
    if (is_all && number >= 1 && number <= known.max) return {};
    expected = "1 to " + std::to_string(known.max);
  } else {
    for (const std::string_view word : known.words) {
      if (!word.empty() && equals_ignoring_case(word, value)) return {};
      if (!word.empty()) expected += (expected.empty() ? "" : ", ") + std::string(word);
    }
  }
  return {Code::kInvalidArgument, "nearlite: " + std::string(known.name) + ": expected " +
                                      expected + ", got " + shown(value)};
}

Result<std::size_t> find(std::string_view name) {
  for (std::size_t i = 0; i < kKnown.size(); ++i) {
    if (equals_ignoring_case(kKnown[i].name, name)) return i;
  }
  return Status(Code::kNotFound, "nearlite: no setting " + shown(name));
}

Settings& settings_of(sqlite3_context* context) {
  return static_cast<Connection*>(sqlite3_user_data(context))->settings();
}

Status text_of(sqlite3_value* value, std::optional<std::string_view>& out) {
  if (sqlite3_value_type(value) == SQLITE_NULL) return {};
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (text == nullptr) return bare_code(SQLITE_NOMEM);
  out = std::string_view(text, static_cast<std::size_t>(sqlite3_value_bytes(value)));
  return {};
}

// Returns 0, so that SELECT NULL WHERE nearlite_set(…) has no row.
void nearlite_set(sqlite3_context* context, int argc, sqlite3_value** argv) noexcept {
  guard(context, [&]() -> Status {
    std::optional<std::string_view> name;
    std::optional<std::string_view> value;
    NEARLITE_TRY(text_of(argv[0], name));
    NEARLITE_TRY(text_of(argv[1], value));
    const bool is_local = argc > 2 && sqlite3_value_int(argv[2]) != 0;
    NEARLITE_TRY(settings_of(context).set(name, value, is_local));
    sqlite3_result_int(context, 0);
    return {};
  });
}

void nearlite_setting(sqlite3_context* context, int /*argc*/, sqlite3_value** argv) noexcept {
  guard(context, [&]() -> Status {
    std::optional<std::string_view> name;
    NEARLITE_TRY(text_of(argv[0], name));
    if (!name) return {};
    NEARLITE_ASSIGN(const std::string text, settings_of(context).show(*name));
    sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    return {};
  });
}

}  // namespace

Status Settings::set(std::optional<std::string_view> name, std::optional<std::string_view> value,
                     bool is_local) {
  end_of_transaction();
  if (!name) {
    values_.fill({});
    local_.fill({});
    return {};
  }
  NEARLITE_ASSIGN(const std::size_t index, find(*name));
  if (value) NEARLITE_TRY(check(kKnown[index], *value));
  const std::string text = value ? to_lower(*value) : std::string();
  if (is_local && sqlite3_get_autocommit(db_) != 0) return {};
  if (is_local) {
    local_[index] = text;
    return {};
  }
  values_[index] = text;
  local_[index].clear();
  return {};
}

Result<std::string> Settings::show(std::string_view name) {
  NEARLITE_ASSIGN(const std::size_t index, find(name));
  const std::string& now = value(index);
  return now.empty() ? std::string(kKnown[index].initial) : now;
}

const std::string& Settings::value(std::size_t index) {
  end_of_transaction();
  return local_[index].empty() ? values_[index] : local_[index];
}

std::uint32_t Settings::ef_search() {
  const std::string& text = value(kEfSearch);
  std::uint32_t ef = 0;
  std::from_chars(text.data(), text.data() + text.size(), ef);
  return ef;
}

bool Settings::is_exact() {
  const std::string& text = value(kIndexScan);
  return text == "off" || text == "false";
}

void Settings::end_of_transaction() {
  if (sqlite3_get_autocommit(db_) != 0) local_.fill({});
}

Status register_settings(Connection& connection) {
  struct Function {
    const char* name;
    int argc;
    void (*call)(sqlite3_context*, int, sqlite3_value**);
  };
  const Function functions[] = {
      {"nearlite_set", 2, c_callback<&nearlite_set>()},
      {"nearlite_set", 3, c_callback<&nearlite_set>()},
      {"nearlite_setting", 1, c_callback<&nearlite_setting>()},
  };
  for (const Function& function : functions) {
    const int rc = sqlite3_create_function_v2(connection.db(), function.name, function.argc,
                                              SQLITE_UTF8 | SQLITE_DIRECTONLY, &connection,
                                              function.call, nullptr, nullptr, nullptr);
    if (rc != SQLITE_OK) return from_sqlite(connection.db(), rc, function.name);
  }
  return {};
}

void forget_local_settings(sqlite3* db) noexcept {
  if (sqlite3_get_autocommit(db) == 0) return;
  ignore(execute(db, "SELECT nearlite_setting('hnsw.ef_search')", "settings"),
         "without the extension there are none");
}

}  // namespace nearlite::sqlite
