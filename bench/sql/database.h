// SQLite's C interface, just enough of it: what a program in C or C++ would write, no layer of
// Nearlite's own. Failures end the worker with SQLite's message.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace bench {

class Statement {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  Statement& bind(int index, std::int64_t value);
  /// The floats are not copied: they must stay until the run is over.
  Statement& bind(int index, std::span<const float> vector);
  bool step();
  void run();  // steps to the end, then resets
  void reset() { sqlite3_reset(statement_.get()); }
  std::int64_t integer(int column) { return sqlite3_column_int64(statement_.get(), column); }
  double real(int column) { return sqlite3_column_double(statement_.get(), column); }
  std::string text(int column);
  int column_count() { return sqlite3_column_count(statement_.get()); }
  explicit operator bool() const { return statement_ != nullptr; }
  bool takes_parameter(int index) const {
    return sqlite3_bind_parameter_count(statement_.get()) >= index;
  }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  /// Opens the file and loads the extension into the connection.
  Database(const std::string& path, const std::string& extension);
  void execute(const std::string& sql);
  Statement prepare(const std::string& sql);
  std::int64_t integer(const std::string& sql);
  std::string text(const std::string& sql);
  int changes() { return sqlite3_changes(db_.get()); }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace bench
