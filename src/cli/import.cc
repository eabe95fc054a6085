// `nearlite import`: rows of a file into an index, a batch a transaction, resumable.
//
// A batch is read, its texts are embedded (while no transaction is open), and it is written
// together with how far the file is read. After an interruption the file is read again up to that
// place, and its bytes up to there must be the same.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/embedding_source.h"
#include "cli/import_progress.h"
#include "cli/import_target.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "cli/try.h"
#include "formats/reader.h"

namespace nearlite::cli {
namespace {

constexpr std::uint64_t kBadRowsShown = 10;

class Import {
 public:
  Import(Database& database, ImportTarget target, const ImportArguments& arguments)
      : database_(database), target_(std::move(target)), arguments_(arguments) {}

  Status run() {
    NEARLITE_CLI_TRY(open_files());
    NEARLITE_CLI_TRY(resume());
    if (!arguments_.text.empty()) {
      NEARLITE_CLI_ASSIGN(provider_, open_provider(arguments_.provider, target_.dim()));
    }
    ProgressBar bar("importing", reader_->input().size());
    while (!is_done_) {
      const Status status = import_batch();
      if (!status.ok()) return with_what_is_left(status);
      bar.show(reader_->input().offset(), progress_.rows);
    }
    return {};
  }

  void report() const {
    const std::uint64_t rows = progress_.rows - progress_.bad;
    if (arguments_.json) {
      const nlohmann::ordered_json json = {{"table", target_.table()},
                                           {"rows", rows},
                                           {"bad", progress_.bad},
                                           {"resumed_at", resumed_},
                                           {"unused", target_.unused()}};
      fmt::print("{}\n", json.dump());
      return;
    }
    fmt::print(
        "{}: {} rows{}\n", target_.table(), with_commas(rows),
        progress_.bad == 0 ? "" : fmt::format(", {} bad ones skipped", with_commas(progress_.bad)));
    if (!target_.unused().empty()) {
      fmt::print("not imported, for want of such columns: {}\n", fmt::join(target_.unused(), ", "));
    }
  }

 private:
  Status open_files() {
    const auto format = arguments_.format.empty() && arguments_.file != "-"
                            ? formats::format_of(arguments_.file)
                            : formats::find_format(arguments_.format);
    if (!format.ok()) {
      if (arguments_.file != "-" || !arguments_.format.empty()) return format.status();
      return {Code::kInvalidArgument, "standard input needs --format"};
    }
    NEARLITE_CLI_ASSIGN(formats::Input input, formats::Input::open(arguments_.file));
    NEARLITE_CLI_ASSIGN(reader_, formats::open_reader(*format, std::move(input)));
    if (!arguments_.ids.empty()) {
      NEARLITE_CLI_ASSIGN(formats::Input ids, formats::Input::open(arguments_.ids));
      NEARLITE_CLI_ASSIGN(ids_, formats::open_npy(std::move(ids)));
      if (reader_->row_count() != 0 && reader_->row_count() != ids_->row_count()) {
        return {Code::kInvalidArgument,
                fmt::format("{} has {} rows, {} has {}", arguments_.file, reader_->row_count(),
                            arguments_.ids, ids_->row_count())};
      }
    }
    if (arguments_.file == "-") return {};
    std::error_code error;
    const auto path = std::filesystem::weakly_canonical(arguments_.file, error);
    task_ =
        fmt::format("import {} into {}", error ? arguments_.file : path.string(), target_.table());
    return {};
  }

  [[nodiscard]] std::string digest() const {
    return fmt::format("{:016x}", reader_->input().digest());
  }

  Status resume() {
    if (task_.empty()) return {};
    if (arguments_.restart) {
      NEARLITE_CLI_TRY(database_.execute("BEGIN IMMEDIATE"));
      NEARLITE_CLI_TRY(forget_progress(database_, task_));
      NEARLITE_CLI_TRY(database_.execute("COMMIT"));
    }
    NEARLITE_CLI_ASSIGN(const Progress before, read_progress(database_, task_));
    if (before.rows == 0) return {};
    Row row;
    for (std::uint64_t i = 0; i < before.rows; ++i) {
      if (is_interrupted()) return interrupted();
      NEARLITE_CLI_ASSIGN(const bool has_row, read_row(row));
      if (!has_row) break;
    }
    if (reader_->input().offset() != before.offset || digest() != before.digest) {
      return {Code::kInvalidArgument,
              fmt::format("{}: an import of it was interrupted after row {}, and the rows up to "
                          "there are not the same any more; --restart begins anew",
                          arguments_.file, before.rows)};
    }
    progress_ = before;
    resumed_ = before.rows;
    if (!arguments_.json) fmt::print("resuming behind row {}\n", with_commas(before.rows));
    return {};
  }

  struct Row {
    formats::Row row;
    std::optional<std::int64_t> id;
    std::vector<float> vector;  ///< of its text
  };

  Result<bool> read_row(Row& row) {
    NEARLITE_CLI_ASSIGN(const bool has_row, reader_->next(row.row));
    row.id.reset();
    if (!ids_) return has_row;
    formats::Row id;
    NEARLITE_CLI_ASSIGN(const bool has_id, ids_->next(id));
    if (has_id != has_row) {
      return Status(Code::kInvalidArgument, fmt::format("{} and {} differ in the number of rows",
                                                        arguments_.file, arguments_.ids));
    }
    if (!has_row) return false;
    const auto* number = std::get_if<std::int64_t>(&id.values.front());
    if (number == nullptr) {
      return Status(
          Code::kInvalidArgument,
          fmt::format("{}: the ids must be whole numbers, one dimension", arguments_.ids));
    }
    row.id = *number;
    return true;
  }

