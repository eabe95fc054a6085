// Settings of a connection in pgvector's dialect: SET hnsw.ef_search = 100.
//
// nearlite_set(name, value [, is_local]) and nearlite_setting(name) stand behind SET, RESET and
// SHOW. What SET LOCAL sets is forgotten when the transaction is over, which is noticed at the next
// use: in autocommit mode there is no local value. Translating a statement, BEGIN too, is a use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nearlite/status.h"
#include "sqlite/api.h"

namespace nearlite::sqlite {

class Connection;

class Settings {
 public:
  static constexpr std::size_t kCount = 5;

  explicit Settings(sqlite3* db) noexcept : db_(db) {}

  /// No value: the default again. No name: all of them. Errors: kInvalidArgument with the setting,
  /// what it takes, and the value.
  Status set(std::optional<std::string_view> name, std::optional<std::string_view> value,
             bool is_local);
  /// Errors: kNotFound.
  Result<std::string> show(std::string_view name);

  /// 0: each index's own.
  [[nodiscard]] std::uint32_t ef_search();
  [[nodiscard]] bool is_exact();

  /// Forgets what SET LOCAL has set if its transaction is over.
  void end_of_transaction();

 private:
  [[nodiscard]] const std::string& value(std::size_t index);

  sqlite3* db_;
  std::array<std::string, kCount> values_;  // empty: the default
  std::array<std::string, kCount> local_;
};

Status register_settings(Connection& connection);

/// Settings::end_of_transaction() of a connection that is known by its handle only; nothing when it
/// has not the extension.
void forget_local_settings(sqlite3* db) noexcept;

}  // namespace nearlite::sqlite
