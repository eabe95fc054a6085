#include "cli/import_progress.h"

#include "cli/index_table.h"
#include "cli/try.h"

namespace nearlite::cli {
namespace {

Result<bool> has_table(Database& database) {
  NEARLITE_CLI_ASSIGN(
      const std::int64_t count,
      ask_number(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'nearlite_progress'"));
  return count > 0;
}

}  // namespace

Result<Progress> read_progress(Database& database, const std::string& task) {
  Progress progress;
  NEARLITE_CLI_ASSIGN(const bool is_there, has_table(database));
  if (!is_there) return progress;
  NEARLITE_CLI_ASSIGN(
      Statement read,
      database.prepare("SELECT rows, bad, bytes, digest FROM nearlite_progress WHERE task = ?1"));
  NEARLITE_CLI_ASSIGN(const bool has_row, read.bind_text(1, task).step());
  if (!has_row) return progress;
  progress.rows = static_cast<std::uint64_t>(read.column_int64(0));
  progress.bad = static_cast<std::uint64_t>(read.column_int64(1));
  progress.offset = static_cast<std::uint64_t>(read.column_int64(2));
  progress.digest = std::string(read.column_text(3));
  return progress;
}

Status write_progress(Database& database, const std::string& task, const Progress& progress) {
  NEARLITE_CLI_TRY(
      database.execute("CREATE TABLE IF NOT EXISTS nearlite_progress("
                       "task TEXT PRIMARY KEY, rows INTEGER, bad INTEGER, bytes INTEGER,"
                       " digest TEXT)"));
  NEARLITE_CLI_ASSIGN(
      Statement write,
      database.prepare("INSERT OR REPLACE INTO nearlite_progress VALUES (?1, ?2, ?3, ?4, ?5)"));
  return write.bind_text(1, task)
      .bind_int64(2, static_cast<std::int64_t>(progress.rows))
      .bind_int64(3, static_cast<std::int64_t>(progress.bad))
      .bind_int64(4, static_cast<std::int64_t>(progress.offset))
      .bind_text(5, progress.digest)
      .run();
}

Status forget_progress(Database& database, const std::string& task) {
  NEARLITE_CLI_ASSIGN(const bool is_there, has_table(database));
  if (!is_there) return {};
  {
    NEARLITE_CLI_ASSIGN(Statement remove,
                        database.prepare("DELETE FROM nearlite_progress WHERE task = ?1"));
    NEARLITE_CLI_TRY(remove.bind_text(1, task).run());
  }
  NEARLITE_CLI_ASSIGN(const std::int64_t left,
                      ask_number(database, "SELECT count(*) FROM nearlite_progress"));
  return left == 0 ? database.execute("DROP TABLE nearlite_progress") : Status();
}

}  // namespace nearlite::cli
