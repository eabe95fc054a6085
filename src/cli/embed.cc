// `nearlite embed`: vectors for texts that have none yet, in batches. It can be stopped at any time
// and goes on where it was: what has a vector is not asked for again.
//
// The texts are rows of the index itself (their vector is NULL), rows of another table, or lines of
// standard input.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/embedding_source.h"
#include "cli/index_table.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "cli/try.h"
#include "formats/input.h"
#include "formats/write.h"

namespace nearlite::cli {
namespace {

constexpr std::size_t kLineBytesMax = std::size_t{16} << 20;

struct Texts {
  std::vector<std::int64_t> ids;
  std::vector<std::string> texts;
};

class TableEmbedding {
 public:
  TableEmbedding(Database& database, IndexTable table, const EmbedArguments& arguments)
      : database_(database), table_(std::move(table)), arguments_(arguments) {}

  Status run() {
    NEARLITE_CLI_TRY(plan());
    NEARLITE_CLI_ASSIGN(auto provider, open_provider(arguments_.provider, table_.vector().dim));
    NEARLITE_CLI_ASSIGN(const std::int64_t total,
                        ask_number(database_, fmt::format("SELECT count(*) {}", from_)));
    ProgressBar bar("embedding", static_cast<std::uint64_t>(total));
    std::int64_t last_id = INT64_MIN;
    for (;;) {
      NEARLITE_CLI_ASSIGN(const Texts batch, read(last_id));
      if (batch.ids.empty()) return {};
      last_id = batch.ids.back();
      NEARLITE_CLI_TRY(embed(provider, batch));
      bar.show(done_);
    }
  }

  [[nodiscard]] std::uint64_t done() const { return done_; }
  [[nodiscard]] std::uint64_t truncated() const { return truncated_; }
  [[nodiscard]] const IndexTable& table() const { return table_; }

 private:
  // What is read and what is written: rows of the index without a vector are updated; rows of
  // another table that the index does not have are inserted.
  Status plan() {
    const std::string vector = as_identifier(table_.vector().name);
    const std::string text = "s." + as_identifier(arguments_.text);
    const std::string value = as_stored(table_, "vec_f32(?2)");
    const bool is_own =
        arguments_.from.empty() || arguments_.from == table_.name || arguments_.from == table_.rows;
    const std::string source = is_own ? table_.rows : arguments_.from;
    NEARLITE_CLI_ASSIGN(const auto columns, list_columns(database_, source));
    if (columns.empty()) return {Code::kNotFound, fmt::format("there is no table {}", source)};
    if (!has(columns, arguments_.text)) {
      return {Code::kNotFound, fmt::format("{}: has no column {}; name the texts with --text",
                                           source, arguments_.text)};
    }
    const std::string id = as_identifier(table_.id);
    id_ = is_own                  ? "s." + id
          : arguments_.id.empty() ? "s.rowid"
                                  : "s." + as_identifier(arguments_.id);
    from_ = fmt::format("FROM {} AS s WHERE length(trim({})) > 0", as_identifier(source), text);
    if (is_own) {
      if (!arguments_.all) from_ += fmt::format(" AND s.{} IS NULL", vector);
      write_ = fmt::format("UPDATE {} SET {} = {} WHERE {} = ?1", as_identifier(table_.rows),
                           vector, value, id);
    } else {
      if (!arguments_.all) {
        from_ += fmt::format(" AND {} NOT IN (SELECT {} FROM {} WHERE {} IS NOT NULL)", id_, id,
                             as_identifier(table_.rows), vector);
      }
      write_ = fmt::format("INSERT OR REPLACE INTO {}({}, {}) VALUES (?1, {})",
                           as_identifier(table_.rows), id, vector, value);
    }
    read_ = fmt::format("SELECT {0}, {1} {2} AND {0} > ?1 ORDER BY {0} LIMIT ?2", id_, text, from_);
    return {};
  }

