// The command `nearlite`: reads the command line, runs one sub-command, reports failures.
//
// Exit codes: 0; 1 for an error or for problems found; 2 for a wrong command line; 130 after
// Ctrl-C.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "cli/command_line.h"
#include "cli/interrupt.h"

namespace nearlite::cli {
namespace {

int run(int argc, char** argv) {
  CLI::App app("Nearlite: vector search inside SQLite.", "nearlite");
  Arguments arguments;
  Action action;
  define_commands(app, arguments, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  catch_interrupts();
  const Result<int> code = action();
  if (std::fflush(stdout) != 0 && code.ok()) {
    std::perror("error: standard output");
    return kExitFailed;
  }
  if (code.ok()) return *code;
  fmt::print(stderr, "error: {}\n", code.status().message());
  return is_interrupted() ? kExitInterrupted : kExitFailed;
}

}  // namespace
}  // namespace nearlite::cli

int main(int argc, char** argv) {
  try {
    return nearlite::cli::run(argc, argv);
  } catch (const std::exception& error) {  // out of memory, or a closed pipe
    std::fputs("error: ", stderr);
    std::fputs(error.what(), stderr);
    std::fputs("\n", stderr);
    return nearlite::cli::kExitFailed;
  }
}