  // A row that cannot be used: the end of the import, or counted and shown.
  Status bad_row(const formats::Row& row, const std::string& what) {
    const std::string text = fmt::format("{}:{}: {}", reader_->input().name(), row.line, what);
    if (!arguments_.skip_bad) return {Code::kInvalidArgument, text};
    if (++bad_in_batch_ + progress_.bad <= kBadRowsShown) {
      fmt::print(stderr, "skipped: {}\n", text);
    }
    return {};
  }

  Status import_batch() {
    std::vector<Row> batch;
    bad_in_batch_ = 0;
    std::uint64_t count = 0;
    while (count < arguments_.batch_size) {
      if (is_interrupted()) return interrupted();
      if (arguments_.limit != 0 && progress_.rows + count == arguments_.limit) is_done_ = true;
      if (is_done_) break;
      Row row;
      NEARLITE_CLI_ASSIGN(const bool has_row, read_row(row));
      is_done_ = !has_row;
      if (!has_row) break;
      ++count;
      if (row.row.problem.empty()) {
        batch.push_back(std::move(row));
      } else {
        NEARLITE_CLI_TRY(bad_row(row.row, row.row.problem));
      }
    }
    if (reader_->columns().size() != mapped_columns_) {
      NEARLITE_CLI_TRY(target_.map(reader_->columns()));
      mapped_columns_ = reader_->columns().size();
    }
    // A row of JSON lines has as many values as keys had been met when it was read.
    for (Row& row : batch) row.row.values.resize(mapped_columns_);
    NEARLITE_CLI_TRY(embed_texts(batch));
    const Status status = write_batch(batch, count);
    if (!status.ok() && database_.in_transaction()) {
      const Status ended = database_.execute("ROLLBACK");
      if (!ended.ok()) return ended;
    }
    return status;
  }

  Status embed_texts(std::vector<Row>& batch) {
    if (!provider_ || batch.empty()) return {};
    std::vector<std::string> texts;
    std::vector<Row> usable;
    for (Row& row : batch) {
      const auto* text = std::get_if<std::string>(&row.row.values[*target_.text_place()]);
      if (text == nullptr || text->find_first_not_of(" \t\r\n") == std::string::npos) {
        NEARLITE_CLI_TRY(bad_row(row.row, fmt::format("{} is no text", arguments_.text)));
        continue;
      }
      texts.push_back(*text);
      usable.push_back(std::move(row));
    }
    batch = std::move(usable);
    NEARLITE_CLI_ASSIGN(embed::Embeddings found, provider_->embed(texts));
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i].vector = std::move(found.vectors[i]);
    if (!found.truncated.empty()) {
      warn_truncated(found.truncated.size(), texts[found.truncated.front()]);
    }
    return {};
  }

  Status write_batch(const std::vector<Row>& batch, std::uint64_t count) {
    NEARLITE_CLI_TRY(database_.execute("BEGIN IMMEDIATE"));
    for (const Row& row : batch) {
      if (is_interrupted()) return interrupted();
      const Status status = target_.insert(row.row, row.id, provider_ ? &row.vector : nullptr);
      if (status.ok()) continue;
      const Code code = status.code();
      // What is wrong with the row, not with the disk, the lock or the file.
      const bool is_rows_fault =
          code == Code::kInvalidArgument || code == Code::kConstraint || code == Code::kSqlite;
      if (!is_rows_fault || !database_.in_transaction()) return status;
      NEARLITE_CLI_TRY(bad_row(row.row, status.message()));
    }
    Progress after = progress_;
    after.rows += count;
    after.bad += bad_in_batch_;
    after.offset = reader_->input().offset();
    after.digest = digest();
    if (!task_.empty()) {
      NEARLITE_CLI_TRY(is_done_ ? forget_progress(database_, task_)
                                : write_progress(database_, task_, after));
    }
    NEARLITE_CLI_TRY(database_.execute("COMMIT"));
    progress_ = after;
    return {};
  }

  // What people need to know after a failure: what is in the database, and how to go on.
  [[nodiscard]] Status with_what_is_left(const Status& status) const {
    std::string text = status.message();
    if (progress_.rows == 0) {
      text += "; nothing was imported";
    } else if (task_.empty()) {
      text += fmt::format("; the first {} rows are in the database", progress_.rows);
    } else {
      text += fmt::format(
          "; the first {} rows are in the database, the same command goes on "
          "behind them",
          progress_.rows);
    }
    return Status::from_sqlite(status.code(), status.sqlite_code(), std::move(text));
  }

  Database& database_;
  ImportTarget target_;
  const ImportArguments& arguments_;
  std::unique_ptr<formats::Reader> reader_;
  std::unique_ptr<formats::Reader> ids_;
  std::optional<embed::Provider> provider_;
  std::string task_;  ///< empty: cannot be resumed
  std::size_t mapped_columns_ = 0;
  Progress progress_;
  std::uint64_t resumed_ = 0;
  std::uint64_t bad_in_batch_ = 0;
  bool is_done_ = false;
};

}  // namespace

Result<int> run_import(const ImportArguments& arguments) {
  NEARLITE_CLI_ASSIGN(Database database, open_database(arguments.database, false));
  const InterruptScope scope(database);
  NEARLITE_CLI_ASSIGN(ImportTarget target, ImportTarget::open(database, arguments));
  Import import(database, std::move(target), arguments);
  NEARLITE_CLI_TRY(import.run());
  import.report();
  return kExitOk;
}

}  // namespace nearlite::cli
