// `nearlite sql`: statements from the command line, from standard input, or typed at a terminal.
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/embedding_source.h"
#include "cli/interrupt.h"
#include "cli/shell.h"
#include "cli/try.h"
#include "nearlite/nearlite.h"

namespace nearlite::cli {
namespace {

// get_embedding(text), where the user named a provider on this very command line. A query that
// names one text in several places asks for it once.
Status enable_embedding(Database& database, const ProviderArguments& arguments) {
  struct State {
    explicit State(embed::Provider given) : provider(std::move(given)) {}
    embed::Provider provider;
    std::string text;
    std::vector<float> vector;
  };
  NEARLITE_CLI_ASSIGN(auto provider, open_provider(arguments, 0));
  auto state = std::make_shared<State>(std::move(provider));
  return database.register_embedding([state](std::string_view text) -> Result<std::vector<float>> {
    if (state->vector.empty() || state->text != text) {
      NEARLITE_CLI_ASSIGN(state->vector, embed_one(state->provider, std::string(text)));
      state->text = std::string(text);
    }
    return state->vector;
  });
}

}  // namespace

Result<int> run_sql(const SqlArguments& arguments) {
  OpenOptions options;
  options.read_only = arguments.read_only;
  options.create = true;
  NEARLITE_CLI_ASSIGN(Database database, Database::open(arguments.database, options));
  const InterruptScope scope(database);
  if (arguments.provider.is_given) {
    NEARLITE_CLI_TRY(enable_embedding(database, arguments.provider));
  }
  const Mode mode = arguments.json ? Mode::kJson : find_mode(arguments.mode).value_or(Mode::kTable);
  const Dialect dialect = arguments.dialect == "sqlite" ? Dialect::kSqlite : Dialect::kPgvector;
  Shell shell(database, mode, dialect);
  for (const std::string& script : arguments.statements) {
    NEARLITE_CLI_TRY(shell.run_script(script));
  }
  if (!arguments.statements.empty()) return kExitOk;
  NEARLITE_CLI_TRY(isatty(STDIN_FILENO) == 1 ? run_interactive(shell) : run_piped(shell));
  return kExitOk;
}

}  // namespace nearlite::cli
