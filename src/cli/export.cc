// `nearlite export`: rows of an index as JSON lines, CSV, NumPy arrays, or text for pgvector's
// COPY.
//
// All in one read transaction. A file appears under its name only when it is whole.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/index_table.h"
#include "cli/interrupt.h"
#include "cli/print_rows.h"
#include "cli/terminal.h"
#include "cli/try.h"
#include "formats/npy.h"
#include "formats/write.h"

namespace nearlite::cli {
namespace {

enum class Format : std::uint8_t { kJsonLines, kCsv, kNpy, kCopy };

Result<Format> find_format(std::string name, const std::string& file) {
  if (name.empty()) name = std::filesystem::path(file).extension().string();
  if (name.starts_with('.')) name.erase(0, 1);
  if (name == "jsonl" || name == "ndjson") return Format::kJsonLines;
  if (name == "csv") return Format::kCsv;
  if (name == "npy") return Format::kNpy;
  if (name == "copy") return Format::kCopy;
  return Status(Code::kInvalidArgument,
                fmt::format("unknown format '{}'; known: jsonl, csv, npy, copy", name));
}

// A file that is renamed to its name when it is finished, and removed when it is not.
class Output {
 public:
  static Result<std::unique_ptr<Output>> open(const std::string& path, bool may_replace) {
    if (path != "-" && !may_replace && std::filesystem::exists(path)) {
      return Status(Code::kInvalidArgument, path + ": is there already; --force replaces it");
    }
    auto output = std::unique_ptr<Output>(new Output(path));
    if (output->file_ == nullptr) return output->failure();
    return output;
  }

  ~Output() {
    if (file_ == nullptr || file_ == stdout) return;
    std::fclose(file_);
    std::remove(part_.c_str());
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  Status write(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size()) return failure();
    return {};
  }

  Status finish() {
    if (std::fflush(file_) != 0) return failure();
    if (file_ == stdout) return {};
    std::FILE* file = std::exchange(file_, nullptr);
    if (std::fclose(file) != 0 || std::rename(part_.c_str(), path_.c_str()) != 0) return failure();
    return {};
  }

 private:
  explicit Output(const std::string& path)
      : path_(path),
        part_(path + ".part"),
        file_(path == "-" ? stdout : std::fopen(part_.c_str(), "wbe")) {}
  [[nodiscard]] Status failure() const {
    return {Code::kIo, fmt::format("{}: {}", path_, std::strerror(errno))};
  }

  std::string path_;
  std::string part_;
  std::FILE* file_;
};

class Export {
 public:
  Export(Database& database, IndexTable table, const ExportArguments& arguments, Format format)
      : database_(database), table_(std::move(table)), arguments_(arguments), format_(format) {}

  Status run() {
    NEARLITE_CLI_TRY(database_.execute("BEGIN"));  // count and rows are of one snapshot
    std::string where = arguments_.filter.empty() ? "" : fmt::format("({}\n)", arguments_.filter);
    if (format_ == Format::kNpy) {
      where += fmt::format("{}{} IS NOT NULL", where.empty() ? "" : " AND ",
                           as_identifier(table_.vector().name));
    }
    if (!where.empty()) where = " WHERE " + where;
    NEARLITE_CLI_ASSIGN(const std::int64_t count,
                        ask_number(database_, fmt::format("SELECT count(*) FROM {}{}",
                                                          as_identifier(table_.rows), where)));
    const std::string id = as_identifier(table_.id);
    std::string list = id + " AS id";
    const bool is_npy = format_ == Format::kNpy;
    for (const VectorColumn& vector : table_.vectors) {
      const std::string name = as_identifier(vector.name);
      list += fmt::format(", {}({}) AS {}", is_npy ? "vec_f32" : "vec_to_json",
                          as_typed_blob(vector), name);
      if (is_npy) break;
    }
    for (const std::string& column : table_.columns) list += ", " + as_written(table_, column);
    NEARLITE_CLI_ASSIGN(Statement rows,
                        database_.prepare(fmt::format("SELECT {} FROM {}{} ORDER BY {}", list,
                                                      as_identifier(table_.rows), where, id)));
    NEARLITE_CLI_TRY(is_npy ? write_npy(rows, static_cast<std::uint64_t>(count))
                            : write_text(rows, static_cast<std::uint64_t>(count)));
    rows.reset();
    return database_.execute("COMMIT");
  }

  [[nodiscard]] std::uint64_t row_count() const { return row_count_; }
  [[nodiscard]] const IndexTable& table() const { return table_; }

