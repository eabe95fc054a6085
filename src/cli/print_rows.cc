#include "cli/print_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "cli/terminal.h"
#include "cli/try.h"
#include "formats/write.h"

namespace nearlite::cli {
namespace {

constexpr std::size_t kBlobBytesShown = 16;
constexpr std::size_t kColumnWidthMax = 100;

using Lines = std::vector<std::vector<std::string>>;

std::string in_hexadecimal(std::span<const std::byte> bytes) {
  return formats::hexadecimal({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string shown_value(const Statement& row, int column) {
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

std::string csv_value(const Statement& row, int column) {
  switch (row.column_type(column)) {
    case ColumnType::kNull: return "";
    case ColumnType::kBlob: return in_hexadecimal(row.column_blob(column));
    default: return formats::csv_field(row.column_text(column));
  }
}

// Calls `print` for each row.
template <class Print>
Status for_each_row(Statement& statement, Print print) {
  for (;;) {
    NEARLITE_CLI_ASSIGN(const bool has_row, statement.step());
    if (!has_row) return {};
    print();
  }
}

Status print_json(Statement& statement) {
  const char* before_row = "[";
  const Status status = for_each_row(statement, [&] {
    std::string row = "{";
    for (int i = 0; i < statement.column_count(); ++i) {
      row += fmt::format("{}{}:{}", i == 0 ? "" : ",",
                         formats::json_string(statement.column_name(i)), json_value(statement, i));
    }
    fmt::print("{}{}}}", before_row, row);
    before_row = ",\n";
  });
  // An array that was begun is closed even when the statement failed in between.
  if (status.ok() || *before_row == ',') fmt::print("{}]\n", *before_row == '[' ? "[" : "");
  return status;
}

Status print_csv(Statement& statement) {
  std::string header;
  for (int i = 0; i < statement.column_count(); ++i) {
    header += (i == 0 ? "" : ",") + formats::csv_field(statement.column_name(i));
  }
  fmt::print("{}\n", header);
  return for_each_row(statement, [&] {
    std::string row;
    for (int i = 0; i < statement.column_count(); ++i) {
      row += (i == 0 ? "" : ",") + csv_value(statement, i);
    }
    fmt::print("{}\n", row);
  });
}

Status print_lines(Statement& statement) {
  std::size_t width = 0;
  for (int i = 0; i < statement.column_count(); ++i) {
    width = std::max(width, width_of(statement.column_name(i)));
  }
  bool is_first = true;
  return for_each_row(statement, [&] {
    if (!is_first) fmt::print("\n");
    is_first = false;
    for (int i = 0; i < statement.column_count(); ++i) {
      const std::string_view name = statement.column_name(i);
      fmt::print("{}{} = {}\n", std::string(width - width_of(name), ' '), bold(name),
                 shown_value(statement, i));
    }
  });
}

void print_table_lines(const Lines& lines) {
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
  NEARLITE_CLI_TRY(for_each_row(statement, [&] {
    auto& line = lines.emplace_back();
    for (int i = 0; i < statement.column_count(); ++i) line.push_back(shown_value(statement, i));
  }));
  print_table_lines(lines);
  return {};
}

}  // namespace

std::optional<Mode> find_mode(std::string_view name) {
  if (name == "table") return Mode::kTable;
  if (name == "json") return Mode::kJson;
  if (name == "csv") return Mode::kCsv;
  if (name == "line") return Mode::kLine;
  return std::nullopt;
}

Status print_rows(Statement& statement, Mode mode) {
  switch (mode) {
    case Mode::kJson: return print_json(statement);
    case Mode::kCsv: return print_csv(statement);
    case Mode::kLine: return print_lines(statement);
    case Mode::kTable: break;
  }
  return print_table(statement);
}

std::string json_value(const Statement& row, int column) {
  switch (row.column_type(column)) {
    case ColumnType::kInt64: return std::to_string(row.column_int64(column));
    case ColumnType::kDouble: {
      const std::string_view text = row.column_text(column);
      return text.find("Inf") == std::string_view::npos ? std::string(text) : "null";
    }
    case ColumnType::kText: return formats::json_string(row.column_text(column));
    case ColumnType::kBlob: return formats::json_string(in_hexadecimal(row.column_blob(column)));
    case ColumnType::kNull: break;
  }
  return "null";
}

}  // namespace nearlite::cli
