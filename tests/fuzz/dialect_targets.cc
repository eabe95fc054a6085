// The translator of pgvector's dialect. Its input is a script of statements; whatever it says, it
// becomes SQL or a message, and what SQLite accepts as it is, it still accepts when translated.
#include <string>

#include "fuzz/input.h"
#include "fuzz/record_targets.h"
#include "fuzz/sql_targets.h"
#include "support/database.h"

namespace nearlite::test {
namespace {

Database& base() {
  static Database database(":memory:");
  static const bool is_made = [] {
    database.must("CREATE TABLE items(id INTEGER PRIMARY KEY, embedding vector(3), price REAL)");
    database.must("INSERT INTO items(embedding) VALUES('[1,2,3]'), ('[4,5,6]'), (NULL)");
    database.must("CREATE VIRTUAL TABLE ix USING hnsw(content='items', metric=l2, m=3)");
    database.must("CREATE VIRTUAL TABLE docs USING hnsw(v float16[3] metric=ip, tag text)");
    database.must("INSERT INTO docs(v) VALUES('[1,2,3]'), (NULL)");
    return true;
  }();
  static_cast<void>(is_made);
  return database;
}

// Prepares and does not run: statements of a fuzzer would change the tables.
bool is_valid(Database& database, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v2(database.handle(), sql.c_str(), static_cast<int>(sql.size()),
                                      &statement, &tail);
  const bool is_one = statement != nullptr && tail == sql.c_str() + sql.size();
  sqlite3_finalize(statement);
  return code == SQLITE_OK && is_one;
}

}  // namespace

void fuzz_dialect(std::span<const std::byte> bytes) {
  Database& database = base();
  Input input(bytes);
  const std::string sql = input.line();
  Rows rows;
  const int code = database.run("SELECT nearlite_translate(?1)", {sql}, &rows);
  if (code != SQLITE_OK) {
    expect(database.message().find("nearlite: line ") != std::string::npos, "a place is named");
    return;
  }
  expect(rows.size() == 1 && std::holds_alternative<std::string>(rows[0][0]), "SQL comes back");
  const std::string translated = std::get<std::string>(rows[0][0]);
  if (sql.find("::") != std::string::npos || sql.find('$') != std::string::npos) return;
  if (!is_valid(database, sql) || translated == sql) return;
  expect(is_valid(database, translated), ("still valid: " + translated).c_str());
}

}  // namespace nearlite::test