 private:
  Status write_text(Statement& rows, std::uint64_t count) {
    NEARLITE_CLI_ASSIGN(const auto output, Output::open(arguments_.file, arguments_.force));
    if (format_ == Format::kCsv) {
      std::string header;
      for (int i = 0; i < rows.column_count(); ++i) {
        header += (i == 0 ? "" : ",") + formats::csv_field(rows.column_name(i));
      }
      NEARLITE_CLI_TRY(output->write(header + "\n"));
    }
    ProgressBar bar("exporting", count);
    for (;;) {
      NEARLITE_CLI_ASSIGN(const bool has_row, rows.step());
      if (!has_row) break;
      NEARLITE_CLI_TRY(
          output->write(format_ == Format::kJsonLines ? json_row(rows) : separated_row(rows)));
      if (++row_count_ % 1000 == 0) bar.show(row_count_);
    }
    return output->finish();
  }

  [[nodiscard]] bool is_vector(int column) const {
    return column >= 1 && column <= static_cast<int>(table_.vectors.size());
  }

  [[nodiscard]] std::string json_row(const Statement& rows) const {
    std::string line = "{";
    for (int i = 0; i < rows.column_count(); ++i) {
      const bool is_list = is_vector(i) && rows.column_type(i) == ColumnType::kText;
      line += fmt::format("{}{}:{}", i == 0 ? "" : ",", formats::json_string(rows.column_name(i)),
                          is_list ? std::string(rows.column_text(i)) : json_value(rows, i));
    }
    return line + "}\n";
  }

  [[nodiscard]] std::string separated_row(const Statement& rows) const {
    const bool is_copy = format_ == Format::kCopy;
    std::string line;
    for (int i = 0; i < rows.column_count(); ++i) {
      if (i > 0) line += is_copy ? '\t' : ',';
      const ColumnType type = rows.column_type(i);
      if (type == ColumnType::kNull) {
        line += is_copy ? "\\N" : "";
      } else if (type == ColumnType::kBlob) {
        const auto bytes = rows.column_blob(i);
        line += is_copy ? "\\\\x" : "";  // PostgreSQL's bytea
        line += formats::hexadecimal({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      } else {
        const std::string_view text = rows.column_text(i);
        line += is_copy ? formats::copy_field(text) : formats::csv_field(text);
      }
    }
    return line + "\n";
  }

  // FILE.npy with the vectors, FILE.ids.npy with the rowids.
  Status write_npy(Statement& rows, std::uint64_t count) {
    if (arguments_.file == "-") {
      return {Code::kInvalidArgument, "npy is two files (vectors and ids); give a file name"};
    }
    std::filesystem::path ids_path = arguments_.file;
    ids_path.replace_extension(".ids.npy");
    NEARLITE_CLI_ASSIGN(const auto vectors, Output::open(arguments_.file, arguments_.force));
    NEARLITE_CLI_ASSIGN(const auto ids, Output::open(ids_path.string(), arguments_.force));
    NEARLITE_CLI_TRY(vectors->write(formats::npy_header("<f4", count, table_.vector().dim)));
    NEARLITE_CLI_TRY(ids->write(formats::npy_header("<i8", count, 0)));
    ProgressBar bar("exporting", count);
    for (;;) {
      NEARLITE_CLI_ASSIGN(const bool has_row, rows.step());
      if (!has_row) break;
      const std::int64_t id = rows.column_int64(0);
      const auto vector = rows.column_blob(1);
      NEARLITE_CLI_TRY(ids->write({reinterpret_cast<const char*>(&id), sizeof id}));
      NEARLITE_CLI_TRY(
          vectors->write({reinterpret_cast<const char*>(vector.data()), vector.size()}));
      if (++row_count_ % 1000 == 0) bar.show(row_count_);
    }
    NEARLITE_CLI_TRY(ids->finish());
    return vectors->finish();
  }

  Database& database_;
  IndexTable table_;
  const ExportArguments& arguments_;
  Format format_;
  std::uint64_t row_count_ = 0;
};

}  // namespace

Result<int> run_export(const ExportArguments& arguments) {
  NEARLITE_CLI_ASSIGN(const Format format, find_format(arguments.format, arguments.file));
  NEARLITE_CLI_ASSIGN(Database database, open_database(arguments.database, true));
  const InterruptScope scope(database);
  NEARLITE_CLI_ASSIGN(IndexTable table, find_index(database, arguments.table));
  Export work(database, std::move(table), arguments, format);
  NEARLITE_CLI_TRY(work.run());
  // Standard output may be the export itself.
  std::FILE* out = arguments.file == "-" ? stderr : stdout;
  if (arguments.json) {
    const nlohmann::ordered_json json = {
        {"table", work.table().name}, {"file", arguments.file}, {"rows", work.row_count()}};
    fmt::print(out, "{}\n", json.dump());
  } else {
    fmt::print(out, "{}: {} rows\n", arguments.file, with_commas(work.row_count()));
  }
  return kExitOk;
}

}  // namespace nearlite::cli
