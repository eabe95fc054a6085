// `nearlite test`: whether texts can be embedded, stored and found here, end to end, in memory.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/create_index.h"
#include "cli/embedding_source.h"
#include "cli/terminal.h"
#include "cli/try.h"
#include "nearlite/nearlite.h"

namespace nearlite::cli {
namespace {

const std::vector<std::string> kTexts = {
    "the cat sleeps on the sofa", "a train arrives at the station", "how to bake a loaf of bread",
    "a cat is sleeping on a sofa"};  // the last asks for the first

Result<std::int64_t> store_and_find(const std::vector<std::vector<float>>& vectors) {
  OpenOptions options;
  options.create = true;
  NEARLITE_CLI_ASSIGN(Database database, Database::open(":memory:", options));
  InitArguments init;
  init.dim = vectors.front().size();
  NEARLITE_CLI_TRY(database.execute(create_index_sql(init)));
  NEARLITE_CLI_ASSIGN(
      Statement insert,
      database.prepare("INSERT INTO documents(rowid, embedding, content) VALUES (?1, ?2, ?3)"));
  for (std::size_t i = 0; i + 1 < vectors.size(); ++i) {
    NEARLITE_CLI_TRY(insert.bind_int64(1, static_cast<std::int64_t>(i) + 1)
                         .bind_vector(2, vectors[i])
                         .bind_text(3, kTexts[i])
                         .run());
  }
  NEARLITE_CLI_ASSIGN(
      Statement search,
      database.prepare("SELECT rowid FROM documents WHERE embedding MATCH ?1 AND k = 1"));
  NEARLITE_CLI_TRY(search.bind_vector(1, vectors.back()).step().status());
  return search.column_int64(0);
}

}  // namespace

Result<int> run_self_test(const SelfTestArguments& arguments) {
  NEARLITE_CLI_ASSIGN(auto provider, open_provider(arguments.provider, 0));
  const Stopwatch watch;
  NEARLITE_CLI_ASSIGN(const embed::Embeddings found, provider.embed(kTexts));
  const double milliseconds = watch.milliseconds();
  NEARLITE_CLI_ASSIGN(const std::int64_t nearest, store_and_find(found.vectors));
  const bool is_ok = nearest == 1;
  const std::size_t dim = found.vectors.front().size();
  if (arguments.json) {
    const nlohmann::ordered_json json = {
        {"ok", is_ok}, {"dim", dim}, {"texts", kTexts.size()}, {"milliseconds", milliseconds}};
    fmt::print("{}\n", json.dump());
  } else {
    fmt::print("{} {} texts embedded in {:.0f} ms, {} dimensions\n", green("✓"), kTexts.size(),
               milliseconds, dim);
    if (is_ok) {
      fmt::print("{} stored and found by meaning\n", green("✓"));
    } else {
      fmt::print("{} \"{}\" found \"{}\": is this a model for sentences?\n", red("✗"),
                 kTexts.back(), kTexts[static_cast<std::size_t>(nearest) - 1]);
    }
  }
  return is_ok ? kExitOk : kExitFailed;
}

}  // namespace nearlite::cli
