#include "support/database.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

extern "C" int sqlite3_nearlite_init(sqlite3* db, char** error, const sqlite3_api_routines* api);

namespace nearlite::test {

std::string to_text(const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return "NULL";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) {
    char digits[40];
    std::snprintf(digits, sizeof digits, "%.17g", *real);
    return digits;
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    return text->size() <= 60 ? "'" + *text + "'" : "'" + text->substr(0, 57) + "…'";
  }
  const Blob& blob = std::get<Blob>(value);
  std::string out = "x'";
  for (std::size_t i = 0; i < blob.size() && i < 12; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", std::to_integer<unsigned>(blob[i]));
    out += digits;
  }
  return out + (blob.size() > 12 ? "…(" + std::to_string(blob.size()) + " bytes)'" : "'");
}

namespace {
std::atomic<int> unclosed_count{0};
}

int register_engine(sqlite3* handle, char** error) {
  return sqlite3_nearlite_init(handle, error, nullptr);
}

int Database::unclosed() { return unclosed_count; }

Database::Database(const std::string& path, Engine engine, int flags) {
  int code = sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr);
  sqlite3_extended_result_codes(handle_, 1);
  char* error = nullptr;
  if (code == SQLITE_OK && engine == Engine::kNearlite) {
    code = register_engine(handle_, &error);
  }
  if (code == SQLITE_OK) return;
  const std::string text = error != nullptr ? error : sqlite3_errmsg(handle_);
  sqlite3_free(error);
  close();
  throw std::runtime_error("cannot open " + path + ": " + text);
}

Database::Database(Database&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

Database& Database::operator=(Database&& other) noexcept {
  close();
  handle_ = std::exchange(other.handle_, nullptr);
  return *this;
}

void Database::close() {
  if (handle_ == nullptr) return;
  // close() refuses when a statement is left open, which close_v2() would hide.
  if (sqlite3_close(handle_) != SQLITE_OK) {
    if (++unclosed_count == 1) std::fprintf(stderr, "sqlite3_close: %s\n", message().c_str());
    sqlite3_close_v2(handle_);
  }
  handle_ = nullptr;
}

int Database::exec(const std::string& sql) {
  return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
}

int Database::run(const std::string& sql, std::span<const Value> parameters, Rows* rows) {
  Statement statement(*this, sql);
  if (statement.code() != SQLITE_OK) return statement.code();
  int index = 0;
  for (const Value& value : parameters) statement.bind(++index, value);
  int code = statement.step();
  for (; code == SQLITE_ROW; code = statement.step()) {
    if (rows != nullptr) rows->push_back(statement.row());
  }
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

void Database::must(const std::string& sql) {
  if (exec(sql) != SQLITE_OK) throw std::runtime_error(sql.substr(0, 300) + ": " + message());
}

Value Database::scalar(const std::string& sql, std::initializer_list<Value> parameters) {
  Rows rows;
  if (run(sql, parameters, &rows) != SQLITE_OK || rows.empty() || rows[0].empty()) {
    throw std::runtime_error(sql.substr(0, 300) + ": " + (rows.empty() ? message() : "no column"));
  }
  return rows[0][0];
}

std::int64_t Database::number(const std::string& sql, std::initializer_list<Value> parameters) {
  const Value value = scalar(sql, parameters);
  const auto* integer = std::get_if<std::int64_t>(&value);
  if (integer == nullptr) throw std::runtime_error(sql + ": not an integer: " + to_text(value));
  return *integer;
}

Database::Engine engine_of_run() {
  const char* engine = std::getenv("NEARLITE_ENGINE");
  const bool plain = engine != nullptr && std::strcmp(engine, "plain") == 0;
  return plain ? Database::Engine::kPlain : Database::Engine::kNearlite;
}

Statement::Statement(Database& database, const std::string& sql) {
  code_ = sqlite3_prepare_v2(database.handle(), sql.c_str(), -1, &handle_, nullptr);
}

Statement::Statement(Statement&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      code_(std::exchange(other.code_, SQLITE_MISUSE)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  finalize();
  handle_ = std::exchange(other.handle_, nullptr);
  code_ = std::exchange(other.code_, SQLITE_MISUSE);
  return *this;
}

int Statement::finalize() { return sqlite3_finalize(std::exchange(handle_, nullptr)); }

void Statement::bind(int index, const Value& value) {
  if (handle_ == nullptr) return;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    sqlite3_bind_int64(handle_, index, *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    sqlite3_bind_double(handle_, index, *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    sqlite3_bind_text64(handle_, index, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  } else if (const auto* blob = std::get_if<Blob>(&value)) {
    // A zero-length vector has a null data pointer, which SQLite would bind as NULL.
    const void* data = blob->empty() ? static_cast<const void*>("") : blob->data();
    sqlite3_bind_blob64(handle_, index, data, blob->size(), SQLITE_TRANSIENT);
  } else {
    sqlite3_bind_null(handle_, index);
  }
}

Value Statement::column(int index) const {
  switch (sqlite3_column_type(handle_, index)) {
    case SQLITE_INTEGER: return integer(index);
    case SQLITE_FLOAT: return real(index);
    case SQLITE_NULL: return std::monostate{};
    default: break;
  }
  const bool is_text = sqlite3_column_type(handle_, index) == SQLITE_TEXT;
  const void* data = is_text ? static_cast<const void*>(sqlite3_column_text(handle_, index))
                             : sqlite3_column_blob(handle_, index);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_, index));
  if (is_text) return std::string(static_cast<const char*>(data), size);
  const auto* bytes = static_cast<const std::byte*>(data);
  return size == 0 ? Blob{} : Blob(bytes, bytes + size);
}

Row Statement::row() const {
  Row row;
  for (int i = 0; i < sqlite3_column_count(handle_); ++i) row.push_back(column(i));
  return row;
}

std::string code_name(int code) {
  switch (code) {
    case SQLITE_OK: return "ok";
    case SQLITE_BUSY: return "BUSY";
    case SQLITE_BUSY_SNAPSHOT: return "BUSY_SNAPSHOT";
    case SQLITE_BUSY_RECOVERY: return "BUSY_RECOVERY";
    case SQLITE_CONSTRAINT_VTAB: return "CONSTRAINT_VTAB";
    case SQLITE_ERROR: return "ERROR";
    case SQLITE_LOCKED: return "LOCKED";
    case SQLITE_CORRUPT_VTAB: return "CORRUPT_VTAB";
    default: return std::string(sqlite3_errstr(code)) + " (" + std::to_string(code) + ")";
  }
}

}  // namespace nearlite::test
