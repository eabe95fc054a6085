#include "sql/database.h"

#include "driver/worker.h"

namespace bench {

namespace {

void check(sqlite3* db, int rc, const std::string& what) {
  if (rc != SQLITE_OK) fail(what + ": " + sqlite3_errmsg(db));
}

}  // namespace

Statement& Statement::bind(int index, std::int64_t value) {
  check(sqlite3_db_handle(statement_.get()), sqlite3_bind_int64(statement_.get(), index, value),
        "bind");
  return *this;
}

Statement& Statement::bind(int index, std::span<const float> vector) {
  check(sqlite3_db_handle(statement_.get()),
        sqlite3_bind_blob64(statement_.get(), index, vector.data(), vector.size_bytes(),
                            SQLITE_STATIC),
        "bind");
  return *this;
}

bool Statement::step() {
  const int rc = sqlite3_step(statement_.get());
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
    fail(std::string(sqlite3_sql(statement_.get())) + ": " +
         sqlite3_errmsg(sqlite3_db_handle(statement_.get())));
  }
  return rc == SQLITE_ROW;
}

void Statement::run() {
  while (step()) continue;
  reset();
}

std::string Statement::text(int column) {
  const unsigned char* text = sqlite3_column_text(statement_.get(), column);
  return text == nullptr ? "" : reinterpret_cast<const char*>(text);
}

Database::Database(const std::string& path, const std::string& extension) {
  sqlite3* db = nullptr;
  const int rc = sqlite3_open(path.c_str(), &db);
  db_.reset(db);
  check(db, rc, path);
  sqlite3_busy_timeout(db, 10'000);
  check(db, sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr), "extensions");
  char* message = nullptr;
  if (sqlite3_load_extension(db, extension.c_str(), nullptr, &message) != SQLITE_OK) {
    fail(extension + ": " + (message == nullptr ? "cannot be loaded" : message));
  }
}

void Database::execute(const std::string& sql) {
  check(db_.get(), sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr), sql);
}

Statement Database::prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  check(db_.get(), sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &statement, nullptr), sql);
  return Statement(statement);
}

std::int64_t Database::integer(const std::string& sql) {
  Statement statement = prepare(sql);
  return statement.step() ? statement.integer(0) : 0;
}

std::string Database::text(const std::string& sql) {
  Statement statement = prepare(sql);
  return statement.step() ? statement.text(0) : "";
}

}  // namespace bench
