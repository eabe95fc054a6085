// The command line: every sub-command with its options, defined once. Help, the manual page and the
// shells' completions are made from it.
#pragma once

#include <functional>
#include <memory>

#include "cli/commands.h"

namespace CLI {
class App;
}

namespace nearlite::cli {

/// What the user asked for; empty until the command line is parsed.
using Action = std::function<Result<int>()>;

/// The arguments of all sub-commands, into which the parser writes.
struct Arguments {
  ProviderArguments provider;
  SqlArguments sql;
  TableArguments table;
  InitArguments init;
  ImportArguments import;
  ExportArguments export_;
  SearchArguments search;
  AddArguments add;
  SelfTestArguments self_test;
  EmbedArguments embed;
  BenchArguments bench;
  DemoArguments demo;
  DemoChildArguments demo_child;
  std::string shell;  ///< of `completion`
};

/// Defines everything on `app`. Both references must outlive it.
void define_commands(CLI::App& app, Arguments& arguments, Action& action);

// Parts of it.
void define_data_commands(CLI::App& app, Arguments& arguments, Action& action);
void define_text_commands(CLI::App& app, Arguments& arguments, Action& action);
void add_provider_options(CLI::App& app, ProviderArguments& arguments);

/// The manual page, as roff.
[[nodiscard]] std::string manual_page(const CLI::App& app);
/// Completions for bash, zsh or fish; empty for another shell.
[[nodiscard]] std::string completion_script(const CLI::App& app, const std::string& shell);

}  // namespace nearlite::cli
