// `nearlite sql`: runs statements and prints their rows as an aligned table or as JSON.
//
// A table has to know its widths, so the rows of one statement are held in memory; JSON streams.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/commands.h"
#include "cli/terminal.h"
#include "cli/try.h"
#include "nearlite/nearlite.h"

namespace nearlite::cli {
namespace {

constexpr std::size_t kBlobBytesShown = 16;
constexpr std::size_t kColumnWidthMax = 100;

std::string in_hexadecimal(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

std::string json_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char letter : text) {
    switch (letter) {
      case '"': quoted += "\\\""; break;
      case '\\': quoted += "\\\\"; break;
      case '\n': quoted += "\\n"; break;
      case '\t': quoted += "\\t"; break;
      default:
        if (static_cast<unsigned char>(letter) < 0x20) {
          quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(letter));
        } else {
          quoted += letter;
        }
    }
  }
  return quoted + "\"";
}

std::string json_value(const Statement& row, int column) {
  switch (row.column_type(column)) {
    case ColumnType::kInt64: return std::to_string(row.column_int64(column));
    case ColumnType::kDouble: {
      const std::string_view text = row.column_text(column);
      return text.find("Inf") == std::string_view::npos ? std::string(text) : "null";
    }
    case ColumnType::kText: return json_string(row.column_text(column));
    case ColumnType::kBlob: return json_string(in_hexadecimal(row.column_blob(column)));
    case ColumnType::kNull: break;
  }
  return "null";
}

std::string table_value(const Statement& row, int column) {
  switch (row.column_type(column)) {
    case ColumnType::kNull: return "NULL";
    case ColumnType::kBlob: {
      const auto bytes = row.column_blob(column);
      if (bytes.size() <= kBlobBytesShown) return "x'" + in_hexadecimal(bytes) + "'";
      return fmt::format("x'{}…' ({} bytes)", in_hexadecimal(bytes.first(kBlobBytesShown / 2)),
                         bytes.size());
    }
    default: return std::string(row.column_text(column));
  }
}

Status print_json(Statement& statement) {
  const char* before_row = "[";
  for (;;) {
    NEARLITE_CLI_ASSIGN(const bool has_row, statement.step());
    if (!has_row) break;
    const char* before_column = "{";
    fmt::print("{}", before_row);
    for (int i = 0; i < statement.column_count(); ++i) {
      fmt::print("{}{}:{}", before_column, json_string(statement.column_name(i)),
                 json_value(statement, i));
      before_column = ",";
    }
    fmt::print("}}");
    before_row = ",\n";
  }
  fmt::print("{}]\n", *before_row == '[' ? "[" : "");
  return {};
}

using Lines = std::vector<std::vector<std::string>>;

void print_lines(const Lines& lines) {
  std::vector<std::size_t> widths;
  for (const auto& line : lines) {
    widths.resize(line.size(), 0);
    for (std::size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], std::min(width_of(line[i]), kColumnWidthMax));
    }
  }
  for (std::size_t number = 0; number < lines.size(); ++number) {
    std::string text;
    std::string rule;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string& cell = lines[number][i];
      const bool is_last = i + 1 == widths.size();
      const std::size_t blanks = widths[i] - std::min(width_of(cell), widths[i]);
      text += cell + (is_last ? "" : std::string(blanks + 2, ' '));
      rule += std::string(widths[i], '-') + (is_last ? "" : "  ");
    }
    fmt::print("{}\n", number == 0 ? bold(text) : text);
    if (number == 0) fmt::print("{}\n", faint(rule));
  }
}

Status print_table(Statement& statement) {
  Lines lines(1);
  for (int i = 0; i < statement.column_count(); ++i) {
    lines.front().emplace_back(statement.column_name(i));
  }
  for (;;) {
    NEARLITE_CLI_ASSIGN(const bool has_row, statement.step());
    if (!has_row) break;
    auto& line = lines.emplace_back();
    for (int i = 0; i < statement.column_count(); ++i) line.push_back(table_value(statement, i));
  }
  print_lines(lines);
  return {};
}

Status run_script(Database& database, std::string_view script, bool json) {
  while (!script.empty()) {
    NEARLITE_CLI_ASSIGN(Statement statement, database.prepare_next(script));
    if (statement.column_count() == 0) {
      NEARLITE_CLI_TRY(statement.run());
    } else {
      NEARLITE_CLI_TRY(json ? print_json(statement) : print_table(statement));
    }
  }
  return {};
}

Result<std::string> read_standard_input() {
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, stdin)) {
    text.append(buffer, count);
  }
  if (std::ferror(stdin) != 0) {
    return Status(Code::kIo, fmt::format("standard input: {}", std::strerror(errno)));
  }
  return text;
}

}  // namespace

Result<int> run_sql(const SqlArguments& arguments) {
  OpenOptions options;
  options.read_only = arguments.read_only;
  options.create = true;
  NEARLITE_CLI_ASSIGN(Database database, Database::open(arguments.database, options));
  std::vector<std::string> scripts = arguments.statements;
  if (scripts.empty()) {
    NEARLITE_CLI_ASSIGN(scripts.emplace_back(), read_standard_input());
  }
  for (const std::string& script : scripts) {
    NEARLITE_CLI_TRY(run_script(database, script, arguments.json));
  }
  return kExitOk;
}

}  // namespace nearlite::cli
