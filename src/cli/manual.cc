// The manual page nearlite(1), made from the definitions of the command line.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/command_line.h"
#include "nearlite/nearlite.h"

namespace nearlite::cli {
namespace {

// Text as roff takes it: hyphens that are hyphens, backslashes, no accidental requests.
std::string roff(const std::string& text) {
  std::string out;
  for (const char letter : text) {
    if (letter == '\\') {
      out += "\\e";
    } else if (letter == '-') {
      out += "\\-";
    } else if ((letter == '.' || letter == '\'') && (out.empty() || out.back() == '\n')) {
      out += std::string("\\&") + letter;
    } else {
      out += letter;
    }
  }
  return out;
}

bool takes_value(const CLI::Option& option) { return option.get_type_size_max() > 0; }

void add_option(std::string& page, const CLI::Option& option) {
  if (option.get_name().empty() || option.get_name(false, true).find("--help") == 0) return;
  std::string name = option.get_name(option.get_positional(), !option.get_positional());
  if (!option.get_positional() && takes_value(option)) name += " VALUE";
  page += ".TP\n.B " + roff(name) + "\n" + roff(option.get_description());
  const std::string& standard = option.get_default_str();
  if (!standard.empty()) page += " (default: " + roff(standard) + ")";
  page += "\n";
}

void add_command(std::string& page, const CLI::App& command) {
  page += ".SS \"" + roff("nearlite " + command.get_name()) + "\"\n";
  page += roff(command.get_description()) + ".\n";
  bool has_provider = false;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group() == "Embedding provider") {
      has_provider = true;
    } else {
      add_option(page, *option);
    }
  }
  if (has_provider) page += ".PP\nTakes the options of the embedding provider.\n";
}

constexpr const char* kEnd = R"(.SH "EXIT STATUS"
.TP
.B 0
Done.
.TP
.B 1
An error, or a check that found problems.
.TP
.B 2
The command line is wrong.
.TP
.B 130
Interrupted by Ctrl\-C; what was committed stays.
.SH ENVIRONMENT
.TP
.B OPENAI_API_KEY
The key for a server that is named with \-\-openai\-url.
.TP
.B NEARLITE_DATABASE
The database of add and search, instead of nearlite.db.
.TP
.B NEARLITE_HISTORY
The file for the shell's history, instead of ~/.nearlite_history; empty: none.
.TP
.B NO_COLOR
No colours, whatever the terminal can show.
.SH "SEE ALSO"
.BR sqlite3 (1)
)";

}  // namespace

std::string manual_page(const CLI::App& app) {
  std::string page =
      fmt::format(".TH NEARLITE 1 \"\" \"Nearlite {}\" \"User Commands\"\n", version());
  page += ".SH NAME\nnearlite \\- vector search inside SQLite\n";
  page += ".SH SYNOPSIS\n.B nearlite\n.I COMMAND\n.RI [ ARGUMENTS ]\n";
  page +=
      ".SH DESCRIPTION\nMakes, fills, searches and looks after vector indexes in SQLite "
      "databases.\nResults go to standard output, progress and warnings to standard error.\n"
      "With \\-\\-json a command prints JSON.\n.SH COMMANDS\n";
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_group().empty()) add_command(page, *command);
  }
  page +=
      ".SH \"EMBEDDING PROVIDER\"\nWhere texts become vectors. The options may also stand "
      "before the command.\n";
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group() == "Embedding provider") add_option(page, *option);
  }
  return page + kEnd;
}

}  // namespace nearlite::cli
