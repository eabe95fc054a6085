// The demo's first act: a table of documents and an index over them, filled together.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/demo.h"
#include "cli/try.h"

namespace nearlite::cli {
namespace {

constexpr std::size_t kRowsPerTransaction = 1000;

constexpr const char* kDocuments =
    "CREATE TABLE documents(id INTEGER PRIMARY KEY, word TEXT, gloss TEXT);";
constexpr const char* kIndex = "CREATE VIRTUAL TABLE vss USING hnsw(dim=384);";

Status insert_rows(Demo& demo, std::size_t first, std::size_t end) {
  NEARLITE_CLI_ASSIGN(Statement document,
                      demo.database.prepare("INSERT INTO documents VALUES (?1, ?2, ?3)"));
  NEARLITE_CLI_ASSIGN(Statement vector,
                      demo.database.prepare("INSERT INTO vss(rowid, embedding) VALUES (?1, ?2)"));
  NEARLITE_CLI_TRY(demo.database.execute("BEGIN"));
  for (std::size_t i = first; i < end; ++i) {
    const Sentence& row = demo.sentences.rows[i];
    const auto id = static_cast<std::int64_t>(i) + 1;
    document.bind_int64(1, id).bind_text(2, row.label).bind_text(3, row.text);
    NEARLITE_CLI_TRY(document.run());
    NEARLITE_CLI_TRY(vector.bind_int64(1, id).bind_vector(2, row.vector).run());
  }
  return demo.database.execute("COMMIT");
}

}  // namespace

Status build(Demo& demo) {
  print_heading(1, "Build");
  fmt::print("   {}\n   {}\n", kDocuments, kIndex);
  NEARLITE_CLI_TRY(demo.database.execute("PRAGMA journal_mode = WAL"));
  NEARLITE_CLI_TRY(demo.database.execute(kDocuments));
  NEARLITE_CLI_TRY(demo.database.execute(kIndex));
  const std::size_t count = demo.sentences.rows.size();
  const Stopwatch watch;
  {
    ProgressBar bar("inserting", count);
    for (std::size_t first = 0; first < count; first += kRowsPerTransaction) {
      const std::size_t end = std::min(count, first + kRowsPerTransaction);
      NEARLITE_CLI_TRY(insert_rows(demo, first, end));
      bar.show(end);
    }
  }
  const double seconds = watch.seconds();
  fmt::print("   {} rows in both tables in {:.1f} s ({} rows/s), {} transactions\n",
             with_commas(count), seconds,
             with_commas(static_cast<std::uint64_t>(static_cast<double>(count) / seconds)),
             (count + kRowsPerTransaction - 1) / kRowsPerTransaction);
  NEARLITE_CLI_TRY(demo.database.execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  std::error_code error;
  const auto file_bytes = std::filesystem::file_size(demo.file, error);
  if (error) return {Code::kIo, demo.file + ": " + error.message()};
  const std::uint64_t raw_bytes = count * kDim * sizeof(float);
  fmt::print("   {} in one file, text included; the vectors alone, as float32: {} ({:.2f} times)\n",
             in_bytes(file_bytes), in_bytes(raw_bytes),
             static_cast<double>(file_bytes) / static_cast<double>(raw_bytes));
  return {};
}

}  // namespace nearlite::cli
