#include "cli/shell.h"

#include <fmt/format.h>

#include <vector>

#include "cli/index_table.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "cli/try.h"
#include "formats/input.h"

namespace nearlite::cli {
namespace {

constexpr std::size_t kLineBytesMax = std::size_t{1} << 30;
constexpr int kDepthMax = 10;

constexpr const char* kHelp =
    ".help              this list\n"
    ".mode MODE         rows as table, json, csv or line\n"
    ".quit              end (also Ctrl-D)\n"
    ".read FILE         run the statements of a file\n"
    ".schema [TABLE]    the statements that made the tables\n"
    ".tables            the tables, without those that indexes keep for themselves\n"
    ".timer on|off      say how long a statement took\n"
    "Everything else is SQL, and ends with a semicolon. Ctrl-C ends the statement that runs.\n";

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while ((at = line.find_first_not_of(" \t\r", at)) != std::string_view::npos) {
    const char quote = line[at] == '\'' || line[at] == '"' ? line[at] : '\0';
    const std::size_t begin = quote == '\0' ? at : at + 1;
    std::size_t end = quote == '\0' ? line.find_first_of(" \t\r", begin) : line.find(quote, begin);
    if (end == std::string_view::npos) end = line.size();
    words.emplace_back(line.substr(begin, end - begin));
    at = end < line.size() ? end + 1 : end;
  }
  return words;
}

// Tables and views; not those that belong to an index.
constexpr const char* kTablesSql =
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type <> 'shadow'"
    " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";

}  // namespace

Status Shell::feed(std::string_view line) {
  if (!is_pending() && line.starts_with('.')) return run_dot_command(line);
  if (!is_pending() && is_blank(line)) return {};
  pending_ += line;
  pending_ += '\n';
  // Only a line with a semicolon can end a statement; asking costs as much as the text is long.
  if (line.find(';') == std::string_view::npos || !is_complete_statement(pending_)) return {};
  return finish();
}

Status Shell::finish() {
  const std::string sql = std::exchange(pending_, {});
  return is_blank(sql) ? Status() : run_statements(sql);
}

Status Shell::run_script(std::string_view script) {
  while (!script.empty() && !has_quit_) {
    const std::size_t end = script.find('\n');
    NEARLITE_CLI_TRY(feed(script.substr(0, end)));
    script.remove_prefix(end == std::string_view::npos ? script.size() : end + 1);
  }
  return finish();
}

Status Shell::run_statements(std::string_view sql) {
  if (dialect_ == Dialect::kSqlite) return run_translated(sql);
  // One by one: a statement may need the tables of the one before to be translated.
  while (!is_blank(sql)) {
    NEARLITE_CLI_ASSIGN(const Translation translation, database_.translate_next(sql));
    for (const std::string& note : translation.notes) fmt::print(stderr, "note: {}\n", note);
    NEARLITE_CLI_TRY(run_translated(translation.sql));
  }
  return {};
}

Status Shell::run_translated(std::string_view sql) {
  while (!is_blank(sql)) {
    if (is_interrupted()) return interrupted();
    const Stopwatch watch;
    NEARLITE_CLI_ASSIGN(Statement statement, database_.prepare_next(sql));
    if (statement.column_count() == 0) {
      NEARLITE_CLI_TRY(statement.run());
    } else {
      NEARLITE_CLI_TRY(print_rows(statement, mode_));
    }
    if (has_timer_) {
      std::fflush(stdout);
      fmt::print(stderr, "{:.3f} ms\n", watch.milliseconds());
    }
  }
  return {};
}

Status Shell::run_dot_command(std::string_view line) {
  const auto words = words_of(line);
  const std::string& name = words.front();
  const std::size_t count = words.size() - 1;
  const auto usage = [&](const char* how) {
    return Status(Code::kInvalidArgument, fmt::format("usage: {}", how));
  };
  if (name == ".quit" || name == ".exit") {
    has_quit_ = true;
    return {};
  }
  if (name == ".help") {
    fmt::print("{}", kHelp);
    return {};
  }
  if (name == ".tables") {
    NEARLITE_CLI_ASSIGN(Statement list, database_.prepare(kTablesSql));
    for (;;) {
      NEARLITE_CLI_ASSIGN(const bool has_row, list.step());
      if (!has_row) return {};
      fmt::print("{}\n", list.column_text(0));
    }
  }
  if (name == ".schema")
    return count > 1 ? usage(".schema [TABLE]") : print_schema(count == 1 ? words[1] : "");
  if (name == ".mode") {
    const auto mode = count == 1 ? find_mode(words[1]) : std::nullopt;
    if (!mode) return usage(".mode table|json|csv|line");
    mode_ = *mode;
    return {};
  }
  if (name == ".timer") {
    if (count != 1 || (words[1] != "on" && words[1] != "off")) return usage(".timer on|off");
    has_timer_ = words[1] == "on";
    return {};
  }
  if (name == ".read") return count == 1 ? read_file(words[1]) : usage(".read FILE");
  return {Code::kInvalidArgument, fmt::format("unknown command {}; .help lists them", name)};
}

Status Shell::print_schema(const std::string& table) {
  NEARLITE_CLI_ASSIGN(Statement list, database_.prepare(fmt::format(
                                          "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND"
                                          " tbl_name IN ({}) AND (?1 = '' OR tbl_name = ?1)"
                                          " ORDER BY tbl_name, type = 'table' DESC, name",
                                          kTablesSql)));
  list.bind_text(1, table);
  bool is_any = false;
  for (;;) {
    NEARLITE_CLI_ASSIGN(const bool has_row, list.step());
    if (!has_row) break;
    is_any = true;
    fmt::print("{};\n", list.column_text(0));
  }
  if (is_any || table.empty()) return {};
  return {Code::kNotFound, fmt::format("there is no table {}", table)};
}

Status Shell::read_file(const std::string& path) {
  if (path == "-") return {Code::kInvalidArgument, "usage: .read FILE"};
  if (depth_ == kDepthMax) {
    return {Code::kInvalidArgument,
            fmt::format("{}: files that .read files, more than {} deep", path, kDepthMax)};
  }
  NEARLITE_CLI_ASSIGN(formats::Input input, formats::Input::open(path));
  ++depth_;
  Status status;
  std::string line;
  while (status.ok() && !has_quit_) {
    line.clear();
    const auto has_line = input.read_line(line, kLineBytesMax);
    if (!has_line.ok()) status = has_line.status();
    if (!has_line.ok() || !*has_line) break;
    if (line.ends_with('\n')) line.pop_back();
    status = feed(line);
  }
  if (status.ok()) status = finish();
  --depth_;
  pending_.clear();
  return status;
}

Status run_piped(Shell& shell) {
  NEARLITE_CLI_ASSIGN(formats::Input input, formats::Input::open("-"));
  std::string line;
  while (!shell.has_quit()) {
    line.clear();
    NEARLITE_CLI_ASSIGN(const bool has_line, input.read_line(line, kLineBytesMax));
    if (!has_line) break;
    if (line.ends_with('\n')) line.pop_back();
    NEARLITE_CLI_TRY(shell.feed(line));
  }
  return shell.finish();
}

}  // namespace nearlite::cli
