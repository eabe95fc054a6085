// Statements and dot-commands, line by line, for `nearlite sql`: from a terminal or from a file.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "cli/print_rows.h"
#include "nearlite/nearlite.h"

namespace nearlite::cli {

/// Collects lines until they make a whole statement, and runs it. Threads: one.
class Shell {
 public:
  /// With kPgvector, what is written for pgvector is translated (docs/dialect.md), statement by
  /// statement, and notes about it go to standard error.
  Shell(Database& database, Mode mode, Dialect dialect) noexcept
      : database_(database), mode_(mode), dialect_(dialect) {}

  /// Takes a line without its line feed. Errors: of the statement or dot-command that it completed;
  /// what was collected is forgotten.
  Status feed(std::string_view line);
  /// Runs what is left although no semicolon ends it.
  Status finish();
  /// Runs whole statements and dot-commands, up to the first failure.
  Status run_script(std::string_view script);

  /// Whether a statement has begun and goes on in the next line.
  [[nodiscard]] bool is_pending() const noexcept { return !pending_.empty(); }
  void forget_pending() noexcept { pending_.clear(); }
  [[nodiscard]] bool has_quit() const noexcept { return has_quit_; }

 private:
  Status run_statements(std::string_view sql);
  Status run_translated(std::string_view sql);
  Status run_dot_command(std::string_view line);
  Status read_file(const std::string& path);
  Status print_schema(const std::string& table);

  Database& database_;
  Mode mode_;
  Dialect dialect_;
  bool has_timer_ = false;
  bool has_quit_ = false;
  int depth_ = 0;  ///< of files that read files
  std::string pending_;
};

/// Reads standard input: with history and line editing where it is a terminal.
Status run_interactive(Shell& shell);
Status run_piped(Shell& shell);

}  // namespace nearlite::cli
