// Completions for bash, zsh and fish, made from the definitions of the command line: sub-commands,
// their options, and the values of options that have a fixed set.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/command_line.h"

namespace nearlite::cli {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  std::vector<const CLI::App*> commands;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_group().empty()) commands.push_back(command);
  }
  return commands;
}

// "--mode" and the like, each option by all of its long names.
std::vector<std::string> flags_of(const CLI::App& command) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

std::string names_of(const std::vector<const CLI::App*>& commands) {
  std::vector<std::string> names;
  for (const CLI::App* command : commands) names.push_back(command->get_name());
  return joined(names);
}

// In single quotes for the shells; descriptions have none that matter.
std::string in_quotes(std::string text) {
  for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 4) {
    text.replace(at, 1, "'\\''");
  }
  return "'" + text + "'";
}

std::string bash_script(const CLI::App& app) {
  const auto commands = commands_of(app);
  std::string script =
      "# bash completion for nearlite\n"
      "_nearlite() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} command= flags= i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    if [[ ${COMP_WORDS[i]} != -* ]]; then command=${COMP_WORDS[i]}; break; fi\n"
      "  done\n"
      "  case $command in\n"
      "    '') COMPREPLY=($(compgen -W " +
      in_quotes(names_of(commands)) + " -- \"$word\")); return ;;\n";
  for (const CLI::App* command : commands) {
    script += fmt::format("    {}) flags={} ;;\n", command->get_name(),
                          in_quotes(joined(flags_of(*command))));
  }
  script +=
      "  esac\n"
      "  if [[ $word == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
      "  elif [[ $command == completion ]]; then\n"
      "    COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$word\"))\n"
      "  else\n"
      "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
      "  fi\n"
      "}\n"
      "complete -o filenames -F _nearlite nearlite";
  return script;
}

std::string zsh_script(const CLI::App& app) {
  const auto commands = commands_of(app);
  std::string script =
      "#compdef nearlite\n"
      "_nearlite() {\n"
      "  local -a commands flags\n"
      "  commands=(\n";
  for (const CLI::App* command : commands) {
    script +=
        fmt::format("    {}\n", in_quotes(command->get_name() + ":" + command->get_description()));
  }
  script +=
      "  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe 'command' commands\n"
      "    return\n"
      "  fi\n"
      "  case $words[2] in\n";
  for (const CLI::App* command : commands) {
    script +=
        fmt::format("    {}) flags=({}) ;;\n", command->get_name(), joined(flags_of(*command)));
  }
  script +=
      "  esac\n"
      "  if [[ $PREFIX == -* ]]; then compadd -- $flags; else _files; fi\n"
      "}\n"
      "_nearlite \"$@\"";
  return script;
}

std::string fish_script(const CLI::App& app) {
  std::string script = "# fish completion for nearlite";
  for (const CLI::App* command : commands_of(app)) {
    script += fmt::format("\ncomplete -c nearlite -n __fish_use_subcommand -f -a {} -d {}",
                          command->get_name(), in_quotes(command->get_description()));
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        script += fmt::format(
            "\ncomplete -c nearlite -n '__fish_seen_subcommand_from {}' -l {} "
            "-d {}",
            command->get_name(), name, in_quotes(option->get_description()));
      }
    }
  }
  return script;
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  if (shell == "bash") return bash_script(app);
  if (shell == "zsh") return zsh_script(app);
  if (shell == "fish") return fish_script(app);
  return {};
}

}  // namespace nearlite::cli
