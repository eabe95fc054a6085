#include "support/sweep.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "support/check_database.h"
#include "support/random.h"

namespace nearlite::test {
namespace {

// SQLite 3.40.1 loses an element of a hash table when it runs out of memory while it reads a
// schema.
constexpr std::int64_t kSqliteBytesAllowed = 64;

char point_text[300];

void on_crash(int signal) {
  const char prefix[] = "crashed at: ";
  static_cast<void>(!write(2, prefix, sizeof prefix - 1));
  static_cast<void>(!write(2, point_text, std::strlen(point_text)));
  static_cast<void>(!write(2, "\n", 1));
  ::signal(signal, SIG_DFL);
  raise(signal);
}

std::string one_line(const std::string& sql) {
  return sql.size() <= 90 ? sql : sql.substr(0, 87) + "…";
}

}  // namespace

void announce_point(const std::string& text) {
  if (point_text[0] == '\0') {
    for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE}) ::signal(signal, on_crash);
  }
  std::snprintf(point_text, sizeof point_text, "%s", text.c_str());
}

// A connection that is opened and used without the harness allocating anything meanwhile.
struct Sweep::Run {
  explicit Run(Injector& what) : injector(what) {}
  ~Run() { database.close(); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  int open(const std::string& pragmas, bool armed) {
    if (armed) injector.resume();
    int rc = sqlite3_open_v2("t.db", database.address(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                             nullptr);
    char* error = nullptr;
    if (rc == SQLITE_OK) {
      sqlite3_extended_result_codes(database.handle(), 1);
      rc = register_engine(database.handle(), &error);
    }
    sqlite3_free(error);
    if (rc == SQLITE_OK) {
      rc = sqlite3_exec(database.handle(), pragmas.c_str(), nullptr, nullptr, nullptr);
    }
    if (armed) injector.pause();
    is_open = rc == SQLITE_OK;
    return rc;
  }

  int exec(const std::string& sql) {
    injector.resume();
    const int rc = sqlite3_exec(database.handle(), sql.c_str(), nullptr, nullptr, nullptr);
    injector.pause();
    return rc;
  }

  Injector& injector;
  Database database;
  bool is_open = false;
  std::size_t step = 0;
  int code = SQLITE_OK;
};

Sweep::Sweep(const Script& script, const ScratchFolder& folder) : script_(script), folder_(folder) {
  std::filesystem::current_path(folder.path());
  setenv("NEARLITE_THREADS", "1", 0);  // results do not depend on it, and starting them takes long
  setenv("NEARLITE_PARTIAL_MIB", "0", 0);  // small side files are read in parts, too
  {
    Database database("t.db");
    database.must(script_.attach + script_.pragmas);
    for (const std::string& sql : script_.setup) database.must(sql);
  }
  save_files();
  run_reference();
}

void Sweep::save_files() {
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    files_[entry.path().filename().string()] = text.str();
  }
}

void Sweep::restore_files() const {
  folder_.clear();
  for (const auto& [name, bytes] : files_) {
    std::ofstream(folder_.file(name), std::ios::binary) << bytes;
  }
}

void Sweep::run_reference() {
  restore_files();
  Database database("t.db");
  database.must(script_.attach + script_.pragmas);
  std::size_t committed = 0;
  for (std::size_t i = 0; i <= script_.steps.size(); ++i) {
    if (!database.in_transaction()) committed = i;
    states_.push_back({content_of(database), database.in_transaction(), committed});
    if (states_.back().content.find("fault: ") != std::string::npos)
      throw std::runtime_error(script_.name + ": " + states_.back().content);
    if (i < script_.steps.size()) database.must(script_.steps[i]);
  }
}

std::string describe(const SweepTally& tally, const Script& script, const char* what) {
  char text[160];
  std::snprintf(text, sizeof text, "%-12s %-36s %6llu points, %6llu tried, %6llu errors:", what,
                script.name.c_str(), static_cast<unsigned long long>(tally.points),
                static_cast<unsigned long long>(tally.tried),
                static_cast<unsigned long long>(tally.errors));
  std::string line = text;
  for (const auto& [code, count] : tally.codes)
    line += " " + code_name(code) + " " + std::to_string(count);
  return line;
}

SweepTally Sweep::run(Injector& injector, std::uint64_t limit, std::uint64_t seed) {
  SweepTally tally;
  tally.fault = run_point(injector, UINT64_MAX, tally);
  tally.points = injector.points();
  tally.tried = tally.errors = 0;
  std::uint64_t stride = std::max<std::uint64_t>(1, (tally.points + limit - 1) / limit);
  std::uint64_t first = seed % stride;
  const std::uint64_t only = environment_number("NEARLITE_POINT", UINT64_MAX);
  if (only != UINT64_MAX) {  // repeats one
    first = only;
    stride = tally.points;
  }
  for (std::uint64_t n = first; n < tally.points && tally.fault.empty(); n += stride) {
    // What a process sets up once (and the list of indexes, which forgets those that are closed
    // when the next is opened) is no leak: a leak comes again.
    std::string leak = "?";
    for (int attempt = 0; attempt < 3 && !leak.empty() && tally.fault.empty(); ++attempt) {
      const std::int64_t before = count_ ? count_() : 0;
      const std::int64_t sqlite_before = sqlite3_memory_used();
      tally.fault = run_point(injector, n, tally);
      const std::int64_t blocks = count_ && tally.fault.empty() ? count_() - before : 0;
      const std::int64_t bytes = sqlite3_memory_used() - sqlite_before;
      leak.clear();
      if (blocks > 0 || bytes > kSqliteBytesAllowed) {
        leak = script_.name + ", point " + std::to_string(n) + ": " + std::to_string(blocks) +
               " blocks of ours and " + std::to_string(bytes) + " bytes of SQLite's are left";
      }
    }
    if (tally.fault.empty()) tally.fault = std::move(leak);
  }
  return tally;
}

std::string Sweep::run_point(Injector& injector, std::uint64_t n, SweepTally& tally) {
  restore_files();
  injector.start(n);
  announce_point(script_.name + ", point " + std::to_string(n) +
                 (injector.is_persistent() ? " persistent" : ""));
  std::string fault;
  {
    Run run(injector);
    run.code = run.open(script_.attach + script_.pragmas, /*armed=*/!script_.warm);
    if (run.code == SQLITE_OK && script_.warm)
      run.database.exec("SELECT nearlite_stats('t'), (SELECT count(*) FROM t)");
    while (run.code == SQLITE_OK && run.step < script_.steps.size()) {
      run.code = run.exec(script_.steps[run.step]);
      if (run.code == SQLITE_OK) ++run.step;
    }
    ++tally.tried;
    if (run.code != SQLITE_OK) {
      ++tally.errors;
      ++tally.codes[run.code & 0xff];
    }
    fault = judge_failure(run, n);
    if (!fault.empty()) {
      fault =
          script_.name + ", point " + std::to_string(n) +
          (injector.is_persistent() ? " persistent" : "") + ", step " + std::to_string(run.step) +
          (run.step < script_.steps.size() ? " (" + one_line(script_.steps[run.step]) + ")" : "") +
          ", code " + code_name(run.code) + ":\n" + fault;
    }
  }
  return fault;
}

std::string Sweep::judge_failure(Run& run, std::uint64_t n) {
  Database& database = run.database;
  if (run.code == SQLITE_OK) {
    // Nothing was reported: whatever went wrong must not matter, at closing neither.
    run.injector.resume();
    sqlite3_exec(database.handle(), "PRAGMA optimize", nullptr, nullptr, nullptr);
    run.injector.pause();
    if (n % 2 == 0) {
      run.injector.resume();
      database.close();
      run.injector.pause();
    }
    return verify(run, {states_.back().content});
  }
  for (const int code : {SQLITE_CORRUPT, SQLITE_MISUSE, SQLITE_INTERNAL, SQLITE_CONSTRAINT}) {
    if ((run.code & 0xff) == code) return "no fitting code: " + database.message();
  }
  if (!run.injector.has_fired())
    return "failed, although nothing went wrong: " + database.message();
  const State& before = states_[run.step];
  if (!run.is_open) return verify(run, {before.content});
  std::vector<std::string> allowed;
  if (!before.in_transaction) {
    allowed.push_back(before.content);
    const State& after = states_[run.step + 1];
    if (!after.in_transaction) allowed.push_back(after.content);
  } else {
    const State& committed = states_[before.committed];
    if (database.in_transaction()) {
      // The statement was undone, the transaction goes on.
      const std::string content = content_of(database);
      const bool is_rollback_to = script_.steps[run.step].starts_with("ROLLBACK TO");
      if (content != before.content &&
          !(is_rollback_to && content == states_[run.step + 1].content)) {
        return "inside the transaction:\n" + content + "instead of\n" + before.content;
      }
      if (n % 2 == 0 && database.exec("COMMIT") == SQLITE_OK) {
        allowed.push_back(content);
      } else {
        run.exec("ROLLBACK");
        allowed.push_back(committed.content);
      }
    } else {
      allowed.push_back(committed.content);
      // COMMIT may have done its work before it failed.
      const State& after = states_[run.step + 1];
      if (!after.in_transaction) allowed.push_back(after.content);
    }
  }
  if (database.in_transaction()) database.exec("ROLLBACK");
  return verify(run, allowed);
}

std::string Sweep::verify(Run& run, const std::vector<std::string>& allowed) {
  const auto is_allowed = [&](const std::string& schema, const std::string& content) {
    return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& one) {
      return schema.empty() ? content == one : part_of(content, schema) == part_of(one, schema);
    });
  };
  const auto compare = [&](const std::string& content) -> std::string {
    if (script_.atomic_per_file ? is_allowed("main", content) && is_allowed("aux", content)
                                : is_allowed("", content)) {
      return {};
    }
    return "content:\n" + content + "instead of\n" + allowed.front() +
           (allowed.size() > 1 ? "or\n" + allowed.back() : "");
  };
  if (run.is_open && run.database.is_open()) {
    if (std::string fault = compare(content_of(run.database)); !fault.empty())
      return "same connection: " + fault;
    if (std::string fault = try_next_write(run.database); !fault.empty())
      return "the next write: " + fault;
    const SoundOptions quick{.query_count = 1, .recall_min = 0.7, .integrity_check = false};
    if (std::string fault = find_unsound(run.database, quick); !fault.empty())
      return "same connection: " + fault;
  }
  const int unclosed = Database::unclosed();
  run.database.close();
  if (Database::unclosed() != unclosed) return "a statement was left open";
  Database fresh("t.db");
  fresh.must(script_.attach + script_.pragmas);
  if (std::string fault = compare(content_of(fresh)); !fault.empty())
    return "fresh connection: " + fault;
  // Memory was compared with the rows above; here it was made of them.
  const SoundOptions options{.self_check = !run.is_open || run.step % 4 == 3};
  if (std::string fault = find_unsound(fresh, options); !fault.empty())
    return "fresh connection: " + fault;
  return {};
}

}  // namespace nearlite::test
