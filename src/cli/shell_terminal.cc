// The shell at a terminal: a prompt, line editing and history by libedit (BSD licence).
//
// Ctrl-C while a statement runs ends the statement; at the prompt it begins a new line. The history
// is in NEARLITE_HISTORY, or ~/.nearlite_history, readable by its owner only; set to nothing, none
// is kept.
#include <fcntl.h>
#include <fmt/format.h>
#include <histedit.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cwchar>
#include <memory>

#include "cli/interrupt.h"
#include "cli/shell.h"
#include "cli/terminal.h"
#include "cli/try.h"

namespace nearlite::cli {
namespace {

constexpr int kHistoryLength = 2000;

using Editor = std::unique_ptr<EditLine, decltype(&el_end)>;
using Past = std::unique_ptr<History, decltype(&history_end)>;

// libedit asks for the prompt through a function without a closure of ours.
const char* current_prompt = "nearlite> ";

char* prompt(EditLine* /*editor*/) {
  return const_cast<char*>(current_prompt);  // libedit's type; it does not write
}

// The terminal that is the standard input, opened a second time, for reads that do not wait: the
// kernel discards what was typed when it sends the signal of Ctrl-C, also what poll() has just
// announced, and a read that waits would then outlast the signal. A file description of our own,
// since the standard input's flags are shared with other processes.
class TerminalInput {
 public:
  TerminalInput() {
    char name[256];
    if (ttyname_r(STDIN_FILENO, name, sizeof name) != 0) return;
    const int opened = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (opened >= 0) file_ = opened;
  }
  ~TerminalInput() {
    if (file_ != STDIN_FILENO) close(file_);
  }
  TerminalInput(const TerminalInput&) = delete;
  TerminalInput& operator=(const TerminalInput&) = delete;

  [[nodiscard]] int file() const { return file_; }

 private:
  int file_ = STDIN_FILENO;  // where the terminal cannot be opened
};

// Waits for a byte of the terminal; false after a signal, also one that came before the wait: it
// may come while the editor writes the prompt. Signals are let in by ppoll() only, so none is
// missed.
bool wait_for_input(int file) {
  sigset_t ours;
  sigset_t before;
  sigemptyset(&ours);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ours, &before);
  pollfd input{file, POLLIN, 0};
  int found = -1;
  if (is_interrupted()) {
    errno = EINTR;
  } else {
    found = ppoll(&input, 1, nullptr, &before);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return found > 0;
}

// Reads a byte of the terminal: 1, 0 at its end, -1 after a signal or an error.
int read_byte(int file, char& out) {
  ssize_t got = 0;
  do {
    if (!wait_for_input(file)) return -1;
    got = read(file, &out, 1);
  } while (got < 0 && errno == EAGAIN);
  return static_cast<int>(got);
}

// Reads a character of the terminal. libedit's own function goes on after a signal; ours ends the
// line, so that Ctrl-C can begin a new one.
int read_character(EditLine* editor, wchar_t* out) {
  const TerminalInput* input = nullptr;
  el_get(editor, EL_CLIENTDATA, &input);
  char bytes[8];
  std::mbstate_t state{};
  for (std::size_t count = 0; count < sizeof bytes; ++count) {
    const int got = read_byte(input->file(), bytes[count]);
    if (got <= 0) return got;
    // A Ctrl-D typed before the editor listened reaches it as a zero byte.
    if (bytes[count] == '\0') bytes[count] = '\x04';
    state = std::mbstate_t{};
    const std::size_t length = std::mbrtowc(out, bytes, count + 1, &state);
    if (length == static_cast<std::size_t>(-1)) {
      *out = L'?';
      return 1;
    }
    if (length != static_cast<std::size_t>(-2)) return 1;
  }
  return -1;
}

std::string history_file() {
  const char* given = std::getenv("NEARLITE_HISTORY");
  if (given != nullptr) return given;
  const char* home = std::getenv("HOME");
  return home == nullptr ? "" : std::string(home) + "/.nearlite_history";
}

class Terminal {
 public:
  Terminal()
      : editor_(el_init("nearlite", stdin, stdout, stderr), el_end),
        past_(history_init(), history_end),
        file_(history_file()) {
    if (!editor_ || !past_) return;
    HistEvent event;
    history(past_.get(), &event, H_SETSIZE, kHistoryLength);
    history(past_.get(), &event, H_SETUNIQUE, 1);
    if (!file_.empty()) history(past_.get(), &event, H_LOAD, file_.c_str());
    el_set(editor_.get(), EL_PROMPT, &prompt);
    el_set(editor_.get(), EL_EDITOR, "emacs");
    el_set(editor_.get(), EL_SIGNAL, 0);
    el_set(editor_.get(), EL_HIST, &history, past_.get());
    el_set(editor_.get(), EL_CLIENTDATA, &input_);
    el_set(editor_.get(), EL_GETCFN, &read_character);
    el_source(editor_.get(), nullptr);  // the user's ~/.editrc
  }

  ~Terminal() {
    if (!past_ || file_.empty()) return;
    const mode_t before = umask(0077);
    HistEvent event;
    history(past_.get(), &event, H_SAVE, file_.c_str());
    umask(before);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // False at the end (Ctrl-D).
  bool read_line(bool is_continued, std::string& line) {
    current_prompt = is_continued ? "     ...> " : "nearlite> ";
    int count = 0;
    errno = 0;
    const char* text = el_gets(editor_.get(), &count);
    if (text == nullptr || count <= 0) return errno == EINTR || is_interrupted();
    line.assign(text, static_cast<std::size_t>(count));
    while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
    return true;
  }

  void remember(const std::string& line) {
    HistEvent event;
    if (!line.empty()) history(past_.get(), &event, H_ENTER, line.c_str());
  }

  [[nodiscard]] bool is_ready() const { return editor_ != nullptr && past_ != nullptr; }

 private:
  TerminalInput input_;
  Editor editor_;
  Past past_;
  std::string file_;
};

}  // namespace

Status run_interactive(Shell& shell) {
  std::setlocale(LC_CTYPE, "");  // how the terminal writes characters; numbers stay as they are
  Terminal terminal;
  if (!terminal.is_ready()) return run_piped(shell);
  fmt::print("Nearlite {}. SQL ends with a semicolon; .help lists the other commands.\n",
             version());
  std::string line;
  while (!shell.has_quit()) {
    line.clear();
    std::fflush(stdout);
    if (!terminal.read_line(shell.is_pending(), line)) break;
    if (is_interrupted()) {
      clear_interrupt();
      shell.forget_pending();
      fmt::print("\n");
      continue;
    }
    terminal.remember(line);
    const Status status = shell.feed(line);
    std::fflush(stdout);
    if (!status.ok()) fmt::print(stderr, "{}: {}\n", "error", status.message());
    clear_interrupt();
  }
  fmt::print("\n");
  return {};
}

}  // namespace nearlite::cli