  Result<Texts> read(std::int64_t last_id) {
    NEARLITE_CLI_ASSIGN(Statement rows, database_.prepare(read_));
    rows.bind_int64(1, last_id)
        .bind_int64(2, static_cast<std::int64_t>(arguments_.provider.batch_size));
    Texts batch;
    for (;;) {
      NEARLITE_CLI_ASSIGN(const bool has_row, rows.step());
      if (!has_row) return batch;
      batch.ids.push_back(rows.column_int64(0));
      batch.texts.emplace_back(rows.column_text(1));
    }
  }

  Status embed(embed::Provider& provider, const Texts& batch) {
    NEARLITE_CLI_ASSIGN(const embed::Embeddings found, provider.embed(batch.texts));
    if (!found.truncated.empty()) {
      warn_truncated(found.truncated.size(), batch.texts[found.truncated.front()]);
    }
    truncated_ += found.truncated.size();
    NEARLITE_CLI_TRY(database_.execute("BEGIN IMMEDIATE"));
    NEARLITE_CLI_ASSIGN(Statement write, database_.prepare(write_));
    for (std::size_t i = 0; i < batch.ids.size(); ++i) {
      NEARLITE_CLI_TRY(write.bind_int64(1, batch.ids[i]).bind_vector(2, found.vectors[i]).run());
    }
    NEARLITE_CLI_TRY(database_.execute("COMMIT"));
    done_ += batch.ids.size();
    return {};
  }

  Database& database_;
  IndexTable table_;
  const EmbedArguments& arguments_;
  std::string id_;
  std::string from_;
  std::string read_;
  std::string write_;
  std::uint64_t done_ = 0;
  std::uint64_t truncated_ = 0;
};

Status print_vectors(embed::Provider& provider, const std::vector<std::string>& texts) {
  NEARLITE_CLI_ASSIGN(const embed::Embeddings found, provider.embed(texts));
  if (!found.truncated.empty()) {
    warn_truncated(found.truncated.size(), texts[found.truncated.front()]);
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::string list;
    for (const float component : found.vectors[i]) {
      list += fmt::format("{}{}", list.empty() ? "" : ",", component);
    }
    fmt::print("{{\"text\":{},\"embedding\":[{}]}}\n", formats::json_string(texts[i]), list);
  }
  return {};
}

Status embed_standard_input(const EmbedArguments& arguments) {
  NEARLITE_CLI_ASSIGN(auto provider, open_provider(arguments.provider, 0));
  NEARLITE_CLI_ASSIGN(formats::Input input, formats::Input::open("-"));
  std::vector<std::string> texts;
  std::string line;
  for (;;) {
    line.clear();
    NEARLITE_CLI_ASSIGN(const bool has_line, input.read_line(line, kLineBytesMax));
    while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
    if (has_line && line.find_first_not_of(" \t") != std::string::npos) texts.push_back(line);
    if (texts.size() >= arguments.provider.batch_size || (!has_line && !texts.empty())) {
      NEARLITE_CLI_TRY(print_vectors(provider, texts));
      texts.clear();
    }
    if (!has_line) return {};
  }
}

}  // namespace

Result<int> run_embed(const EmbedArguments& arguments) {
  if (arguments.database.empty() || arguments.database == "-") {
    NEARLITE_CLI_TRY(embed_standard_input(arguments));
    return kExitOk;
  }
  NEARLITE_CLI_ASSIGN(Database database, open_database(arguments.database, false));
  const InterruptScope scope(database);
  NEARLITE_CLI_ASSIGN(IndexTable table, find_index(database, arguments.table));
  TableEmbedding work(database, std::move(table), arguments);
  const Status status = work.run();
  if (!status.ok()) {
    return Status::from_sqlite(
        status.code(), status.sqlite_code(),
        fmt::format("{}; {} texts are embedded, the same command goes on with the others",
                    status.message(), work.done()));
  }
  if (arguments.json) {
    const nlohmann::ordered_json json = {
        {"table", work.table().name}, {"rows", work.done()}, {"truncated", work.truncated()}};
    fmt::print("{}\n", json.dump());
  } else {
    fmt::print("{}: {} texts embedded\n", work.table().name, with_commas(work.done()));
  }
  return kExitOk;
}

}  // namespace nearlite::cli
